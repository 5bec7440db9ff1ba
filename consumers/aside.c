/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries that are set aside: their place in the lane stays, their record goes, and is read again by
 * its offset when it is due. They stand in the endpoint's state until they are resolved. */
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "consumers/engine.h"

static bool has_place(const struct endpoint *endpoint)
{
    const struct engine *engine = endpoint->engine;
    return endpoint->aside_count < ENDPOINT_ASIDE_MAX &&
           engine->counts[DELIVERY_ASIDE] < 2 * engine->options.max_held;
}

static void list(struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    struct delivery *before;
    TAILQ_FOREACH_REVERSE(before, &endpoint->aside, delivery_list, in_aside)
    if (before->offset < delivery->offset)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&endpoint->aside, before, delivery, in_aside);
    else
        TAILQ_INSERT_HEAD(&endpoint->aside, delivery, in_aside);
    delivery->listed = true;
    endpoint->aside_count++;
}

static void forget_record(struct delivery *delivery)
{
    free(delivery->record);
    delivery->record = NULL;
    delivery->id = delivery->tenant = delivery->subscription = NULL;
    delivery->event = delivery->order_key = delivery->source = NULL;
}

static bool put(struct delivery *delivery, struct wall_time due)
{
    struct endpoint *endpoint = delivery->endpoint;
    bool live = !delivery->listed && !delivery->caught_up;
    if (!delivery->listed && !has_place(endpoint))
        return false;
    intake_leave_memory(delivery);
    if (!delivery->listed)
        list(delivery);
    delivery->due = due;
    forget_record(delivery);
    delivery_set_state(delivery, DELIVERY_ASIDE);
    if (live)
        endpoint_record_cover(endpoint, delivery->offset);
    return true;
}

bool aside_put(struct delivery *delivery, struct wall_time due)
{
    static const struct wall_time after_those_before = {0};
    struct endpoint *endpoint = delivery->endpoint;
    struct delivery *each;
    if (!put(delivery, due))
        return false;
    /* Those of its lane behind it can't be attempted before it: in memory they'd only take up room. */
    for (each = TAILQ_NEXT(delivery, in_lane); each; each = TAILQ_NEXT(each, in_lane))
        if (each->state == DELIVERY_QUEUED && !put(each, after_those_before))
            break;
    behind_end_if_joined(endpoint);
    endpoint_record_changed(endpoint, true);
    endpoint_turn_soon(endpoint);
    return true;
}

static struct delivery *new_entry(
    struct endpoint *endpoint, int64_t offset, uint64_t lane, struct wall_time due)
{
    struct engine *engine = endpoint->engine;
    struct delivery *delivery = mem_zalloc(sizeof *delivery);
    delivery->engine = engine;
    delivery->intake = endpoint->intake;
    delivery->endpoint = endpoint;
    delivery->offset = offset;
    delivery->lane_hash = lane;
    delivery->due = due;
    delivery->first_attempt_at.ms = delivery->last_attempt_at.ms = -1;
    delivery->first_before_replay.ms = -1;
    delivery->state = DELIVERY_ASIDE;
    TAILQ_INSERT_TAIL(&engine->lists[DELIVERY_ASIDE], delivery, in_state);
    engine->counts[DELIVERY_ASIDE]++;
    list(delivery);
    return delivery;
}

bool aside_add(struct endpoint *endpoint, int64_t offset, const struct delivery_record *fields)
{
    struct wall_time after_those_before = {0};
    if (!has_place(endpoint))
        return false;
    struct delivery *delivery =
        new_entry(endpoint, offset, intake_lane(endpoint, fields), after_those_before);
    delivery->attempts = fields->attempts;
    delivery->event_at = fields->event_at;
    delivery->deadline = intake_deadline(endpoint->engine, endpoint, fields);
    lane_add(endpoint, delivery);
    endpoint_record_changed(endpoint, true);
    endpoint_turn_soon(endpoint);
    return true;
}

void aside_load(struct endpoint *endpoint, const struct endpoint_aside *entry)
{
    struct delivery *delivery = new_entry(endpoint, entry->offset, entry->lane, entry->due);
    delivery->attempts = entry->attempts;
    delivery->first_attempt_at = entry->first_attempt_at;
    delivery->deadline = entry->deadline.ms < 0 ? (struct wall_time){INT64_MAX} : entry->deadline;
    lane_add(endpoint, delivery);
}

/* One that waits for nothing but those before it in its lane comes along with them: to read each when its
 * turn comes would be to go through the topic once for each. */
static bool follows_closely(const struct delivery *delivery)
{
    const struct endpoint *endpoint = delivery->endpoint;
    const struct delivery *before = TAILQ_PREV(delivery, delivery_list, in_lane);
    return delivery->due.ms == 0 && before &&
           (before->state == DELIVERY_QUEUED || before->state == DELIVERY_IN_FLIGHT) &&
           endpoint->circuit.phase == CIRCUIT_CLOSED &&
           endpoint->held < endpoint_feed_limit(endpoint);
}

bool aside_wanted(const struct delivery *delivery)
{
    const struct endpoint *endpoint = delivery->endpoint;
    struct wall_time now = wall_now();
    if (delivery->state != DELIVERY_ASIDE)
        return false;
    if (now.ms > delivery->deadline.ms || endpoint_refusal(endpoint).refused)
        return true; /* for its dead letter, which waits for nobody */
    if (endpoint_block(endpoint) != BLOCK_NONE)
        return false;
    /* Rule 11: older ones of its lane may be among those that catch-up has not come to. */
    if (endpoint->place == PLACE_BEHIND && delivery->offset >= endpoint->next && RULE(11))
        return false;
    if (TAILQ_FIRST(&delivery->lane->deliveries) != delivery)
        return follows_closely(delivery);
    if (endpoint->circuit.phase == CIRCUIT_PROBING)
        return endpoint->held == 0; /* the probe does not wait for it to be due */
    return delivery->due.ms <= now.ms;
}

void aside_missing(struct endpoint *endpoint, int64_t from, int64_t to)
{
    struct delivery *each, *next;
    for (each = TAILQ_FIRST(&endpoint->aside); each; each = next) {
        next = TAILQ_NEXT(each, in_aside);
        if (each->state != DELIVERY_ASIDE || each->offset < from || each->offset >= to)
            continue;
        log_error("delivery lost: its record is not there any more",
            LOG_STR("endpoint", endpoint->key), LOG_INT("offset", each->offset));
        engine_count_lost(1);
        intake_done(each, END_RESOLVED);
    }
    ranges_remove(&endpoint->expired, from, to);
}
