/* SPDX-License-Identifier: Apache-2.0 */
/* A lane: the deliveries of one order key of one endpoint, first in, first out. Only its head is ever
 * attempted, so what fails holds up its own call and nothing else. */
#ifndef HOOKLINE_CONSUMERS_LANE_H
#define HOOKLINE_CONSUMERS_LANE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "common/table.h"
#include "consumers/delivery.h"

struct lane {
    UT_hash_handle hh; /* in the endpoint's table; not used where `key` is NULL */
    TAILQ_ENTRY(lane) in_ready;
    bool ready; /* on the endpoint's list: its head is queued */
    struct endpoint *endpoint;
    char *key; /* NULL: a lane of one delivery */
    struct delivery_list deliveries;
};

TAILQ_HEAD(lane_list, lane);

/* Puts the delivery behind those of its order key; NULL gives it a lane of its own. */
void lane_add(struct endpoint *endpoint, const char *order_key, struct delivery *delivery);
/* Takes it out, wherever in the lane it is; an empty lane is freed. */
void lane_remove(struct delivery *delivery);
/* Puts the lane on its endpoint's ready list or takes it off, as its head's state says. */
void lane_update(struct lane *lane);

#endif
