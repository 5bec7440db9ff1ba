/* SPDX-License-Identifier: Apache-2.0 */
/* kafka/consumer.h on the simulated group: partitions that come and go, as in the real one: revoke,
 * settle, commit, unassign. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "fake_consumer.h"
#include "ledger.h"
#include "process.h"
#include "world.h"

#define SETTLE_DEADLINE (240 * SECOND)
#define COMMIT_TRIES    4
#define COMMIT_DEADLINE (5 * SECOND)
/* Longer than that a role may have stopped waiting for what was in flight. */
#define CLEAN_DRAIN (1900 * MS)

static struct kafka_consumer *consumers;

struct kafka_consumer *member_of(const struct loop *loop)
{
    struct kafka_consumer *consumer = consumers;
    while (consumer && consumer->loop != loop)
        consumer = consumer->next;
    return consumer;
}

struct loop *member_loop(const struct kafka_consumer *member)
{
    return member->loop;
}

bool member_subscribes(const struct kafka_consumer *member, const char *topic)
{
    for (size_t i = 0; i < member->topic_count; i++)
        if (strcmp(member->topics[i], topic) == 0)
            return !member->closing;
    return false;
}

bool member_expelled(const struct kafka_consumer *member)
{
    return member->expelled;
}

bool member_any_expelled(void)
{
    for (const struct kafka_consumer *each = consumers; each; each = each->next)
        if (each->expelled)
            return true;
    return false;
}

struct kafka_partition *member_handle(const struct loop *loop, const struct sim_log *log)
{
    const struct kafka_consumer *consumer = member_of(loop);
    struct kafka_partition *found = NULL;
    for (struct kafka_partition *each = consumer ? consumer->partitions : NULL; each;
        each = each->next)
        if (each->log == log && each->told)
            found = each;
    return found;
}

struct sim_ownership *handle_ownership(const struct kafka_partition *handle)
{
    return handle->ownership;
}

void handle_cancelled(struct kafka_partition *handle)
{
    handle->cancelled = true;
}

/* --- The end of an assignment ------------------------------------------------------------------ */

static void finish_close(void *arg)
{
    struct kafka_consumer *consumer = arg;
    consumer->close = NULL;
    group_leave(consumer);
    if (consumer->callbacks.closed)
        consumer->callbacks.closed(consumer->arg);
}

static void closed_if_empty(struct kafka_consumer *consumer)
{
    if (consumer->closing && !consumer->partitions && !consumer->close)
        consumer->close =
            sim_at(consumer->loop, sim_now() + sim_exp(10 * MS), finish_close, consumer);
}

static void remove_partition(struct kafka_partition *partition, bool clean)
{
    struct kafka_consumer *consumer = partition->consumer;
    struct kafka_partition **at = &consumer->partitions;
    while (*at != partition)
        at = &(*at)->next;
    *at = partition->next;
    sim_log_unwatch(partition->log, &partition->watch);
    sim_cancel(partition->serve);
    sim_cancel(partition->progress);
    partition->serve = partition->progress = NULL;
    partition->state = PARTITION_GONE;
    partition->active = partition->started = false;
    partition->gone = true;
    partition->ownership->end_us = sim_now();
    partition->ownership->clean = clean;
    stats.clean_moves += clean;
    sim_say("p%d: %s/%d is gone%s", sim_loop_number(consumer->loop), partition->log->topic,
        (int)partition->log->number, clean ? ", cleanly" : "");
    partition->consumer = NULL;
    if (!sim_loop_dead(consumer->loop))
        group_released(partition->group, partition->ownership);
    kafka_partition_unref(partition);
    closed_if_empty(consumer);
}

static void commit_deadline(void *arg)
{
    struct kafka_partition *partition = arg;
    partition->progress = NULL;
    remove_partition(partition, false);
}

static void unassign(void *arg)
{
    struct kafka_partition *partition = arg;
    partition->progress = NULL;
    remove_partition(partition,
        partition->consumer->options.fenced && !partition->cancelled && !partition->refused &&
            !partition->ownership->expelled && !partition->ranges_left_out &&
            !durable_is_full(partition->log) && sim_now() - partition->revoked_at < CLEAN_DRAIN &&
            process_trouble_at(partition->loop) < partition->revoked_at - 5 * SECOND);
}

/* Commits once more, or lets go. One that is under way answers first. */
static void commit_last(void *arg)
{
    struct kafka_partition *partition = arg;
    struct loop *loop = partition->loop;
    if (partition->commit_running ||
        (partition->tries++ < COMMIT_TRIES && fake_commit(partition, true))) {
        partition->progress = sim_at(loop, sim_now() + COMMIT_DEADLINE, commit_deadline, partition);
        return;
    }
    partition->progress = sim_at(loop, sim_now() + sim_exp(MS), unassign, partition);
}

