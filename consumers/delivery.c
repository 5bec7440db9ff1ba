/* SPDX-License-Identifier: Apache-2.0 */
/* The one function that changes a delivery's state. */
#include "consumers/delivery.h"

#include "consumers/engine.h"

void delivery_set_state(struct delivery *delivery, enum delivery_state state)
{
    struct engine *engine = delivery->engine;
    struct endpoint *endpoint = delivery->endpoint;
    if (delivery->state == state)
        return;
    if (delivery->state == DELIVERY_IN_FLIGHT) {
        endpoint->in_flight--;
        scheduler_soon(engine); /* the process may have been at its limit */
    }
    TAILQ_REMOVE(&engine->lists[delivery->state], delivery, in_state);
    engine->counts[delivery->state]--;
    delivery->state = state;
    TAILQ_INSERT_TAIL(&engine->lists[state], delivery, in_state);
    engine->counts[state]++;
    if (state == DELIVERY_IN_FLIGHT)
        endpoint->in_flight++;
    if (delivery->lane)
        lane_update(delivery->lane);
    if (endpoint)
        scheduler_offer(endpoint);
}
