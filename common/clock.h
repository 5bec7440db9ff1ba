/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Deadlines and back-off run in monotonic time, times to live and headers in wall
 * time; they are different types so that they do not mix. Nothing else reads a clock. */
#ifndef HOOKLINE_COMMON_CLOCK_H
#define HOOKLINE_COMMON_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since boot, sleep included (CLOCK_BOOTTIME). */
struct mono_time {
    int64_t us;
};

/* Milliseconds since 1970 (CLOCK_REALTIME). */
struct wall_time {
    int64_t ms;
};

#define RFC3339_SIZE 32

struct mono_time mono_now(void);
struct wall_time wall_now(void);

static inline struct mono_time mono_add_ms(struct mono_time t, int64_t ms)
{
    return (struct mono_time){t.us + ms * 1000};
}

static inline int64_t mono_diff_us(struct mono_time later, struct mono_time earlier)
{
    return later.us - earlier.us;
}

static inline int64_t mono_diff_ms(struct mono_time later, struct mono_time earlier)
{
    return (later.us - earlier.us) / 1000;
}

static inline bool mono_before(struct mono_time a, struct mono_time b)
{
    return a.us < b.us;
}

/* RFC 3339, UTC, with milliseconds: "2026-03-02T08:14:05.318Z". Returns `out`. */
const char *wall_format(struct wall_time time, char out[RFC3339_SIZE]);

#endif
