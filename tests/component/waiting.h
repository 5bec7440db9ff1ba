/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a loop until something has come true: what component tests wait with, in place of sleeps. */
#ifndef HOOKLINE_TESTS_WAITING_H
#define HOOKLINE_TESTS_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/loop.h"

/* Far beyond what anything takes; a test that gets here has failed. */
#define PATIENCE_MS 60000
/* How often the condition is looked at besides once a turn: libuv runs the hook that was made last
 * first, so what comes true in another hook is seen only when the loop turns again. */
static int64_t waiting_tick_ms __attribute__((unused)) = 10;

struct waiting {
    struct loop *loop;
    bool (*met)(void *arg); /* NULL: never */
    void *arg;
    bool was_met;
    struct mono_time end;
};

static inline void waiting_look(void *arg)
{
    struct waiting *waiting = arg;
    waiting->was_met = waiting->was_met || (waiting->met && waiting->met(waiting->arg));
    if (waiting->was_met || !mono_before(mono_now(), waiting->end))
        loop_stop(waiting->loop);
}

static inline bool run_within(struct loop *loop, bool (*met)(void *arg), void *arg, int64_t ms)
{
    struct waiting waiting = {loop, met, arg, false, mono_add_ms(mono_now(), ms)};
    struct loop_prepare *prepare = loop_prepare_new(loop, waiting_look, &waiting);
    struct loop_timer *tick = loop_timer_new(loop, waiting_look, &waiting);
    loop_timer_start(tick, waiting_tick_ms < ms ? waiting_tick_ms : ms, waiting_tick_ms);
    loop_run(loop);
    loop_prepare_free(prepare);
    loop_timer_free(tick);
    return waiting.was_met;
}

/* Runs the loop until `met` says so, which is asked once a turn. False after PATIENCE_MS. */
static inline bool run_until(struct loop *loop, bool (*met)(void *arg), void *arg)
{
    return run_within(loop, met, arg, PATIENCE_MS);
}

/* Runs the loop for a while, to see that nothing happens. */
static inline void run_for(struct loop *loop, int64_t ms)
{
    run_within(loop, NULL, NULL, ms);
}

#endif
