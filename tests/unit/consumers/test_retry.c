/* SPDX-License-Identifier: Apache-2.0 */
/* What to do with a delivery after an attempt, and how long Retry-After asks to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/retry.h"
#include "consumers/policy/retry_after.h"

/* With `random` 0 the n-th failure waits for half of 2^(n-1) s. */
static const struct retry_limits limits = {
    .max_attempts = 5,
    .retry_4xx = 3,
    .max_age_ms = 60000,
    .backoff_first_ms = 1000,
    .backoff_max_ms = 30000,
};

static const struct {
    const char *why;
    enum verdict verdict;
    struct retry_state state; /* attempts, age, left, pause */
    enum retry_action action;
    int64_t delay_ms;
    enum dead_letter_reason reason;
} cases[] = {
    {"delivered", VERDICT_DELIVERED, {1, 0, 999999, 0}, RETRY_DONE, 0, 0},
    {"delivered, however late", VERDICT_DELIVERED, {99, 999999, 999999, 99}, RETRY_DONE, 0, 0},
    {"gone", VERDICT_GONE, {1, 0, 999999, 0}, RETRY_DEAD, 0, DEAD_GONE},
    {"rejected once", VERDICT_REJECTED, {1, 0, 999999, 0}, RETRY_LATER, 500, 0},
    {"rejected twice", VERDICT_REJECTED, {2, 0, 999999, 0}, RETRY_LATER, 1000, 0},
    {"rejected as often as may be", VERDICT_REJECTED, {3, 0, 999999, 0}, RETRY_DEAD, 0,
        DEAD_REJECTED},
    {"rejected after other failures", VERDICT_REJECTED, {4, 0, 999999, 0}, RETRY_DEAD, 0,
        DEAD_REJECTED},
    {"rejected, and too old", VERDICT_REJECTED, {1, 60000, 999999, 0}, RETRY_DEAD, 0,
        DEAD_ATTEMPTS_EXHAUSTED},
    {"failed", VERDICT_RETRY, {1, 10, 999999, 0}, RETRY_LATER, 500, 0},
    {"failed again", VERDICT_RETRY, {4, 10, 999999, 0}, RETRY_LATER, 4000, 0},
    {"out of attempts", VERDICT_RETRY, {5, 10, 999999, 0}, RETRY_DEAD, 0, DEAD_ATTEMPTS_EXHAUSTED},
    {"beyond attempts", VERDICT_RETRY, {6, 10, 999999, 0}, RETRY_DEAD, 0, DEAD_ATTEMPTS_EXHAUSTED},
    {"just in time", VERDICT_RETRY, {1, 59500, 999999, 0}, RETRY_LATER, 500, 0},
    {"out of time", VERDICT_RETRY, {1, 59501, 999999, 0}, RETRY_DEAD, 0, DEAD_ATTEMPTS_EXHAUSTED},
    {"a pause", VERDICT_RETRY, {1, 0, 999999, 7000}, RETRY_LATER, 7000, 0},
    {"a pause shorter than the back-off", VERDICT_RETRY, {4, 0, 999999, 100}, RETRY_LATER, 4000, 0},
    {"a pause to the end", VERDICT_RETRY, {1, 20000, 999999, 40000}, RETRY_LATER, 40000, 0},
    {"a pause beyond the end", VERDICT_RETRY, {1, 20000, 999999, 40001}, RETRY_DEAD, 0,
        DEAD_ATTEMPTS_EXHAUSTED},
    {"a pause without attempts left", VERDICT_RETRY, {5, 0, 999999, 10}, RETRY_DEAD, 0,
        DEAD_ATTEMPTS_EXHAUSTED},
    {"as long as it lives", VERDICT_RETRY, {1, 10, 500, 0}, RETRY_LATER, 500, 0},
    {"not longer", VERDICT_RETRY, {1, 10, 499, 0}, RETRY_DEAD, 0, DEAD_EXPIRED},
    {"a pause longer than it lives", VERDICT_RETRY, {1, 10, 6999, 7000}, RETRY_DEAD, 0,
        DEAD_EXPIRED},
    {"our fault", VERDICT_OURS, {1, 0, 999999, 0}, RETRY_LATER, 500, 0},
    {"our fault is never charged", VERDICT_OURS, {500, 99999999, 999999, 0}, RETRY_LATER, 500, 0},
};

