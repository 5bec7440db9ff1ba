/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket. */
#include "consumers/policy/rate.h"

#include "common/error.h"

#define ROUNDING   1e-9 /* who waited as long as he was told shall not wait for a last bit */
#define LONGEST_US INT64_C(86400000000) /* then it is asked again, perhaps with another rate */

void rate_init(struct rate *rate, struct mono_time now)
{
    *rate = (struct rate){.at = now};
}

int64_t rate_wait_us(struct rate *rate, double per_second, int64_t burst, struct mono_time now)
{
    bug_on(!(per_second > 0));
    double most = burst > 1 ? (double)burst : 1;
    if (mono_before(rate->at, now)) {
        rate->tokens += (double)mono_diff_us(now, rate->at) * per_second / 1e6;
        rate->at = now;
    }
    if (rate->tokens > most)
        rate->tokens = most;
    if (rate->tokens >= 1 - ROUNDING)
        return 0;
    double wait = (1 - rate->tokens) / per_second * 1e6;
    return wait < (double)LONGEST_US ? (int64_t)wait + 1 : LONGEST_US; /* rounded up */
}

void rate_take(struct rate *rate)
{
    rate->tokens = rate->tokens > 1 ? rate->tokens - 1 : 0;
}
