/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/latencies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct latencies latencies, other;

static int setup(void **state)
{
    (void)state;
    memset(&latencies, 0, sizeof latencies);
    memset(&other, 0, sizeof other);
    return 0;
}

static void none_have_no_percentile(void **state)
{
    (void)state;
    assert_int_equal(latencies_percentile(&latencies, 0.5), -1);
    assert_int_equal(latencies_percentile(&latencies, 1), -1);
}

static void one_is_every_percentile(void **state)
{
    (void)state;
    latencies_add(&latencies, 7);
    assert_int_equal(latencies_percentile(&latencies, 0), 7);
    assert_int_equal(latencies_percentile(&latencies, 0.5), 7);
    assert_int_equal(latencies_percentile(&latencies, 1), 7);
}

static void percentiles_are_nearest_ranks(void **state)
{
    (void)state;
    for (int ms = 1; ms <= 100; ms++)
        latencies_add(&latencies, ms);
    assert_int_equal(latencies_percentile(&latencies, 0.5), 50);
    assert_int_equal(latencies_percentile(&latencies, 0.99), 99);
    assert_int_equal(latencies_percentile(&latencies, 1), 100);
    for (int i = 0; i < 100; i++)
        latencies_add(&other, 1000);
    latencies_merge(&latencies, &other);
    assert_int_equal(latencies.total, 200);
    assert_int_equal(latencies_percentile(&latencies, 0.5), 100);
    assert_int_equal(latencies_percentile(&latencies, 0.51), 1000);
}

static void the_ends_are_kept_in(void **state)
{
    (void)state;
    latencies_add(&latencies, -5);
    latencies_add(&latencies, INT64_MAX);
    assert_int_equal(latencies_percentile(&latencies, 0.5), 0);
    assert_int_equal(latencies_percentile(&latencies, 1), LATENCIES_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(none_have_no_percentile, setup),
        cmocka_unit_test_setup(one_is_every_percentile, setup),
        cmocka_unit_test_setup(percentiles_are_nearest_ranks, setup),
        cmocka_unit_test_setup(the_ends_are_kept_in, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
