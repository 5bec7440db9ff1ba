/* SPDX-License-Identifier: Apache-2.0 */
/* What to do with a delivery after an attempt. Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_RETRY_H
#define HOOKLINE_CONSUMERS_POLICY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/policy/verdict.h"
#include "producers/dead_letter.h"

struct retry_limits {
    int64_t max_attempts; /* at most so many attempts */
    int64_t retry_4xx;    /* the same for answers that reject */
    int64_t max_age_ms;   /* no attempt starts later than this after the first; 0 = no limit */
    int64_t backoff_first_ms, backoff_max_ms;
};

struct retry_state {
    int64_t attempts; /* charged so far, this one included */
    int64_t age_ms;   /* since the first attempt started */
    int64_t left_ms;  /* of its time to live */
    int64_t pause_ms; /* what Retry-After asks for; 0 = nothing */
};

enum retry_action { RETRY_DONE, RETRY_LATER, RETRY_DEAD };

struct retry_decision {
    enum retry_action action;
    int64_t delay_ms;               /* with RETRY_LATER */
    enum dead_letter_reason reason; /* with RETRY_DEAD */
    const char *detail;             /* with RETRY_DEAD, a sentence; static */
};

/* `random` in [0, 1) is the back-off's jitter. */
struct retry_decision retry_decide(enum verdict verdict, const struct retry_limits *limits,
    const struct retry_state *state, double random);

#endif
