/* SPDX-License-Identifier: Apache-2.0 */
/* Commits, one at a time: how far each partition is, and for a fenced consumer its epoch and what is
 * done above. */
#include <stdlib.h>

#include "common/memory.h"
#include "kafka/commit_note.h"
#include "kafka/consumer_internal.h"

/* A note with few ranges goes with every commit interval; one with many, while the offset does not move,
 * less often: it costs the coordinator a write of that size. */
#define NOTE_IS_LONG        256 /* bytes */
#define NOTE_INTERVAL_MS    1000
#define CONFIRM_RETRY_MS    200
#define CONFIRM_DEADLINE_MS 10000

static bool is_due(const struct kafka_partition *partition, bool all)
{
    const struct kafka_consumer *consumer = partition->consumer;
    if (partition->takeover != TAKEOVER_OWNED)
        return partition->takeover == TAKEOVER_TO_COMMIT && partition->active &&
               consumer->rebalance == REBALANCE_NONE;
    int64_t low = watermark_low(&partition->mark);
    if (low < 0)
        return false;
    if (low != partition->committed || consumer->confirm == CONFIRM_WANTED)
        return true;
    return consumer->fenced && partition->changes != partition->changes_committed &&
           (all || partition->note_size <= NOTE_IS_LONG ||
               mono_diff_ms(mono_now(), partition->sent_at) >= NOTE_INTERVAL_MS);
}

bool kafka_consumer_is_dirty(const struct kafka_consumer *consumer, bool all)
{
    for (size_t i = 0; i < consumer->partition_count; i++)
        if (is_due(consumer->partitions[i], all))
            return true;
    return false;
}

/* What the owners before had done and we have not come to yet is as good as what we have done. */
static void add_note(struct kafka_partition *partition, rd_kafka_topic_partition_t *item)
{
    struct ranges done = RANGES_INIT;
    struct buffer text = BUFFER_INIT;
    watermark_ranges(&partition->mark, &done);
    for (size_t i = 0; i < partition->loaded.count; i++)
        ranges_add(&done, partition->loaded.items[i].from, partition->loaded.items[i].to);
    ranges_drop_below(&done, item->offset);
    commit_note_print(partition->epoch, &done, item->offset, &text);
    item->metadata_size = partition->note_size = text.len;
    item->metadata = buffer_take(&text); /* freed with the list */
    ranges_release(&done);
}

static rd_kafka_topic_partition_list_t *what_is_due(struct kafka_consumer *consumer, bool all)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)consumer->partition_count + 1);
    for (size_t i = 0; i < consumer->partition_count; i++) {
        struct kafka_partition *partition = consumer->partitions[i];
        if (!is_due(partition, all))
            continue;
        rd_kafka_topic_partition_t *item =
            rd_kafka_topic_partition_list_add(list, partition->topic, partition->number);
        item->offset = watermark_low(&partition->mark);
        if (consumer->fenced)
            add_note(partition, item);
        if (partition->takeover == TAKEOVER_TO_COMMIT)
            partition->takeover = TAKEOVER_COMMITTING;
        partition->changes_sent = partition->changes;
        partition->sent_at = mono_now();
    }
    return list;
}

/* Errors that say that the group goes on without us, or soon will. */
static bool is_outside(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR__FATAL:
        return true;
    default:
        return false;
    }
}

static void confirm_answer(struct kafka_consumer *consumer, bool still_member)
{
    consumer->confirm = CONFIRM_NONE;
    loop_timer_stop(consumer->confirm_timer);
    if (consumer->callbacks.confirmed)
        consumer->callbacks.confirmed(consumer->arg, still_member);
}

static void confirm_retry(struct kafka_consumer *consumer)
{
    consumer->confirm = CONFIRM_WANTED;
    consumer->confirm_retry_at = mono_add_ms(mono_now(), CONFIRM_RETRY_MS);
    kafka_takeover_retry_later(consumer);
}

