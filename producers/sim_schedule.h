/* SPDX-License-Identifier: Apache-2.0 */
/* What is yet to happen in the simulator, by time. */
#ifndef HOOKLINE_PRODUCERS_SIM_SCHEDULE_H
#define HOOKLINE_PRODUCERS_SIM_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct sim_due {
    int64_t at_us;
    uint64_t serial; /* of what is due at the same time, what was added first comes first */
    int kind;
    void *subject; /* borrowed */
};

/* A binary heap; zeroed = empty. */
struct sim_schedule {
    struct sim_due *heap;
    size_t count, cap;
    uint64_t serial;
};

void sim_schedule_add(struct sim_schedule *schedule, int64_t at_us, int kind, void *subject);
/* When the first is due; INT64_MAX where there is none. */
int64_t sim_schedule_next_us(const struct sim_schedule *schedule);
/* Takes the first out; there must be one. */
struct sim_due sim_schedule_take(struct sim_schedule *schedule);
void sim_schedule_release(struct sim_schedule *schedule);

#endif
