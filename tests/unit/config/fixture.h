/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for settings files, and settings loaded with what is wrong with them. */
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "config/settings.h"

struct fixture {
    char *environment[2]; /* of the last load; read again with its settings */
    char directory[64];
    char *file; /* the last that was written, or NULL */
    struct settings *settings;
    struct settings_problems problems;
};

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hookline-settings-XXXXXX");
    *state = fixture;
    return mkdtemp(fixture->directory) ? 0 : -1;
}

static inline void fixture_unload(struct fixture *fixture)
{
    settings_free(fixture->settings);
    settings_problems_release(&fixture->problems);
    fixture->settings = NULL;
}

static inline int fixture_remove(
    const char *path, const struct stat *status, int type, struct FTW *position)
{
    (void)status;
    (void)type;
    (void)position;
    return remove(path);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_unload(fixture);
    nftw(fixture->directory, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture->file);
    free(fixture);
    return 0;
}

/* Returns the path, valid until the next call. */
static inline const char *fixture_write(
    struct fixture *fixture, const char *name, const char *content)
{
    free(fixture->file);
    fixture->file = mem_printf("%s/%s", fixture->directory, name);
    FILE *stream = fopen(fixture->file, "we");
    assert_non_null(stream);
    assert_int_equal(fwrite(content, 1, strlen(content), stream), strlen(content));
    assert_int_equal(fclose(stream), 0);
    return fixture->file;
}

static inline void fixture_load(
    struct fixture *fixture, const char *file, const char *variable, const char *override)
{
    fixture->environment[0] = (char *)variable;
    const char *overrides[] = {override, NULL};
    fixture_unload(fixture);
    fixture->settings = settings_load(
        &(struct settings_source){
            .file = file, .overrides = overrides, .environment = fixture->environment},
        &fixture->problems);
    assert_int_equal(!fixture->settings, fixture->problems.count != 0);
}

static inline void fixture_load_text(struct fixture *fixture, const char *content)
{
    fixture_load(fixture, fixture_write(fixture, "hookline.conf", content), NULL, NULL);
}

/* Problem `i` reads "<where>: <text>", with the directory of files left away. */
static inline void fixture_expect(const struct fixture *fixture, size_t i, const char *expected)
{
    assert_true(i < fixture->problems.count);
    const struct settings_problem *problem = &fixture->problems.items[i];
    const char *where = problem->where;
    size_t len = strlen(fixture->directory);
    if (!strncmp(where, fixture->directory, len))
        where += len + 1;
    char *text = mem_printf("%s: %s", where, problem->text);
    assert_string_equal(text, expected);
    free(text);
}

static inline void fixture_expect_only(const struct fixture *fixture, const char *expected)
{
    fixture_expect(fixture, 0, expected);
    assert_int_equal(fixture->problems.count, 1);
}

/* The value as `hookline settings` prints it. */
static inline void fixture_value(
    const struct fixture *fixture, const char *path, const char *expected)
{
    struct buffer out = BUFFER_INIT;
    assert_non_null(fixture->settings);
    settings_print_value(fixture->settings, settings_find(path), &out);
    assert_string_equal(buffer_text(&out), expected);
    buffer_release(&out);
}

#endif
