/* SPDX-License-Identifier: Apache-2.0 */
/* How long a delivery waits after a failed attempt. */
#include "consumers/policy/backoff.h"

int64_t backoff_delay_ms(int64_t attempts, int64_t first_ms, int64_t max_ms, double random)
{
    int64_t delay = first_ms < max_ms ? first_ms : max_ms;
    for (int64_t i = 1; i < attempts && delay < max_ms; i++)
        delay = delay > max_ms / 2 ? max_ms : 2 * delay;
    int64_t half = delay / 2;
    return half + (int64_t)((double)(delay - half) * random);
}
