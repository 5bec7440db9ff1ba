/* SPDX-License-Identifier: Apache-2.0 */
/* What to do with a delivery after an attempt. */
#include "consumers/policy/retry.h"

#include <string.h>

#include "common/text.h"
#include "consumers/policy/backoff.h"

static struct retry_decision dead(enum dead_letter_reason reason, const char *detail)
{
    return (struct retry_decision){RETRY_DEAD, 0, reason, detail};
}

static struct retry_decision later(
    const struct retry_limits *limits, const struct retry_state *state, double random)
{
    int64_t delay =
        backoff_delay_ms(state->attempts, limits->backoff_first_ms, limits->backoff_max_ms, random);
    if (delay < state->pause_ms)
        delay = state->pause_ms;
    if (delay > state->left_ms)
        return dead(DEAD_EXPIRED, "the next attempt would start after its time to live");
    if (limits->max_age_ms > 0 && state->age_ms + delay > limits->max_age_ms)
        return dead(
            DEAD_ATTEMPTS_EXHAUSTED, "the next attempt would start after the time for retries");
    return (struct retry_decision){.action = RETRY_LATER, .delay_ms = delay};
}

struct retry_decision retry_decide(enum verdict verdict, const struct retry_limits *limits,
    const struct retry_state *state, double random)
{
    switch (verdict) {
    case VERDICT_DELIVERED:
        return (struct retry_decision){.action = RETRY_DONE};
    case VERDICT_GONE:
        return dead(DEAD_GONE, "the endpoint answered 410: it is gone for good");
    case VERDICT_REJECTED:
        if (state->attempts >= limits->retry_4xx)
            return dead(DEAD_REJECTED, "the endpoint refuses this delivery");
        break;
    case VERDICT_OURS: /* nobody is charged, so neither attempts nor age count */
        return (struct retry_decision){RETRY_LATER,
            backoff_delay_ms(1, limits->backoff_first_ms, limits->backoff_max_ms, random), 0, NULL};
    case VERDICT_BLOCKED:
        return dead(DEAD_BLOCKED_ADDRESS, "requests may not go there");
    case VERDICT_RETRY:
        break;
    }
    if (state->attempts >= limits->max_attempts)
        return dead(DEAD_ATTEMPTS_EXHAUSTED, "all attempts failed");
    return later(limits, state, random);
}
