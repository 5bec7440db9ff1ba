/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests an endpoint may have in flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/window.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX          64
#define US           10000 /* a latency like all others */

/* --- Answers -------------------------------------------------------------------------------- */

struct answers {
    int count; /* 0 = the end */
    enum window_answer answer;
    bool full;
    int64_t size; /* afterwards */
};

static const struct test_case {
    const char *name;
    int64_t first, max, start;
    struct answers answers[8];
} cases[] = {
    {"slow start", 5, MAX, 5, {{1, WINDOW_GOOD, true, 6}, {10, WINDOW_GOOD, true, 16}}},
    {"to the most and no further", 5, 8, 5,
        {{3, WINDOW_GOOD, true, 8}, {100, WINDOW_GOOD, true, 8}, {1, WINDOW_BAD, true, 4}}},
    {"not full", 5, MAX, 5, {{100, WINDOW_GOOD, false, 5}}},
    {"neutral", 5, MAX, 5, {{100, WINDOW_NEUTRAL, true, 5}, {1, WINDOW_GOOD, true, 6}}},
    {"at least 1", 0, MAX, 1, {{1, WINDOW_BAD, true, 1}, {9, WINDOW_BAD, true, 1}}},
    {"first above the most", 100, 8, 8, {{1, WINDOW_GOOD, true, 8}, {1, WINDOW_BAD, true, 4}}},
    {"no most at all", 5, 0, 1, {{5, WINDOW_GOOD, true, 1}}},
    /* Ten were in flight: all that they say is one thing. */
    {"once per cohort", 10, MAX, 10,
        {{1, WINDOW_BAD, true, 5}, {10, WINDOW_BAD, true, 5}, {1, WINDOW_BAD, true, 2},
            {5, WINDOW_BAD, true, 2}, {1, WINDOW_BAD, true, 1}, {100, WINDOW_BAD, true, 1}}},
    {"neutral ones are none of the cohort", 4, MAX, 4,
        {{1, WINDOW_BAD, true, 2}, {50, WINDOW_NEUTRAL, true, 2}, {4, WINDOW_BAD, true, 2},
            {1, WINDOW_BAD, true, 1}}},
    {"good ones are", 4, MAX, 4,
        {{1, WINDOW_BAD, true, 2}, {4, WINDOW_GOOD, false, 2}, {1, WINDOW_BAD, true, 1}}},
    /* 2.5, 2.9, 3.24, 3.55, 3.83, 4.1: about one for each window full. */
    {"additive increase", 4, MAX, 4,
        {{1, WINDOW_BAD, true, 2}, {2, WINDOW_GOOD, true, 2}, {1, WINDOW_GOOD, true, 3},
            {3, WINDOW_GOOD, true, 4}, {5, WINDOW_GOOD, true, 5}, {5, WINDOW_GOOD, true, 6}}},
    {"recovers from 1", 1, MAX, 1,
        {{1, WINDOW_BAD, true, 1}, {1, WINDOW_GOOD, true, 2}, {2, WINDOW_GOOD, true, 2},
            {1, WINDOW_GOOD, true, 3}, {2100, WINDOW_GOOD, true, MAX}}},
};

static void by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct test_case *c = &cases[i];
        struct window window;
        window_init(&window, c->first);
        assert_int_equal(window_size(&window, c->max), c->start);
        for (const struct answers *a = c->answers; a->count; a++) {
            for (int n = 0; n < a->count; n++)
                window_answered(&window, a->answer, US, a->full, c->max);
            if (window_size(&window, c->max) != a->size)
                fail_msg("%s, step %td: %jd", c->name, a - c->answers,
                    (intmax_t)window_size(&window, c->max));
        }
    }
}

static void the_most_may_change(void **state)
{
    (void)state;
    struct window window;
    window_init(&window, 40);
    assert_int_equal(window_size(&window, 10), 10);
    assert_int_equal(window_size(&window, MAX), 40);
    window_answered(&window, WINDOW_GOOD, US, true, 10);
    assert_int_equal(window_size(&window, MAX), 10);
    window_answered(&window, WINDOW_BAD, 0, true, 10);
    assert_int_equal(window_size(&window, MAX), 5);
}

