/* SPDX-License-Identifier: Apache-2.0 */
/* Catch-up: one reader per partition for all that was passed over or set aside there. Its position is an
 * elevator: it goes to the lowest offset that is wanted ahead of it, and back to the lowest of all only
 * when none is (docs/bookmarks.md, rule 16). */
#include <string.h>

#include "common/log.h"
#include "consumers/engine.h"

#define PLAN_EVERY 256 /* records read */

/* Whether the reader has seen everything from `from` on to where it is. */
static bool seen_since(const struct intake *intake, int64_t from)
{
    return intake->read_next >= 0 && intake->run_start <= from && from <= intake->read_next;
}

static bool can_feed(const struct endpoint *endpoint)
{
    if (endpoint->place != PLACE_BEHIND || !endpoint->hungry)
        return false;
    if (!kafka_producer_has_room(endpoint->engine->deps.producer))
        return false;
    if (endpoint_refusal(endpoint).refused)
        return true;
    if (endpoint_block(endpoint) != BLOCK_NONE)
        return false;
    return endpoint->circuit.phase != CIRCUIT_PROBING || endpoint->held == 0;
}

/* The first offset that the endpoint wants to be fed: where the reader is, if it has missed nothing. */
static int64_t feed_from(const struct endpoint *endpoint)
{
    const struct intake *intake = endpoint->intake;
    if (endpoint->refused_run != intake->run && seen_since(intake, endpoint->next))
        return intake->read_next;
    return endpoint->next;
}

static int64_t walk_from(const struct endpoint *endpoint)
{
    const struct intake *intake = endpoint->intake;
    bool seen = endpoint->walk_not_run != intake->run && seen_since(intake, endpoint->walk_next);
    return seen ? intake->read_next : endpoint->walk_next;
}

/* What is wanted: the lowest offset of all, and the lowest from where the reader is. */
struct wanted {
    int64_t here, lowest, ahead;
    bool soon_here; /* by an endpoint that has its fill just now */
};

static void want(struct wanted *wanted, int64_t offset)
{
    if (offset < wanted->lowest)
        wanted->lowest = offset;
    if (offset >= wanted->here && offset < wanted->ahead)
        wanted->ahead = offset;
}

/* What was refused in this run is not ahead of the reader, wherever it waits: whoever wants something
 * below would wait for ever if it could be refused again and again. */
static void want_feeding(struct wanted *wanted, const struct endpoint *endpoint)
{
    int64_t from = feed_from(endpoint);
    if (endpoint->refused_run != endpoint->intake->run)
        want(wanted, from);
    else if (from < wanted->lowest)
        wanted->lowest = from;
}

/* The oldest that may be attempted: while the circuit is being probed, it alone. */
static bool want_aside(struct wanted *wanted, const struct endpoint *endpoint)
{
    bool probing = endpoint->circuit.phase == CIRCUIT_PROBING, any = false;
    const struct delivery *each;
    TAILQ_FOREACH(each, &endpoint->aside, in_aside)
        if (aside_wanted(each) && !(probing && any)) {
            want(wanted, each->offset);
            any = true;
        }
    return any && probing;
}

static void want_of(struct wanted *wanted, const struct endpoint *endpoint)
{
    if (endpoint->cramped || want_aside(wanted, endpoint))
        return;
    if (can_feed(endpoint))
        want_feeding(wanted, endpoint);
    else if (endpoint->place == PLACE_BEHIND && endpoint->next == wanted->here &&
             endpoint_block(endpoint) == BLOCK_NONE)
        wanted->soon_here = true;
    if (endpoint->walk_next >= 0)
        want(wanted, walk_from(endpoint));
    if (endpoint->expired.count) {
        int64_t ahead = ranges_next(&endpoint->expired, wanted->here);
        want(wanted, ranges_next(&endpoint->expired, 0));
        if (ahead >= 0)
            want(wanted, ahead);
    }
}

/* An endpoint whose backlog the reader has gone through up to the live intake is live again. */
static void meet(struct intake *intake)
{
    int64_t position = kafka_partition_position(intake->partition);
    struct endpoint *endpoint;
    TAILQ_FOREACH(endpoint, &intake->endpoints, in_intake) {
        if (endpoint->walk_next >= 0 && walk_from(endpoint) >= position)
            endpoint->walk_next = -1;
        if (can_feed(endpoint) && feed_from(endpoint) >= position)
            behind_met(endpoint, position);
    }
}

static struct wanted look(struct intake *intake)
{
    struct wanted wanted = {intake->read_next, INT64_MAX, INT64_MAX, false};
    const struct endpoint *endpoint;
    meet(intake);
    TAILQ_FOREACH(endpoint, &intake->endpoints, in_intake)
        if (endpoint->place != PLACE_LIVE || endpoint->aside_count)
            want_of(&wanted, endpoint);
    return wanted;
}

