/* SPDX-License-Identifier: Apache-2.0 */
/* One event on its way into delivery topics. */
#include "bridge/fanout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "producers/dead_letter.h"
#include "producers/delivery_record.h"

#define SEND_AGAIN_MS 1000
#define LOG_REPEAT_MS 10000

/* The record of one subscription, or, without one, the event's own dead letter. */
struct branch {
    struct fanout *fanout;
    struct subscription *subscription; /* a reference; NULL: the dead letter of the event itself */
    char id[DELIVERY_ID_SIZE];
    int32_t partition; /* -1: the tenant has no topic */
    struct mono_time sent;
    bool sent_to_dead_letters;
    bool cut;           /* even the dead letter was too large: only the value's beginning is kept */
    struct error fault; /* why it is a dead letter */
    struct dead_letter_encoded letter;
    struct loop_timer *timer; /* until it is sent again */
};

struct fanout {
    struct fanout_context context;
    struct record *record; /* a copy: the values of all branches are borrowed from it */
    char tenant[EVENT_TENANT_MAX + 1];
    char type[EVENT_TYPE_MAX + 1];
    char order_key[EVENT_ORDER_KEY_MAX + 1];
    char source[320];
    char *topic;
    bool denied;
    int64_t registry;
    struct wall_time accepted;
    enum dead_letter_reason refusal; /* of the event's own dead letter */
    struct branch *branches;
    size_t branch_count, open;
    fanout_done *done; /* NULL: nobody waits */
    void *arg;
};

static struct metric created = METRIC_COUNTER(
    "hookline_deliveries_created_total", "Deliveries written to the tenants' topics.", NULL, NULL);
static struct metric filtered = METRIC_COUNTER("hookline_deliveries_filtered_total",
    "Deliveries not made because the subscription's filter does not match the event.", NULL, NULL);
static struct metric dead = METRIC_COUNTER("hookline_bridge_dead_letters_total",
    "Dead letters that the bridge wrote, by reason: bad input, and topics that can't be written.",
    "reason", dead_letter_reasons);
static struct metric sent_again = METRIC_COUNTER("hookline_bridge_resends_total",
    "Records that Kafka did not take at first and that were sent again.", NULL, NULL);

void fanout_metrics_register(void)
{
    metric_register(&created);
    metric_register(&filtered);
    metric_register(&dead);
    metric_register(&sent_again);
}

static void send_branch(struct branch *branch);

static void branch_release(struct branch *branch)
{
    subscription_unref(branch->subscription);
    dead_letter_encoded_release(&branch->letter);
    loop_timer_free(branch->timer);
}

static void fanout_free(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->branch_count; i++)
        branch_release(&fanout->branches[i]);
    free(fanout->branches);
    free(fanout->record);
    free(fanout->topic);
    free(fanout);
}

static void close_branch(struct branch *branch)
{
    struct fanout *fanout = branch->fanout;
    if (--fanout->open > 0)
        return;
    if (fanout->done)
        fanout->done(fanout->arg, fanout->record->offset);
    fanout_free(fanout);
}

static void send_due(void *arg)
{
    struct branch *branch = arg;
    loop_timer_free(branch->timer);
    branch->timer = NULL;
    --*branch->fanout->context.waiting;
    send_branch(branch);
}

/* A pause, so that a broker that refuses at once is not asked without end. */
static void send_later(struct branch *branch, const struct error *error)
{
    static struct log_limit limit;
    metric_add(&sent_again, 0, 1);
    if (log_limit_pass(&limit, LOG_REPEAT_MS, NULL))
        log_warn("record not taken by Kafka, it is sent again",
            LOG_STR("source", branch->fanout->source), LOG_ERR(error));
    branch->timer = loop_timer_new(branch->fanout->context.loop, send_due, branch);
    loop_timer_start(branch->timer, SEND_AGAIN_MS, 0);
    ++*branch->fanout->context.waiting;
}

/* Its topic cannot be written although Kafka is there: another record was acknowledged since it was
 * sent. While nothing is acknowledged at all, Kafka is away, and no delivery is at fault for that. */
static bool is_unroutable(const struct branch *branch, const struct error *error)
{
    return error->kind == ERROR_PERMANENT ||
           mono_before(branch->sent, kafka_producer_last_ack(branch->fanout->context.producer));
}

