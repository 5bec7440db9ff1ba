/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/clock.h"

static void formats(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1772439245318, "2026-03-02T08:14:05.318Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[RFC3339_SIZE];
        assert_ptr_equal(wall_format((struct wall_time){cases[i].ms}, out), out);
        assert_string_equal(out, cases[i].text);
    }
}

static void any_time_fits(void **state)
{
    (void)state;
    char out[RFC3339_SIZE];
    assert_in_range(strlen(wall_format((struct wall_time){INT64_MAX}, out)), 1, RFC3339_SIZE - 1);
    assert_in_range(strlen(wall_format((struct wall_time){INT64_MIN}, out)), 1, RFC3339_SIZE - 1);
}

static void monotonic_arithmetic(void **state)
{
    (void)state;
    struct mono_time t = {5000000}, later = mono_add_ms(t, 1500);
    assert_int_equal(later.us, 6500000);
    assert_int_equal(mono_diff_ms(later, t), 1500);
    assert_int_equal(mono_diff_us(later, t), 1500000);
    assert_int_equal(mono_diff_ms(t, later), -1500);
    assert_true(mono_before(t, later));
    assert_false(mono_before(t, t));
    assert_false(mono_before(later, t));
}

static void clocks_run(void **state)
{
    (void)state;
    struct mono_time before = mono_now();
    assert_true(before.us > 0);
    assert_false(mono_before(mono_now(), before));
    assert_true(wall_now().ms > 1577836800000); /* 2020 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(any_time_fits),
        cmocka_unit_test(monotonic_arithmetic),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
