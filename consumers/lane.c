/* SPDX-License-Identifier: Apache-2.0 */
/* A lane: the deliveries of one order key of one endpoint. */
#include "consumers/lane.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "consumers/engine.h"

uint64_t lane_hash(const char *order_key)
{
    /* Not a secret: the next owner of the partition has to come to the same. */
    static const uint8_t key[16] = "hookline lane  ";
    if (!order_key || !*order_key)
        return 0;
    uint64_t hash = siphash24(key, order_key, strlen(order_key));
    return hash ? hash : 1;
}

struct lane *lane_find(const struct endpoint *endpoint, uint64_t hash)
{
    struct lane *lane = NULL;
    if (hash)
        HASH_FIND(hh, endpoint->lanes, &hash, sizeof hash, lane);
    return lane;
}

static struct lane *new_lane(struct endpoint *endpoint, uint64_t hash)
{
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->endpoint = endpoint;
    lane->hash = hash;
    TAILQ_INIT(&lane->deliveries);
    if (hash)
        HASH_ADD(hh, endpoint->lanes, hash, sizeof lane->hash, lane);
    return lane;
}

void lane_add(struct endpoint *endpoint, struct delivery *delivery)
{
    struct lane *lane = lane_find(endpoint, delivery->lane_hash);
    struct delivery *before;
    if (!lane)
        lane = new_lane(endpoint, delivery->lane_hash);
    TAILQ_FOREACH_REVERSE(before, &lane->deliveries, delivery_list, in_lane)
    if (before->offset < delivery->offset)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&lane->deliveries, before, delivery, in_lane);
    else
        TAILQ_INSERT_HEAD(&lane->deliveries, delivery, in_lane);
    delivery->lane = lane;
    lane_update(lane);
}

void lane_remove(struct delivery *delivery)
{
    struct lane *lane = delivery->lane;
    if (!lane)
        return;
    TAILQ_REMOVE(&lane->deliveries, delivery, in_lane);
    delivery->lane = NULL;
    lane_update(lane);
    if (!TAILQ_EMPTY(&lane->deliveries))
        return;
    if (lane->hash)
        HASH_DEL(lane->endpoint->lanes, lane);
    free(lane);
}

void lane_update(struct lane *lane)
{
    const struct delivery *head = TAILQ_FIRST(&lane->deliveries);
    const struct delivery *second = head ? TAILQ_NEXT(head, in_lane) : NULL;
    bool ready = head && head->state == DELIVERY_QUEUED;
    if (second && second->state == DELIVERY_IN_FLIGHT)
        ready = false; /* an older one came again, and went in before it */
    if (head && head->state == DELIVERY_ASIDE && head->due.ms == 0)
        endpoint_turn_soon(lane->endpoint); /* those before it are done */
    if (ready == lane->ready)
        return;
    lane->ready = ready;
    if (ready)
        TAILQ_INSERT_TAIL(&lane->endpoint->ready, lane, in_ready);
    else
        TAILQ_REMOVE(&lane->endpoint->ready, lane, in_ready);
}

bool lane_is_aside(const struct lane *lane, int64_t offset)
{
    const struct delivery *last = lane ? TAILQ_LAST(&lane->deliveries, delivery_list) : NULL;
    return last && last->state == DELIVERY_ASIDE && last->offset < offset;
}