void fake_commit_answered(struct kafka_partition *partition, bool accepted)
{
    if (partition->state != PARTITION_COMMITTING)
        return;
    partition->refused |= !accepted;
    sim_cancel(partition->progress);
    commit_last(partition);
}

static void settle_deadline(void *arg)
{
    struct kafka_partition *partition = arg;
    sim_violation("process %d has not settled %s/%d within %d s", sim_loop_number(partition->loop),
        partition->log->topic, (int)partition->log->number, (int)(SETTLE_DEADLINE / SECOND));
}

void kafka_partition_settled(struct kafka_partition *partition)
{
    if (!partition->consumer || partition->state != PARTITION_SETTLING || partition->pressed)
        return;
    sim_cancel(partition->progress);
    partition->state = PARTITION_COMMITTING;
    partition->progress = sim_at(partition->loop, sim_now(), commit_last, partition);
}

/* --- Revocation -------------------------------------------------------------------------------- */

static void revoke_now(void *arg)
{
    struct kafka_partition *partition = arg;
    struct kafka_consumer *consumer = partition->consumer;
    partition->progress = NULL;
    if (!partition->told) {
        remove_partition(partition, false);
        return;
    }
    partition->state = PARTITION_SETTLING;
    partition->active = false;
    sim_cancel(partition->serve);
    partition->serve = NULL;
    partition->revoked_at = sim_now();
    partition->cancelled = false;
    partition->progress =
        sim_at(partition->loop, sim_now() + SETTLE_DEADLINE, settle_deadline, partition);
    sim_say("p%d: revoked %s/%d", sim_loop_number(consumer->loop), partition->log->topic,
        (int)partition->log->number);
    consumer->callbacks.revoked(consumer->arg, partition, false);
}

void member_revoke(struct kafka_partition *handle)
{
    if (handle->state > PARTITION_ACTIVE)
        return;
    sim_cancel(handle->progress);
    handle->progress = sim_at(handle->loop, sim_now() + sim_exp(10 * MS), revoke_now, handle);
}

/* It is somebody else's already, or will be. */
static void lose(struct kafka_partition *partition)
{
    struct kafka_consumer *consumer = partition->consumer;
    partition->active = false;
    if (partition->told &&
        (partition->state <= PARTITION_SETTLING || sim_loop_dead(consumer->loop))) {
        partition->pressed = true;
        partition->state = PARTITION_SETTLING;
        consumer->callbacks.revoked(consumer->arg, partition, true);
    }
    remove_partition(partition, false);
}

static void join(void *arg)
{
    struct kafka_consumer *consumer = arg;
    consumer->join = NULL;
    consumer->member = true;
    group_join(consumer);
}

static void join_soon(struct kafka_consumer *consumer)
{
    if (!consumer->join && !consumer->closing)
        consumer->join = sim_at(consumer->loop, sim_now() + sim_exp(30 * MS), join, consumer);
}

static void learn_lost(void *arg)
{
    struct kafka_consumer *consumer = arg;
    consumer->learn = NULL;
    sim_say("p%d: learns that it has lost its partitions", sim_loop_number(consumer->loop));
    while (consumer->partitions)
        lose(consumer->partitions);
    if (consumer->confirm)
        fake_confirm_answer(consumer, false);
    consumer->expelled = false;
    join_soon(consumer);
}

void member_set_expelled(struct kafka_consumer *member, int64_t learn_us)
{
    member->expelled = true;
    member->member = false;
    member->learn = sim_at(member->loop, sim_now() + learn_us, learn_lost, member);
}

/* --- Assignment -------------------------------------------------------------------------------- */

static void tell(struct kafka_partition *partition)
{
    struct kafka_consumer *consumer = partition->consumer;
    const struct group_partition *group = partition->group;
    int64_t first = group->committed < 0 ? 0 : group->committed;
    partition->state = PARTITION_ACTIVE;
    partition->told = partition->active = true;
    partition->epoch = partition->ownership->epoch;
    partition->committed = group->committed;
    watermark_start(&partition->mark, first);
    partition->position = first;
    for (size_t i = 0; i < group->ranges.count; i++) {
        ranges_add(&partition->prior, group->ranges.items[i].from, group->ranges.items[i].to);
        ranges_add(
            &partition->committed_ranges, group->ranges.items[i].from, group->ranges.items[i].to);
    }
    partition->watch = (struct sim_watch){fake_partition_more, partition, NULL};
    sim_log_watch(partition->log, &partition->watch);
    sim_say("p%d: assigned %s/%d from %lld + %zu ranges, epoch %lld",
        sim_loop_number(consumer->loop), partition->log->topic, (int)partition->log->number,
        (long long)first, group->ranges.count, (long long)partition->epoch);
    if (consumer->callbacks.assigned)
        consumer->callbacks.assigned(consumer->arg, partition);
    if (!consumer->options.fenced && partition->consumer)
        kafka_partition_start(partition);
}