void catchup_stop(struct intake *intake)
{
    if (intake->seek && intake->read_next >= 0)
        kafka_seek_stop(intake->seek);
    intake->read_next = -1;
    intake->run++;
}

static void go_to(struct intake *intake, int64_t offset)
{
    if (offset != intake->read_next) {
        intake->run++;
        intake->run_start = offset;
    }
    intake->read_next = offset;
    kafka_seek_to(intake->seek, offset);
}

/* --- What the reader brings --- */

/* One for which there is no room in memory is asked again after a while. */
static bool has_room(struct endpoint *endpoint, const struct record *record)
{
    endpoint->cramped |= !intake_has_room(endpoint->engine, endpoint, (int64_t)record_size(record));
    return !endpoint->cramped;
}

static void take_aside(struct endpoint *endpoint, struct delivery *delivery,
    const struct record *record, const struct delivery_record *fields)
{
    if (!aside_wanted(delivery))
        return;
    if (!has_room(endpoint, record))
        return;
    intake_take(endpoint, record, fields, WAY_ASIDE);
    engine_count_catchup(CATCHUP_FED);
}

/* Whether the next of its records may be taken into memory. */
static bool has_appetite(struct endpoint *endpoint, const struct record *record)
{
    if (!can_feed(endpoint) || !has_room(endpoint, record))
        return false;
    return endpoint_refusal(endpoint).refused || endpoint_is_stuck(endpoint) ||
           endpoint->held < endpoint_feed_limit(endpoint);
}

/* Rule 13: it gets nothing later in this run. */
static void refuse(struct endpoint *endpoint, int64_t offset)
{
    bool nothing_missed = endpoint->refused_run != endpoint->intake->run &&
                          seen_since(endpoint->intake, endpoint->next);
    if (nothing_missed && endpoint->next < offset) {
        ranges_add(&endpoint->resolved, endpoint->next, offset);
        endpoint->next = offset;
    }
    endpoint->refused_run = endpoint->intake->run;
    endpoint->hungry = false;
}

/* Whether the endpoint's records from `next` to this one have all been seen, and none was refused. */
static bool is_next(const struct endpoint *endpoint, int64_t offset)
{
    const struct intake *intake = endpoint->intake;
    if (offset == endpoint->next || !RULE(13))
        return true;
    return endpoint->refused_run != intake->run && intake->run_start <= endpoint->next;
}

/* Returns false if the endpoint could not take it. */
static bool feed(
    struct endpoint *endpoint, const struct record *record, const struct delivery_record *fields)
{
    int64_t offset = record->offset;
    if (endpoint->place != PLACE_BEHIND || offset < endpoint->next || !is_next(endpoint, offset))
        return true;
    if (ranges_contain(&endpoint->resolved, offset))
        return true;
    if (behind_has(endpoint, offset)) {
        behind_advance(endpoint, offset);
        return true;
    }
    bool waits = lane_is_aside(lane_find(endpoint, intake_lane(endpoint, fields)), offset);
    if (!has_appetite(endpoint, record) ||
        (waits && !endpoint_refusal(endpoint).refused && !aside_add(endpoint, offset, fields))) {
        refuse(endpoint, offset);
        return false;
    }
    if (!waits || endpoint_refusal(endpoint).refused)
        intake_take(endpoint, record, fields, WAY_CATCH_UP);
    engine_count_catchup(CATCHUP_FED);
    if (fields->event_at.ms > 0)
        endpoint->oldest_passed = fields->event_at; /* what is left is hardly older */
    behind_advance(endpoint, offset);
    return true;
}

/* Looks at a record that was passed over: expired, or when it will be. */
static void look_at_deadline(
    struct endpoint *endpoint, const struct record *record, const struct delivery_record *fields)
{
    int64_t offset = record->offset;
    bool wanted = ranges_contain(&endpoint->expired, offset);
    bool seen = endpoint->walk_not_run != endpoint->intake->run &&
                endpoint->intake->run_start <= endpoint->walk_next;
    bool walked = endpoint->walk_next >= 0 && offset >= endpoint->walk_next &&
                  (seen || offset == endpoint->walk_next);
    if (!wanted && !walked)
        return;
    bool left = endpoint->place == PLACE_BEHIND && offset >= endpoint->next &&
                !behind_has(endpoint, offset);
    struct wall_time deadline = intake_deadline(endpoint->engine, endpoint, fields);
    bool over = wall_now().ms > deadline.ms;
    if (left && over && !has_room(endpoint, record))
        return;
    ranges_remove(&endpoint->expired, offset, offset + 1);
    if (walked)
        endpoint->walk_next = offset + 1;
    if (left && over) {
        intake_take(endpoint, record, fields, WAY_EXPIRED);
        engine_count_catchup(CATCHUP_EXPIRED);
    } else if (left && walked) {
        behind_deadline(endpoint, offset, deadline);
    }
}