/* --- Latency -------------------------------------------------------------------------------- */

static void answer(struct window *window, int count, int64_t latency_us, bool full)
{
    for (int i = 0; i < count; i++)
        window_answered(window, WINDOW_GOOD, latency_us, full, MAX);
}

static const struct {
    const char *name;
    int before;                /* answers at `usual_us` */
    int64_t usual_us, then_us; /* then 10 at `then_us` */
    bool shrinks;
} rises[] = {
    {"slower by much", 300, 50000, 1000000, true},
    {"slower by little", 300, 50000, 100000, false},
    {"three times as slow", 300, 50000, 150000, false},
    {"a fast one's jitter", 300, 500, 15000, false},
    {"a fast one, no longer", 300, 500, 200000, true},
    {"faster", 300, 500000, 500, false},
    {"the same", 300, 50000, 50000, false},
    {"not enough answers", 40, 50000, 1000000, false},
    {"enough answers", 100, 50000, 1000000, true},
    {"no latency", 300, 0, 0, false},
    {"a clock that went back", 300, -5000000, -1, false},
};

static void latency_by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rises); i++) {
        struct window window;
        window_init(&window, 20);
        answer(&window, rises[i].before, rises[i].usual_us, false);
        answer(&window, 10, rises[i].then_us, false);
        int64_t size = window_size(&window, MAX);
        if (size != (rises[i].shrinks ? 16 : 20) || window.slow_start == rises[i].shrinks)
            fail_msg("%s: %jd", rises[i].name, (intmax_t)size);
    }
}

static void latency_shrinks_once_per_cohort(void **state)
{
    (void)state;
    struct window window;
    window_init(&window, 20);
    answer(&window, 300, 50000, false);
    int decreases = 0;
    for (int i = 0; i < 50; i++) {
        double before = window.size;
        answer(&window, 1, 2000000, false);
        assert_true(window.size == before || window.size == before * 0.8);
        decreases += window.size != before;
    }
    assert_int_equal(decreases, 3); /* after some first ones, 20 and 16 more */
}

/* What stays slow becomes the usual, and the window is what it may be again. */
static void slow_for_good(void **state)
{
    (void)state;
    struct window window;
    window_init(&window, 20);
    answer(&window, 300, 50000, true);
    answer(&window, 5000, 1000000, true);
    assert_int_equal(window_size(&window, MAX), MAX);
}

static void only_good_answers_have_a_latency(void **state)
{
    (void)state;
    struct window window;
    window_init(&window, 20);
    answer(&window, 300, 50000, false);
    double fast = window.fast_us;
    window_answered(&window, WINDOW_NEUTRAL, 30000000, false, MAX);
    window_answered(&window, WINDOW_BAD, 30000000, false, MAX);
    assert_true(window.fast_us == fast);
    assert_int_equal(window_size(&window, MAX), 10);
}

/* --- Any history ---------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

static void never_outside_its_bounds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t random = seed * 7919;
        struct window window;
        window_init(&window, draw(&random, 100));
        for (int turn = 0; turn < 2000; turn++) {
            int64_t max = turn % 100 ? MAX : draw(&random, 100), before = window_size(&window, max);
            enum window_answer what = draw(&random, 100) < seed ? WINDOW_BAD : draw(&random, 3);
            window_answered(&window, what, draw(&random, 3000000), draw(&random, 2), max);
            int64_t size = window_size(&window, max);
            assert_in_range(size, before / 2, before + 1);
            assert_in_range(size, 1, max > 1 ? max : 1);
            assert_true(window.size >= 1 && window.cooldown >= 0);
        }
        answer(&window, 4000, US, true);
        assert_int_equal(window_size(&window, MAX), MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cases),
        cmocka_unit_test(the_most_may_change),
        cmocka_unit_test(latency_by_cases),
        cmocka_unit_test(latency_shrinks_once_per_cohort),
        cmocka_unit_test(slow_for_good),
        cmocka_unit_test(only_good_answers_have_a_latency),
        cmocka_unit_test(never_outside_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
