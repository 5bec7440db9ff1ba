/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one that is behind comes nearer to a goal that moves, and so when it may be there.
 * Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_SPEED_H
#define HOOKLINE_CONSUMERS_POLICY_SPEED_H

#include <stdint.h>

#include "common/clock.h"

/* Zeroed = nothing is known. */
struct speed {
    double per_second; /* by so much the distance shrinks, averaged over about half a minute */
    double seconds;    /* that the average is of, so far */
    int64_t at, goal;  /* when last looked at, which was */
    struct mono_time time;
};

void speed_reset(struct speed *speed);
/* Where it and the goal are now. One that went back starts anew. */
void speed_note(struct speed *speed, int64_t at, int64_t goal, struct mono_time now);
/* Milliseconds until `left` is worked off; -1 where that is not known yet, or never at this speed. */
int64_t speed_left_ms(const struct speed *speed, int64_t left);

#endif
