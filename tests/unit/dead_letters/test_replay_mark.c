/* SPDX-License-Identifier: Apache-2.0 */
/* What has been replayed: records and table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dead_letters/replay_mark.h"

static const struct replay_mark claim = {.partition = 3,
    .offset = 1234,
    .id = "msg_a",
    .state = REPLAY_BEGUN,
    .at = {1769860800000},
    .by = "night \"shift\"",
    .run = "00ff"};

static bool apply(struct replay_marks *marks, const char *key, const char *value)
{
    struct error error = ERROR_INIT;
    struct record record = {
        .key = {key, key ? strlen(key) : 0}, .value = {value, value ? strlen(value) : 0}};
    bool good = replay_marks_apply(marks, &record, &error);
    assert_int_equal(good, !error_is_set(&error));
    return good;
}

static void write_mark(struct replay_marks *marks, struct replay_mark mark)
{
    char *key = replay_mark_key(&mark), *value = replay_mark_value(&mark);
    assert_true(apply(marks, key, value));
    free(key);
    free(value);
}

static enum replay_state state_of(const struct replay_marks *marks, const char *id)
{
    return replay_marks_find(marks, 3, 1234, id, "00ff").state;
}

static void written_and_read(void **state)
{
    (void)state;
    struct replay_marks *marks = replay_marks_new();
    char *key = replay_mark_key(&claim);
    char *value = replay_mark_value(&claim);
    assert_string_equal(key, "3/1234");
    assert_string_equal(value,
        "{\"id\":\"msg_a\",\"state\":\"begun\",\"at\":\"2026-01-31T12:00:00.000Z\","
        "\"by\":\"night \\\"shift\\\"\",\"run\":\"00ff\"}");
    assert_true(apply(marks, key, value));
    struct replay_known known = replay_marks_find(marks, 3, 1234, "msg_a", "00ff");
    assert_int_equal(known.state, REPLAY_BEGUN);
    assert_int_equal(known.at.ms, 1769860800000);
    assert_true(known.own);
    assert_false(replay_marks_find(marks, 3, 1234, "msg_a", "another").own);
    free(key);
    free(value);
    replay_marks_free(marks);
}

static void the_last_one_counts(void **state)
{
    (void)state;
    struct replay_marks *marks = replay_marks_new();
    struct replay_mark done = claim;
    done.state = REPLAY_DONE;
    assert_int_equal(state_of(marks, "msg_a"), REPLAY_NONE);
    write_mark(marks, claim);
    write_mark(marks, done);
    assert_int_equal(state_of(marks, "msg_a"), REPLAY_DONE);
    assert_true(apply(marks, "3/1234", NULL));
    assert_int_equal(state_of(marks, "msg_a"), REPLAY_NONE);
    assert_true(apply(marks, "3/1234", NULL)); /* again */
    replay_marks_free(marks);
}

static void of_another_topic_of_that_name(void **state)
{
    (void)state;
    struct replay_marks *marks = replay_marks_new();
    write_mark(marks, claim);
    assert_int_equal(state_of(marks, "msg_b"), REPLAY_NONE);
    assert_int_equal(replay_marks_find(marks, 3, 1235, "msg_a", "00ff").state, REPLAY_NONE);
    assert_int_equal(replay_marks_find(marks, 2, 1234, "msg_a", "00ff").state, REPLAY_NONE);
    replay_marks_free(marks);
}

static void what_is_no_mark_changes_nothing(void **state)
{
    (void)state;
    struct replay_marks *marks = replay_marks_new();
    write_mark(marks, claim);
    static const char *const keys[] = {NULL, "", "3", "3/", "/1234", "-3/1234", "3/-1", "3/1234x",
        "2147483648/1", "3/99999999999999999999", "333333333333333333333333333333333333333333/1"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_false(apply(marks, keys[i], NULL));
    static const char *const values[] = {"", "x", "[]", "{}",
        "{\"id\":\"i\",\"state\":\"done\",\"at\":\"2026-01-31T12:00:00.000Z\"}",
        "{\"id\":\"i\",\"state\":\"done\",\"at\":\"yesterday\",\"run\":\"r\"}",
        "{\"id\":\"i\",\"state\":\"undone\",\"at\":\"2026-01-31T12:00:00.000Z\",\"run\":\"r\"}",
        "{\"id\":1,\"state\":\"done\",\"at\":\"2026-01-31T12:00:00.000Z\",\"run\":\"r\"}"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_false(apply(marks, "3/1234", values[i]));
    assert_int_equal(state_of(marks, "msg_a"), REPLAY_BEGUN);
    replay_marks_free(marks);
    replay_marks_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(of_another_topic_of_that_name),
        cmocka_unit_test(what_is_no_mark_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