static void produced(void *arg, const struct kafka_receipt *receipt)
{
    struct branch *branch = arg;
    if (!receipt->error) {
        if (branch->sent_to_dead_letters)
            metric_add(&dead, branch->subscription ? DEAD_UNROUTABLE : branch->fanout->refusal, 1);
        else
            metric_add(&created, 0, 1);
        close_branch(branch);
        return;
    }
    if (!branch->fanout->done) {
        close_branch(branch); /* the partition is somebody else's now, and the event with it */
        return;
    }
    if (branch->sent_to_dead_letters) {
        branch->cut |= receipt->too_large;
    } else if (is_unroutable(branch, receipt->error)) {
        branch->fault = *receipt->error;
        send_branch(branch); /* now as a dead letter */
        return;
    }
    send_later(branch, receipt->error);
}

static void encode_delivery(const struct branch *branch, struct delivery_encoded *out)
{
    const struct fanout *fanout = branch->fanout;
    struct delivery_record delivery = {
        .id = branch->id,
        .tenant = fanout->tenant,
        .subscription = branch->subscription->id,
        .event = fanout->type,
        .event_at = {fanout->record->timestamp_ms},
        .order_key = fanout->order_key[0] ? fanout->order_key : NULL,
        .source = fanout->source,
        .accepted_at = fanout->accepted,
        .registry = fanout->registry,
        .redact = fanout->denied,
        .first_attempt_at = {-1},
        .passed = fanout->record->headers,
        .passed_count = fanout->record->header_count,
        .body = fanout->record->value,
    };
    delivery_encode(&delivery, out);
    out->record.topic = fanout->topic;
    out->record.partition = branch->partition;
    out->record.timestamp_ms = -1;
}

/* The record to send now: the delivery, or a dead letter of it, or that of the event. */
static const struct record *branch_record(struct branch *branch, struct delivery_encoded *delivery)
{
    struct fanout *fanout = branch->fanout;
    struct dead_letter letter = {
        .reason = branch->subscription ? DEAD_UNROUTABLE : fanout->refusal,
        .detail = branch->fault.text,
        .first_attempt_at = {-1},
        .last_attempt_at = {-1},
        .dead_at = wall_now(),
        .failed = fanout->record,
        .from_event = !branch->subscription,
        .tenant = fanout->tenant[0] ? fanout->tenant : NULL,
        .event = fanout->type[0] ? fanout->type : NULL,
    };
    if (branch->subscription) {
        encode_delivery(branch, delivery);
        if (!error_is_set(&branch->fault))
            return &delivery->record;
        letter.failed = &delivery->record;
    }
    struct record cut = *letter.failed;
    if (branch->cut && cut.value.len > DEAD_LETTER_LARGE_KEPT) {
        cut.value.len = DEAD_LETTER_LARGE_KEPT;
        letter.failed = &cut;
    }
    branch->sent_to_dead_letters = true;
    dead_letter_encoded_release(&branch->letter);
    memset(&branch->letter, 0, sizeof branch->letter);
    dead_letter_encode(&letter, &branch->letter);
    branch->letter.record.topic = fanout->context.dead_letters;
    branch->letter.record.partition = KAFKA_ANY_PARTITION;
    branch->letter.record.timestamp_ms = -1;
    return &branch->letter.record;
}

static void send_branch(struct branch *branch)
{
    struct delivery_encoded delivery;
    struct error error = ERROR_INIT;
    const struct record *record = branch_record(branch, &delivery);
    branch->sent = mono_now();
    if (kafka_producer_send(
            branch->fanout->context.producer, record, true, produced, branch, &error))
        return;
    if (error.kind == ERROR_PERMANENT && !branch->sent_to_dead_letters)
        branch->fault = error;
    send_later(branch, &error);
}

static struct fanout *new_fanout(const struct fanout_context *context, const struct record *record,
    const char *tenant, fanout_done *done, void *arg)
{
    struct fanout *fanout = mem_zalloc(sizeof *fanout);
    fanout->context = *context;
    fanout->record = record_copy(record);
    fanout->accepted = wall_now();
    fanout->registry = store_offset(context->store);
    fanout->done = done;
    fanout->arg = arg;
    snprintf(fanout->tenant, sizeof fanout->tenant, "%s", tenant);
    snprintf(fanout->source, sizeof fanout->source, "%s/%" PRId32 "/%" PRId64, record->topic,
        record->partition, record->offset);
    if (fanout->record->timestamp_ms < 0) /* an old producer: counted from its acceptance */
        fanout->record->timestamp_ms = fanout->accepted.ms;
    return fanout;
}

