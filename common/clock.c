/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

struct mono_time mono_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (struct mono_time){(int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000};
}

struct wall_time wall_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct wall_time){(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}

const char *wall_format(struct wall_time time, char out[RFC3339_SIZE])
{
    int64_t seconds = time.ms / 1000, ms = time.ms % 1000;
    if (ms < 0) {
        seconds--;
        ms += 1000;
    }
    time_t t = (time_t)seconds;
    struct tm tm;
    char date[24];
    if (!gmtime_r(&t, &tm) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm))
        snprintf(date, sizeof date, "1970-01-01T00:00:00");
    snprintf(out, RFC3339_SIZE, "%s.%03dZ", date, (int)ms);
    return out;
}
