/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery engine's shared state, and what its parts ask of each other. consumer.c owns it. */
#ifndef HOOKLINE_CONSUMERS_ENGINE_H
#define HOOKLINE_CONSUMERS_ENGINE_H

#include "common/buffer.h"
#include "common/loop.h"
#include "consumers/consumer.h"
#include "consumers/delivery.h"
#include "consumers/endpoint.h"
#include "consumers/endpoint_store.h"
#include "consumers/policy/notice.h"
#include "consumers/policy/retry.h"
#include "consumers/rules.h"
#include "kafka/seeker.h"
#include "subscriptions/ttl.h"

struct result; /* producers/result.h */

/* Where a partition stands with us. */
enum intake_phase {
    INTAKE_WAITING, /* its barrier is on the way: nothing is taken */
    INTAKE_RUNNING,
    INTAKE_SETTLING, /* revoked: given back as soon as nothing is under way */
    INTAKE_GONE,     /* on its way out */
};

TAILQ_HEAD(test_list, test_delivery);

/* A partition that we hold, as the engine sees it. */
struct intake {
    struct engine *engine;
    struct kafka_partition *partition; /* a reference */
    char *tenant;
    enum intake_phase phase;
    struct delivery_list deliveries;
    struct test_list tests; /* in flight */
    struct endpoint_list endpoints;
    bool held; /* a record waits at the partition for room or for the registry */
    const struct endpoint
        *held_for;               /* with `held`: the endpoint whose queue is full; NULL = others */
    struct loop_timer *deadline; /* while settling */
    bool settle_later;           /* deliveries are being given up: not yet settled */
    bool cancelled;              /* requests got no more time */
    bool deadline_over;          /* states and dead letters neither */
    TAILQ_ENTRY(intake) link;

    /* Catch-up (catchup.c). */
    struct kafka_seek *seek; /* made when it is first needed */
    int64_t read_next;       /* what the reader comes to next; -1 = it does not read */
    uint64_t run;            /* counts how often it has moved */
    int64_t run_start;       /* everything from here to read_next was seen in this run */
    struct loop_timer *plan_timer;
    bool plan_armed;
    int64_t since_plan; /* records */
};

TAILQ_HEAD(intake_list, intake);

struct engine {
    struct consumer_deps deps;
    struct consumer_options options;
    struct ttl_table ttl;
    char *dead_letters, *results, *states, *operational; /* topics */
    struct http_client *http;
    /* Results have a producer to themselves: there is one per attempt, nobody waits for them, and sent in
     * larger requests they cost a tenth. */
    struct kafka_producer *results_producer;
    struct buffer result_json; /* of the last one: its memory is for the next */
    struct kafka_consumer *kafka;
    struct kafka_seeker *seeker;
    struct endpoint_store *store;
    struct intake_list intakes;
    struct endpoint *endpoints; /* table by key */
    uint32_t endpoint_number;   /* of the last that was made */
    struct endpoint_list turns; /* endpoints that can start a request, in their turn */
    struct delivery_list lists[DELIVERY_STATES];
    int64_t counts[DELIVERY_STATES];
    int64_t held, held_bytes; /* not those set aside */
    int64_t rendered_bytes;   /* of bodies under way that are not the events' own */
    int64_t test_count;       /* in flight */
    int64_t expiry_count;     /* deadlines that are remembered of what was passed over */
    bool stopping;            /* starts no request any more */
    bool hurried;             /* and waits for none */
    bool unsure; /* we may have lost our partitions: starts none before a commit says no */
    struct mono_time last_turn; /* when we last looked at the clock */
    struct loop_timer *tick_timer;
    int64_t held_intakes;        /* partitions that hold a record back */
    bool held_full;              /* one of them does because the process is full */
    struct loop_timer *go_timer; /* while there are such */
    bool go_armed;
    struct loop_timer *schedule_timer; /* due as soon as an endpoint waits for its turn */
    struct loop_prepare *schedule_prepare;
    bool schedule_armed; /* it will run, or runs */
    bool
        schedule_next_turn; /* once answers were looked for: a timer due at once would come before */
    uint64_t random;
};

