/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts of one tenant, oldest first: added at one end, taken at the other. */
#ifndef HOOKLINE_CONSOLE_ATTEMPT_RING_H
#define HOOKLINE_CONSOLE_ATTEMPT_RING_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "producers/result.h"

/* One attempt as it is kept: its record's value, and what is asked for. In one allocation. */
struct attempt {
    uint64_t number; /* from 1, ascending in the ring */
    struct wall_time at;
    enum result_outcome outcome;
    const char *id, *subscription, *event;
    size_t len;
    char json[]; /* a NUL behind it */
};

/* Returns new, to be freed with free(). */
struct attempt *attempt_new(uint64_t number, struct wall_time at, const struct result *result,
    const char *json, size_t len);
/* The bytes that it takes, its place in a ring included. */
size_t attempt_size(const struct attempt *attempt);

/* Zeroed = empty. */
struct attempt_ring {
    struct attempt **items;
    size_t cap, first, count;
};

/* Takes the attempt. */
void attempt_ring_add(struct attempt_ring *ring, struct attempt *attempt);
/* Returns the oldest, which is the caller's then; there must be one. */
struct attempt *attempt_ring_take(struct attempt_ring *ring);
/* The `index`th from the oldest on. Borrowed. */
const struct attempt *attempt_ring_at(const struct attempt_ring *ring, size_t index);
/* How many have a number below `number`. */
size_t attempt_ring_below(const struct attempt_ring *ring, uint64_t number);
/* Puts them in the order of their times, under the same numbers. */
void attempt_ring_sort(struct attempt_ring *ring);
/* Frees them all. */
void attempt_ring_release(struct attempt_ring *ring);

#endif
