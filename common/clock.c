/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. */
#include "common/clock.h"

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

/* Without strftime() and printf(): there are some of these for each attempt. */
static char *put(char *at, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + digits;
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
    if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    const struct {
        int value, digits;
        char behind;
    } parts[] = {{tm.tm_year + 1900, 4, '-'}, {tm.tm_mon + 1, 2, '-'}, {tm.tm_mday, 2, 'T'},
        {tm.tm_hour, 2, ':'}, {tm.tm_min, 2, ':'}, {tm.tm_sec, 2, '.'}, {(int)ms, 3, 'Z'}};
    char *at = out;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        at = put(at, parts[i].value, parts[i].digits);
        *at++ = parts[i].behind;
    }
    *at = '\0';
    return out;
}
