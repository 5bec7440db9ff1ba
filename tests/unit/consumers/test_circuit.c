/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an endpoint is worth a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/circuit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALMOST_ONE   0.9999999999
#define WALL_MS      1772439251902
#define DAY_MS       86400000

static const struct circuit_limits limits = {
    .cohorts = 2,
    .min_faults = 5,
    .open_first_ms = 5000,
    .open_max_ms = 300000,
    .disable_after_ms = 5 * DAY_MS,
};

static struct mono_time at_ms(int64_t ms)
{
    return (struct mono_time){ms * 1000};
}

static bool fault(struct circuit *circuit, double weight, int64_t window, int64_t ms)
{
    return circuit_fault(
        circuit, &limits, weight, window, at_ms(ms), (struct wall_time){WALL_MS + ms}, ALMOST_ONE);
}

/* Faults until it trips, the last one included. */
static int faults_to_trip(struct circuit *circuit, double weight, int64_t window)
{
    for (int count = 1; count <= 1000; count++)
        if (fault(circuit, weight, window, 0))
            return count;
    return 0;
}

/* --- Tripping ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double weight;
    int64_t window;
    int faults;
} cases[] = {
    {"a window of 1: as few as may be", 1, 1, 5},
    {"no window", 1, 0, 5},
    {"just two cohorts", 1, 3, 6}, /* six thirds are less than 2, in binary */
    {"ten", 1, 10, 20},
    {"fifty", 1, 50, 100},
    {"timeouts weigh more", 2, 10, 10},
    {"timeouts, as few as may be", 2, 2, 5},
    {"a large window", 1, 64, 128},
    {"faults that weigh nothing", 0, 1, 0},
};

static void trips_by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct circuit circuit;
        circuit_init(&circuit);
        assert_true(circuit_may_start(&circuit, at_ms(0)));
        int faults = faults_to_trip(&circuit, cases[i].weight, cases[i].window);
        if (faults != cases[i].faults)
            fail_msg("%s: %d", cases[i].name, faults);
        assert_int_equal(circuit.phase, faults ? CIRCUIT_OPEN : CIRCUIT_CLOSED);
        assert_int_equal(circuit.trips, faults ? 1 : 0);
    }
}

static void a_success_in_between_begins_anew(void **state)
{
    (void)state;
    struct circuit circuit;
    circuit_init(&circuit);
    for (int i = 0; i < 100; i++) {
        assert_false(fault(&circuit, 1, 10, i));
        if (i % 19 == 18)
            assert_false(circuit_success(&circuit));
    }
    circuit_success(&circuit);
    assert_int_equal(circuit.failing_since.ms, -1);
    assert_int_equal(faults_to_trip(&circuit, 1, 10), 20);
}

/* --- Open and probing ----------------------------------------------------------------------- */

static void open_for_its_time(void **state)
{
    (void)state;
    struct circuit circuit;
    circuit_init(&circuit);
    faults_to_trip(&circuit, 1, 1);
    struct mono_time until = circuit.open_until;
    assert_in_range(until.us, 4999000, 5000000);
    assert_false(circuit_may_start(&circuit, at_ms(0)));
    assert_false(circuit_may_start(&circuit, (struct mono_time){until.us - 1}));
    /* Answers of requests that were on their way. */
    assert_false(fault(&circuit, 2, 1, 100));
    assert_false(circuit_success(&circuit));
    assert_int_equal(circuit.phase, CIRCUIT_OPEN);
    assert_int_equal(circuit.trips, 1);
    assert_int_equal(circuit.open_until.us, until.us);
    assert_int_equal(circuit.failing_since.ms, WALL_MS);

    assert_true(circuit_may_start(&circuit, until));
    assert_int_equal(circuit.phase, CIRCUIT_PROBING);
    assert_true(circuit_may_start(&circuit, at_ms(0))); /* a probe that says nothing, and another */
    assert_true(circuit_success(&circuit));
    assert_int_equal(circuit.phase, CIRCUIT_CLOSED);
    assert_int_equal(circuit.trips, 0);
    assert_int_equal(circuit.failing_since.ms, -1);
    assert_true(circuit_may_start(&circuit, at_ms(0)));
    assert_int_equal(faults_to_trip(&circuit, 1, 10), 20);
    assert_in_range(circuit.open_until.us, 4999000, 5000000);
}

static void each_failed_probe_doubles_the_time(void **state)
{
    (void)state;
    static const int64_t open_ms[] = {
        5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000, 300000};
    static const double randoms[] = {0, 0.5, ALMOST_ONE};
    for (size_t r = 0; r < COUNT(randoms); r++) {
        struct circuit circuit;
        int64_t now = 1000000;
        circuit_init(&circuit);
        for (int i = 0; i < 4; i++)
            assert_false(fault(&circuit, 1, 1, now));
        for (size_t i = 0; i < COUNT(open_ms); i++) {
            /* One fault is enough of a probe, whatever the window. */
            assert_true(circuit_fault(&circuit, &limits, 1, i ? 64 : 1, at_ms(now),
                (struct wall_time){WALL_MS + now}, randoms[r]));
            int64_t open = mono_diff_ms(circuit.open_until, at_ms(now));
            int64_t want = open_ms[i] / 2 + (int64_t)((double)(open_ms[i] / 2) * randoms[r]);
            assert_in_range(open, want - 1, want);
            assert_int_equal(circuit.trips, i + 1);
            now += open_ms[i];
            assert_true(circuit_may_start(&circuit, at_ms(now)));
        }
        assert_int_equal(circuit.failing_since.ms, WALL_MS + 1000000);
        assert_true(circuit_success(&circuit));
    }
}

/* --- Failing for too long ------------------------------------------------------------------- */

static void disables_after_its_time(void **state)
{
    (void)state;
    static const struct {
        int64_t since, now;
        bool disable;
    } rows[] = {
        {-1, WALL_MS, false},
        {WALL_MS, WALL_MS, false},
        {WALL_MS, WALL_MS + 5 * (int64_t)DAY_MS, false},
        {WALL_MS, WALL_MS + 5 * (int64_t)DAY_MS + 1, true},
        {WALL_MS, WALL_MS - DAY_MS, false}, /* a clock that was set back */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct circuit circuit;
        circuit_init(&circuit);
        circuit.failing_since.ms = rows[i].since;
        assert_int_equal(circuit_should_disable(&circuit, &limits, (struct wall_time){rows[i].now}),
            rows[i].disable);
    }
}

static void what_was_remembered_counts(void **state)
{
    (void)state;
    struct circuit circuit;
    circuit_init(&circuit);
    circuit.failing_since.ms = WALL_MS - DAY_MS;
    assert_false(fault(&circuit, 1, 10, 0));
    assert_int_equal(circuit.failing_since.ms, WALL_MS - DAY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trips_by_cases),
        cmocka_unit_test(a_success_in_between_begins_anew),
        cmocka_unit_test(open_for_its_time),
        cmocka_unit_test(each_failed_probe_doubles_the_time),
        cmocka_unit_test(disables_after_its_time),
        cmocka_unit_test(what_was_remembered_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