/* Returns false if the record must be kept: its endpoint could not take it. */
static bool serve(struct intake *intake, const struct record *record)
{
    struct engine *engine = intake->engine;
    struct endpoint *endpoint =
        record->key.data ? endpoint_find(engine, record->key.data, record->key.len) : NULL;
    struct delivery_decoded decoded;
    struct error error = ERROR_INIT;
    if (!endpoint || endpoint->intake != intake ||
        (endpoint->place == PLACE_LIVE && !endpoint->aside_count))
        return true;
    /* What is no delivery became a dead letter when the live intake met it. */
    if (!delivery_decode(record, &decoded, &error))
        return true;
    if (decoded.delivery.test && RULE(7))
        return true; /* the live intake's alone */
    if (decoded.delivery.registry > store_offset(engine->deps.store)) {
        refuse(endpoint, record->offset);
        return false;
    }
    struct delivery *aside = aside_find(endpoint, record->offset);
    if (aside && aside->state == DELIVERY_ASIDE)
        take_aside(endpoint, aside, record, &decoded.delivery);
    look_at_deadline(endpoint, record, &decoded.delivery);
    return feed(endpoint, record, &decoded.delivery);
}

/* There are no records at these offsets: transaction markers, or what was deleted. */
static void missing(struct intake *intake, int64_t from, int64_t to)
{
    struct endpoint *endpoint;
    TAILQ_FOREACH(endpoint, &intake->endpoints, in_intake)
        aside_missing(endpoint, from, to);
}

static enum kafka_intake record_read(void *arg, const struct record *record)
{
    struct intake *intake = arg;
    int64_t offset = record->offset;
    bool beyond = offset >= kafka_partition_position(intake->partition) && RULE(8);
    if (intake->phase != INTAKE_RUNNING || beyond) {
        intake->read_next = offset; /* rule 8: that far the live intake has not come */
        catchup_plan_soon(intake);
        return KAFKA_HOLD;
    }
    if (intake->read_next >= 0 && intake->read_next < offset)
        missing(intake, intake->read_next, offset);
    bool served = serve(intake, record);
    intake->read_next = offset + 1;
    if (!served || ++intake->since_plan >= PLAN_EVERY ||
        offset + 1 >= kafka_partition_position(intake->partition)) {
        intake->since_plan = 0;
        struct wanted wanted = look(intake);
        if (!served && wanted.ahead == INT64_MAX) {
            intake->read_next = offset; /* nobody wants to go on: wait here for appetite */
            return KAFKA_HOLD;
        }
        if (wanted.ahead != intake->read_next)
            catchup_plan_soon(intake);
    }
    engine_count_catchup(CATCHUP_READ);
    return KAFKA_TAKEN;
}

static void end_reached(void *arg, int64_t offset)
{
    struct intake *intake = arg;
    if (intake->read_next >= 0 && intake->read_next < offset) {
        missing(intake, intake->read_next, offset);
        intake->read_next = offset;
    }
    catchup_plan_soon(intake);
}

/* Retention has taken what an endpoint had still before it. */
static void gone(void *arg, int64_t asked, int64_t first)
{
    struct intake *intake = arg;
    struct endpoint *endpoint;
    log_error("deliveries lost: the topic did not keep them as long as their endpoint was away",
        LOG_STR("topic", kafka_partition_topic(intake->partition)),
        LOG_INT("partition", kafka_partition_number(intake->partition)), LOG_INT("from", asked),
        LOG_INT("to", first));
    TAILQ_FOREACH(endpoint, &intake->endpoints, in_intake)
        behind_overtaken(endpoint, first);
    intake->read_next = first;
    intake->run_start = first;
    intake->run++;
    catchup_plan_soon(intake);
}

static void plan(void *arg)
{
    static const struct kafka_seek_callbacks callbacks = {record_read, end_reached, gone};
    struct intake *intake = arg;
    intake->plan_armed = false;
    intake->since_plan = 0;
    if (intake->phase != INTAKE_RUNNING)
        return;
    struct wanted wanted = look(intake);
    int64_t target = wanted.ahead < INT64_MAX && RULE(16) ? wanted.ahead : wanted.lowest;
    if (target >= kafka_partition_position(intake->partition)) {
        if (!wanted.soon_here)
            catchup_stop(intake);
        return;
    }
    if (!intake->seek)
        intake->seek =
            kafka_seek_new(intake->engine->seeker, kafka_partition_topic(intake->partition),
                kafka_partition_number(intake->partition), &callbacks, intake);
    go_to(intake, target);
}

void catchup_plan_soon(struct intake *intake)
{
    if (intake->plan_armed || intake->phase != INTAKE_RUNNING)
        return;
    if (!intake->plan_timer)
        intake->plan_timer = loop_timer_new(intake->engine->deps.loop, plan, intake);
    loop_timer_start(intake->plan_timer, 0, 0);
    intake->plan_armed = true;
}
