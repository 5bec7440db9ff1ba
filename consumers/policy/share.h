/* SPDX-License-Identifier: Apache-2.0 */
/* Who may take more of what is scarce: dynamic thresholds (Choudhury and Hahne, "Dynamic queue length
 * thresholds for shared-memory packet switches", 1998). Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_SHARE_H
#define HOOKLINE_CONSUMERS_POLICY_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether one that holds `own` of `total` held out of `cap` may take `more`: only while what it
 * holds is less than what is free. N greedy ones together leave 1 / (N + 1) to the others. One that
 * holds nothing may always take what fits, or nothing at all would move. */
bool share_allows(int64_t own, int64_t total, int64_t cap, int64_t more);

#endif
