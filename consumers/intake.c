/* SPDX-License-Identifier: Apache-2.0 */
/* From the partitions' records to deliveries in lanes, and back: offsets that are done. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "consumers/engine.h"
#include "consumers/policy/share.h"

/* How long held records wait before they are offered again without a sign that it helps. */
#define GO_INTERVAL_MS    50
#define SETTLE_REVOKED_MS 10000

static void unlink_delivery(struct delivery *delivery)
{
    struct engine *engine = delivery->engine;
    struct endpoint *endpoint = delivery->endpoint;
    attempt_cancel(delivery);
    outcome_abandon(delivery);
    delivery_set_state(delivery, DELIVERY_DONE);
    TAILQ_REMOVE(&engine->lists[DELIVERY_DONE], delivery, in_state);
    engine->counts[DELIVERY_DONE]--;
    TAILQ_REMOVE(&delivery->intake->deliveries, delivery, in_partition);
    engine->held--;
    engine->held_bytes -= (int64_t)delivery->bytes;
    if (!endpoint)
        return;
    endpoint->held--;
    endpoint->held_bytes -= (int64_t)delivery->bytes;
    lane_remove(delivery);
    scheduler_offer(endpoint);
    endpoint_release_idle(endpoint);
}

static void intake_free(struct intake *intake)
{
    TAILQ_REMOVE(&intake->engine->intakes, intake, link);
    kafka_partition_set_data(intake->partition, NULL);
    loop_timer_free(intake->deadline);
    kafka_partition_unref(intake->partition);
    free(intake);
}

/* The partition goes back once nothing of it is under way. */
static void settle_if_empty(struct intake *intake)
{
    if (!intake->settling || !TAILQ_EMPTY(&intake->deliveries))
        return;
    struct kafka_partition *partition = kafka_partition_ref(intake->partition);
    intake_free(intake);
    kafka_partition_settled(partition);
    kafka_partition_unref(partition);
}

void intake_done(struct delivery *delivery, bool resolved)
{
    struct intake *intake = delivery->intake;
    struct engine *engine = delivery->engine;
    int64_t offset = delivery->record ? delivery->record->offset : -1;
    unlink_delivery(delivery);
    loop_timer_free(delivery->timer);
    free(delivery->record);
    free(delivery);
    if (resolved)
        kafka_partition_done(intake->partition, offset);
    settle_if_empty(intake);
    intake_go(engine);
}

static void go_due(void *arg)
{
    struct engine *engine = arg;
    struct intake *intake;
    engine->go_armed = false;
    TAILQ_FOREACH(intake, &engine->intakes, link) {
        if (intake->held)
            kafka_partition_go(intake->partition);
        intake->held = false;
    }
}

struct loop_timer *intake_go_timer(struct engine *engine)
{
    return loop_timer_new(engine->deps.loop, go_due, engine);
}

void intake_go(struct engine *engine)
{
    struct intake *intake;
    bool waiting = false;
    TAILQ_FOREACH(intake, &engine->intakes, link)
        waiting |= intake->held;
    if (!waiting || engine->held >= engine->options.max_held / 4 * 3)
        return;
    loop_timer_start(engine->go_timer, 0, 0);
    engine->go_armed = true;
}

static enum kafka_intake hold(struct engine *engine, struct intake *intake)
{
    intake->held = true;
    if (!engine->go_armed)
        loop_timer_start(engine->go_timer, GO_INTERVAL_MS, 0);
    engine->go_armed = true;
    return KAFKA_HOLD;
}

