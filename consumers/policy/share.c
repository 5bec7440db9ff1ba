/* SPDX-License-Identifier: Apache-2.0 */
/* Who may take more of what is scarce. */
#include "consumers/policy/share.h"

bool share_allows(int64_t own, int64_t total, int64_t cap, int64_t more)
{
    int64_t unused = cap - total;
    if (more > unused)
        return total == 0; /* larger than everything: alone */
    return own == 0 || own < unused;
}
