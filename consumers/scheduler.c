/* SPDX-License-Identifier: Apache-2.0 */
/* Who starts the next request: round robin over the endpoints that have work and a free slot. */
#include "consumers/engine.h"

void scheduler_offer(struct endpoint *endpoint)
{
    if (endpoint->in_turn_list || !endpoint_runnable(endpoint))
        return;
    endpoint->in_turn_list = true;
    TAILQ_INSERT_TAIL(&endpoint->engine->turns, endpoint, in_turn);
    scheduler_soon(endpoint->engine);
}

/* Not at once, so that what a turn of the loop brings is shared out together. A hook that runs
 * before each wait would come too early: answers are reaped in such a hook, too. */
void scheduler_soon(struct engine *engine)
{
    if (!engine->schedule_armed)
        loop_timer_start(engine->schedule_timer, 0, 0);
    engine->schedule_armed = true;
}

void scheduler_run(void *arg)
{
    struct engine *engine = arg;
    struct endpoint *endpoint;
    engine->schedule_armed = false;
    while (!engine->stopping &&
           engine->counts[DELIVERY_IN_FLIGHT] < engine->options.max_in_flight &&
           (endpoint = TAILQ_FIRST(&engine->turns))) {
        TAILQ_REMOVE(&engine->turns, endpoint, in_turn);
        endpoint->in_turn_list = false;
        if (endpoint_runnable(endpoint))
            attempt_start(TAILQ_FIRST(&TAILQ_FIRST(&endpoint->ready)->deliveries));
        /* The change of state has put the endpoint back in line if it can start another. */
    }
}
