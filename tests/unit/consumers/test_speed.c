/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one that is behind comes nearer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/speed.h"

#define SECOND       INT64_C(1000000)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Looked at once a second while it and the goal move evenly. */
static const struct {
    const char *name;
    int seconds;
    int64_t own, goal; /* per second */
    int64_t left;
    int64_t left_ms;
} cases[] = {
    {"nothing is left", 0, 0, 0, 0, 0},
    {"not looked at", 0, 100, 0, 500, -1},
    {"too early to say", 2, 100, 0, 500, -1},
    {"the goal stands still", 3, 100, 0, 500, 5000},
    {"for long", 1000, 100, 0, 500, 5000},
    {"the goal moves too", 10, 150, 100, 500, 10000},
    {"as fast as it", 10, 100, 100, 500, -1},
    {"faster than it", 10, 100, 110, 500, -1},
    {"it does not move", 10, 0, 0, 500, -1},
    {"for longer than anybody waits", 10, 1, 0, INT64_MAX, -1},
};

static void by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct speed speed = {0};
        for (int second = 0; second <= cases[i].seconds; second++)
            speed_note(&speed, 1000 + second * cases[i].own, 1000000 + second * cases[i].goal,
                (struct mono_time){(second + 1) * SECOND});
        int64_t left_ms = speed_left_ms(&speed, cases[i].left);
        if (left_ms != cases[i].left_ms)
            fail_msg("%s: %lld ms", cases[i].name, (long long)left_ms);
    }
}

/* Bursts are evened out; a change shows within a minute. */
static void averages(void **state)
{
    (void)state;
    struct speed speed = {0};
    int64_t at = 0, second = 1;
    for (; second <= 60; second++) {
        at += second % 5 == 0 ? 500 : 0;
        speed_note(&speed, at, 1000000, (struct mono_time){second * SECOND});
    }
    assert_in_range(speed_left_ms(&speed, 1000), 8500, 11500);
    for (; second <= 120; second++) {
        at += 10;
        speed_note(&speed, at, 1000000, (struct mono_time){second * SECOND});
    }
    assert_in_range(speed_left_ms(&speed, 1000), 40000, 100000);
}

static void starts_anew(void **state)
{
    (void)state;
    struct speed speed = {0};
    for (int second = 1; second <= 10; second++)
        speed_note(&speed, second * 100, 10000, (struct mono_time){second * SECOND});
    assert_int_equal(speed_left_ms(&speed, 100), 1000);
    speed_note(&speed, 500, 10000, (struct mono_time){11 * SECOND}); /* it went back */
    assert_int_equal(speed_left_ms(&speed, 100), -1);
    for (int second = 12; second <= 20; second++)
        speed_note(&speed, second * 10 + 500, 10000, (struct mono_time){second * SECOND});
    int64_t left_ms = speed_left_ms(&speed, 100);
    assert_in_range(left_ms, 1000, 10000);
    speed_note(&speed, 700, 10000, (struct mono_time){20 * SECOND}); /* no time has passed */
    assert_int_equal(speed_left_ms(&speed, 100), left_ms);
    speed_reset(&speed);
    assert_int_equal(speed_left_ms(&speed, 100), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cases),
        cmocka_unit_test(averages),
        cmocka_unit_test(starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