/* --- ownership.c: partitions that come and go; `arg` is the engine --- */
/* Callbacks of the group consumer. */
void ownership_assigned(void *arg, struct kafka_partition *partition);
void ownership_revoked(void *arg, struct kafka_partition *partition, bool lost);
void ownership_confirmed(void *arg, bool still_member);
/* Callbacks of the endpoint store. */
void ownership_barrier(void *arg, const char *topic, int32_t partition, int64_t epoch);
void ownership_superseded(
    void *arg, const char *topic, int32_t partition, int64_t epoch, int64_t seen);
void ownership_outdated(void *arg, const char *key, int32_t partition);
/* Gives a partition back once nothing of it is under way. */
void ownership_settle_if_done(struct intake *intake);
/* Gives up, at once, what settles still, and what is yet to be revoked when it is. */
void ownership_hurry(struct engine *engine);

/* --- intake.c: from partitions to lanes, and back: offsets that are done; `arg` is the engine --- */
/* The group consumer's callback. */
enum kafka_intake intake_record(
    void *arg, struct kafka_partition *partition, const struct record *record);
/* How a record that is being read came to us. */
enum intake_way {
    WAY_LIVE,
    WAY_TOO_LATE, /* live, but its endpoint will not be back in time */
    WAY_CATCH_UP,
    WAY_ASIDE,
    WAY_EXPIRED, /* catch-up, ahead of its turn */
};
/* Takes a valid record of `endpoint`, and what was read in it, into memory: queued in its lane, or on
 * its way to the dead letters if it is refused or expired. */
void intake_take(struct endpoint *endpoint, const struct record *record,
    const struct delivery_record *fields, enum intake_way way);
bool intake_has_room(const struct engine *engine, const struct endpoint *endpoint, int64_t bytes);
/* The delivery is over: takes it out of everything and frees it. */
enum intake_end {
    END_RESOLVED, /* 2xx, or its dead letter is acknowledged: the offset is done */
    END_DROPPED,  /* somebody will take it again: the next owner, or catch-up */
};
void intake_done(struct delivery *delivery, enum intake_end end);
/* Takes a delivery off the lists of those in memory; it stays in its lane. */
void intake_leave_memory(struct delivery *delivery);
/* Offers held records again, soon, if there is room. */
void intake_go(struct engine *engine);
/* The timer that offers them again in any case. */
struct loop_timer *intake_go_timer(struct engine *engine);
/* What its subscription, or its being disabled, says of what waits: dead letters. */
void intake_refuse_waiting(struct endpoint *endpoint);
/* The lane of a delivery, as a hash, and its deadline. */
uint64_t intake_lane(const struct endpoint *endpoint, const struct delivery_record *fields);
struct wall_time intake_deadline(const struct engine *engine, const struct endpoint *endpoint,
    const struct delivery_record *fields);

/* --- behind.c: bookmarks --- */
/* The endpoint cannot take the live record at `offset`: from there on it is behind. */
void behind_begin(struct endpoint *endpoint, int64_t offset, const char *reason);
/* Gives up its queue (all but what is in flight or on its way to the dead letters): what has been
 * attempted is set aside as far as there is room, the rest is left to catch-up. */
void behind_drop_queue(struct endpoint *endpoint, const char *reason);
/* One delivery of it alone, which was in flight. */
void behind_drop(struct delivery *delivery, const char *reason);
/* The partition goes: one that waits, or one whose request is cancelled. */
void behind_let_go(struct delivery *delivery);
void behind_cancel(struct delivery *delivery);
/* Adds what the commit found at the take-over says is done from `from` on. */
void behind_add_done_before(struct endpoint *endpoint, int64_t from);
/* Whether a live record at `offset` is left to catch-up. */
bool behind_passes(const struct endpoint *endpoint, int64_t offset);
/* Whether the owner before had it done, as far as the endpoint's state says so. */
bool behind_is_resolved(const struct endpoint *endpoint, int64_t offset);
/* The endpoint is live again if nothing needs its bookmark any more. */
void behind_end_if_joined(struct endpoint *endpoint);
/* A live record was left to catch-up. */
void behind_passed(struct endpoint *endpoint, int64_t offset, struct wall_time event_at,
    struct wall_time deadline);
