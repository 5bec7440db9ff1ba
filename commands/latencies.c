/* SPDX-License-Identifier: Apache-2.0 */
/* How long things took. */
#include "commands/latencies.h"

void latencies_add(struct latencies *latencies, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    if (ms > LATENCIES_MAX_MS)
        ms = LATENCIES_MAX_MS;
    latencies->counts[ms]++;
    latencies->total++;
}

void latencies_merge(struct latencies *into, const struct latencies *from)
{
    into->total += from->total;
    for (int ms = 0; ms <= LATENCIES_MAX_MS; ms++)
        into->counts[ms] += from->counts[ms];
}

int64_t latencies_percentile(const struct latencies *latencies, double fraction)
{
    double wanted = fraction * (double)latencies->total;
    int64_t seen = 0;
    for (int ms = 0; ms <= LATENCIES_MAX_MS; ms++) {
        seen += latencies->counts[ms];
        if (seen > 0 && (double)seen >= wanted)
            return ms;
    }
    return -1;
}
