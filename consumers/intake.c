/* SPDX-License-Identifier: Apache-2.0 */
/* From the partitions' records to deliveries in lanes, and back: offsets that are done. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "consumers/engine.h"
#include "consumers/policy/share.h"

/* How long held records wait before they are offered again without a sign that it helps. */
#define GO_INTERVAL_MS 20
/* An endpoint may hold up its partition for so long, and earns as much again within a second. */
#define HOLD_BUDGET_US 100000
#define ACTIVE_MS      5000
#define TO_COVER_MAX   10000

/* --- Deliveries that come and go --- */

void intake_leave_memory(struct delivery *delivery)
{
    struct engine *engine = delivery->engine;
    struct endpoint *endpoint = delivery->endpoint;
    loop_timer_free(delivery->timer);
    delivery->timer = NULL;
    TAILQ_REMOVE(&delivery->intake->deliveries, delivery, in_partition);
    engine->held--;
    engine->held_bytes -= (int64_t)delivery->bytes;
    if (!endpoint)
        return;
    TAILQ_REMOVE(&endpoint->deliveries, delivery, in_endpoint);
    endpoint->held--;
    endpoint->held_bytes -= (int64_t)delivery->bytes;
    endpoint->cramped = false;
    if (delivery->caught_up)
        endpoint->caught_up--;
    delivery->caught_up = false;
    if (endpoint->place == PLACE_BEHIND && !endpoint->hungry &&
        endpoint->held <= endpoint_feed_limit(endpoint) / 2) {
        endpoint->hungry = true;
        catchup_plan_soon(endpoint->intake);
    }
}

static void enter_memory(struct delivery *delivery, struct record *record)
{
    struct engine *engine = delivery->engine;
    struct endpoint *endpoint = delivery->endpoint;
    delivery->record = record;
    delivery->bytes = sizeof *delivery + record_size(record);
    TAILQ_INSERT_TAIL(&delivery->intake->deliveries, delivery, in_partition);
    engine->held++;
    engine->held_bytes += (int64_t)delivery->bytes;
    if (!endpoint)
        return;
    TAILQ_INSERT_TAIL(&endpoint->deliveries, delivery, in_endpoint);
    endpoint->held++;
    endpoint->held_bytes += (int64_t)delivery->bytes;
    if (delivery->offset > endpoint->highest)
        endpoint->highest = delivery->offset;
}

static struct delivery *new_delivery(
    struct engine *engine, struct intake *intake, struct endpoint *endpoint, struct record *record)
{
    struct delivery *delivery = mem_zalloc(sizeof *delivery);
    delivery->engine = engine;
    delivery->intake = intake;
    delivery->endpoint = endpoint;
    delivery->offset = record->offset;
    delivery->first_attempt_at.ms = delivery->last_attempt_at.ms = -1;
    delivery->first_before_replay.ms = -1;
    delivery->deadline.ms = INT64_MAX;
    delivery->state = DELIVERY_QUEUED;
    TAILQ_INSERT_TAIL(&engine->lists[DELIVERY_QUEUED], delivery, in_state);
    engine->counts[DELIVERY_QUEUED]++;
    enter_memory(delivery, record);
    return delivery;
}

static void unlist(struct delivery *delivery)
{
    if (!delivery->listed)
        return;
    TAILQ_REMOVE(&delivery->endpoint->aside, delivery, in_aside);
    delivery->endpoint->aside_count--;
    delivery->listed = false;
    endpoint_record_changed(delivery->endpoint, false);
}

static void go_on(struct engine *engine, struct intake *intake, const struct endpoint *endpoint);

void intake_done(struct delivery *delivery, enum intake_end end)
{
    struct intake *intake = delivery->intake;
    struct engine *engine = delivery->engine;
    struct endpoint *endpoint = delivery->endpoint;
    int64_t offset = delivery->offset;
    bool aside = delivery->state == DELIVERY_ASIDE;
    attempt_cancel(delivery);
    outcome_abandon(delivery);
    delivery_set_state(delivery, DELIVERY_DONE);
    TAILQ_REMOVE(&engine->lists[DELIVERY_DONE], delivery, in_state);
    engine->counts[DELIVERY_DONE]--;
    if (!aside)
        intake_leave_memory(delivery);
    unlist(delivery);
    lane_remove(delivery);
    free(delivery->record);
    free(delivery);
    if (end == END_RESOLVED) {
        kafka_partition_done(intake->partition, offset);
        if (endpoint)
            behind_resolved(endpoint, offset);
    }
    if (endpoint)
        scheduler_offer(endpoint);
    go_on(engine, intake, endpoint);
    ownership_settle_if_done(intake);
}

/* --- Taking a record --- */

