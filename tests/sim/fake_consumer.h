/* SPDX-License-Identifier: Apache-2.0 */
/* What fake_consumer.c and fake_rebalance.c share. */
#ifndef HOOKLINE_SIM_FAKE_CONSUMER_H
#define HOOKLINE_SIM_FAKE_CONSUMER_H

#include "group.h"
#include "kafka/watermark.h"

/* PENDING → FENCING (fenced only) → ACTIVE → SETTLING → COMMITTING → GONE; to GONE from any. */
enum partition_state {
    PARTITION_PENDING, /* the client does not know of it yet */
    PARTITION_FENCING, /* the epoch is being committed */
    PARTITION_ACTIVE,
    PARTITION_SETTLING,
    PARTITION_COMMITTING,
    PARTITION_GONE,
};

struct kafka_partition {
    struct kafka_consumer *consumer; /* NULL once it was given back */
    struct loop *loop;
    struct sim_log *log;
    struct group_partition *group;
    struct sim_ownership *ownership;
    enum partition_state state;
    bool told; /* the role knows it */
    bool active, started, gone;
    bool holding, held; /* waits for go; the record before `mark.next` was offered and not taken */
    int64_t epoch, position, offering;
    struct watermark mark;
    struct ranges prior; /* done by the owner before, above what it committed */
    int64_t committed;   /* by us; -1 = nothing */
    struct ranges committed_ranges;
    struct sim_watch watch;
    struct sim_event *serve, *progress;
    int64_t revoked_at, sent_at;
    int tries;
    bool commit_running;
    bool ranges_left_out; /* of the last commit: they were too many */
    bool refused;         /* the commit that ends a revocation was */
    bool cancelled;       /* requests of it were */
    bool pressed;         /* its role was called because it is lost */
    void *data;
    unsigned refs;
    struct kafka_partition *next;
};

struct kafka_consumer {
    struct loop *loop;
    struct kafka_consumer_options options;
    struct kafka_consumer_callbacks callbacks;
    void *arg;
    char **topics;
    size_t topic_count;
    struct kafka_partition *partitions;
    struct loop_timer *commit_timer;
    struct sim_event *join, *learn, *confirm, *close;
    bool joined, member, expelled, closing, confirm_result, commit_armed;
    int commits; /* on their way */
    int64_t confirmed_at;
    struct kafka_consumer *next;
};

/* fake_consumer.c: the log has got more. `arg` is the partition. */
void fake_partition_more(void *arg);
/* Sends a commit of what is done; false where there is nothing new. `all`: also if it is only the
 * ranges, and those were sent a moment ago. */
bool fake_commit(struct kafka_partition *partition, bool all);
void fake_commit_due(void *arg);
/* Answers a question that is under way. */
void fake_confirm_answer(struct kafka_consumer *consumer, bool member);

/* fake_rebalance.c */
void fake_commit_answered(struct kafka_partition *partition, bool accepted);

#endif
