/* SPDX-License-Identifier: Apache-2.0 */
/* How long things took, and percentiles of that: exact to the millisecond up to a minute. Pure. */
#ifndef HOOKLINE_COMMANDS_LATENCIES_H
#define HOOKLINE_COMMANDS_LATENCIES_H

#include <stdint.h>

#define LATENCIES_MAX_MS 60000 /* what took longer counts as this */

struct latencies {
    int64_t total;
    uint32_t counts[LATENCIES_MAX_MS + 1];
};

/* Zeroed = none. A negative one (two clocks) counts as 0. */
void latencies_add(struct latencies *latencies, int64_t ms);
void latencies_merge(struct latencies *into, const struct latencies *from);
/* The smallest of those that `fraction` of all (0 to 1) do not exceed (nearest rank); -1 where there
 * are none. */
int64_t latencies_percentile(const struct latencies *latencies, double fraction);

#endif
