/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions that come and go. A revocation is answered late, on purpose: the callback returns, the
 * role settles what is under way, the low watermarks are committed, and only then is the assignment
 * given up. Whoever gets the partition next then repeats nothing. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "kafka/consumer_internal.h"

/* However slow the role is: well before the broker would throw us out (max.poll.interval.ms). */
#define SETTLE_DEADLINE_MS 240000
#define COMMIT_DEADLINE_MS 5000
#define COMMIT_RETRIES     3
/* A commit that comes while the group shares its partitions out is refused, and when all members have heard of that,
 * with their next heartbeat, it is not. Where all give everything back first, the group may be waiting for us. */
#define COMMIT_RETRY_MS             100
#define COMMIT_RETRY_COOPERATIVE_MS 10000
#define COMMIT_RETRY_EAGER_MS       1000

static const char *const event_names[] = {"assigned", "revoked", "lost", NULL};
enum { EVENT_ASSIGNED, EVENT_REVOKED, EVENT_LOST };

struct metric kafka_rebalances = METRIC_COUNTER(
    "hookline_kafka_rebalances_total", "Rebalances of our consumer groups.", "event", event_names);
struct metric kafka_commit_failures = METRIC_COUNTER(
    "hookline_kafka_commit_failures_total", "Offset commits that failed.", NULL, NULL);
struct metric kafka_produce_failures = METRIC_COUNTER(
    "hookline_kafka_produce_failures_total", "Records that Kafka did not acknowledge.", NULL, NULL);
struct metric kafka_records_overtaken = METRIC_COUNTER("hookline_records_overtaken_total",
    "Records that retention deleted before the consumer group had read them.", NULL, NULL);

void kafka_register_metrics(void)
{
    metric_register(&kafka_rebalances);
    metric_register(&kafka_commit_failures);
    metric_register(&kafka_produce_failures);
    metric_register(&kafka_records_overtaken);
    kafka_consumer_metrics_register();
}

bool kafka_consumer_is_cooperative(const struct kafka_consumer *consumer)
{
    const char *protocol = rd_kafka_rebalance_protocol(consumer->client);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

struct kafka_partition *kafka_consumer_find(
    const struct kafka_consumer *consumer, const char *topic, int32_t number)
{
    for (size_t i = 0; i < consumer->partition_count; i++) {
        struct kafka_partition *partition = consumer->partitions[i];
        if (partition->number == number && strcmp(partition->topic, topic) == 0)
            return partition;
    }
    return NULL;
}

static void partition_woken(rd_kafka_t *client, void *opaque)
{
    (void)client;
    struct kafka_partition *partition = opaque;
    atomic_store(&partition->ready, true);
    loop_wakeup_send(partition->consumer->wakeup);
}

static struct kafka_partition *add_partition(
    struct kafka_consumer *consumer, const char *topic, int32_t number)
{
    struct kafka_partition *partition = mem_zalloc(sizeof *partition);
    partition->consumer = consumer;
    partition->topic = mem_strdup(topic);
    partition->number = number;
    partition->active = true;
    partition->committed = partition->end = -1;
    partition->position = -1;
    partition->first = -1;
    partition->to_tell = consumer->fenced;
    partition->takeover = consumer->fenced ? TAKEOVER_TO_READ : TAKEOVER_OWNED;
    partition->started = !consumer->fenced;
    partition->refs = 1;
    /* What was fetched for an assignment before and never taken still lies in the queue, outdated.
     * As long as it does the queue is not empty, so it would not say that there is more. */
    atomic_store(&partition->ready, true);
    watermark_init(&partition->mark);
    partition->queue = rd_kafka_queue_get_partition(consumer->client, topic, number);
    bug_on(!partition->queue);
    rd_kafka_queue_forward(partition->queue, NULL);
    rd_kafka_queue_cb_event_enable(partition->queue, partition_woken, partition);
    if (consumer->partition_count == consumer->partition_cap) {
        consumer->partition_cap = consumer->partition_cap ? 2 * consumer->partition_cap : 16;
        consumer->partitions = mem_array(
            consumer->partitions, consumer->partition_cap, sizeof(struct kafka_partition *));
    }
    consumer->partitions[consumer->partition_count++] = partition;
    return partition;
}

static void remove_partition(struct kafka_consumer *consumer, struct kafka_partition *partition)
{
    for (size_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i] == partition) {
            consumer->partitions[i] = consumer->partitions[--consumer->partition_count];
            break;
        }
    rd_kafka_queue_cb_event_enable(partition->queue, NULL, NULL);
    if (partition->held)
        rd_kafka_message_destroy(partition->held);
    rd_kafka_queue_destroy(partition->queue);
    partition->queue = NULL;
    partition->held = NULL;
    partition->active = false;
    partition->consumer = NULL;
    kafka_partition_unref(partition);
}

