/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket: so many requests a second, and so many at once. Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_RATE_H
#define HOOKLINE_CONSUMERS_POLICY_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

struct rate {
    double tokens;
    struct mono_time at; /* when `tokens` was true */
};

/* Empty: whoever takes an endpoint over does not know what its owner before sent. */
void rate_init(struct rate *rate, struct mono_time now);
/* Microseconds until the next token, at most a day; 0 = there is one. `per_second` > 0; a `burst`
 * below 1 counts as 1. Both may change from call to call. */
int64_t rate_wait_us(struct rate *rate, double per_second, int64_t burst, struct mono_time now);
/* Takes the token that rate_wait_us() has just found. */
void rate_take(struct rate *rate);

#endif