bool intake_has_room(const struct engine *engine, const struct endpoint *endpoint, int64_t bytes)
{
    int64_t own = endpoint ? endpoint->held : 0;
    int64_t own_bytes = endpoint ? endpoint->held_bytes : 0;
    return share_allows(own, engine->held, engine->options.max_held, 1) &&
           share_allows(own_bytes, engine->held_bytes, engine->options.max_held_bytes,
               bytes + (int64_t)sizeof(struct delivery));
}

struct wall_time intake_deadline(const struct engine *engine, const struct endpoint *endpoint,
    const struct delivery_record *fields)
{
    const struct subscription *subscription = endpoint->subscription;
    int64_t own = subscription ? subscription_ttl_ms(subscription, fields->event) : 0;
    if (fields
            ->ignore_ttl) /* it was accepted again when it was replayed, and must not outlast its topic */
        return ttl_deadline(engine->ttl.max_ms, (struct wall_time){0}, fields->accepted_at, true);
    return ttl_deadline(ttl_ms(&engine->ttl, own, fields->event), fields->event_at,
        fields->accepted_at, engine->options.ttl_from_acceptance);
}

uint64_t intake_lane(const struct endpoint *endpoint, const struct delivery_record *fields)
{
    bool unordered = endpoint->subscription && endpoint->subscription->unordered;
    return unordered ? 0 : lane_hash(fields->order_key);
}

/* Where a header's text that was read in `record` is in the copy of it. */
static const char *text_in_copy(
    const struct record *copy, const struct record *record, const char *text)
{
    for (size_t i = 0; text && i < record->header_count; i++)
        if (record->headers[i].value.data == text)
            return copy->headers[i].value.data;
    return NULL;
}

/* What `record` says is kept by reference to the delivery's own copy of it. */
static void take_fields(
    struct delivery *delivery, const struct record *record, const struct delivery_record *fields)
{
    const struct record *copy = delivery->record;
    const char *key = copy->key.data; /* "<tenant>/<subscription>" if it is valid */
    delivery->id = text_in_copy(copy, record, fields->id);
    delivery->tenant = record_header_text(copy, "hookline-tenant");
    delivery->subscription = key && strchr(key, '/') ? strchr(key, '/') + 1 : NULL;
    delivery->event = text_in_copy(copy, record, fields->event);
    delivery->order_key = text_in_copy(copy, record, fields->order_key);
    delivery->source = text_in_copy(copy, record, fields->source);
    delivery->event_at = fields->event_at;
    delivery->redact = fields->redact;
    delivery->attempts_at_start = fields->attempts;
    delivery->first_before_replay = fields->first_attempt_at;
}

static void take_first_time(struct delivery *delivery, const struct delivery_record *fields)
{
    const struct endpoint *endpoint = delivery->endpoint;
    delivery->attempts = fields->attempts;
    delivery->deadline = intake_deadline(delivery->engine, endpoint, fields);
    delivery->lane_hash = intake_lane(endpoint, fields);
}

/* What stands in the way of ever attempting it becomes a dead letter at once. */
static bool begin_dead(struct delivery *delivery)
{
    struct endpoint_refusal refusal = endpoint_refusal(delivery->endpoint);
    if (refusal.refused)
        outcome_dead(delivery, refusal.reason, refusal.detail, NULL);
    else if (wall_now().ms > delivery->deadline.ms)
        outcome_expired(delivery);
    else
        return false;
    return true;
}

void intake_take(struct endpoint *endpoint, const struct record *record,
    const struct delivery_record *fields, enum intake_way way)
{
    struct record *copy = record_copy(record);
    struct delivery *delivery;
    if (way == WAY_ASIDE) {
        delivery = aside_find(endpoint, copy->offset);
        enter_memory(delivery, copy);
        if (!RULE(3))
            unlist(delivery);
    } else {
        delivery = new_delivery(endpoint->engine, endpoint->intake, endpoint, copy);
    }
    take_fields(delivery, record, fields);
    if (way == WAY_CATCH_UP || way == WAY_EXPIRED) {
        delivery->caught_up = true;
        endpoint->caught_up++;
    }
    if (way != WAY_ASIDE)
        take_first_time(delivery, fields);
    if (way == WAY_TOO_LATE || way == WAY_EXPIRED) {
        outcome_expired(delivery);
        return;
    }
    if (begin_dead(delivery))
        return;
    if (way == WAY_ASIDE)
        delivery_set_state(delivery, DELIVERY_QUEUED);
    else
        lane_add(endpoint, delivery);
    scheduler_offer(endpoint);
}

static void take_malformed(struct engine *engine, struct intake *intake,
    const struct record *record, const struct delivery_record *fields,
    enum dead_letter_reason reason, const char *detail)
{
    struct delivery *delivery = new_delivery(engine, intake, NULL, record_copy(record));
    take_fields(delivery, record, fields);
    delivery->attempts = fields->attempts;
    outcome_dead(delivery, reason, detail, NULL);
}

