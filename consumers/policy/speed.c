/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one that is behind comes nearer to a goal that moves. */
#include "consumers/policy/speed.h"

#define AVERAGE_S 30.0 /* catch-up comes in bursts: a shorter one would jump */
#define ENOUGH_S  3.0  /* to say something */
#define NEVER_MS  (365 * 86400e3)

void speed_reset(struct speed *speed)
{
    *speed = (struct speed){0};
}

void speed_note(struct speed *speed, int64_t at, int64_t goal, struct mono_time now)
{
    double seconds = (double)mono_diff_us(now, speed->time) / 1e6;
    if (speed->time.us && at >= speed->at) {
        if (seconds <= 0)
            return;
        double before = (double)(speed->goal - speed->at), after = (double)(goal - at);
        speed->seconds += seconds;
        if (speed->seconds > AVERAGE_S)
            speed->seconds = AVERAGE_S > seconds ? AVERAGE_S : seconds;
        speed->per_second +=
            ((before - after) / seconds - speed->per_second) * seconds / speed->seconds;
    } else {
        speed->per_second = speed->seconds = 0;
    }
    speed->at = at;
    speed->goal = goal;
    speed->time = now;
}

int64_t speed_left_ms(const struct speed *speed, int64_t left)
{
    if (left <= 0)
        return 0;
    if (speed->seconds < ENOUGH_S || speed->per_second <= 0)
        return -1;
    double ms = (double)left / speed->per_second * 1e3;
    return ms < NEVER_MS ? (int64_t)ms : -1;
}
