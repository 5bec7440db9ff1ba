/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests a caller may make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "console/rate.h"

static int take_all(struct rates *rates, const char *name, struct mono_time now)
{
    int64_t wait_s;
    int taken = 0;
    while (taken < 1000 && rates_take(rates, name, now, &wait_s))
        taken++;
    return taken;
}

static void a_burst_and_then_the_rate(void **state)
{
    (void)state;
    struct mono_time now = {5000000};
    struct rates *rates = rates_new(10);
    int64_t wait_s = 0;
    assert_int_equal(take_all(rates, "a", now), 20);
    assert_false(rates_take(rates, "a", now, &wait_s));
    assert_int_equal(wait_s, 1);
    assert_int_equal(take_all(rates, "b", now), 20);
    assert_int_equal(take_all(rates, "a", mono_add_ms(now, 1000)), 10);
    assert_int_equal(take_all(rates, "a", mono_add_ms(now, 1050)), 0);
    assert_int_equal(take_all(rates, "a", mono_add_ms(now, 60000)), 20);
    rates_free(rates);
}

static void many_names_are_bounded(void **state)
{
    (void)state;
    struct rates *rates = rates_new(10);
    struct mono_time now = {0};
    int64_t wait_s;
    char name[16];
    for (int i = 0; i < 50000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_true(rates_take(rates, name, now, &wait_s));
    }
    rates_free(rates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_and_then_the_rate),
        cmocka_unit_test(many_names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
