/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a consumer group on the loop: a queue per partition, served round robin, offsets
 * committed up to the low watermark, partitions given back only when their work is settled. */
#ifndef HOOKLINE_KAFKA_CONSUMER_H
#define HOOKLINE_KAFKA_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "common/ranges.h"
#include "common/record.h"
#include "kafka/client.h"

struct kafka_consumer;
struct kafka_partition;

struct kafka_consumer_options {
    const char *group;
    const char *assignment;        /* "auto", "roundrobin", "range", "cooperative-sticky" */
    int64_t commit_interval_ms;    /* 200 */
    int64_t session_timeout_ms;    /* 45 s */
    int64_t fetch_partition_bytes; /* most prefetched per partition */
    /* Partitions are taken over: an epoch, one higher than that of the owner before, is committed in the
     * offset's metadata before `assigned`, and records are offered only after kafka_partition_start().
     * Commits then carry the epoch, and the ranges that are done above the offset. */
    bool fenced;
};

enum kafka_intake {
    KAFKA_TAKEN, /* the offset is done when kafka_partition_done() says so */
    KAFKA_HOLD,  /* no room: the record is offered again after kafka_partition_go() */
};

/* All are called on the loop, never from within a call into the consumer except where said. */
struct kafka_consumer_callbacks {
    /* A record of an assigned partition; borrowed for the call. */
    enum kafka_intake (*record)(
        void *arg, struct kafka_partition *partition, const struct record *record);
    /* The partition is ours; records follow. May be NULL. */
    void (*assigned)(void *arg, struct kafka_partition *partition);
    /* Give the partition back: start nothing new for it, settle what is under way, then call
     * kafka_partition_settled() (also from within this call). `lost`: it already belongs to somebody
     * else, so cancel. May come a second time with `lost`. NULL = settled at once. */
    void (*revoked)(void *arg, struct kafka_partition *partition, bool lost);
    /* The consumer has left the group after kafka_consumer_close(). */
    void (*closed)(void *arg);
    /* Answers kafka_consumer_confirm(); also, with false, when a commit was refused because the group goes
     * on without us. May be NULL. */
    void (*confirmed)(void *arg, bool still_member);
    /* Records that were not read are not there any more: retention has overtaken the group. May be NULL. */
    void (*overtaken)(void *arg, struct kafka_partition *partition, int64_t records);
    /* Nothing can be consumed any more, for example a fatal error of the library. May be NULL. */
    void (*failed)(void *arg, const struct error *error);
};

/* Returns new; connects in the background. `name` ("bridge") stands in log lines and metrics. */
must_check struct kafka_consumer *kafka_consumer_new(struct loop *loop,
    const struct kafka_options *kafka, const struct kafka_consumer_options *options,
    const struct kafka_consumer_callbacks *callbacks, void *arg, const char *name,
    struct error *error);

/* Changes the topics to consume, a list of `count` names; the first call joins the group. */
must_check bool kafka_consumer_subscribe(
    struct kafka_consumer *consumer, const char *const *topics, size_t count, struct error *error);

/* Whether the group's members keep their partitions while others are moved. */
bool kafka_consumer_is_cooperative(const struct kafka_consumer *consumer);

/* Whether the group has been joined: the first assignment has come, even an empty one. */
bool kafka_consumer_joined(const struct kafka_consumer *consumer);

/* Offers held records again, of one partition or of all. */
void kafka_partition_go(struct kafka_partition *partition);
void kafka_consumer_go(struct kafka_consumer *consumer);

/* An offset that was taken from this partition is done. After the partition was given back this
 * changes nothing: the handle is that of one assignment, not of the partition. */
void kafka_partition_done(struct kafka_partition *partition, int64_t offset);
/* --- Of a consumer that is fenced --- */
/* Offers records from now on. */
void kafka_partition_start(struct kafka_partition *partition);
/* Takes it over anew with an epoch above `seen`, where such a one is known of from elsewhere; `assigned`
 * is called again. Only before kafka_partition_start(). */
void kafka_partition_retake(struct kafka_partition *partition, int64_t seen);
/* The number of this ownership of the partition: higher than any before. */
int64_t kafka_partition_epoch(const struct kafka_partition *partition);
/* One above the highest offset that was offered and not held; at first where it starts. */
int64_t kafka_partition_position(const struct kafka_partition *partition);
/* Whether the owner before had it done, above the offset that it committed. Such records are not
 * offered, and count as done. */
bool kafka_partition_was_done(const struct kafka_partition *partition, int64_t offset);
/* All of these. Borrowed. */
const struct ranges *kafka_partition_done_before(const struct kafka_partition *partition);
/* Says whose the record is that is being offered: a number that means something to the role. */
void kafka_partition_tag(struct kafka_partition *partition, uint32_t tag);
/* An offset that was taken may be passed by what is committed, though it is not done: something else
 * remembers it. It can be done later. */
void kafka_partition_covered(struct kafka_partition *partition, int64_t offset);
/* Calls `fn` for each offset from `from` on that is above what may be committed, ascending. */
void kafka_partition_each(const struct kafka_partition *partition, int64_t from,
    void (*fn)(void *arg, int64_t offset, uint32_t tag, bool done), void *arg);
/* Asks Kafka whether we are still a member that may commit, by a commit: `confirmed` says so. */
void kafka_consumer_confirm(struct kafka_consumer *consumer);

/* Answers `revoked`. */
void kafka_partition_settled(struct kafka_partition *partition);
/* Whether records of it are still ours to work on: false from `revoked` on. */
bool kafka_partition_active(const struct kafka_partition *partition);
const char *kafka_partition_topic(const struct kafka_partition *partition);
int32_t kafka_partition_number(const struct kafka_partition *partition);
/* The handle is shared: who keeps it past a callback takes a reference. */
struct kafka_partition *kafka_partition_ref(struct kafka_partition *partition);
void kafka_partition_unref(struct kafka_partition *partition);
/* A place for the role's own pointer, NULL at first. */
void kafka_partition_set_data(struct kafka_partition *partition, void *data);
void *kafka_partition_data(const struct kafka_partition *partition);

/* Commits what is done, now and not at the next interval. */
void kafka_consumer_commit(struct kafka_consumer *consumer);
/* Revokes everything, commits, leaves the group, then calls `closed`. */
void kafka_consumer_close(struct kafka_consumer *consumer);
/* After `closed`, or at once when the process gives up (the group then waits for the session
 * timeout). NULL is fine. */
void kafka_consumer_free(struct kafka_consumer *consumer);

#endif
