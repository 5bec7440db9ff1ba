/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "1:a|3:b|" for lines 1 and 3; "!12" in place of what is too long. */
static bool note(void *arg, int64_t number, const char *data, size_t len, bool too_long)
{
    struct buffer *out = arg;
    buffer_printf(out, "%d:", (int)number);
    if (too_long)
        buffer_printf(out, "!%zu", len);
    else
        buffer_add(out, data, len);
    buffer_add(out, "|", 1);
    return !(len == 4 && data && memcmp(data, "stop", 4) == 0);
}

static const struct {
    const char *input, *expected;
    bool ends_early;
} cases[] = {
    {"", "", false},
    {"a", "1:a|", false},
    {"a\n", "1:a|", false},
    {"a\nb", "1:a|2:b|", false},
    {"\n\na\n\n\nb\n", "3:a|6:b|", false},
    {"a\r\nb\r\n\r\n", "1:a\r|2:b\r|3:\r|", false},
    {"12345678\n", "1:12345678|", false},
    {"123456789\nb\n", "1:!9|2:b|", false},
    {"1234567890123456789012345\nb", "1:!25|2:b|", false},
    {"123456789", "1:!9|", false},
    {"a\nstop\nb\n", "1:a|2:stop|", true},
};

static void lines_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece <= 32; piece++) {
            struct buffer out = BUFFER_INIT;
            struct lines lines = {.max_bytes = 8, .line = note, .arg = &out};
            size_t len = strlen(cases[i].input), at = 0;
            bool going = true;
            for (; going && at < len; at += piece)
                going =
                    lines_feed(&lines, cases[i].input + at, piece < len - at ? piece : len - at);
            if (going)
                going = lines_finish(&lines);
            if (strcmp(buffer_text(&out), cases[i].expected) != 0 || going == cases[i].ends_early)
                fail_msg("case %zu in pieces of %zu: %s", i, piece, buffer_text(&out));
            buffer_release(&out);
            lines_release(&lines);
        }
    }
}

static void nul_bytes_are_bytes(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    struct lines lines = {.max_bytes = 8, .line = note, .arg = &out};
    assert_true(lines_feed(&lines, "a\0b\n", 4));
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.data, "1:a\0b|", 6);
    buffer_release(&out);
    lines_release(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_in_pieces_of_any_size),
        cmocka_unit_test(nul_bytes_are_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
