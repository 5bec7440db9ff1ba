/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: against an array that only grows. */
#include "console/attempt_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 5000

static struct attempt *new_attempt(uint64_t number, int64_t at_ms)
{
    const struct result result = {
        .id = "msg_1", .subscription = "crm", .event = "call.ringing", .outcome = RESULT_RETRY};
    return attempt_new(number, (struct wall_time){at_ms}, &result, "{} ", 2);
}

static void an_attempt_has_what_it_was_made_of(void **state)
{
    (void)state;
    struct attempt *attempt = new_attempt(7, 1000);
    assert_int_equal(attempt->number, 7);
    assert_int_equal(attempt->at.ms, 1000);
    assert_int_equal(attempt->outcome, RESULT_RETRY);
    assert_string_equal(attempt->json, "{}");
    assert_int_equal(attempt->len, 2);
    assert_string_equal(attempt->id, "msg_1");
    assert_string_equal(attempt->subscription, "crm");
    assert_string_equal(attempt->event, "call.ringing");
    assert_in_range(attempt_size(attempt), sizeof *attempt + 26, sizeof *attempt + 26 + 64);
    free(attempt);
}

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

/* Numbers have gaps: they are multiples of three. */
static void check_ring(const struct attempt_ring *ring, uint64_t first, uint64_t next)
{
    assert_int_equal(ring->count, next - first);
    assert_true(ring->cap <= 4 || ring->count * 4 > ring->cap);
    for (uint64_t i = first; i < next; i++)
        assert_int_equal(attempt_ring_at(ring, i - first)->number, 3 * i);
    for (uint64_t i = first; i <= next; i++) {
        assert_int_equal(attempt_ring_below(ring, 3 * i), i - first);
        if (i < next)
            assert_int_equal(attempt_ring_below(ring, 3 * i + 1), i - first + 1);
    }
    assert_int_equal(attempt_ring_below(ring, 0), 0);
    assert_int_equal(attempt_ring_below(ring, UINT64_MAX), next - first);
}

static void grows_and_shrinks(void **state)
{
    (void)state;
    struct attempt_ring ring = {.count = 0};
    uint64_t random = 1, first = 1, next = 1;
    for (int step = 0; step < STEPS; step++) {
        /* More of one kind for a while, then of the other. */
        if (first == next || draw(&random, 10) < (step / 300 % 2 ? 3u : 7u)) {
            attempt_ring_add(&ring, new_attempt(3 * next, 0));
            next++;
        } else {
            struct attempt *attempt = attempt_ring_take(&ring);
            assert_int_equal(attempt->number, 3 * first);
            free(attempt);
            first++;
        }
        if (step % 17 == 0)
            check_ring(&ring, first, next);
    }
    attempt_ring_release(&ring);
    assert_int_equal(ring.count, 0);
    attempt_ring_sort(&ring);
    assert_int_equal(attempt_ring_below(&ring, 5), 0);
}

static void sorts_by_time_under_the_same_numbers(void **state)
{
    (void)state;
    static const int64_t times[] = {50, 20, 20, -1, 90, 10};
    static const int64_t sorted[] = {-1, 10, 20, 20, 50, 90};
    struct attempt_ring ring = {.count = 0};
    for (uint64_t i = 0; i < 9; i++) /* so that it does not begin at the array's first */
        attempt_ring_add(&ring, new_attempt(i + 1, 0));
    for (uint64_t i = 0; i < 6; i++)
        attempt_ring_add(&ring, new_attempt(10 + 2 * i, times[i]));
    for (uint64_t i = 0; i < 9; i++)
        free(attempt_ring_take(&ring));
    attempt_ring_sort(&ring);
    assert_int_equal(ring.count, 6);
    for (uint64_t i = 0; i < 6; i++) {
        assert_int_equal(attempt_ring_at(&ring, i)->at.ms, sorted[i]);
        assert_int_equal(attempt_ring_at(&ring, i)->number, 10 + 2 * i);
    }
    attempt_ring_release(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attempt_has_what_it_was_made_of),
        cmocka_unit_test(grows_and_shrinks),
        cmocka_unit_test(sorts_by_time_under_the_same_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
