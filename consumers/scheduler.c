/* SPDX-License-Identifier: Apache-2.0 */
/* Who starts the next request: round robin over the endpoints that have work and a free slot. */
#include "common/log.h"
#include "consumers/engine.h"
#include "consumers/policy/share.h"

/* Of a run, before it waits for requests to end. */
#define REFUSED_MAX 64
/* Of a run, before it looks for answers again. Where the loop is the bottleneck, more in flight would only
 * lie in the sockets until we come to them, each with its memory gone cold (docs/performance.md). */
#define STARTS_MAX 16

static void put_in_line(struct endpoint *endpoint)
{
    endpoint->in_turn_list = true;
    TAILQ_INSERT_TAIL(&endpoint->engine->turns, endpoint, in_turn);
}

void scheduler_offer(struct endpoint *endpoint)
{
    if (endpoint->in_turn_list || !endpoint_runnable(endpoint))
        return;
    put_in_line(endpoint);
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

void scheduler_check_clock(struct engine *engine)
{
    struct mono_time now = mono_now();
    int64_t still_ms = mono_diff_ms(now, engine->last_turn);
    engine->last_turn = now;
    if (still_ms <= engine->options.consumer.session_timeout_ms / 2 || !engine->kafka)
        return;
    log_warn("this process stood still; no request is started before Kafka says that its "
             "partitions are still its own",
        LOG_INT("ms", still_ms));
    engine->unsure = true;
    kafka_consumer_confirm(engine->kafka);
}

static bool makes_bodies(const struct subscription *subscription)
{
    return subscription->format != FORMAT_RAW || subscription->include || subscription->exclude;
}

/* Of slots, and of memory for bodies that are made: one that hangs keeps both. */
static bool has_share(const struct endpoint *endpoint)
{
    const struct engine *engine = endpoint->engine;
    if (makes_bodies(endpoint->subscription) &&
        !share_allows(
            endpoint->rendered_bytes, engine->rendered_bytes, engine->options.max_held_bytes, 1))
        return false;
    return share_allows(
        endpoint->in_flight, engine->counts[DELIVERY_IN_FLIGHT], engine->options.max_in_flight, 1);
}

void scheduler_run(void *arg)
{
    struct engine *engine = arg;
    struct endpoint *endpoint;
    scheduler_check_clock(engine);
    int refused = 0, started = 0;
    while (!engine->stopping && !engine->unsure && refused < REFUSED_MAX && started < STARTS_MAX &&
           engine->counts[DELIVERY_IN_FLIGHT] < engine->options.max_in_flight &&
           (endpoint = TAILQ_FIRST(&engine->turns))) {
        TAILQ_REMOVE(&engine->turns, endpoint, in_turn);
        endpoint->in_turn_list = false;
        if (!endpoint_runnable(endpoint))
            continue;
        if (has_share(endpoint)) {
            attempt_start(TAILQ_FIRST(&TAILQ_FIRST(&endpoint->ready)->deliveries));
            started++;
            /* The change of state has put it back in line if it can start another. */
        } else {
            put_in_line(endpoint); /* it has its share of the slots: when others are done */
            refused++;
        }
    }
    engine->schedule_next_turn = started == STARTS_MAX;
    engine->schedule_armed = engine->schedule_next_turn;
}

void scheduler_before_wait(void *arg)
{
    struct engine *engine = arg;
    if (engine->schedule_next_turn)
        loop_timer_start(engine->schedule_timer, 0, 0);
    engine->schedule_next_turn = false;
}
