/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's side of the consumer group: who owns which partition, what is committed, who has been
 * thrown out. kafka/consumer.h over it is in fake_consumer.c. */
#ifndef HOOKLINE_SIM_GROUP_H
#define HOOKLINE_SIM_GROUP_H

#include "common/buffer.h"
#include "common/ranges.h"
#include "kafka/consumer.h"
#include "topics.h"

/* One assignment of one partition, as the checker remembers it for ever. */
struct sim_ownership {
    struct sim_log *log;
    int process;
    int64_t epoch;
    int64_t since_us, end_us; /* -1 = it has not ended for its process */
    bool clean; /* it ended by a hand-over with a commit, and nothing got in the way */
    bool expelled;
    int64_t expelled_us;
    struct sim_ownership *next;
};

struct group_partition {
    struct sim_log *log;
    struct kafka_consumer *owner;    /* NULL = nobody, or a process that is dead */
    struct sim_ownership *ownership; /* the last that was given out: the only one that may commit */
    int64_t free_at_us;              /* without an owner: not given out before */
    struct kafka_partition *handle;  /* of the owner */
    bool moving;                     /* has been asked for back */
    int64_t committed;               /* -1 = nothing yet */
    int64_t epoch;
    struct ranges ranges; /* done above `committed` */
    struct group_partition *next;
};

struct group_partition *group_partitions(void);
struct group_partition *group_find(const struct sim_log *log);
/* Makes it known, before anybody subscribes. */
void group_add(const char *topic, int32_t number);
bool group_has(const char *topic, int32_t number);
void group_release(void);

/* --- What members do; at the broker, that is, when the request has arrived --------------------- */

void group_join(struct kafka_consumer *member);
void group_leave(struct kafka_consumer *member);
/* The process is dead: its partitions come free when its session is over. */
void group_died(struct kafka_consumer *member, int64_t session_us);
/* Whether it was accepted: the ownership is the current one. */
bool group_commit(struct group_partition *partition, const struct sim_ownership *ownership,
    int64_t offset, const struct buffer *note);
/* The next epoch, -1 = refused. */
int64_t group_fence(struct group_partition *partition, struct sim_ownership *ownership);
/* The member has given it back. */
void group_released(struct group_partition *partition, const struct sim_ownership *ownership);

/* --- What befalls them ------------------------------------------------------------------------- */

/* Throws a member out; its client learns of it after `learn_us` and joins anew. */
void group_expel(struct kafka_consumer *member, int64_t learn_us);
/* Asks the owner for it back; it is then given to a member at random. */
void group_move(struct group_partition *partition);
/* Whether nothing is moving, each partition has an owner that knows it, and nobody else believes to be
 * one. */
bool group_settled(void);

/* --- fake_consumer.c, for the broker's side and for the checker -------------------------------- */

struct loop *member_loop(const struct kafka_consumer *member);
bool member_subscribes(const struct kafka_consumer *member, const char *topic);
bool member_expelled(const struct kafka_consumer *member);
bool member_any_expelled(void);
void member_set_expelled(struct kafka_consumer *member, int64_t learn_us);
/* The partition is the member's; its client learns of it in a while. */
struct kafka_partition *member_assign(struct kafka_consumer *member,
    struct group_partition *partition, struct sim_ownership *ownership);
/* Its client gets to know that the partition is wanted back. */
void member_revoke(struct kafka_partition *handle);
/* The member of a process, NULL = none. */
struct kafka_consumer *member_of(const struct loop *loop);
/* What a process believes to own. */
struct kafka_partition *member_handle(const struct loop *loop, const struct sim_log *log);
struct sim_ownership *handle_ownership(const struct kafka_partition *handle);
/* Whether records are being offered. */
bool handle_started(const struct kafka_partition *handle);
/* A request for a record of it was cancelled: no hand-over is clean now. */
void handle_cancelled(struct kafka_partition *handle);
/* When a commit or a question of the process was last answered well; -1 = never. */
int64_t member_confirmed_at(const struct loop *loop);

#endif
