/* SPDX-License-Identifier: Apache-2.0 */
/* How long a delivery waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/backoff.h"

#define FIRST      1000
#define MAX        3600000
#define ALMOST_ONE 0.9999999999

/* The whole of the delay, of which 50 to 100 % are waited. */
static const struct {
    int64_t attempts, delay;
} cases[] = {
    {1, 1000},
    {2, 2000},
    {3, 4000},
    {4, 8000},
    {5, 16000},
    {11, 1024000},
    {12, 2048000},
    {13, 3600000},
    {14, 3600000},
    {100, 3600000},
    {INT64_MAX, 3600000},
    {0, 1000},
    {-1, 1000},
};

static void doubles_up_to_the_most(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t least = backoff_delay_ms(cases[i].attempts, FIRST, MAX, 0);
        int64_t most = backoff_delay_ms(cases[i].attempts, FIRST, MAX, ALMOST_ONE);
        assert_int_equal(least, cases[i].delay / 2);
        assert_in_range(most, cases[i].delay - 1, cases[i].delay);
    }
}

static void jitter_is_even(void **state)
{
    (void)state;
    int64_t before = 0;
    for (int i = 0; i < 100; i++) {
        int64_t delay = backoff_delay_ms(4, FIRST, MAX, i / 100.0);
        assert_in_range(delay, 4000 + 40 * i - 1, 4000 + 40 * i + 1);
        assert_true(delay >= before);
        before = delay;
    }
}

static void odd_limits(void **state)
{
    (void)state;
    /* A first delay above the most is the most. */
    assert_int_equal(backoff_delay_ms(1, 5000, 2000, 0), 1000);
    assert_int_equal(backoff_delay_ms(7, 5000, 2000, 0), 1000);
    /* The most is reached from any side, without overflow. */
    assert_int_equal(backoff_delay_ms(2, 3, 5, 0), 2);
    assert_int_equal(backoff_delay_ms(1, 1, 1, 0), 0);
    assert_in_range(backoff_delay_ms(1000, 1, INT64_MAX, 0), INT64_MAX / 2 - 1, INT64_MAX);
    assert_in_range(backoff_delay_ms(63, 1, INT64_MAX, 0), 1, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_most),
        cmocka_unit_test(jitter_is_even),
        cmocka_unit_test(odd_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
