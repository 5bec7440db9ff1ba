/* SPDX-License-Identifier: Apache-2.0 */
/* A lane: the deliveries of one order key of one endpoint, by offset. Only its head is ever attempted,
 * so what fails holds up its own call and nothing else. */
#ifndef HOOKLINE_CONSUMERS_LANE_H
#define HOOKLINE_CONSUMERS_LANE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "common/table.h"
#include "consumers/delivery.h"

struct lane {
    UT_hash_handle hh; /* in the endpoint's table; not used where `hash` is 0 */
    TAILQ_ENTRY(lane) in_ready;
    bool ready; /* on the endpoint's list: its head is queued */
    struct endpoint *endpoint;
    uint64_t hash; /* 0: a lane of one delivery */
    struct delivery_list deliveries;
};

TAILQ_HEAD(lane_list, lane);

/* What stands for an order key here and in endpoint states; never 0, but for none (NULL or ""). Two
 * keys that collide share a lane: they wait for each other. */
uint64_t lane_hash(const char *order_key);
/* Puts the delivery into the lane of its hash, before those of higher offsets. */
void lane_add(struct endpoint *endpoint, struct delivery *delivery);
/* Takes it out, wherever in the lane it is; an empty lane is freed. */
void lane_remove(struct delivery *delivery);
/* Puts the lane on its endpoint's ready list or takes it off, as its head's state says. */
void lane_update(struct lane *lane);
/* The endpoint's lane of that hash, or NULL; NULL for 0. */
struct lane *lane_find(const struct endpoint *endpoint, uint64_t hash);
/* Whether a delivery with that offset would come right behind one that is set aside. */
bool lane_is_aside(const struct lane *lane, int64_t offset);

#endif
