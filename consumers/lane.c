/* SPDX-License-Identifier: Apache-2.0 */
/* A lane: the deliveries of one order key of one endpoint. */
#include "consumers/lane.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "consumers/engine.h"

static struct lane *new_lane(struct endpoint *endpoint, const char *order_key)
{
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->endpoint = endpoint;
    TAILQ_INIT(&lane->deliveries);
    if (order_key) {
        lane->key = mem_strdup(order_key);
        HASH_ADD_KEYPTR(hh, endpoint->lanes, lane->key, strlen(lane->key), lane);
    }
    return lane;
}

void lane_add(struct endpoint *endpoint, const char *order_key, struct delivery *delivery)
{
    struct lane *lane = NULL;
    if (order_key)
        HASH_FIND_STR(endpoint->lanes, order_key, lane);
    if (!lane)
        lane = new_lane(endpoint, order_key);
    TAILQ_INSERT_TAIL(&lane->deliveries, delivery, in_lane);
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
    if (lane->key)
        HASH_DEL(lane->endpoint->lanes, lane);
    free(lane->key);
    free(lane);
}

void lane_update(struct lane *lane)
{
    const struct delivery *head = TAILQ_FIRST(&lane->deliveries);
    bool ready = head && head->state == DELIVERY_QUEUED;
    if (ready == lane->ready)
        return;
    lane->ready = ready;
    if (ready)
        TAILQ_INSERT_TAIL(&lane->endpoint->ready, lane, in_ready);
    else
        TAILQ_REMOVE(&lane->endpoint->ready, lane, in_ready);
}
