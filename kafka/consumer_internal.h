/* SPDX-License-Identifier: Apache-2.0 */
/* What consumer.c and consumer_rebalance.c share. */
#ifndef HOOKLINE_KAFKA_CONSUMER_INTERNAL_H
#define HOOKLINE_KAFKA_CONSUMER_INTERNAL_H

#include <stdatomic.h>

#include "common/metrics.h"
#include "kafka/client_internal.h"
#include "kafka/consumer.h"
#include "kafka/watermark.h"

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
    void *data;
    unsigned refs;
};

/* Where a revocation stands: the role settles its work, then we commit, then unassign. */
enum rebalance { REBALANCE_NONE, REBALANCE_SETTLING, REBALANCE_COMMITTING };

struct kafka_consumer {
    struct loop *loop;
    rd_kafka_t *client;
    rd_kafka_queue_t *main, *commits, *closing_queue;
    struct kafka_consumer_callbacks callbacks;
    void *arg;
    char *name;
    struct kafka_log log;
    struct kafka_headers headers;
    int64_t commit_interval_ms;
    struct loop_wakeup *wakeup;
    struct loop_timer *poll_timer, *commit_timer, *rebalance_timer;
    struct kafka_partition **partitions;
    size_t partition_count, partition_cap;
    size_t turn; /* which partition is served first */
    bool joined, closing, commit_running;
    bool close_overdue;
    struct mono_time bare_since; /* while closing: since when it has no partitions any more */
    bool asking;                 /* roles are being told of a revocation */
    enum rebalance rebalance;
    int commit_retries; /* left, of the commit that ends a revocation */
    rd_kafka_topic_partition_list_t *revoking;
};

/* A wake-up of the loop whenever `queue` stops being empty. */
void kafka_consumer_watch(struct kafka_consumer *consumer, rd_kafka_queue_t *queue);
struct kafka_partition *kafka_consumer_find(
    const struct kafka_consumer *consumer, const char *topic, int32_t number);
/* Returns new: what is done and not yet committed. */
rd_kafka_topic_partition_list_t *kafka_consumer_dirty(const struct kafka_consumer *consumer);
/* Begins a commit of all that is dirty; false if there is nothing. */
bool kafka_consumer_commit_begin(struct kafka_consumer *consumer);
/* The library's part of a close, once no revocation is open any more. */
void kafka_consumer_close_begin(struct kafka_consumer *consumer);

/* librdkafka's rebalance callback; runs on our thread, inside a poll. */
void kafka_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
    rd_kafka_topic_partition_list_t *list, void *opaque);
void kafka_rebalance_commit_answered(struct kafka_consumer *consumer);
void kafka_rebalance_deadline(void *arg);
/* Lets go of all partitions without a commit. */
void kafka_rebalance_abandon(struct kafka_consumer *consumer);

extern struct metric kafka_rebalances, kafka_commit_failures, kafka_produce_failures;
void kafka_metrics_register(void);

#endif