static void every_branch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct retry_decision decision =
            retry_decide(cases[i].verdict, &limits, &cases[i].state, 0);
        if (decision.action != cases[i].action || decision.delay_ms != cases[i].delay_ms ||
            decision.reason != cases[i].reason)
            fail_msg("%s: action %d, delay %jd, reason %d", cases[i].why, decision.action,
                (intmax_t)decision.delay_ms, decision.reason);
        assert_int_equal(decision.detail != NULL, decision.action == RETRY_DEAD);
    }
}

/* A subscription can ask for fewer attempts than rejections are given. */
static void all_attempts_bound_rejections_too(void **state)
{
    (void)state;
    struct retry_limits few = limits;
    struct retry_state first = {.attempts = 1, .left_ms = 999999};
    few.max_attempts = 1;
    struct retry_decision decision = retry_decide(VERDICT_REJECTED, &few, &first, 0);
    assert_int_equal(decision.action, RETRY_DEAD);
    assert_int_equal(decision.reason, DEAD_ATTEMPTS_EXHAUSTED);
}

static void jitter_passes_through(void **state)
{
    (void)state;
    struct retry_state first = {.attempts = 1, .left_ms = 999999};
    assert_int_equal(retry_decide(VERDICT_RETRY, &limits, &first, 0.5).delay_ms, 750);
    assert_int_equal(retry_decide(VERDICT_OURS, &limits, &first, 0.5).delay_ms, 750);
}

#define NOW  784111777 /* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 */
#define HOUR 3600000

static const struct {
    const char *value;
    int64_t ms;
} headers[] = {
    {NULL, 0},
    {"", 0},
    {"0", 0},
    {"1", 1000},
    {"120", 120000},
    {"0000120", 120000},
    {"3600", HOUR},
    {"3601", HOUR},
    {"86400", HOUR},
    {"9223372036854775807", HOUR},
    {"9223372036854775808", HOUR},
    {"99999999999999999999999999999999999999", HOUR},
    {"-1", 0},
    {"+5", 0},
    {"1.5", 0},
    {"1e3", 0},
    {"0x10", 0},
    {"5 ", 0},
    {"5s", 0},
    {"soon", 0},
    {"Sun, 06 Nov 1994 08:50:07 GMT", 30000},
    {"Sunday, 06-Nov-94 08:50:07 GMT", 30000},
    {"Sun Nov  6 08:50:07 1994", 30000},
    {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
    {"Sun, 06 Nov 1994 08:49:36 GMT", 0},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Sun, 06 Nov 1994 10:49:37 GMT", HOUR},
    {"Fri, 31 Dec 9999 23:59:59 GMT", HOUR},
    {"Sun, 06 Nov 1994 08:50:07 CET", 0},
    {"Sun, 06 Nov 1994 08:50:07 GMT, or so", 0},
    {"Sun, 06 Foo 1994 08:50:07 GMT", 0},
    {"1994-11-06T08:50:07Z", 0},
};

static void retry_after(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        int64_t ms = retry_after_ms(headers[i].value, NOW, HOUR);
        if (ms != headers[i].ms)
            fail_msg(
                "\"%s\": %jd ms", headers[i].value ? headers[i].value : "(none)", (intmax_t)ms);
    }
}

static void retry_after_is_capped_to_the_millisecond(void **state)
{
    (void)state;
    assert_int_equal(retry_after_ms("10", NOW, 10500), 10000);
    assert_int_equal(retry_after_ms("11", NOW, 10500), 10500);
    assert_int_equal(retry_after_ms("1", NOW, 500), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_branch),
        cmocka_unit_test(all_attempts_bound_rejections_too),
        cmocka_unit_test(jitter_passes_through),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(retry_after_is_capped_to_the_millisecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