static void init_branch(struct branch *branch, struct fanout *fanout, const struct record *record,
    struct subscription *subscription, int32_t partitions)
{
    *branch = (struct branch){.fanout = fanout, .partition = -1};
    branch->subscription = subscription_ref(subscription);
    delivery_id(fanout->context.hash, record, fanout->tenant, subscription->id, branch->id);
    if (partitions > 0) {
        branch->partition =
            kafka_partition_of(subscription->key, strlen(subscription->key), partitions);
    } else {
        error_set(&branch->fault, ERROR_PERMANENT,
            "tenant %s has no record in the registry, so no delivery topic", fanout->tenant);
    }
}

/* Sends all; the last receipt may not come before this returns. */
static void send_all(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->branch_count; i++)
        send_branch(&fanout->branches[i]);
}

/* What is wrong with an endpoint is not sent to that endpoint: it would only wait there. */
static bool is_about(const struct subscription *subscription, const char *about)
{
    return about && strcmp(subscription->id, about) == 0;
}

/* The index of the first one from `from` on whose filter the event passes; their count if none. */
static size_t next_match(
    const struct store_wanting *wanting, const struct event *event, const char *about, size_t from)
{
    for (; from < wanting->count; from++) {
        const struct pattern *filter = wanting->subscriptions[from]->filter;
        if (is_about(wanting->subscriptions[from], about))
            continue;
        if (!filter || pattern_matches(filter, event->body, event->type))
            break;
        metric_add(&filtered, 0, 1);
    }
    return from;
}

struct fanout *fanout_event(const struct fanout_context *context, const struct record *record,
    const struct event *event, const char *about, fanout_done *done, void *arg)
{
    const struct store_tenant *tenant = store_tenant(context->store, event->tenant);
    struct store_wanting wanting = {NULL, 0};
    if (tenant)
        wanting = store_wanting(tenant, event->type);
    size_t match = next_match(&wanting, event, about, 0);
    if (match == wanting.count)
        return NULL;

    struct fanout *fanout = new_fanout(context, record, event->tenant, done, arg);
    snprintf(fanout->type, sizeof fanout->type, "%s", event->type);
    snprintf(fanout->order_key, sizeof fanout->order_key, "%s", event->order_key);
    fanout->topic = topic_deliveries(context->topics, event->tenant);
    fanout->denied = event->denied;
    fanout->branches = mem_array(NULL, wanting.count, sizeof *fanout->branches);
    for (; match < wanting.count; match = next_match(&wanting, event, about, match + 1))
        init_branch(&fanout->branches[fanout->branch_count++], fanout, record,
            wanting.subscriptions[match], tenant->partitions);
    fanout->open = fanout->branch_count;
    send_all(fanout);
    return fanout;
}

static enum dead_letter_reason reason_of(enum event_fault fault)
{
    switch (fault) {
    case EVENT_TOO_LARGE:
        return DEAD_EVENT_TOO_LARGE;
    case EVENT_TENANT_UNRESOLVED:
        return DEAD_TENANT_UNRESOLVED;
    default:
        return DEAD_INVALID_EVENT;
    }
}

struct fanout *fanout_refused(const struct fanout_context *context, const struct record *record,
    const struct event_refusal *refusal, fanout_done *done, void *arg)
{
    struct fanout *fanout = new_fanout(context, record, refusal->tenant, done, arg);
    fanout->refusal = reason_of(refusal->fault);
    fanout->branches = mem_zalloc(sizeof *fanout->branches);
    fanout->branches[0] = (struct branch){.fanout = fanout, .fault = refusal->error};
    fanout->branch_count = fanout->open = 1;
    send_all(fanout);
    return fanout;
}

void fanout_abandon(struct fanout *fanout)
{
    size_t waiting = 0;
    fanout->done = NULL;
    for (size_t i = 0; i < fanout->branch_count; i++) {
        waiting += fanout->branches[i].timer != NULL;
        loop_timer_free(fanout->branches[i].timer);
        fanout->branches[i].timer = NULL;
    }
    *fanout->context.waiting -= (int64_t)waiting;
    fanout->open -= waiting;
    if (!fanout->open) /* else the last receipt frees it */
        fanout_free(fanout);
}