static void fence_answered(void *arg)
{
    struct kafka_partition *partition = arg;
    partition->progress = NULL;
    tell(partition);
}

/* At the broker. A refusal leaves it to what follows from it: the client learns that it is lost. */
static void fence_arrives(void *arg)
{
    struct kafka_partition *partition = arg;
    partition->progress = NULL;
    if (group_fence(partition->group, partition->ownership) >= 0)
        partition->progress =
            sim_at(partition->loop, sim_now() + sim_exp(4 * MS), fence_answered, partition);
}

static void assigned(void *arg)
{
    struct kafka_partition *partition = arg;
    struct kafka_consumer *consumer = partition->consumer;
    partition->progress = NULL;
    consumer->joined = true;
    if (!consumer->options.fenced) {
        tell(partition);
        return;
    }
    partition->state = PARTITION_FENCING;
    partition->progress = sim_at(NULL, sim_now() + sim_exp(8 * MS), fence_arrives, partition);
}

void kafka_partition_retake(struct kafka_partition *partition, int64_t seen)
{
    bug_on(partition->started);
    if (!partition->consumer || partition->state != PARTITION_ACTIVE || partition->progress)
        return;
    if (partition->group->epoch < seen)
        partition->group->epoch = seen;
    sim_log_unwatch(partition->log, &partition->watch);
    partition->progress = sim_at(NULL, sim_now() + sim_exp(8 * MS), fence_arrives, partition);
}

bool kafka_consumer_is_cooperative(const struct kafka_consumer *consumer)
{
    (void)consumer;
    return world.cooperative;
}

struct kafka_partition *member_assign(
    struct kafka_consumer *member, struct group_partition *group, struct sim_ownership *ownership)
{
    struct kafka_partition *partition = mem_zalloc(sizeof *partition);
    *partition = (struct kafka_partition){
        .consumer = member,
        .loop = member->loop,
        .log = group->log,
        .group = group,
        .ownership = ownership,
        .position = -1,
        .offering = -1,
        .committed = -1,
        .refs = 1,
        .next = member->partitions,
    };
    watermark_init(&partition->mark);
    member->partitions = partition;
    partition->progress = sim_at(member->loop, sim_now() + sim_exp(20 * MS), assigned, partition);
    return partition;
}

/* --- The client -------------------------------------------------------------------------------- */

struct kafka_consumer *kafka_consumer_new(struct loop *loop, const struct kafka_options *kafka,
    const struct kafka_consumer_options *options, const struct kafka_consumer_callbacks *callbacks,
    void *arg, const char *name, struct error *error)
{
    (void)kafka, (void)name, (void)error;
    struct kafka_consumer *consumer = mem_zalloc(sizeof *consumer);
    consumer->loop = loop;
    consumer->options = *options;
    consumer->callbacks = *callbacks;
    consumer->arg = arg;
    consumer->confirmed_at = -1;
    consumer->commit_timer = loop_timer_new(loop, fake_commit_due, consumer);
    consumer->next = consumers;
    consumers = consumer;
    return consumer;
}

static void free_topics(struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->topic_count; i++)
        free(consumer->topics[i]);
    free(consumer->topics);
    consumer->topics = NULL;
    consumer->topic_count = 0;
}

bool kafka_consumer_subscribe(
    struct kafka_consumer *consumer, const char *const *topics, size_t count, struct error *error)
{
    (void)error;
    free_topics(consumer);
    consumer->topics = mem_array(NULL, count + 1, sizeof *consumer->topics);
    for (size_t i = 0; i < count; i++)
        consumer->topics[consumer->topic_count++] = mem_strdup(topics[i]);
    if (!consumer->expelled)
        join_soon(consumer);
    return true;
}

void kafka_consumer_close(struct kafka_consumer *consumer)
{
    if (consumer->closing)
        return;
    consumer->closing = true;
    for (struct kafka_partition *each = consumer->partitions; each; each = each->next)
        member_revoke(each);
    closed_if_empty(consumer);
}

void kafka_consumer_free(struct kafka_consumer *consumer)
{
    if (!consumer)
        return;
    if (sim_loop_dead(consumer->loop))
        group_died(consumer, process_session_left(consumer->loop));
    else
        group_leave(consumer);
    while (consumer->partitions)
        lose(consumer->partitions);
    struct kafka_consumer **at = &consumers;
    while (*at != consumer)
        at = &(*at)->next;
    *at = consumer->next;
    sim_cancel(consumer->join);
    sim_cancel(consumer->learn);
    sim_cancel(consumer->confirm);
    sim_cancel(consumer->close);
    loop_timer_free(consumer->commit_timer);
    free_topics(consumer);
    free(consumer);
}
