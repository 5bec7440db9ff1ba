/* SPDX-License-Identifier: Apache-2.0 */
/* What is yet to happen in the simulator, by time. */
#include "producers/sim_schedule.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/error.h"
#include "common/memory.h"

static bool is_before(const struct sim_due *a, const struct sim_due *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->serial < b->serial;
}

void sim_schedule_add(struct sim_schedule *schedule, int64_t at_us, int kind, void *subject)
{
    if (schedule->count == schedule->cap) {
        schedule->cap = schedule->cap ? 2 * schedule->cap : 64;
        schedule->heap = mem_array(schedule->heap, schedule->cap, sizeof *schedule->heap);
    }
    struct sim_due due = {at_us, schedule->serial++, kind, subject};
    struct sim_due *heap = schedule->heap;
    size_t i = schedule->count++;
    for (size_t up; i > 0 && is_before(&due, &heap[up = (i - 1) / 2]); i = up)
        heap[i] = heap[up];
    heap[i] = due;
}

int64_t sim_schedule_next_us(const struct sim_schedule *schedule)
{
    return schedule->count ? schedule->heap[0].at_us : INT64_MAX;
}

struct sim_due sim_schedule_take(struct sim_schedule *schedule)
{
    bug_on(schedule->count == 0);
    struct sim_due *heap = schedule->heap;
    struct sim_due first = heap[0], last = heap[--schedule->count];
    size_t i = 0;
    for (size_t down; (down = 2 * i + 1) < schedule->count; i = down) {
        if (down + 1 < schedule->count && is_before(&heap[down + 1], &heap[down]))
            down++;
        if (!is_before(&heap[down], &last))
            break;
        heap[i] = heap[down];
    }
    heap[i] = last;
    return first;
}

void sim_schedule_release(struct sim_schedule *schedule)
{
    free(schedule->heap);
    *schedule = (struct sim_schedule){.heap = NULL};
}
