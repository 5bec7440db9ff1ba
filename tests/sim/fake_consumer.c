/* SPDX-License-Identifier: Apache-2.0 */
/* kafka/consumer.h on the simulated group: offering records, what is done, commits. Assignments that
 * come and go are in fake_rebalance.c. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "fake_consumer.h"
#include "kafka/commit_note.h"

#define SERVE_MOST    32     /* records in one turn */
#define NOTE_INTERVAL SECOND /* between commits of nothing but ranges */

/* --- Offering records -------------------------------------------------------------------------- */

static void serve(void *arg);

static void serve_at(struct kafka_partition *partition, int64_t delay_us)
{
    if (partition->serve || partition->holding || !partition->started || !partition->active)
        return;
    if (partition->mark.next >= partition->log->count && !partition->held)
        return;
    partition->serve = sim_at(partition->consumer->loop, sim_now() + delay_us, serve, partition);
}

void fake_partition_more(void *arg)
{
    serve_at(arg, sim_exp(sim_chance(0.05) ? 500 * MS : 4 * MS));
}

/* Offers the record at `mark.next`, or the one that was held; false where it is to be held. */
static bool offer(struct kafka_partition *partition, const struct record *record)
{
    struct kafka_consumer *consumer = partition->consumer;
    if (!partition->held)
        watermark_take(&partition->mark, record->offset);
    partition->held = false;
    if (ranges_contain(&partition->prior, record->offset)) {
        kafka_partition_done(partition, record->offset);
        partition->position = record->offset + 1;
        return true;
    }
    partition->offering = record->offset;
    enum kafka_intake taken = consumer->callbacks.record(consumer->arg, partition, record);
    partition->offering = -1;
    if (taken == KAFKA_HOLD) {
        partition->held = partition->holding = true;
        sim_say("p%d: holds %s/%d at %lld", sim_loop_number(consumer->loop), partition->log->topic,
            (int)partition->log->number, (long long)record->offset);
        return false;
    }
    partition->position = record->offset + 1;
    return true;
}

static void serve(void *arg)
{
    struct kafka_partition *partition = arg;
    partition->serve = NULL;
    for (int64_t left = sim_between(1, SERVE_MOST); left > 0 && partition->active; left--) {
        int64_t offset = partition->mark.next - (partition->held ? 1 : 0);
        const struct record *record = sim_log_from(partition->log, offset);
        if (!record || !offer(partition, record))
            return;
    }
    serve_at(partition, sim_exp(MS / 2));
}

void kafka_partition_go(struct kafka_partition *partition)
{
    if (!partition->active || !partition->holding)
        return;
    partition->holding = false;
    serve_at(partition, 0);
}

void kafka_consumer_go(struct kafka_consumer *consumer)
{
    for (struct kafka_partition *each = consumer->partitions; each; each = each->next)
        kafka_partition_go(each);
}

void kafka_partition_start(struct kafka_partition *partition)
{
    if (partition->started || !partition->consumer)
        return;
    partition->started = true;
    sim_say("p%d: starts %s/%d", sim_loop_number(partition->consumer->loop), partition->log->topic,
        (int)partition->log->number);
    serve_at(partition, sim_exp(5 * MS));
}

bool handle_started(const struct kafka_partition *handle)
{
    return handle && handle->started && handle->active;
}

/* --- What is done ------------------------------------------------------------------------------ */

/* A timer that runs only while there is something to commit: days pass quickly here. */
static void commit_due_soon(struct kafka_consumer *consumer)
{
    if (!consumer->commit_armed)
        loop_timer_start(consumer->commit_timer, consumer->options.commit_interval_ms, 0);
    consumer->commit_armed = true;
}

void kafka_partition_done(struct kafka_partition *partition, int64_t offset)
{
    if (partition->consumer && watermark_done(&partition->mark, offset))
        commit_due_soon(partition->consumer);
}

void kafka_partition_covered(struct kafka_partition *partition, int64_t offset)
{
    if (partition->consumer && watermark_cover(&partition->mark, offset))
        commit_due_soon(partition->consumer);
}

void kafka_partition_tag(struct kafka_partition *partition, uint32_t tag)
{
    bug_on(partition->offering < 0);
    watermark_tag(&partition->mark, partition->offering, tag);
}

