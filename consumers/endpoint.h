/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint: the target of one subscription, and all that its owner knows of it. */
#ifndef HOOKLINE_CONSUMERS_ENDPOINT_H
#define HOOKLINE_CONSUMERS_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/heap.h"
#include "common/ranges.h"
#include "common/table.h"
#include "consumers/lane.h"
#include "consumers/policy/circuit.h"
#include "consumers/policy/rate.h"
#include "consumers/policy/speed.h"
#include "consumers/policy/window.h"
#include "producers/dead_letter.h"
#include "producers/endpoint_state.h"
#include "subscriptions/subscription.h"
#include "webhook/sender.h"

struct engine;
struct notice_sending;

#define ENDPOINT_ERROR_SIZE 160

/* Where an endpoint stands with the delivery topic. Legal changes:
 *   live → behind     it cannot take a record: a bookmark is set (behind.c)
 *   behind → joining  catch-up has met the live intake: it takes live records again
 *   joining → behind  it cannot take a record once more
 *   joining → live    all that catch-up took is done: the bookmark goes */
enum endpoint_place { PLACE_LIVE, PLACE_BEHIND, PLACE_JOINING };

/* Why it cannot take work now, most lasting first. */
enum endpoint_block {
    BLOCK_NONE,
    BLOCK_OWNER,   /* the subscription is paused */
    BLOCK_SEALED,  /* its secrets do not open */
    BLOCK_CIRCUIT, /* open */
    BLOCK_PAUSE,   /* Retry-After, beyond the horizon */
};

/* An offset of the live intake that the watermark may pass once a state is acknowledged. */
struct to_cover {
    int64_t offset;
    int64_t state; /* the number of that state */
};

struct endpoint {
    UT_hash_handle hh; /* in the engine's table, by key */
    TAILQ_ENTRY(endpoint) in_turn;
    TAILQ_ENTRY(endpoint) in_intake;
    bool in_turn_list; /* waits for its turn at the scheduler */
    struct engine *engine;
    struct intake *intake;             /* the partition that its deliveries lie in */
    uint32_t number;                   /* tags its offsets in the partition's watermark */
    size_t tenant_series;              /* of the metrics by tenant */
    char *key;                         /* "<tenant>/<subscription>" */
    struct subscription *subscription; /* the current one, a reference; NULL = deleted */
    struct sender sender;              /* without credentials where they do not open */

    /* Deliveries in memory. */
    struct lane *lanes; /* by hash of the order key */
    struct lane_list ready;
    struct delivery_list deliveries; /* all but those set aside */
    struct delivery_list aside;      /* by offset: set aside, or in memory again and not resolved */
    size_t aside_count;
    int64_t in_flight;
    int64_t held, held_bytes; /* in memory, in flight included; not those set aside */
    int64_t rendered_bytes;   /* of bodies under way that are not the events' own */
    struct mono_time last_record, hold_since;
    int64_t hold_budget_us; /* how long it may yet hold up its partition */

    /* Whether and how fast. */
    struct window window;
    struct circuit circuit;
    struct rate rate;
    struct mono_time paused_until; /* by Retry-After */
    bool long_pause;               /* that pause is longer than deliveries wait in memory */
    bool disabled;
    char *disabled_reason;
    struct wall_time disabled_since;
    char last_error[ENDPOINT_ERROR_SIZE];
    struct wall_time last_error_at, last_success_at; /* ms -1 = none */

    /* What its tenant has been told of it (notices.c). */
    enum endpoint_told told;
    enum endpoint_told telling;    /* the same, of what was sent since and is not acknowledged */
    struct wall_time recovered_at; /* it works again, and that is not told yet; ms -1 = no */
    struct notice_sending *notice; /* the one on its way */

    /* Where it stands (behind.c). */
    enum endpoint_place place;
    const char *behind_reason; /* static */
    struct wall_time behind_since;
    int64_t next;           /* the first offset that catch-up did not take */
    int64_t known_from;     /* from here on `resolved` has all that is done */
    struct ranges resolved; /* at or above the bookmark: need not be delivered */
    int64_t highest;        /* offset that was taken into memory; -1 = none */
    int64_t caught_up;      /* deliveries in memory that catch-up took */
    uint64_t refused_run;   /* the run of the reader in which it was refused something */
    bool hungry;            /* has had its fill worked off since */
    bool cramped;           /* there was no room in memory for what catch-up brought */
    int64_t passed_over;    /* records, since it fell behind */
    struct wall_time
        oldest_passed;     /* about the event's time of the oldest that is left to catch-up;
                                     * ms -1 = not known, or none */
    struct speed speed;    /* of catch-up, in offsets */
    struct heap expiry;    /* (deadline, offset) of what was passed over */
    struct ranges expired; /* of those the ones that are due: to be read for their dead letters */
    struct wall_time walk_due; /* not all deadlines are in `expiry`: look through; ms -1 = no */
    struct mono_time walk_not_before;
    int64_t walk_next;     /* where looking through stands; -1 = it does not */
    uint64_t walk_not_run; /* a run of the reader that does not count: it began in its middle */