static void check(struct kafka_consumer *consumer, rd_kafka_error_t *failed)
{
    if (!failed)
        return;
    kafka_log_pass(&consumer->log, 4, "ASSIGN", rd_kafka_error_string(failed));
    rd_kafka_error_destroy(failed);
}

static void assign(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    consumer->joined = true;
    metric_add(&kafka_rebalances, EVENT_ASSIGNED, 1);
    log_info("partitions assigned", LOG_STR("consumer", consumer->name),
        LOG_INT("partitions", list->cnt));
    size_t first = consumer->partition_count;
    for (int i = 0; i < list->cnt; i++)
        add_partition(consumer, list->elems[i].topic, list->elems[i].partition);
    if (kafka_consumer_is_cooperative(consumer))
        check(consumer, rd_kafka_incremental_assign(consumer->client, list));
    else
        rd_kafka_assign(consumer->client, list);
    if (consumer->closing) {
        for (size_t i = first; i < consumer->partition_count; i++)
            consumer->partitions[i]->active = false;
        return; /* they are given back as they came */
    }
    if (consumer->fenced) {
        kafka_takeover_step(consumer);
        return;
    }
    for (size_t i = first; i < consumer->partition_count; i++) {
        consumer->partitions[i]->told = true;
        if (consumer->callbacks.assigned)
            consumer->callbacks.assigned(consumer->arg, consumer->partitions[i]);
    }
}

/* Takes the list. */
static void answer_revocation(
    struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    if (kafka_consumer_is_cooperative(consumer))
        check(consumer, rd_kafka_incremental_unassign(consumer->client, list));
    else
        rd_kafka_assign(consumer->client, NULL);
    rd_kafka_topic_partition_list_destroy(list);
}

static void unassign(struct kafka_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = consumer->revoking;
    consumer->revoking = NULL;
    consumer->rebalance = REBALANCE_NONE;
    loop_timer_stop(consumer->rebalance_timer);
    if (!list) { /* nobody asked: we are about to leave */
        consumer->left = true;
        kafka_consumer_close_begin(consumer);
        return;
    }
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_partition *partition =
            kafka_consumer_find(consumer, list->elems[i].topic, list->elems[i].partition);
        if (partition)
            remove_partition(consumer, partition);
    }
    answer_revocation(consumer, list);
    /* Only now: the answer is a call that waits for the library's main thread, and one that has begun
     * to close may never look at it. The price is that the member may first join once more. */
    if (consumer->closing && !consumer->closing_queue)
        kafka_rebalance_leave(consumer);
    kafka_takeover_step(consumer);
    loop_wakeup_send(consumer->wakeup); /* the next rebalance event may be waiting */
}

static void commit_then_unassign(struct kafka_consumer *consumer)
{
    bool eager = !kafka_consumer_is_cooperative(consumer);
    consumer->rebalance = REBALANCE_COMMITTING;
    consumer->commit_until =
        mono_add_ms(mono_now(), eager ? COMMIT_RETRY_EAGER_MS : COMMIT_RETRY_COOPERATIVE_MS);
    loop_timer_start(consumer->rebalance_timer, COMMIT_DEADLINE_MS, 0);
    /* One that is under way answers first; its answer comes back here. */
    if (!consumer->commit_running && !kafka_consumer_commit_begin(consumer, true))
        unassign(consumer);
}

void kafka_rebalance_commit_answered(struct kafka_consumer *consumer, rd_kafka_resp_err_t code)
{
    if (consumer->rebalance != REBALANCE_COMMITTING)
        return;
    bool refused_for_now = code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
                           code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    if (!kafka_consumer_is_dirty(consumer, true))
        unassign(consumer);
    else if (refused_for_now && mono_before(mono_now(), consumer->commit_until))
        loop_timer_start(consumer->rebalance_timer, COMMIT_RETRY_MS, 0);
    else if (refused_for_now || consumer->commit_retries-- <= 0 ||
             !kafka_consumer_commit_begin(consumer, true))
        unassign(consumer);
}

static void commit_again(struct kafka_consumer *consumer)
{
    loop_timer_start(consumer->rebalance_timer, COMMIT_DEADLINE_MS, 0);
    if (!kafka_consumer_commit_begin(consumer, true))
        unassign(consumer);
}

