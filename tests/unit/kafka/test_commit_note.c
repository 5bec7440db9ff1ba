/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a committed offset, ours and anybody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "kafka/commit_note.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void read_what_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t epoch;
        const char *ranges; /* from 100 on */
    } rows[] = {
        {"hl1;1;", 1, ""},
        {"hl1;7;2+3,1+10", 7, "2+3,1+10"},
        {"hl1;0;0+1", 0, "0+1"},
        {"hl1;999999999999999999;", 999999999999999999, ""},
        /* Not ours */
        {"", 0, ""},
        {"h", 0, ""},
        {"hl1", 0, ""},
        {"hl1;", 0, ""},
        {"hl1;;2+3", 0, ""},
        {"hl1;5", 0, ""},
        {"hl1;-5;", 0, ""},
        {"hl1; 5;", 0, ""},
        {"hl1;+5;2+3", 0, ""},
        {"hl1;5x;2+3", 0, ""},
        {"hl1;0x5;2+3", 0, ""},
        {"hl1;9999999999999999999;2+3", 0, ""},
        {"hl1;99999999999999999999999999999999999999;", 0, ""},
        {"HL1;5;2+3", 0, ""},
        {"hl2;5;2+3", 0, ""},
        {"{\"offset\": 5}", 0, ""},
        /* Ours, with ranges that cannot be read: the epoch still counts */
        {"hl1;5;2+3,", 5, ""},
        {"hl1;5;2-3", 5, ""},
        {"hl1;5;2+0", 5, ""},
        {"hl1;5;2+3,0+4", 5, ""},
        {"hl1;5;-2+3", 5, ""},
        {"hl1;5;1+9223372036854775807", 5, ""},
        {"hl1;5;99999999999999999999+1", 5, ""},
        {"hl1;5;2+3;4+5", 5, ""},
        {"hl1;5;2+3 ", 5, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ranges done = RANGES_INIT;
        struct buffer text = BUFFER_INIT;
        int64_t epoch = -1;
        commit_note_parse(rows[i].text, strlen(rows[i].text), 100, &epoch, &done);
        ranges_print(&done, 100, 1000, &text);
        if (epoch != rows[i].epoch || strcmp(buffer_text(&text), rows[i].ranges) != 0)
            fail_msg("%s: %jd, %s", rows[i].text, (intmax_t)epoch, buffer_text(&text));
        buffer_release(&text);
        ranges_release(&done);
    }
    /* Its length counts, not a NUL. */
    struct ranges done = RANGES_INIT;
    int64_t epoch = -1;
    commit_note_parse("hl1;12;2+3", 6, 100, &epoch, &done);
    assert_int_equal(epoch, 0);
    commit_note_parse("hl1;12;2+3\0", 11, 100, &epoch, &done);
    assert_int_equal(epoch, 12);
    assert_int_equal(done.count, 0);
    commit_note_parse(NULL, 0, 100, &epoch, &done);
    assert_int_equal(epoch, 0);
}

static void too_much_is_cut_from_the_top(void **state)
{
    (void)state;
    struct ranges done = RANGES_INIT, back = RANGES_INIT;
    struct buffer text = BUFFER_INIT;
    int64_t epoch = -1;
    for (int64_t i = 0; i < 2000; i++)
        ranges_add(&done, 5000 + 1000 * i, 5000 + 1000 * i + 10);
    buffer_add_text(&text, "before");
    commit_note_print(3, &done, 4000, &text);
    assert_in_range(text.len - 6, COMMIT_NOTE_BYTES - 10, COMMIT_NOTE_BYTES);
    commit_note_parse(text.data + 6, text.len - 6, 4000, &epoch, &back);
    assert_int_equal(epoch, 3);
    assert_in_range(back.count, 300, 1999);
    for (size_t i = 0; i < back.count; i++) {
        assert_int_equal(back.items[i].from, done.items[i].from);
        assert_int_equal(back.items[i].to, done.items[i].to);
    }
    buffer_release(&text);
    ranges_release(&done);
    ranges_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_what_is_there),
        cmocka_unit_test(too_much_is_cut_from_the_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
