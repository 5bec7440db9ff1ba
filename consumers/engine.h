/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery engine's shared state, and what its parts ask of each other. consumer.c owns it. */
#ifndef HOOKLINE_CONSUMERS_ENGINE_H
#define HOOKLINE_CONSUMERS_ENGINE_H

#include "common/loop.h"
#include "consumers/consumer.h"
#include "consumers/delivery.h"
#include "consumers/endpoint.h"
#include "consumers/policy/retry.h"

/* A partition that we hold, as the engine sees it. */
struct intake {
    struct engine *engine;
    struct kafka_partition *partition; /* a reference */
    struct delivery_list deliveries;
    bool held;                   /* a record waits at the partition for room or for the registry */
    bool settling;               /* given back as soon as `deliveries` is empty */
    struct loop_timer *deadline; /* while settling */
    TAILQ_ENTRY(intake) link;
};

TAILQ_HEAD(intake_list, intake);

struct engine {
    struct consumer_deps deps;
    struct consumer_options options;
    char *dead_letters, *results; /* topics */
    struct http_client *http;
    struct kafka_consumer *kafka;
    struct intake_list intakes;
    struct endpoint *endpoints; /* table by key */
    struct endpoint_list turns; /* endpoints that can start a request, in their turn */
    struct delivery_list lists[DELIVERY_STATES];
    int64_t counts[DELIVERY_STATES];
    int64_t held, held_bytes;
    bool stopping;               /* starts no request any more */
    struct loop_timer *go_timer; /* while a partition holds a record back */
    bool go_armed;
    struct loop_timer *schedule_timer; /* due as soon as an endpoint waits for its turn */
    bool schedule_armed;
    uint64_t random;
};

/* intake.c: partitions to lanes. `arg` is the engine. */
enum kafka_intake intake_record(
    void *arg, struct kafka_partition *partition, const struct record *record);
void intake_assigned(void *arg, struct kafka_partition *partition);
void intake_revoked(void *arg, struct kafka_partition *partition, bool lost);
/* The delivery's work is over: takes it out of everything and frees it. With `resolved` its offset
 * is done for Kafka too. */
void intake_done(struct delivery *delivery, bool resolved);
/* Gives up, at once, what settles still. */
void intake_hurry(struct engine *engine);
/* Offers held records again, soon, if there is room. */
void intake_go(struct engine *engine);
/* The timer that offers them again in any case. */
struct loop_timer *intake_go_timer(struct engine *engine);
/* The endpoint's subscription is another one now (NULL: deleted): what waits follows it. */
void intake_subscription_changed(struct endpoint *endpoint, struct subscription *subscription);

/* scheduler.c */
/* Puts the endpoint in line if it can start a request. */
void scheduler_offer(struct endpoint *endpoint);
/* Looks soon whether something can be started. */
void scheduler_soon(struct engine *engine);
/* Starts what can be started. `arg` is the engine; called soon after scheduler_offer(). */
void scheduler_run(void *arg);

/* attempt.c: one POST's life. */
void attempt_start(struct delivery *delivery);
void attempt_cancel(struct delivery *delivery);

/* outcome.c: acts on what became of an attempt. */
void outcome_answered(struct delivery *delivery, const struct http_answer *answer);
/* Records a dead letter without an attempt, or after the last; `answer` may be NULL. */
void outcome_dead(struct delivery *delivery, enum dead_letter_reason reason, const char *detail,
    const struct http_answer *answer);
/* Frees the note of a dead letter that is not wanted any more; its receipt finds nobody. */
void outcome_abandon(struct delivery *delivery);

/* metrics.c */
enum engine_result { ENGINE_DELIVERED, ENGINE_DEAD };
void engine_metrics_register(struct engine *engine);
void engine_metrics_unregister(void);
void engine_count_attempt(const struct http_answer *answer, const char *outcome);
void engine_count_delivered(const struct delivery *delivery);
void engine_count_dead(enum dead_letter_reason reason);
void engine_count_dead_letter_failure(void);
void engine_count_result_dropped(void);

/* A random number in [0, 1). */
double engine_random(struct engine *engine);

#endif