/* --- The live intake --- */

static void go(struct intake *intake)
{
    intake->engine->held_intakes--;
    intake->held = false;
    kafka_partition_go(intake->partition);
}

static void go_due(void *arg)
{
    struct engine *engine = arg;
    struct intake *intake;
    engine->go_armed = false;
    TAILQ_FOREACH(intake, &engine->intakes, link)
        if (intake->held)
            go(intake);
}

struct loop_timer *intake_go_timer(struct engine *engine)
{
    return loop_timer_new(engine->deps.loop, go_due, engine);
}

void intake_go(struct engine *engine)
{
    if (engine->held_intakes == 0 || engine->held >= engine->options.max_held / 4 * 3)
        return;
    loop_timer_start(engine->go_timer, 0, 0);
    engine->go_armed = true;
}

/* Something of `endpoint` is done. */
static void go_on(struct engine *engine, struct intake *intake, const struct endpoint *endpoint)
{
    if (engine->held_intakes == 0)
        return;
    if (intake->held && intake->held_for && intake->held_for == endpoint)
        go(intake);
    else if (engine->held < engine->options.max_held / 4 * 3 && engine->held_full) {
        engine->held_full = false;
        intake_go(engine);
    }
}

static enum kafka_intake hold(
    struct engine *engine, struct intake *intake, const struct endpoint *endpoint)
{
    engine->held_intakes += !intake->held;
    engine->held_full |= !endpoint;
    intake->held = true;
    intake->held_for = endpoint;
    if (!engine->go_armed)
        loop_timer_start(engine->go_timer, GO_INTERVAL_MS, 0);
    engine->go_armed = true;
    return KAFKA_HOLD;
}

/* Whether others in the partition have nothing to do because of it. */
static bool others_starve(const struct endpoint *endpoint)
{
    const struct endpoint *each;
    struct mono_time now = mono_now();
    TAILQ_FOREACH(each, &endpoint->intake->endpoints, in_intake)
        if (each != endpoint && each->held == 0 && each->place != PLACE_BEHIND &&
            mono_diff_ms(now, each->last_record) < ACTIVE_MS)
            return true;
    return false;
}

/* Its queue is full. Where it is the only one, or all are busy, the partition can as well wait; but
 * nobody may wait for a slow neighbour for more than a moment. */
static bool may_hold(struct endpoint *endpoint)
{
    struct mono_time now = mono_now();
    int64_t since_us = mono_diff_us(now, endpoint->hold_since);
    bool again = endpoint->hold_since.us && since_us < 2 * GO_INTERVAL_MS * 1000;
    if (again)
        endpoint->hold_budget_us -= since_us;
    else
        endpoint->hold_budget_us += since_us / 10;
    if (endpoint->hold_budget_us > HOLD_BUDGET_US || !endpoint->hold_since.us)
        endpoint->hold_budget_us = HOLD_BUDGET_US;
    endpoint->hold_since = now;
    if (endpoint->hold_budget_us > 0)
        return true;
    if (others_starve(endpoint))
        return false;
    endpoint->hold_budget_us = HOLD_BUDGET_US;
    return true;
}

/* Passes a record over; one that will be too late by the time that its endpoint may be back is a dead
 * letter now, while it is at hand. */
static enum kafka_intake pass(
    struct endpoint *endpoint, const struct record *record, const struct delivery_record *fields)
{
    struct engine *engine = endpoint->engine;
    struct wall_time deadline = intake_deadline(engine, endpoint, fields);
    bool too_late = wall_now().ms > deadline.ms || endpoint_back_at(endpoint).ms > deadline.ms;
    if (endpoint->to_cover_count > TO_COVER_MAX)
        return hold(engine, endpoint->intake, NULL);
    if (!too_late) {
        behind_passed(endpoint, record->offset, fields->event_at, deadline);
        return KAFKA_TAKEN;
    }
    if (!intake_has_room(engine, NULL, (int64_t)record_size(record)))
        return hold(engine, endpoint->intake, NULL);
    intake_take(endpoint, record, fields, WAY_TOO_LATE);
    return KAFKA_TAKEN;
}

static enum kafka_intake fall_behind(struct endpoint *endpoint, const struct record *record,
    const struct delivery_record *fields, const char *reason)
{
    behind_begin(endpoint, record->offset, reason);
    return pass(endpoint, record, fields);
}

