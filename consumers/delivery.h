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
#include "webhook/sender.h"

struct engine;
struct endpoint;
struct intake;
struct lane;

/* A delivery is in exactly one state, and on the engine's list of it. Legal changes:
 *   queued → in flight            the scheduler starts an attempt
 *   in flight → done              2xx
 *   in flight → waiting           to be retried within the horizon
 *   in flight → aside             to be retried later than that: without its record
 *   in flight → recording         failed for good: its dead letter is on its way
 *   waiting → queued              the back-off is over
 *   queued, waiting → aside       its lane waits for one that is set aside, or its endpoint's queue is
 *                                 given up and it has been attempted
 *   aside → queued                it is due, and its record was read again
 *   queued, waiting → recording   cannot be attempted at all (expired, disabled, deleted)
 *   recording → done              the dead letter is acknowledged
 *   any → done                    not done for Kafka: its partition was taken away, or its endpoint's
 *                                 bookmark remembers it */
enum delivery_state {
    DELIVERY_QUEUED,
    DELIVERY_IN_FLIGHT,
    DELIVERY_WAITING,
    DELIVERY_ASIDE,
    DELIVERY_RECORDING,
    DELIVERY_DONE,
    DELIVERY_STATES,
};

struct delivery {
    TAILQ_ENTRY(delivery) in_state;
    TAILQ_ENTRY(delivery) in_lane;      /* by offset, whatever the state */
    TAILQ_ENTRY(delivery) in_partition; /* of the intake; not while set aside */
    TAILQ_ENTRY(delivery) in_endpoint;  /* of the endpoint; the same */
    TAILQ_ENTRY(delivery) in_aside;     /* of the endpoint, while `listed` */
    enum delivery_state state;
    struct engine *engine;
    struct intake *intake;     /* the partition that it came from */
    struct endpoint *endpoint; /* NULL: it could not be understood, and is only dead-lettered */
    struct lane *lane;         /* NULL: no attempt is to be made */
    uint64_t lane_hash;        /* 0 = a lane of its own */
    int64_t offset;
    /* Who remembers it: the watermark, unless one of these is set. */
    bool caught_up;        /* taken by catch-up: the endpoint's bookmark lies at or below it */
    bool listed;           /* was set aside: stands in the endpoint's state until it is resolved */
    struct record *record; /* owned; NULL while set aside */
    size_t bytes;
    /* What the headers say, borrowed from the record. */
    const char *id, *tenant, *subscription, *event, *order_key, *source;
    bool redact;
    struct wall_time event_at, deadline; /* no attempt starts after the deadline */
    int64_t attempts;                    /* charged; those before a replay included */
    int64_t attempts_at_start;           /* of those, made before a replay */
    struct wall_time first_attempt_at, last_attempt_at; /* since a replay; ms -1 = none */
    struct wall_time first_before_replay;               /* ms -1 = none */
    struct wall_time due;          /* of the next attempt; ms 0 = as soon as it heads its lane */
    struct loop_timer *timer;      /* while waiting, or before its dead letter is sent again */
    struct sending *sending;       /* while in flight */
    struct dead_letter_note *note; /* while recording */
};

TAILQ_HEAD(delivery_list, delivery);

/* Moves it from its state's list to that of `state`, and tells its lane and endpoint. */
void delivery_set_state(struct delivery *delivery, enum delivery_state state);

#endif