static void committed(rd_kafka_t *client, rd_kafka_resp_err_t code,
    rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)client;
    struct kafka_consumer *consumer = opaque;
    consumer->commit_running = false;
    for (int i = 0; offsets && i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *item = &offsets->elems[i];
        struct kafka_partition *partition =
            kafka_consumer_find(consumer, item->topic, item->partition);
        /* The answer to a commit of an assignment before says nothing of one that is new. */
        if (code || item->err || !partition ||
            (partition->takeover != TAKEOVER_OWNED && partition->takeover != TAKEOVER_COMMITTING))
            continue;
        partition->takeover = TAKEOVER_OWNED;
        partition->committed = item->offset;
        partition->changes_committed = partition->changes_sent;
    }
    if (code && code != RD_KAFKA_RESP_ERR__NO_OFFSET) {
        metric_add(&kafka_commit_failures, 0, 1);
        kafka_log_pass(&consumer->log, 4, "COMMIT", rd_kafka_err2str(code));
    }
    if (consumer->confirm == CONFIRM_SENT)
        consumer->confirm = CONFIRM_ANSWERED;
    kafka_takeover_commit_answered(consumer);
    kafka_rebalance_commit_answered(consumer, code);
    kafka_takeover_tell(consumer);
    /* Not where it only rebalances: then we are about to be asked. */
    if (is_outside(code) && code != RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS &&
        consumer->confirm == CONFIRM_NONE && consumer->callbacks.confirmed)
        consumer->callbacks.confirmed(consumer->arg, false);
    if (consumer->confirm == CONFIRM_ANSWERED) {
        /* We may have stood still since it was sent, for longer than the group waits for us. */
        bool fresh =
            2 * mono_diff_ms(mono_now(), consumer->confirm_sent_at) < consumer->session_timeout_ms;
        if (is_outside(code) || (!code && fresh))
            confirm_answer(consumer, !code);
        else
            confirm_retry(consumer);
    }
    kafka_takeover_step(consumer);
    kafka_confirm_step(consumer);
}

bool kafka_consumer_commit_begin(struct kafka_consumer *consumer, bool all)
{
    rd_kafka_topic_partition_list_t *list = what_is_due(consumer, all);
    bool begun = list->cnt > 0;
    if (begun) {
        consumer->commit_running = true;
        rd_kafka_resp_err_t code =
            rd_kafka_commit_queue(consumer->client, list, consumer->commits, committed, consumer);
        if (code) {
            begun = consumer->commit_running = false;
            kafka_log_pass(&consumer->log, 4, "COMMIT", rd_kafka_err2str(code));
            kafka_takeover_commit_answered(consumer);
        } else if (consumer->confirm == CONFIRM_WANTED) {
            consumer->confirm = CONFIRM_SENT;
            consumer->confirm_sent_at = mono_now();
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return begun;
}

static void commit(struct kafka_consumer *consumer, bool all)
{
    if (!consumer->commit_running && consumer->rebalance == REBALANCE_NONE)
        kafka_consumer_commit_begin(consumer, all);
}

void kafka_consumer_commit(struct kafka_consumer *consumer)
{
    commit(consumer, true);
}

void kafka_commit_due(void *arg)
{
    commit(arg, false);
}

void kafka_consumer_confirm(struct kafka_consumer *consumer)
{
    if (consumer->confirm != CONFIRM_NONE)
        return; /* the answer to the one that is under way will do, if it is not too old then */
    consumer->confirm = CONFIRM_WANTED;
    loop_timer_start(consumer->confirm_timer, CONFIRM_DEADLINE_MS, 0);
    loop_wakeup_send(consumer->wakeup);
}

static bool owns_any(const struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i]->takeover == TAKEOVER_OWNED &&
            watermark_low(&consumer->partitions[i]->mark) >= 0)
            return true;
    return false;
}

/* During a revocation it waits for the commit that ends it, which is as good. */
void kafka_confirm_step(struct kafka_consumer *consumer)
{
    if (consumer->confirm != CONFIRM_WANTED || consumer->commit_running ||
        consumer->rebalance != REBALANCE_NONE ||
        mono_before(mono_now(), consumer->confirm_retry_at))
        return;
    if (!owns_any(consumer))
        confirm_answer(consumer, true);
    else if (!kafka_consumer_commit_begin(consumer, true))
        confirm_retry(consumer);
}

void kafka_confirm_lost(struct kafka_consumer *consumer)
{
    if (consumer->confirm != CONFIRM_NONE)
        confirm_answer(consumer, false);
}

void kafka_confirm_deadline(void *arg)
{
    struct kafka_consumer *consumer = arg;
    if (consumer->rebalance == REBALANCE_SETTLING) /* for as long as the role likes */
        loop_timer_start(consumer->confirm_timer, CONFIRM_DEADLINE_MS, 0);
    else
        confirm_answer(consumer, false);
}