void kafka_rebalance_deadline(void *arg)
{
    struct kafka_consumer *consumer = arg;
    if (consumer->rebalance == REBALANCE_SETTLING) {
        log_warn("partitions given back before their work was settled",
            LOG_STR("consumer", consumer->name));
        commit_then_unassign(consumer);
    } else if (consumer->rebalance == REBALANCE_COMMITTING && !consumer->commit_running) {
        commit_again(consumer);
    } else if (consumer->rebalance == REBALANCE_COMMITTING) {
        log_warn("partitions given back without a commit: their work will be repeated",
            LOG_STR("consumer", consumer->name));
        unassign(consumer);
    }
}

static bool all_settled(const struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i]->settling)
            return false;
    return true;
}

void kafka_partition_settled(struct kafka_partition *partition)
{
    struct kafka_consumer *consumer = partition->consumer;
    if (!consumer || !partition->settling)
        return;
    partition->settling = partition->told = false;
    /* While the roles are still being asked, revoke() itself looks when it is through. */
    if (consumer->rebalance == REBALANCE_SETTLING && !consumer->asking && all_settled(consumer))
        commit_then_unassign(consumer);
}

static void ask_partition(
    struct kafka_consumer *consumer, struct kafka_partition *partition, bool lost)
{
    partition->active = false;
    if (!partition->told || (partition->settling && !lost))
        return; /* its take-over is given up; it was asked before */
    partition->settling = true;
    if (consumer->callbacks.revoked)
        consumer->callbacks.revoked(consumer->arg, partition, lost);
    else
        partition->settling = partition->told = false;
}

static void ask_to_settle(struct kafka_consumer *consumer, bool lost)
{
    consumer->asking = true;
    for (int i = 0; i < consumer->revoking->cnt; i++) {
        const rd_kafka_topic_partition_t *item = &consumer->revoking->elems[i];
        struct kafka_partition *partition =
            kafka_consumer_find(consumer, item->topic, item->partition);
        if (!partition)
            continue;
        ask_partition(consumer, partition, lost);
    }
    consumer->asking = false;
}

/* Before a member begins to leave it gives everything back on its own: the library, once it has begun to close, does
 * not take part in the group any more, and what is committed then is refused if the group is just about to share its
 * partitions out anew. */
void kafka_rebalance_leave(struct kafka_consumer *consumer)
{
    if (consumer->left || !consumer->partition_count) {
        kafka_consumer_close_begin(consumer);
        return;
    }
    consumer->rebalance = REBALANCE_SETTLING;
    consumer->commit_retries = COMMIT_RETRIES;
    loop_timer_start(consumer->rebalance_timer, SETTLE_DEADLINE_MS, 0);
    consumer->asking = true;
    for (size_t i = 0; i < consumer->partition_count; i++)
        ask_partition(consumer, consumer->partitions[i], false);
    consumer->asking = false;
    if (all_settled(consumer))
        commit_then_unassign(consumer);
}

static void revoke(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(consumer->client);
    metric_add(&kafka_rebalances, lost ? EVENT_LOST : EVENT_REVOKED, 1);
    log_at(lost ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, lost ? "partitions lost" : "partitions revoked",
        LOG_STR("consumer", consumer->name), LOG_INT("partitions", list->cnt));
    if (consumer->revoking) /* lost while it was being given back: it cannot be finished */
        unassign(consumer);
    consumer->revoking = rd_kafka_topic_partition_list_copy(list);
    consumer->rebalance = REBALANCE_SETTLING;
    consumer->commit_retries = COMMIT_RETRIES;
    ask_to_settle(consumer, lost);
    if (lost) { /* already somebody else's: a commit would be refused */
        unassign(consumer);
        kafka_confirm_lost(consumer);
    } else if (consumer->left) { /* that was done before */
        unassign(consumer);
    } else if (all_settled(consumer))
        commit_then_unassign(consumer);
    else
        loop_timer_start(consumer->rebalance_timer, SETTLE_DEADLINE_MS, 0);
}

void kafka_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
    rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_consumer *consumer = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(consumer, list);
    } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        revoke(consumer, list);
    } else {
        kafka_log_pass(&consumer->log, 3, "REBALANCE", rd_kafka_err2str(code));
        rd_kafka_assign(client, NULL);
    }
}

void kafka_rebalance_abandon(struct kafka_consumer *consumer)
{
    consumer->rebalance = REBALANCE_NONE;
    while (consumer->partition_count) {
        struct kafka_partition *partition = consumer->partitions[0];
        partition->active = false;
        if (consumer->callbacks.revoked && partition->told)
            consumer->callbacks.revoked(consumer->arg, partition, true);
        remove_partition(consumer, partition);
    }
    /* A close that has begun waits for the answer, and destroying the client for the close. */
    if (consumer->revoking)
        answer_revocation(consumer, consumer->revoking);
    consumer->revoking = NULL;
}