    /* Its state in Kafka (endpoint_record.c). */
    bool dirty, urgent;     /* it has changed since the last was sent */
    bool sending;           /* one is on its way */
    int64_t sent_number;    /* of the last that was sent */
    int64_t acked_bookmark; /* of the last acknowledged; INT64_MAX = none: covers nothing */
    int64_t sent_bookmark;  /* the highest of all sent since */
    int64_t last_bookmark;  /* of the last sent, in the same way */
    bool acked_something;   /* the last acknowledged was not null, or is not known */
    bool last_something;    /* the last sent was not null */
    bool outdated;          /* somebody else's record came after ours: it must be written over */
    int64_t resolved_since; /* deliveries, since one was sent */
    struct mono_time sent_at;
    struct to_cover *to_cover;
    size_t to_cover_count, to_cover_cap;

    struct loop_timer *timer; /* the next thing that time brings (endpoint_turn) */
    struct mono_time timer_due;
    struct loop_timer *record_timer;
};

TAILQ_HEAD(endpoint_list, endpoint);

/* endpoint.c */
/* The endpoint with that key, or NULL. */
struct endpoint *endpoint_find(const struct engine *engine, const char *key, size_t len);
/* The same, made if it is new. `subscription` (NULL = there is none) becomes the current one. */
struct endpoint *endpoint_get(struct engine *engine, struct intake *intake, const char *key,
    size_t len, struct subscription *subscription);
/* Takes the subscription as the current one; NULL = deleted. */
void endpoint_set_subscription(struct endpoint *endpoint, struct subscription *subscription);
/* Why nothing may be delivered to it: there is no subscription, or it is not enabled, or the endpoint
 * is disabled. */
struct endpoint_refusal {
    bool refused;
    enum dead_letter_reason reason;
    const char *detail; /* lives as long as the endpoint is not changed */
};
struct endpoint_refusal endpoint_refusal(const struct endpoint *endpoint);
/* What keeps it from taking work now. */
enum endpoint_block endpoint_block(const struct endpoint *endpoint);
/* The same in words, for its state. Static. */
const char *endpoint_block_text(enum endpoint_block block);
/* Before when it won't be back, as far as is known; ms 0 = it may be at any moment. */
struct wall_time endpoint_back_at(const struct endpoint *endpoint);
/* Whether it has nothing in memory and nothing to remember. */
bool endpoint_is_idle(const struct endpoint *endpoint);
/* Frees it; nothing may be held for it. */
void endpoint_free(struct endpoint *endpoint);
int64_t endpoint_window(const struct endpoint *endpoint);
/* Whether nothing that it holds can be attempted: it may wait for what catch-up is yet to bring, so that
 * its queue must not keep catch-up from bringing it. */
bool endpoint_is_stuck(const struct endpoint *endpoint);
/* How many deliveries catch-up may bring into memory. */
int64_t endpoint_feed_limit(const struct endpoint *endpoint);
/* Whether it may start one more request, and has one to start. */
bool endpoint_runnable(struct endpoint *endpoint);
/* Does what time has brought: the end of a pause, the circuit's probe, what was set aside and is due,
 * what has expired; and sets the timer for the next. */
void endpoint_turn(struct endpoint *endpoint);
/* Once a second: lets go of what is too late and still waits, and of the endpoint itself if it has long
 * had nothing to do: then it is freed. */
void endpoint_tick(struct endpoint *endpoint);
/* The same as endpoint_turn(), but in a turn of the loop of its own. */
void endpoint_turn_soon(struct endpoint *endpoint);
void endpoint_set_error(struct endpoint *endpoint, const char *error);
/* Starts nothing for it until `ms` from now; a longer pause stays. */
void endpoint_pause(struct endpoint *endpoint, int64_t ms);
void endpoint_disable(struct endpoint *endpoint, const char *reason);
/* Undoes disabling, and closes the circuit, if the subscription's `reset_at` asks for it. */
void endpoint_check_reset(struct endpoint *endpoint);

#endif
