/* SPDX-License-Identifier: Apache-2.0 */
/* Bookmarks: where an endpoint stands that cannot take its records as they come. The rules are numbered
 * as in docs/bookmarks.md.
 *
 * Of an endpoint that is behind we know: `next`, the first offset that catch-up did not take; what is in
 * memory; what is set aside; and `resolved`, the offsets from the bookmark on that need not be delivered,
 * because they are done or not of this endpoint. All that is below `next` and in none of these is done. */
#include <stdlib.h>

#include "common/memory.h"
#include "consumers/engine.h"

/* Deadlines further away than this wait for the daily look through what was passed over. */
#define EXPIRY_AHEAD_MS  3600000
#define EXPIRY_COUNT_MAX 100000

/* The offset that the live intake comes to next. */
static int64_t live_position(const struct endpoint *endpoint)
{
    return kafka_partition_position(endpoint->intake->partition);
}

int64_t behind_bookmark(const struct endpoint *endpoint)
{
    const struct delivery *each;
    if (endpoint->place == PLACE_LIVE)
        return -1;
    /* Rule 1: computed, never set. */
    int64_t lowest = endpoint->place == PLACE_BEHIND ? endpoint->next : INT64_MAX;
    TAILQ_FOREACH(each, &endpoint->deliveries, in_endpoint)
        if (each->caught_up && each->offset < lowest && RULE(1))
            lowest = each->offset;
    return lowest == INT64_MAX ? -1 : lowest;
}

/* What the owner before had done above its committed offset: once the watermark has passed that, only
 * the endpoint's state can tell. */
void behind_add_done_before(struct endpoint *endpoint, int64_t from)
{
    const struct ranges *done = kafka_partition_done_before(endpoint->intake->partition);
    for (size_t i = 0; i < done->count; i++) {
        const struct range *each = &done->items[i];
        ranges_add(&endpoint->resolved, each->from > from ? each->from : from, each->to);
    }
}

void behind_begin(struct endpoint *endpoint, int64_t offset, const char *reason)
{
    if (endpoint->place == PLACE_LIVE) {
        endpoint->next = endpoint->known_from = offset;
        endpoint->passed_over = 0;
        endpoint->oldest_passed.ms = -1;
        endpoint->behind_since = wall_now();
    } else {
        /* Rule 9 where it is lower; else the endpoint was joining, and has taken all until there. */
        endpoint->next = offset;
        if (offset < endpoint->known_from)
            endpoint->known_from = offset;
    }
    behind_add_done_before(endpoint, offset);
    endpoint->place = PLACE_BEHIND;
    endpoint->behind_reason = reason;
    endpoint->hungry = false;
    endpoint_record_changed(endpoint, true);
    endpoint_turn_soon(endpoint);
}

/* Once nothing is left that only the bookmark remembers: neither what catch-up took, nor what the owner
 * before had done where the live intake has not come to yet. */
void behind_end_if_joined(struct endpoint *endpoint)
{
    const struct ranges *resolved = &endpoint->resolved;
    int64_t end = resolved->count ? resolved->items[resolved->count - 1].to : 0;
    if (endpoint->place != PLACE_JOINING || endpoint->caught_up > 0 ||
        (end > endpoint->next && end > live_position(endpoint)))
        return;
    endpoint->place = PLACE_LIVE;
    ranges_release(&endpoint->resolved);
    endpoint->engine->expiry_count -= (int64_t)endpoint->expiry.count;
    heap_release(&endpoint->expiry);
    ranges_release(&endpoint->expired);
    endpoint->walk_next = endpoint->walk_due.ms = -1;
    endpoint_record_changed(endpoint, true);
}

void behind_met(struct endpoint *endpoint, int64_t position)
{
    ranges_add(&endpoint->resolved, endpoint->next, position);
    if (endpoint->next < position)
        endpoint->next = position;
    endpoint->place = PLACE_JOINING;
    behind_end_if_joined(endpoint);
}

void behind_advance(struct endpoint *endpoint, int64_t offset)
{
    ranges_add(&endpoint->resolved, endpoint->next, offset);
    if (endpoint->next <= offset)
        endpoint->next = offset + 1;
    behind_end_if_joined(endpoint);
}

void behind_resolved(struct endpoint *endpoint, int64_t offset)
{
    if (endpoint->place == PLACE_LIVE)
        return;
    if (RULE(12))
        ranges_add(&endpoint->resolved, offset, offset + 1);
    behind_end_if_joined(endpoint);
    endpoint_record_progress(endpoint);
}

