# SPDX-License-Identifier: Apache-2.0
# What every target shares: warnings, hardening, sanitizers, and how a library and a test are declared.

add_library(hookline_options INTERFACE)
target_compile_definitions(hookline_options INTERFACE
    _GNU_SOURCE HOOKLINE_VERSION="${PROJECT_VERSION}")
target_compile_options(hookline_options INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wwrite-strings -Wpointer-arith -Wformat=2 -Wno-missing-field-initializers
    -fno-common -fno-omit-frame-pointer -ffunction-sections -fdata-sections
    "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
target_include_directories(hookline_options INTERFACE ${CMAKE_SOURCE_DIR}/cmake/include)
target_compile_options(hookline_options INTERFACE -include banned.h)
if(HOOKLINE_WERROR)
    target_compile_options(hookline_options INTERFACE -Werror)
endif()
if(HOOKLINE_SANITIZE)
    target_compile_options(hookline_options INTERFACE
        -fsanitize=${HOOKLINE_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(hookline_options INTERFACE -fsanitize=${HOOKLINE_SANITIZE})
    # What the sanitizers insert hides from gcc what it knows of values and lengths.
    target_compile_options(hookline_options INTERFACE
        $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation;-Wno-maybe-uninitialized;-Wno-stringop-overflow>)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    target_compile_options(hookline_options INTERFACE
        -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    target_link_options(hookline_options INTERFACE
        -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--gc-sections)
endif()

# hookline_library(NAME LINKS public targets... PRIVATE targets whose headers stay inside)
# The folder's own .c files (and those of its sub-folders) become the static library NAME. Another
# folder's headers are seen only through LINKS, as "folder/header.h".
function(hookline_library name)
    cmake_parse_arguments(arg "" "" "LINKS;PRIVATE" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    add_library(${name} STATIC ${sources})
    # Headers of a folder are reached through a directory that holds nothing but that folder, so
    # that an include of a library that is not linked does not compile.
    set(view ${CMAKE_BINARY_DIR}/include/${name})
    file(MAKE_DIRECTORY ${view})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${view}/${name} SYMBOLIC)
    target_include_directories(${name} PUBLIC ${view})
    target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE hookline_options ${arg_PRIVATE})
endfunction()

# hookline_tests(KIND): every tests/KIND/<library>/test_*.c is one executable of that label, linked
# with the library that its folder is named after and those in <library>_TEST_LINKS.
function(hookline_tests kind)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${kind}/*/test_*.c)
    foreach(source ${sources})
        get_filename_component(name ${source} NAME_WE)
        get_filename_component(folder ${source} DIRECTORY)
        get_filename_component(library ${folder} NAME)
        set(target ${kind}_${library}_${name})
        string(REPLACE "_test_" "_" target ${target})
        add_executable(${target} ${source})
        target_link_libraries(${target} PRIVATE
            hookline_options ${library} ${${library}_TEST_LINKS} PkgConfig::CMOCKA)
        target_compile_definitions(${target} PRIVATE
            TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data" HOOKLINE_SOURCE="${CMAKE_SOURCE_DIR}")
        set_target_properties(${target} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
        add_test(NAME ${target} COMMAND ${target})
        set_tests_properties(${target} PROPERTIES LABELS ${kind} TIMEOUT 300)
    endforeach()
endfunction()
