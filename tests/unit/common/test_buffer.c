/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

static void empty_is_a_string(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    assert_string_equal(buffer_text(&buffer), "");
    buffer_add(&buffer, NULL, 0);
    assert_int_equal(buffer.len, 0);
    assert_string_equal(buffer_text(&buffer), "");
    buffer_release(&buffer);
}

static void everything_is_appended(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    buffer_add(&buffer, "a\0b", 3);
    buffer_add_text(&buffer, "text");
    buffer_printf(&buffer, "-%d-%s", 42, "x");
    assert_int_equal(buffer.len, 12);
    assert_memory_equal(buffer.data, "a\0btext-42-x", 13);
    buffer_release(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.cap, 0);
}

static void grows(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    for (int i = 0; i < 100000; i++)
        buffer_add(&buffer, &"0123456789"[i % 10], 1);
    assert_int_equal(buffer.len, 100000);
    assert_int_equal(strlen(buffer.data), 100000);
    assert_memory_equal(buffer.data + 99990, "0123456789", 10);
    buffer_reserve(&buffer, 1000000);
    assert_true(buffer.cap >= 1100001);
    assert_int_equal(buffer.len, 100000);
    buffer_release(&buffer);
}

static void clear_keeps_memory(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    buffer_clear(&buffer);
    buffer_add_text(&buffer, "something");
    size_t cap = buffer.cap;
    buffer_clear(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer.cap, cap);
    buffer_release(&buffer);
}

static void take_moves(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    char *nothing = buffer_take(&buffer);
    assert_string_equal(nothing, "");
    free(nothing);
    buffer_add_text(&buffer, "mine");
    char *text = buffer_take(&buffer);
    assert_string_equal(text, "mine");
    assert_null(buffer.data);
    assert_int_equal(buffer.len, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_a_string),
        cmocka_unit_test(everything_is_appended),
        cmocka_unit_test(grows),
        cmocka_unit_test(clear_keeps_memory),
        cmocka_unit_test(take_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