/* Its deadline is to be remembered, of a record that was passed over. */
void behind_deadline(struct endpoint *endpoint, int64_t offset, struct wall_time deadline);
/* A record of the endpoint at `offset` was taken by catch-up, or live while joining: nothing of it
 * lies between. */
void behind_advance(struct endpoint *endpoint, int64_t offset);
/* An offset of it is resolved. */
void behind_resolved(struct endpoint *endpoint, int64_t offset);
/* Catch-up has met the live intake at `position`. */
void behind_met(struct endpoint *endpoint, int64_t position);
/* Nothing below `first` is there any more. */
void behind_overtaken(struct endpoint *endpoint, int64_t first);
/* Whether catch-up is to leave out `offset`: resolved, in memory, or set aside. */
bool behind_has(const struct endpoint *endpoint, int64_t offset);
/* The lowest offset that is to be remembered; -1 = none. */
int64_t behind_bookmark(const struct endpoint *endpoint);

/* --- aside.c: deliveries that are set aside --- */
/* Sets a delivery aside, to be attempted at `due` (ms 0 = when those before it in its lane are done).
 * False where there is no room. */
bool aside_put(struct delivery *delivery, struct wall_time due);
/* The same with a live record that was not taken into memory, since its lane is set aside. */
bool aside_add(struct endpoint *endpoint, int64_t offset, const struct delivery_record *fields);
/* Makes an entry of a loaded state. */
void aside_load(struct endpoint *endpoint, const struct endpoint_aside *entry);
struct delivery *aside_find(const struct endpoint *endpoint, int64_t offset);
/* There are no records from `from` to before `to`: what is set aside there is lost. */
void aside_missing(struct endpoint *endpoint, int64_t from, int64_t to);
/* Whether its record should be read now. */
bool aside_wanted(const struct delivery *delivery);

/* --- catchup.c: reading what was passed over --- */
/* Looks soon what is to be read. */
void catchup_plan_soon(struct intake *intake);
void catchup_stop(struct intake *intake);

/* --- endpoint_record.c: states to and from Kafka --- */
/* The state has changed in a way that has to be written soon (`urgent`), or with others. */
void endpoint_record_changed(struct endpoint *endpoint, bool urgent);
/* A delivery of an endpoint that is behind was resolved: written with others of its kind. */
void endpoint_record_progress(struct endpoint *endpoint);
/* The timer's callback; `arg` is the endpoint. */
void endpoint_record_due(void *arg);
/* The watermark may pass this offset as soon as the state that remembers it is acknowledged. */
void endpoint_record_cover(struct endpoint *endpoint, int64_t offset);
/* Whether a state has to be written or waits for its acknowledgement. */
bool endpoint_record_busy(const struct endpoint *endpoint);
/* Writes it now, if it has changed. */
void endpoint_record_flush(struct endpoint *endpoint);
/* Makes the endpoint what a state of the owner before says. */
void endpoint_record_load(struct endpoint *endpoint, const struct endpoint_state *state);

/* --- notices.c: operational events --- */
/* Tells what is to be told of the endpoint, if there is something and we may. */
void notices_check(struct endpoint *endpoint);
/* It has taken a delivery. */
void notices_works(struct endpoint *endpoint);
/* Nobody waits any more for the receipt of what is on its way. */
void notices_abandon(struct endpoint *endpoint);
/* Nor is anything to be told of what was. */
void notices_forget(struct endpoint *endpoint);