struct each {
    void (*fn)(void *arg, int64_t offset, uint32_t tag, bool done);
    void *arg;
    int64_t held; /* -1 = none */
};

static void each_taken(void *arg, int64_t offset, uint32_t tag, bool done)
{
    const struct each *each = arg;
    if (offset != each->held)
        each->fn(each->arg, offset, tag, done);
}

void kafka_partition_each(const struct kafka_partition *partition, int64_t from,
    void (*fn)(void *arg, int64_t offset, uint32_t tag, bool done), void *arg)
{
    struct each each = {fn, arg, partition->held ? partition->mark.next - 1 : -1};
    watermark_each(&partition->mark, from, each_taken, &each);
}

int64_t kafka_partition_epoch(const struct kafka_partition *partition)
{
    return partition->epoch;
}

int64_t kafka_partition_position(const struct kafka_partition *partition)
{
    return partition->position;
}

const struct ranges *kafka_partition_done_before(const struct kafka_partition *partition)
{
    return &partition->prior;
}

bool kafka_partition_was_done(const struct kafka_partition *partition, int64_t offset)
{
    return ranges_contain(&partition->prior, offset);
}

/* --- Commits ----------------------------------------------------------------------------------- */

/* A commit on its way to the broker and back. */
struct commit {
    struct kafka_partition *partition; /* a reference */
    struct sim_ownership *ownership;
    struct group_partition *group;
    int64_t offset;
    struct ranges ranges;
    struct buffer note; /* how they travel */
    bool accepted;
};

static void commit_free(void *arg)
{
    struct commit *commit = arg;
    kafka_partition_unref(commit->partition);
    ranges_release(&commit->ranges);
    buffer_release(&commit->note);
    free(commit);
}

