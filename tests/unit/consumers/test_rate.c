/* SPDX-License-Identifier: Apache-2.0 */
/* The token bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/rate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND       INT64_C(1000000)
#define DAY          (86400 * SECOND)
#define START        (1000 * SECOND)

static const struct {
    const char *name;
    double per_second;
    int64_t burst;
    int64_t idle_us; /* after the start */
    int64_t taken;   /* then, until it has to wait */
    int64_t wait_us; /* then */
} cases[] = {
    {"empty at first", 10, 5, 0, 0, SECOND / 10},
    {"a part of a token", 10, 5, 75000, 0, 25000},
    {"just one", 10, 5, 100000, 1, 100000},
    {"one and a part", 10, 5, 150000, 1, 50000},
    {"some", 10, 5, 400000, 4, 100000},
    {"never more than the burst", 10, 5, 3600 * SECOND, 5, 100000},
    {"no burst", 10, 0, 3600 * SECOND, 1, 100000},
    {"a burst below 0", 10, -7, 3600 * SECOND, 1, 100000},
    {"less than one a second", 0.1, 3, 20 * SECOND, 2, 10 * SECOND},
    {"very many", 1000000, 1000, SECOND, 1000, 1},
    {"more than one a microsecond", 1e7, 10, SECOND, 10, 1},
    {"hardly ever", 1e-12, 3, DAY, 0, DAY},
    {"a clock that went back", 10, 5, -5 * SECOND, 0, SECOND / 10},
};

static void by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rate rate;
        rate_init(&rate, (struct mono_time){START});
        struct mono_time now = {START + cases[i].idle_us};
        int64_t taken = 0, wait;
        while ((wait = rate_wait_us(&rate, cases[i].per_second, cases[i].burst, now)) == 0) {
            rate_take(&rate);
            taken++;
        }
        /* In binary, a tenth is a little off. */
        if (taken != cases[i].taken || wait < cases[i].wait_us || wait > cases[i].wait_us + 1)
            fail_msg("%s: %jd taken, then %jd", cases[i].name, (intmax_t)taken, (intmax_t)wait);
    }
}

static void time_may_stand_still(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate, (struct mono_time){START});
    struct mono_time now = {START + 200000};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rate_wait_us(&rate, 10, 5, now), 0);
    rate_take(&rate);
    rate_take(&rate);
    for (int i = 0; i < 1000; i++)
        assert_true(rate_wait_us(&rate, 10, 5, now) >= 100000);
    /* One taken too many is not owed. */
    rate_take(&rate);
    assert_in_range(rate_wait_us(&rate, 10, 5, now), 100000, 100001);
}

/* Whoever comes when he is told gets his token, and all together as many as the rate says. */
static void who_waits_is_served(void **state)
{
    (void)state;
    static const double rates[] = {0.7, 1, 3, 7, 33.3, 1000, 12345.678};
    for (size_t i = 0; i < COUNT(rates); i++) {
        struct rate rate;
        struct mono_time now = {START};
        rate_init(&rate, now);
        for (int n = 0; n < 1000; n++) {
            now.us += rate_wait_us(&rate, rates[i], 1, now);
            assert_int_equal(rate_wait_us(&rate, rates[i], 1, now), 0);
            rate_take(&rate);
        }
        double seconds = (double)(now.us - START) / 1e6;
        assert_true(seconds > 999.9 / rates[i] && seconds < 1000 / rates[i] + 0.002);
    }
}

/* However often it is asked: small steps add up to the same. */
static void asking_costs_nothing(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate, (struct mono_time){START});
    int64_t taken = 0;
    for (int64_t us = 0; us <= 10 * SECOND; us += 7)
        if (rate_wait_us(&rate, 50, 5, (struct mono_time){START + us}) == 0) {
            rate_take(&rate);
            taken++;
        }
    assert_in_range(taken, 499, 500);
}

static void rate_and_burst_may_change(void **state)
{
    (void)state;
    struct rate rate;
    struct mono_time now = {START + 60 * SECOND};
    rate_init(&rate, (struct mono_time){START});
    assert_int_equal(rate_wait_us(&rate, 10, 100, now), 0);
    assert_int_equal(rate_wait_us(&rate, 10, 2, now), 0); /* cuts what it saved */
    rate_take(&rate);
    rate_take(&rate);
    assert_true(rate_wait_us(&rate, 10, 100, now) > 0);
    assert_in_range(rate_wait_us(&rate, 1000, 100, now), 1000, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cases),
        cmocka_unit_test(time_may_stand_still),
        cmocka_unit_test(who_waits_is_served),
        cmocka_unit_test(asking_costs_nothing),
        cmocka_unit_test(rate_and_burst_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
