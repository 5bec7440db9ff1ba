/* SPDX-License-Identifier: Apache-2.0 */
/* How long a delivery waits after a failed attempt. Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_BACKOFF_H
#define HOOKLINE_CONSUMERS_POLICY_BACKOFF_H

#include <stdint.h>

/* `first_ms` doubled with each attempt made so far (1 = first failure), at most `max_ms`, of which
 * 50 to 100 % by `random` in [0, 1). */
int64_t backoff_delay_ms(int64_t attempts, int64_t first_ms, int64_t max_ms, double random);

#endif