static bool same_ranges(const struct ranges *a, const struct ranges *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

/* What would be committed now: the watermark, and all that is known to be done above it. */
static int64_t to_commit(const struct kafka_partition *partition, struct ranges *out)
{
    int64_t low = watermark_low(&partition->mark);
    if (!partition->consumer->options.fenced)
        return low;
    for (size_t i = 0; i < partition->prior.count; i++)
        ranges_add(out, partition->prior.items[i].from, partition->prior.items[i].to);
    watermark_ranges(&partition->mark, out);
    ranges_drop_below(out, low);
    return low;
}

static void commit_answered(void *arg)
{
    struct commit *commit = arg;
    struct kafka_partition *partition = commit->partition;
    struct kafka_consumer *consumer = member_of(partition->loop);
    if (consumer)
        consumer->commits--;
    partition->commit_running = false;
    if (partition->consumer) {
        if (!commit->accepted) {
            commit_due_soon(consumer);
            if (consumer->callbacks.confirmed)
                consumer->callbacks.confirmed(consumer->arg, false);
        }
        if (commit->accepted) {
            partition->committed = commit->offset;
            ranges_release(&partition->committed_ranges);
            partition->committed_ranges = commit->ranges;
            commit->ranges = (struct ranges)RANGES_INIT;
            consumer->confirmed_at = sim_now();
        }
        fake_commit_answered(partition, commit->accepted);
    }
    commit_free(commit);
}

static void commit_arrives(void *arg)
{
    struct commit *commit = arg;
    struct loop *loop = commit->partition->loop;
    commit->accepted =
        group_commit(commit->group, commit->ownership, commit->offset, &commit->note);
    sim_at_own(loop, sim_now() + sim_exp(3 * MS), commit_answered, commit, commit_free);
}

/* `all`: also if only the ranges have changed, and that a moment ago. */
static bool is_due(
    const struct kafka_partition *partition, int64_t low, const struct ranges *ranges, bool all)
{
    if (low < 0 || low != partition->committed)
        return low >= 0;
    if (same_ranges(ranges, &partition->committed_ranges))
        return false;
    if (!all && sim_now() - partition->sent_at < NOTE_INTERVAL)
        commit_due_soon(partition->consumer);
    return all || sim_now() - partition->sent_at >= NOTE_INTERVAL;
}

bool fake_commit(struct kafka_partition *partition, bool all)
{
    struct ranges ranges = RANGES_INIT;
    int64_t low = to_commit(partition, &ranges);
    if (!is_due(partition, low, &ranges, all)) {
        ranges_release(&ranges);
        return false;
    }
    partition->sent_at = sim_now();
    struct commit *commit = mem_zalloc(sizeof *commit);
    *commit = (struct commit){
        .partition = kafka_partition_ref(partition),
        .ownership = partition->ownership,
        .group = group_find(partition->log),
        .offset = low,
        .ranges = ranges,
        .note = BUFFER_INIT,
    };
    commit_note_print(partition->epoch, &ranges, low, &commit->note);
    partition->ranges_left_out = commit->note.len > COMMIT_NOTE_BYTES - 16;
    partition->consumer->commits++;
    partition->commit_running = true;
    sim_at_own(NULL, sim_now() + sim_exp(3 * MS), commit_arrives, commit, commit_free);
    return true;
}

static void commit(struct kafka_consumer *consumer, bool all)
{
    if (consumer->commits > 0 || sim_loop_dead(consumer->loop))
        return;
    for (struct kafka_partition *each = consumer->partitions; each; each = each->next)
        if (each->state == PARTITION_ACTIVE)
            fake_commit(each, all);
}

void kafka_consumer_commit(struct kafka_consumer *consumer)
{
    commit(consumer, true);
}

void fake_commit_due(void *arg)
{
    struct kafka_consumer *consumer = arg;
    consumer->commit_armed = false;
    if (consumer->commits > 0)
        commit_due_soon(consumer);
    commit(consumer, false);
}

/* --- Being a member ---------------------------------------------------------------------------- */

void fake_confirm_answer(struct kafka_consumer *consumer, bool member)
{
    sim_cancel(consumer->confirm);
    consumer->confirm = NULL;
    if (member)
        consumer->confirmed_at = sim_now();
    sim_say("p%d: confirmed: %s", sim_loop_number(consumer->loop), member ? "member" : "not");
    if (consumer->callbacks.confirmed)
        consumer->callbacks.confirmed(consumer->arg, member);
}

static void confirm_answered(void *arg)
{
    struct kafka_consumer *consumer = arg;
    consumer->confirm = NULL;
    fake_confirm_answer(consumer, consumer->confirm_result);
}

static void confirm_arrives(void *arg)
{
    struct kafka_consumer *consumer = arg;
    consumer->confirm_result = consumer->member && !consumer->expelled;
    consumer->confirm =
        sim_at(consumer->loop, sim_now() + sim_exp(5 * MS), confirm_answered, consumer);
}

void kafka_consumer_confirm(struct kafka_consumer *consumer)
{
    if (!consumer->confirm && !sim_loop_dead(consumer->loop))
        consumer->confirm = sim_at(NULL, sim_now() + sim_exp(5 * MS), confirm_arrives, consumer);
}

int64_t member_confirmed_at(const struct loop *loop)
{
    const struct kafka_consumer *consumer = member_of(loop);
    return consumer ? consumer->confirmed_at : -1;
}

bool kafka_consumer_joined(const struct kafka_consumer *consumer)
{
    return consumer->joined;
}

/* --- Handles ----------------------------------------------------------------------------------- */

bool kafka_partition_active(const struct kafka_partition *partition)
{
    return partition->active;
}

const char *kafka_partition_topic(const struct kafka_partition *partition)
{
    return partition->log->topic;
}

int32_t kafka_partition_number(const struct kafka_partition *partition)
{
    return partition->log->number;
}

struct kafka_partition *kafka_partition_ref(struct kafka_partition *partition)
{
    partition->refs++;
    return partition;
}

void kafka_partition_unref(struct kafka_partition *partition)
{
    if (!partition || --partition->refs > 0)
        return;
    bug_on(partition->consumer);
    watermark_release(&partition->mark);
    ranges_release(&partition->prior);
    ranges_release(&partition->committed_ranges);
    free(partition);
}

void kafka_partition_set_data(struct kafka_partition *partition, void *data)
{
    partition->data = data;
}

void *kafka_partition_data(const struct kafka_partition *partition)
{
    return partition->data;
}
