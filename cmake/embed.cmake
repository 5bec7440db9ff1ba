# SPDX-License-Identifier: Apache-2.0
# hookline_embed(TARGET SYMBOL FILE): the file's text as `const char SYMBOL[]`, in a source of the target
# that is made anew when the file changes.
function(hookline_embed target symbol file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
    file(CONFIGURE OUTPUT ${source} CONTENT
        "extern const char ${symbol}[];\nconst char ${symbol}[] = {${bytes}0};\n" @ONLY)
    target_sources(${target} PRIVATE ${source})
endfunction()
