/* SPDX-License-Identifier: Apache-2.0 */
/* One delivery in memory, and the one function that changes its state. */
#ifndef HOOKLINE_CONSUMERS_DELIVERY_H
#define HOOKLINE_CONSUMERS_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/record.h"
#include "producers/delivery_record.h"
#include "webhook/http_client.h"

struct engine;
struct endpoint;
struct intake;
struct lane;

/* A delivery is in exactly one state, and on the engine's list of it. Legal changes:
 *   queued → in flight            the scheduler starts an attempt
 *   in flight → done              2xx
 *   in flight → waiting           to be retried
 *   in flight → recording         failed for good: its dead letter is on its way
 *   waiting → queued              the back-off is over
 *   queued → recording            cannot be attempted at all (disabled, deleted)
 *   recording → done              the dead letter is acknowledged
 *   any → done                    its partition was taken away (not done for Kafka) */
enum delivery_state {
    DELIVERY_QUEUED,
    DELIVERY_IN_FLIGHT,
    DELIVERY_WAITING,
    DELIVERY_RECORDING,
    DELIVERY_DONE,
    DELIVERY_STATES,
};

struct delivery {
    TAILQ_ENTRY(delivery) in_state;
    TAILQ_ENTRY(delivery) in_lane; /* in order of intake, whatever the state */
    TAILQ_ENTRY(delivery) in_partition;
    enum delivery_state state;
    struct engine *engine;
    struct intake *intake;     /* the partition that it came from */
    struct endpoint *endpoint; /* NULL: it could not be understood, and is only dead-lettered */
    struct lane *lane;
    struct record *record; /* owned */
    size_t bytes;
    /* What the headers say, borrowed from the record. */
    const char *id, *tenant, *subscription, *event, *order_key, *source;
    struct wall_time event_at;
    int64_t attempts;          /* charged; those before a replay included */
    int64_t attempts_at_start; /* of those, made before a replay */
    struct mono_time first_attempt;
    struct wall_time first_attempt_at, last_attempt_at; /* ms -1 = none */
    struct loop_timer *timer;      /* while waiting, or before its dead letter is sent again */
    struct http_post *post;        /* while in flight */
    struct dead_letter_note *note; /* while recording */
};

TAILQ_HEAD(delivery_list, delivery);

/* Moves it from its state's list to that of `state`, and tells its lane and endpoint. */
void delivery_set_state(struct delivery *delivery, enum delivery_state state);

#endif