static struct delivery *new_delivery(
    struct engine *engine, struct intake *intake, struct record *record)
{
    struct delivery *delivery = mem_zalloc(sizeof *delivery);
    delivery->engine = engine;
    delivery->intake = intake;
    delivery->record = record;
    delivery->bytes = sizeof *delivery + record_size(record);
    delivery->first_attempt_at.ms = delivery->last_attempt_at.ms = -1;
    delivery->state = DELIVERY_QUEUED;
    TAILQ_INSERT_TAIL(&engine->lists[DELIVERY_QUEUED], delivery, in_state);
    engine->counts[DELIVERY_QUEUED]++;
    TAILQ_INSERT_TAIL(&intake->deliveries, delivery, in_partition);
    engine->held++;
    engine->held_bytes += (int64_t)delivery->bytes;
    return delivery;
}

/* What the record says is kept by reference to the delivery's own copy of it. */
static void take_fields(struct delivery *delivery, const struct delivery_record *fields)
{
    const char *key = delivery->record->key.data; /* "<tenant>/<subscription>" if it is valid */
    delivery->id = fields->id;
    delivery->tenant = record_header_text(delivery->record, "hookline-tenant");
    delivery->subscription = key && strchr(key, '/') ? strchr(key, '/') + 1 : NULL;
    delivery->event = fields->event;
    delivery->order_key = fields->order_key;
    delivery->source = fields->source;
    delivery->event_at = fields->event_at;
    delivery->attempts = delivery->attempts_at_start = fields->attempts;
    delivery->first_attempt_at = fields->first_attempt_at;
}

static void take_dead(struct engine *engine, struct intake *intake, struct record *record,
    const struct delivery_record *fields, enum dead_letter_reason reason, const char *detail)
{
    struct delivery *delivery = new_delivery(engine, intake, record);
    take_fields(delivery, fields);
    outcome_dead(delivery, reason, detail, NULL);
}

static void take(struct engine *engine, struct intake *intake, struct record *record,
    const struct delivery_record *fields, struct subscription *subscription)
{
    struct delivery *delivery = new_delivery(engine, intake, record);
    struct endpoint *endpoint = endpoint_get(engine, subscription);
    take_fields(delivery, fields);
    delivery->endpoint = endpoint;
    endpoint->held++;
    endpoint->held_bytes += (int64_t)delivery->bytes;
    lane_add(endpoint, subscription->unordered ? NULL : delivery->order_key, delivery);
    scheduler_offer(endpoint);
}

static bool has_room(const struct engine *engine, const struct endpoint *endpoint, int64_t bytes)
{
    int64_t own = endpoint ? endpoint->held : 0;
    int64_t own_bytes = endpoint ? endpoint->held_bytes : 0;
    return share_allows(own, engine->held, engine->options.max_held, 1) &&
           share_allows(own_bytes, engine->held_bytes, engine->options.max_held_bytes, bytes);
}

enum kafka_intake intake_record(
    void *arg, struct kafka_partition *partition, const struct record *record)
{
    struct engine *engine = arg;
    struct intake *intake = kafka_partition_data(partition);
    struct delivery_decoded decoded;
    struct error error = ERROR_INIT;
    int64_t bytes = (int64_t)(sizeof(struct delivery) + record_size(record));

    /* Decoded from the library's record first, so that one that must wait costs no copy. */
    bool valid = delivery_decode(record, &decoded, &error);
    const struct delivery_record *fields = &decoded.delivery;
    struct endpoint *endpoint =
        valid ? endpoint_find(engine, fields->tenant, fields->subscription) : NULL;
    if (engine->stopping || !has_room(engine, endpoint, bytes))
        return hold(engine, intake);
    if (valid && fields->registry > store_offset(engine->deps.store))
        return hold(engine, intake); /* matched with a registry that we have not read yet */

    struct record *copy = record_copy(record);
    struct error again = ERROR_INIT;
    if (!delivery_decode(copy, &decoded, &again)) {
        take_dead(engine, intake, copy, fields,
            decoded.tenant_disagrees ? DEAD_TENANT_UNRESOLVED : DEAD_INVALID_EVENT, again.text);
        return KAFKA_TAKEN;
    }
    const char *topic_tenant = topic_deliveries_tenant(engine->deps.topics, record->topic);
    if (!topic_tenant || strcmp(topic_tenant, fields->tenant) != 0) {
        take_dead(engine, intake, copy, fields, DEAD_TENANT_UNRESOLVED,
            "the topic is not that of the delivery's tenant");
        return KAFKA_TAKEN;
    }
    struct subscription *subscription =
        store_find(engine->deps.store, fields->tenant, fields->subscription);
    struct endpoint_refusal refusal = endpoint_refusal(subscription);
    if (refusal.refused)
        take_dead(engine, intake, copy, fields, refusal.reason, refusal.detail);
    else
        take(engine, intake, copy, fields, subscription);
    return KAFKA_TAKEN;
}