/* A record for an endpoint that takes its records as they come. */
static enum kafka_intake take_live(
    struct endpoint *endpoint, const struct record *record, const struct delivery_record *fields)
{
    struct engine *engine = endpoint->engine;
    struct intake *intake = endpoint->intake;
    int64_t bytes = (int64_t)record_size(record);
    bool refused = endpoint_refusal(endpoint).refused;
    enum endpoint_block block = endpoint_block(endpoint);
    const struct lane *lane = lane_find(endpoint, intake_lane(endpoint, fields));
    if (!refused && block != BLOCK_NONE)
        return fall_behind(endpoint, record, fields, endpoint_block_text(block));
    if (!intake_has_room(engine, NULL, bytes) || !kafka_producer_has_room(engine->deps.producer))
        return hold(engine, intake, NULL); /* the process is full */
    if (!refused && !intake_has_room(engine, endpoint, bytes)) {
        if (may_hold(endpoint))
            return hold(engine, intake, endpoint);
        return fall_behind(endpoint, record, fields, endpoint_block_text(BLOCK_NONE));
    }
    if (!refused && lane_is_aside(lane, record->offset)) {
        if (!aside_add(endpoint, record->offset, fields))
            return fall_behind(endpoint, record, fields, "too many deliveries set aside");
        endpoint_record_cover(endpoint, record->offset);
    } else {
        intake_take(endpoint, record, fields, WAY_LIVE);
    }
    if (endpoint->place == PLACE_JOINING)
        behind_advance(endpoint, record->offset);
    return KAFKA_TAKEN;
}

static enum kafka_intake offer(
    struct intake *intake, const struct record *record, const struct delivery_record *fields)
{
    struct engine *engine = intake->engine;
    struct endpoint *endpoint = endpoint_find(engine, record->key.data, record->key.len);
    if (!endpoint)
        endpoint = endpoint_get(engine, intake, record->key.data, record->key.len,
            store_find(engine->deps.store, fields->tenant, fields->subscription));
    endpoint->last_record = mono_now();
    kafka_partition_tag(intake->partition, endpoint->number);
    if (endpoint->aside_count && aside_find(endpoint, record->offset) && RULE(10)) {
        endpoint_record_cover(endpoint, record->offset); /* the owner before had set it aside */
        return KAFKA_TAKEN;
    }
    if (RULE(12) && behind_is_resolved(endpoint, record->offset)) {
        kafka_partition_done(intake->partition, record->offset);
        if (endpoint->place == PLACE_JOINING)
            behind_advance(endpoint, record->offset);
        return KAFKA_TAKEN;
    }
    if (behind_passes(endpoint, record->offset))
        return pass(endpoint, record, fields);
    return take_live(endpoint, record, fields);
}

enum kafka_intake intake_record(
    void *arg, struct kafka_partition *partition, const struct record *record)
{
    struct engine *engine = arg;
    struct intake *intake = kafka_partition_data(partition);
    struct delivery_decoded decoded;
    struct error error = ERROR_INIT;
    if (engine->stopping)
        return hold(engine, intake, NULL);
    /* Decoded where it lies in the library's memory, so that one that must wait costs no copy. */
    bool good = delivery_decode(record, &decoded, &error);
    if (decoded.delivery.test && RULE(7))
        return testing_take(intake, record, &decoded.delivery, good ? NULL : error.text)
                   ? KAFKA_TAKEN
                   : hold(engine, intake, NULL);
    if (!good) {
        if (!intake_has_room(engine, NULL, (int64_t)record_size(record)))
            return hold(engine, intake, NULL);
        take_malformed(engine, intake, record, &decoded.delivery,
            decoded.tenant_disagrees ? DEAD_TENANT_UNRESOLVED : DEAD_INVALID_EVENT, error.text);
        return KAFKA_TAKEN;
    }
    if (strcmp(intake->tenant, decoded.delivery.tenant) != 0) {
        if (!intake_has_room(engine, NULL, (int64_t)record_size(record)))
            return hold(engine, intake, NULL);
        take_malformed(engine, intake, record, &decoded.delivery, DEAD_TENANT_UNRESOLVED,
            "the topic is not that of the delivery's tenant");
        return KAFKA_TAKEN;
    }
    if (decoded.delivery.registry > store_offset(engine->deps.store))
        return hold(engine, intake, NULL); /* matched with a registry that we have not read yet */
    return offer(intake, record, &decoded.delivery);
}

void intake_refuse_waiting(struct endpoint *endpoint)
{
    struct endpoint_refusal refusal = endpoint_refusal(endpoint);
    struct delivery *each, *next;
    /* What is in flight ends first (outcome.c). Nothing goes from the list within the walk: each dead
     * letter counts as held until it is acknowledged. */
    for (each = TAILQ_FIRST(&endpoint->deliveries); each; each = next) {
        next = TAILQ_NEXT(each, in_endpoint);
        if (each->state == DELIVERY_QUEUED || each->state == DELIVERY_WAITING)
            outcome_dead(each, refusal.reason, refusal.detail, NULL);
    }
}
