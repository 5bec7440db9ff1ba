/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint: the target of one subscription, as long as there is work for it. */
#ifndef HOOKLINE_CONSUMERS_ENDPOINT_H
#define HOOKLINE_CONSUMERS_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/table.h"
#include "consumers/lane.h"
#include "producers/dead_letter.h"
#include "subscriptions/subscription.h"

struct engine;

struct endpoint {
    UT_hash_handle hh; /* in the engine's table, by key */
    TAILQ_ENTRY(endpoint) in_turn;
    bool in_turn_list; /* waits for its turn at the scheduler */
    struct engine *engine;
    char *key;                         /* "<tenant>/<subscription>" */
    struct subscription *subscription; /* the current one; a reference */
    struct lane *lanes;                /* by order key */
    struct lane_list ready;
    int64_t in_flight;
    int64_t held, held_bytes; /* deliveries in memory, in flight included */
    struct mono_time paused_until;
    struct loop_timer *pause_timer; /* NULL unless paused */
};

TAILQ_HEAD(endpoint_list, endpoint);

/* The endpoint of a subscription, made if it is new; it takes the subscription as the current one. */
struct endpoint *endpoint_get(struct engine *engine, struct subscription *subscription);
struct endpoint *endpoint_find(struct engine *engine, const char *tenant, const char *id);
/* Why nothing may be delivered to a subscription, as it is now (NULL: there is none). */
struct endpoint_refusal {
    bool refused;
    enum dead_letter_reason reason;
    const char *detail; /* static */
};
struct endpoint_refusal endpoint_refusal(const struct subscription *subscription);
/* Frees it if nothing is held for it and it is not paused. */
void endpoint_release_idle(struct endpoint *endpoint);
/* Frees it whatever it holds no more; for the end of the engine. */
void endpoint_free(struct endpoint *endpoint);
/* Whether it may start one more request, and has one to start. */
bool endpoint_runnable(const struct endpoint *endpoint);
/* Starts nothing for it until `ms` from now; a longer pause stays. */
void endpoint_pause(struct endpoint *endpoint, int64_t ms);

#endif