void intake_assigned(void *arg, struct kafka_partition *partition)
{
    struct engine *engine = arg;
    struct intake *intake = mem_zalloc(sizeof *intake);
    intake->engine = engine;
    intake->partition = kafka_partition_ref(partition);
    TAILQ_INIT(&intake->deliveries);
    TAILQ_INSERT_TAIL(&engine->intakes, intake, link);
    kafka_partition_set_data(partition, intake);
}

/* Drops what is not under way, or with `all` everything. None of it is done: whoever gets the
 * partition next takes it again. */
static void drop(struct intake *intake, bool all)
{
    struct delivery *delivery, *next;
    bool settling = intake->settling;
    intake->settling = false; /* not from within the walk */
    for (delivery = TAILQ_FIRST(&intake->deliveries); delivery; delivery = next) {
        next = TAILQ_NEXT(delivery, in_partition);
        if (all || delivery->state == DELIVERY_QUEUED || delivery->state == DELIVERY_WAITING)
            intake_done(delivery, false);
    }
    intake->settling = settling;
}

static void deadline_over(void *arg)
{
    struct intake *intake = arg;
    log_warn("requests cancelled, they will be repeated",
        LOG_STR("topic", kafka_partition_topic(intake->partition)),
        LOG_INT("partition", kafka_partition_number(intake->partition)));
    drop(intake, true);
    settle_if_empty(intake);
}

void intake_revoked(void *arg, struct kafka_partition *partition, bool lost)
{
    struct engine *engine = arg;
    struct intake *intake = kafka_partition_data(partition);
    if (!intake)
        return; /* settled before it was lost */
    drop(intake, lost);
    intake->settling = true;
    if (!intake->deadline)
        intake->deadline = loop_timer_new(engine->deps.loop, deadline_over, intake);
    loop_timer_start(intake->deadline,
        engine->stopping ? engine->options.drain_timeout_ms : SETTLE_REVOKED_MS, 0);
    settle_if_empty(intake);
}

void intake_hurry(struct engine *engine)
{
    struct intake *intake, *next;
    for (intake = TAILQ_FIRST(&engine->intakes); intake; intake = next) {
        next = TAILQ_NEXT(intake, link);
        drop(intake, true);
        settle_if_empty(intake);
    }
}

void intake_subscription_changed(struct endpoint *endpoint, struct subscription *subscription)
{
    struct engine *engine = endpoint->engine;
    struct endpoint_refusal refusal = endpoint_refusal(subscription);
    if (!refusal.refused) {
        endpoint_get(engine, subscription);
        return;
    }
    /* What is in flight ends first (outcome.c); all else of it can't be attempted any more. The
     * endpoint outlives the walk: each dead letter still counts as held until it is acknowledged. */
    static const enum delivery_state waiting[] = {DELIVERY_QUEUED, DELIVERY_WAITING};
    for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++) {
        struct delivery *delivery = TAILQ_FIRST(&engine->lists[waiting[i]]), *next;
        for (; delivery; delivery = next) {
            next = TAILQ_NEXT(delivery, in_state);
            if (delivery->endpoint == endpoint)
                outcome_dead(delivery, refusal.reason, refusal.detail, NULL);
        }
    }
}
