/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the group consumer share: consumer.c (life, serving), consumer_rebalance.c
 * (partitions that come and go), consumer_commit.c, consumer_takeover.c (what is fenced),
 * consumer_metrics.c. */
#ifndef HOOKLINE_KAFKA_CONSUMER_INTERNAL_H
#define HOOKLINE_KAFKA_CONSUMER_INTERNAL_H

#include <stdatomic.h>

#include "common/metrics.h"
#include "common/ranges.h"
#include "kafka/client_internal.h"
#include "kafka/consumer.h"
#include "kafka/watermark.h"

/* How far the take-over of a partition is:
 *     TO_READ → READING → TO_COMMIT → COMMITTING → OWNED
 * and back to TO_READ from READING and from COMMITTING when that failed. Of a consumer that is not
 * fenced each partition is OWNED at once. */
enum takeover {
    TAKEOVER_OWNED,
    TAKEOVER_TO_READ,
    TAKEOVER_READING,
    TAKEOVER_TO_COMMIT,
    TAKEOVER_COMMITTING,
};

/* Whether retention has overtaken us: asked only if the first record lies above the start. */
enum overtaken { OVERTAKEN_UNKNOWN, OVERTAKEN_TO_ASK, OVERTAKEN_ASKING, OVERTAKEN_KNOWN };

/* One assignment of one partition. The consumer holds a reference while it is in its list. */
struct kafka_partition {
    struct kafka_consumer *consumer; /* NULL once it was given back */
    char *topic;
    int32_t number;
    rd_kafka_queue_t *queue;
    atomic_bool ready;        /* the queue said that it is not empty; set by librdkafka's threads */
    rd_kafka_message_t *held; /* offered and not taken yet */
    bool holding;             /* waits for kafka_partition_go() */
    bool active;              /* records may be offered: from the assignment to the revocation */
    bool settling;            /* revoked, and the role has not settled it yet */
    struct watermark mark;
    int64_t committed; /* -1 = nothing by us */
    /* There was nothing more at this offset: all below was offered, or is no record. -1 = never so */
    int64_t end;
    enum takeover takeover;
    bool to_tell; /* `assigned` is to be called once it is OWNED */
    bool told;    /* `assigned` was called, so `revoked` must be */
    bool started; /* records may be offered */
    int64_t position;
    /* Of a fenced consumer: */
    int64_t start, epoch, least_epoch;
    struct ranges loaded; /* done by owners before, above `start` */
    int64_t first;        /* offset of the first record; -1 = none yet */
    enum overtaken overtaken;
    struct mono_time retry_at; /* of the take-over */
    /* Counts what was done, which changes the ranges: as of now, of the last commit, and of the last
     * one that was accepted. */
    uint64_t changes, changes_sent, changes_committed;
    struct mono_time sent_at; /* the last commit, */
    size_t note_size;         /* and the bytes of its note */
    void *data;
    unsigned refs;
};

/* Where a revocation stands: the role settles its work, then we commit, then unassign. */
enum rebalance { REBALANCE_NONE, REBALANCE_SETTLING, REBALANCE_COMMITTING };

/* Where the answer to kafka_consumer_confirm() stands. */
enum confirm { CONFIRM_NONE, CONFIRM_WANTED, CONFIRM_SENT, CONFIRM_ANSWERED };

struct takeover_job;

struct kafka_consumer {
    struct loop *loop;
    rd_kafka_t *client;
    rd_kafka_queue_t *main, *commits, *closing_queue;
    struct kafka_consumer_callbacks callbacks;
    void *arg;
    char *name;
    struct kafka_log log;
    struct kafka_headers headers;
    int64_t commit_interval_ms, session_timeout_ms;
    bool fenced;
    struct loop_wakeup *wakeup;
    struct loop_timer *poll_timer, *commit_timer, *rebalance_timer, *retry_timer, *confirm_timer;
    struct kafka_partition **partitions;
    size_t partition_count, partition_cap;
    size_t turn; /* which partition is served first */
    struct mono_time served_at;
    bool joined, closing, commit_running;
    bool left; /* while closing: everything was given back, as far as that is possible */
    bool close_overdue;
    struct mono_time bare_since; /* while closing: since when it has no partitions any more */
    bool asking;                 /* roles are being told of a revocation */
    enum rebalance rebalance;
    int commit_retries;            /* left, of the commit that ends a revocation */
    struct mono_time commit_until; /* where it is refused for now: how long it is tried again */
    rd_kafka_topic_partition_list_t *revoking;
    struct takeover_job *job; /* in a worker; holds the client */
    enum confirm confirm;
    struct mono_time confirm_sent_at, confirm_retry_at;
};

/* consumer_metrics.c: counts among those that the metrics tell of. */
void kafka_consumer_show(const struct kafka_consumer *consumer);
void kafka_consumer_hide(const struct kafka_consumer *consumer);
void kafka_consumer_metrics_register(void);
/* A wake-up of the loop whenever `queue` stops being empty. */
void kafka_consumer_watch(struct kafka_consumer *consumer, rd_kafka_queue_t *queue);
struct kafka_partition *kafka_consumer_find(
    const struct kafka_consumer *consumer, const char *topic, int32_t number);
/* Whether there is something to commit. `all`: also what can wait, which is ranges that changed above
 * an offset that did not. */
bool kafka_consumer_is_dirty(const struct kafka_consumer *consumer, bool all);
/* Begins a commit of that; false if there is nothing. */
bool kafka_consumer_commit_begin(struct kafka_consumer *consumer, bool all);
/* The commit timer's. */
void kafka_commit_due(void *arg);
/* Begins what kafka_consumer_confirm() asked for, as soon as that is possible. */
void kafka_confirm_step(struct kafka_consumer *consumer);
void kafka_confirm_deadline(void *arg);
/* Partitions were lost: an answer that is waited for is no. */
void kafka_confirm_lost(struct kafka_consumer *consumer);

/* Begins what partitions that are being taken over wait for. */
void kafka_takeover_step(struct kafka_consumer *consumer);
/* The timer's, after something failed. */
void kafka_takeover_retry(void *arg);
void kafka_takeover_retry_later(struct kafka_consumer *consumer);
/* A commit was answered: partitions that wait for one and are not OWNED now begin again. */
void kafka_takeover_commit_answered(struct kafka_consumer *consumer);
/* Tells the role of those that are OWNED now. */
void kafka_takeover_tell(struct kafka_consumer *consumer);
/* The first record of a partition. */
void kafka_takeover_first(struct kafka_partition *partition, int64_t offset);
/* The consumer is about to be freed; whether a worker still holds its client. */
bool kafka_takeover_abandon(struct kafka_consumer *consumer);
/* The library's part of a close, once no revocation is open any more. */
void kafka_consumer_close_begin(struct kafka_consumer *consumer);

/* librdkafka's rebalance callback; runs on our thread, inside a poll. */
void kafka_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
    rd_kafka_topic_partition_list_t *list, void *opaque);
void kafka_rebalance_commit_answered(struct kafka_consumer *consumer, rd_kafka_resp_err_t code);
void kafka_rebalance_deadline(void *arg);
/* Gives all partitions back, then begins the library's close. */
void kafka_rebalance_leave(struct kafka_consumer *consumer);
/* Lets go of all partitions without a commit. */
void kafka_rebalance_abandon(struct kafka_consumer *consumer);

extern struct metric kafka_rebalances, kafka_commit_failures, kafka_produce_failures,
    kafka_records_overtaken;

#endif