struct delivery *aside_find(const struct endpoint *endpoint, int64_t offset)
{
    struct delivery *each;
    TAILQ_FOREACH(each, &endpoint->aside, in_aside)
        if (each->offset >= offset)
            return each->offset == offset ? each : NULL;
    return NULL;
}

bool behind_has(const struct endpoint *endpoint, int64_t offset)
{
    const struct delivery *each;
    if (ranges_contain(&endpoint->resolved, offset) || (aside_find(endpoint, offset) && RULE(10)))
        return true;
    if (offset <= endpoint->highest)
        TAILQ_FOREACH(each, &endpoint->deliveries, in_endpoint)
            if (each->offset == offset)
                return true;
    return false;
}

bool behind_is_resolved(const struct endpoint *endpoint, int64_t offset)
{
    return endpoint->place != PLACE_LIVE && ranges_contain(&endpoint->resolved, offset);
}

bool behind_passes(const struct endpoint *endpoint, int64_t offset)
{
    return endpoint->place == PLACE_BEHIND && (offset >= endpoint->next || !RULE(9));
}

void behind_deadline(struct endpoint *endpoint, int64_t offset, struct wall_time deadline)
{
    struct engine *engine = endpoint->engine;
    if (!RULE(15))
        return;
    if (deadline.ms - wall_now().ms < EXPIRY_AHEAD_MS && engine->expiry_count < EXPIRY_COUNT_MAX) {
        bool first =
            !heap_first(&endpoint->expiry) || heap_first(&endpoint->expiry)->key > deadline.ms;
        heap_add(&endpoint->expiry, deadline.ms, offset);
        engine->expiry_count++;
        if (first)
            endpoint_turn_soon(endpoint);
    } else if (endpoint->walk_due.ms < 0 || deadline.ms < endpoint->walk_due.ms) {
        endpoint->walk_due = deadline;
        endpoint_turn_soon(endpoint);
    }
}

void behind_passed(
    struct endpoint *endpoint, int64_t offset, struct wall_time event_at, struct wall_time deadline)
{
    endpoint->passed_over++;
    if (endpoint->oldest_passed.ms < 0)
        endpoint->oldest_passed = event_at;
    endpoint_record_cover(endpoint, offset);
    behind_deadline(endpoint, offset, deadline);
}

/* --- Giving up what is in memory --- */

struct walk {
    const struct endpoint *endpoint;
    struct ranges *resolved;
    int64_t to;
    int64_t run_from; /* since the last that has to be delivered */
    bool run_has_own; /* something of the endpoint was done in that run */
};

static void end_run(struct walk *walk, int64_t offset)
{
    if (walk->run_has_own)
        ranges_add(walk->resolved, walk->run_from, offset);
    walk->run_from = offset + 1;
    walk->run_has_own = false;
}

static void walk_offset(void *arg, int64_t offset, uint32_t tag, bool done)
{
    struct walk *walk = arg;
    if (offset >= walk->to || tag != walk->endpoint->number)
        return;
    if (done)
        walk->run_has_own = true;
    else
        end_run(walk, offset);
}

/* Goes back to `offset`, so that catch-up takes it (again). What was done of the endpoint below
 * `known_from` was taken live, and stands in the partition's watermark: all of it, since the lowest that
 * is given up has held it until now. */
static void go_back(struct endpoint *endpoint, int64_t offset)
{
    int64_t to = endpoint->known_from;
    if (offset < to) {
        if (to > live_position(endpoint))
            to = live_position(endpoint);
        struct walk walk = {endpoint, &endpoint->resolved, to, offset, false};
        kafka_partition_each(endpoint->intake->partition, offset, walk_offset, &walk);
        end_run(&walk, to);
        behind_add_done_before(endpoint, offset);
        endpoint->known_from = offset;
    }
    if (offset >= endpoint->next)
        return;
    endpoint->next = offset;
    endpoint->refused_run = endpoint->intake->run; /* the reader has gone by already */
}

static void become_behind(struct endpoint *endpoint, const char *reason)
{
    if (endpoint->place == PLACE_LIVE)
        behind_begin(endpoint, live_position(endpoint), reason);
    else if (endpoint->place == PLACE_JOINING)
        behind_begin(endpoint, endpoint->next, reason);
}