/* --- scheduler.c --- */
/* Puts the endpoint in line if it can start a request. */
void scheduler_offer(struct endpoint *endpoint);
/* Looks soon whether something can be started. */
void scheduler_soon(struct engine *engine);
/* The loop's hook: `arg` is the engine. */
void scheduler_before_wait(void *arg);
/* Starts what can be started. `arg` is the engine; called soon after scheduler_offer(). */
void scheduler_run(void *arg);
/* Looks at the clock: after standing still for long nothing is started before Kafka has confirmed that
 * the partitions are ours still. */
void scheduler_check_clock(struct engine *engine);

/* --- attempt.c: one POST's life --- */
void attempt_start(struct delivery *delivery);
void attempt_cancel(struct delivery *delivery);
/* Those of the subscription, or else the settings'. */
struct sending_limits attempt_limits(
    const struct engine *engine, const struct subscription *subscription);

/* --- outcome.c: acts on what became of an attempt --- */
void outcome_answered(struct delivery *delivery, const struct http_answer *answer);
/* Records a dead letter without an attempt, or after the last; `answer` may be NULL. */
void outcome_dead(struct delivery *delivery, enum dead_letter_reason reason, const char *detail,
    const struct http_answer *answer);
void outcome_expired(struct delivery *delivery);
/* It cannot be put into its subscription's format; the attempt was counted. */
void outcome_unrenderable(struct delivery *delivery, const char *detail);
/* Hands a result to Kafka, best effort; `key` is that of the delivery's record. */
void outcome_publish(struct engine *engine, const struct result *result, const struct bytes *key);
/* Fills in what an answer says. All is borrowed from it. */
void outcome_describe(struct result *result, const struct http_answer *answer);
/* Frees the note of a dead letter that is not wanted any more; its receipt finds nobody. */
void outcome_abandon(struct delivery *delivery);

/* --- testing.c: test deliveries --- */
/* Takes the record of one; `fault` says why it is no delivery, NULL = it is one. Returns false if it has to
 * wait, for the registry, or until it is known that the partition is ours still. */
bool testing_take(struct intake *intake, const struct record *record,
    const struct delivery_record *fields, const char *fault);
/* The partition goes: gives up what is in flight; the next owner repeats it. */
void testing_cancel(struct intake *intake);

/* --- metrics.c --- */
enum engine_result { ENGINE_DELIVERED, ENGINE_DEAD };
void engine_metrics_register(struct engine *engine);
void engine_metrics_unregister(void);
/* What struct endpoint has for it. */
size_t engine_tenant_series(const struct engine *engine, const char *tenant);
void engine_count_attempt(const struct http_answer *answer, const char *outcome);
void engine_count_delivered(const struct delivery *delivery);
void engine_count_dead(const struct delivery *delivery, enum dead_letter_reason reason);
void engine_count_dead_letter_failure(void);
void engine_count_result_dropped(void);
/* Refused: there were too many; dropped: nobody waits for it any more. */
enum engine_test { TEST_DELIVERED, TEST_FAILED, TEST_REFUSED, TEST_DROPPED };
void engine_count_test(enum engine_test what);
/* Deliveries whose records are not there any more. */
void engine_count_lost(int64_t count);
void engine_count_trip(void);
enum engine_disabled { DISABLED_GONE, DISABLED_FAILING };
void engine_count_disabled(enum engine_disabled why);
void engine_count_notice(enum notice notice);
/* A record that catch-up has read and does not keep, and what it did with one: all others were skipped. */
enum engine_catchup { CATCHUP_READ, CATCHUP_FED, CATCHUP_SKIPPED, CATCHUP_EXPIRED };
void engine_count_catchup(enum engine_catchup what);

/* --- metrics_gauges.c --- */
/* Registers them, and shows this engine from now on; NULL = none. */
void engine_gauges_show(const struct engine *engine);

/* A random number in [0, 1). */
double engine_random(struct engine *engine);

#endif