/* It is left to catch-up, which then has one before it that may be older than all that it had. */
static void note_oldest(struct endpoint *endpoint, const struct delivery *dropped)
{
    struct wall_time *oldest = &endpoint->oldest_passed;
    if (dropped->event_at.ms > 0 && (oldest->ms < 0 || dropped->event_at.ms < oldest->ms))
        *oldest = dropped->event_at;
}

/* Worth a place on the list, lest its attempts be forgotten. */
static bool was_attempted(const struct delivery *delivery)
{
    return delivery->listed || delivery->attempts > delivery->attempts_at_start;
}

/* Leaves one to catch-up, which has gone back to it. */
static void leave(struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    int64_t offset = delivery->offset;
    struct wall_time deadline = delivery->deadline;
    bool live = !delivery->caught_up;
    intake_done(delivery, END_DROPPED);
    if (live)
        endpoint_record_cover(endpoint, offset);
    behind_deadline(endpoint, offset, deadline);
}

void behind_drop(struct delivery *delivery, const char *reason)
{
    struct endpoint *endpoint = delivery->endpoint;
    struct delivery *each, *next;
    become_behind(endpoint, reason);
    if (was_attempted(delivery) && aside_put(delivery, delivery->due))
        return;
    note_oldest(endpoint, delivery);
    go_back(endpoint, delivery->offset);
    /* Those of its lane behind it must not be attempted before it comes again. */
    for (each = TAILQ_NEXT(delivery, in_lane); each; each = next) {
        next = TAILQ_NEXT(each, in_lane);
        if (each->state == DELIVERY_QUEUED && !(each->listed && aside_put(each, each->due)))
            leave(each);
    }
    leave(delivery);
    endpoint_record_changed(endpoint, true);
}

void behind_let_go(struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    int64_t offset = delivery->offset;
    bool caught_up = delivery->caught_up;
    if (endpoint && was_attempted(delivery) && aside_put(delivery, delivery->due))
        return;
    if (endpoint && caught_up) {
        become_behind(endpoint, endpoint->behind_reason);
        go_back(endpoint, offset);
        endpoint_record_changed(endpoint, true);
    }
    intake_done(delivery, END_DROPPED);
}

void behind_cancel(struct delivery *delivery)
{
    attempt_cancel(delivery);
    if (delivery->state == DELIVERY_RECORDING)
        intake_done(delivery, END_DROPPED); /* its dead letter may be written all the same */
    else
        behind_let_go(delivery);
}

static bool droppable(const struct delivery *delivery)
{
    return delivery->state == DELIVERY_QUEUED || delivery->state == DELIVERY_WAITING;
}

static struct delivery *first_droppable(struct delivery *delivery)
{
    while (delivery && !droppable(delivery))
        delivery = TAILQ_NEXT(delivery, in_endpoint);
    return delivery;
}

void behind_drop_queue(struct endpoint *endpoint, const char *reason)
{
    struct delivery *each, *next;
    int64_t lowest = INT64_MAX;
    become_behind(endpoint, reason);
    /* Setting one aside takes others of its lane along, so the walk begins anew after each. */
    each = first_droppable(TAILQ_FIRST(&endpoint->deliveries));
    while (each) {
        next = first_droppable(TAILQ_NEXT(each, in_endpoint));
        if (was_attempted(each) && aside_put(each, each->due))
            next = first_droppable(TAILQ_FIRST(&endpoint->deliveries));
        each = next;
    }
    TAILQ_FOREACH(each, &endpoint->deliveries, in_endpoint)
        if (droppable(each) && each->offset < lowest)
            lowest = each->offset;
    if (lowest < INT64_MAX)
        go_back(endpoint, lowest);
    while ((each = first_droppable(TAILQ_FIRST(&endpoint->deliveries)))) {
        note_oldest(endpoint, each);
        leave(each);
    }
    endpoint_record_changed(endpoint, true);
}

void behind_overtaken(struct endpoint *endpoint, int64_t first)
{
    aside_missing(endpoint, 0, first);
    if (endpoint->place != PLACE_BEHIND || endpoint->next >= first)
        return;
    ranges_add(&endpoint->resolved, endpoint->next, first);
    endpoint->next = first;
    if (endpoint->walk_next >= 0 && endpoint->walk_next < first)
        endpoint->walk_next = first;
    endpoint_record_changed(endpoint, true);
}
