/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint's state to and from Kafka. Changes are gathered; one record at a time is on its way. */
#include <stdlib.h>

#include "common/memory.h"
#include "consumers/engine.h"

#define GATHER_MS     100  /* of what the watermark waits for, or an operator should see */
#define PROGRESS_MIN  64   /* deliveries, that are worth a record before that time */
#define PROGRESS_MS   1000 /* of a catch-up, where it is slow */
#define SEND_AGAIN_MS 1000

static struct wall_time to_wall(struct mono_time time)
{
    return (struct wall_time){wall_now().ms + mono_diff_ms(time, mono_now())};
}

/* Two machines' clocks may differ: what was to end soon must not seem to last for ever. */
static struct mono_time to_mono(struct wall_time time, int64_t max_ms)
{
    int64_t left = time.ms - wall_now().ms;
    return mono_add_ms(mono_now(), left < 0 ? 0 : left > max_ms ? max_ms : left);
}

static void fill_aside(const struct endpoint *endpoint, struct endpoint_state *state)
{
    const struct delivery *each;
    state->aside = mem_array(NULL, endpoint->aside_count + 1, sizeof *state->aside);
    TAILQ_FOREACH(each, &endpoint->aside, in_aside)
        state->aside[state->aside_count++] = (struct endpoint_aside){
            .offset = each->offset,
            .attempts = each->attempts,
            .due = each->due,
            .first_attempt_at = each->first_attempt_at,
            .deadline = each->deadline,
            .lane = each->lane_hash,
        };
}

static void fill_health(const struct endpoint *endpoint, struct endpoint_state *state)
{
    const struct circuit *circuit = &endpoint->circuit;
    if (circuit->phase != CIRCUIT_CLOSED) {
        state->trips = circuit->trips;
        state->failing_since = circuit->failing_since;
        state->open_until =
            circuit->phase == CIRCUIT_OPEN ? to_wall(circuit->open_until) : wall_now();
    }
    if (mono_before(mono_now(), endpoint->paused_until))
        state->paused_until = to_wall(endpoint->paused_until);
    state->told = endpoint->told;
    state->recovered_at = endpoint->recovered_at;
}

/* What is resolved above the bookmark. We keep more in mind: what lies above a live delivery that is still
 * in memory, for if that is given up, the bookmark goes down to it. */
static void fill_resolved(struct endpoint *endpoint, struct endpoint_state *state)
{
    int64_t keep = state->bookmark;
    const struct delivery *each;
    TAILQ_FOREACH(each, &endpoint->deliveries, in_endpoint)
        if (each->offset < keep)
            keep = each->offset;
    ranges_drop_below(&endpoint->resolved, keep);
    for (size_t i = 0; i < endpoint->resolved.count; i++)
        ranges_add(
            &state->resolved, endpoint->resolved.items[i].from, endpoint->resolved.items[i].to);
    ranges_drop_below(&state->resolved, state->bookmark);
}

/* Borrows `reason` from the endpoint. */
static void fill_state(struct endpoint *endpoint, struct endpoint_state *state)
{
    *state = endpoint_state_none();
    state->bookmark = behind_bookmark(endpoint);
    if (state->bookmark >= 0) {
        state->phase = ENDPOINT_BEHIND;
        state->reason = endpoint->behind_reason;
        state->since = endpoint->behind_since;
        fill_resolved(endpoint, state);
    }
    if (endpoint->disabled) {
        state->phase = ENDPOINT_DISABLED;
        state->reason = endpoint->disabled_reason;
        state->since = endpoint->disabled_since;
    }
    fill_aside(endpoint, state);
    fill_health(endpoint, state);
}

static void cover_acknowledged(struct endpoint *endpoint)
{
    size_t kept = 0;
    for (size_t i = 0; i < endpoint->to_cover_count; i++) {
        struct to_cover *each = &endpoint->to_cover[i];
        if (each->state <= endpoint->sent_number)
            kafka_partition_covered(endpoint->intake->partition, each->offset);
        else
            endpoint->to_cover[kept++] = *each;
    }
    endpoint->to_cover_count = kept;
}

static void arm(struct endpoint *endpoint, int64_t delay_ms)
{
    loop_timer_start(endpoint->record_timer, delay_ms, 0);
}

static void sent(void *arg, bool written)
{
    struct endpoint *endpoint = arg;
    struct intake *intake = endpoint->intake;
    endpoint->sending = false;
    if (written) {
        endpoint->acked_bookmark = endpoint->last_bookmark;
        endpoint->sent_bookmark = endpoint->last_bookmark;
        endpoint->acked_something = endpoint->last_something;
        cover_acknowledged(endpoint);
    } else {
        endpoint->dirty = endpoint->urgent = true;
    }
    if (endpoint->dirty)
        arm(endpoint, !written                           ? SEND_AGAIN_MS
                      : intake->phase == INTAKE_SETTLING ? 0
                      : endpoint->urgent                 ? GATHER_MS
                                                         : PROGRESS_MS);
    ownership_settle_if_done(intake);
}

void endpoint_record_flush(struct endpoint *endpoint)
{
    struct engine *engine = endpoint->engine;
    struct endpoint_state state;
    if (!endpoint->dirty || endpoint->sending)
        return;
    endpoint->dirty = endpoint->urgent = false;
    endpoint->resolved_since = 0;
    fill_state(endpoint, &state);
    bool something = !endpoint_state_is_none(&state);
    /* Nothing to remember, and nothing there that says otherwise. */
    if (something || endpoint->acked_something || endpoint->outdated || endpoint->to_cover_count) {
        struct endpoint_stamp stamp = {kafka_partition_number(endpoint->intake->partition),
            kafka_partition_epoch(endpoint->intake->partition)};
        endpoint->last_bookmark = state.bookmark >= 0 ? state.bookmark : INT64_MAX;
        endpoint->last_something = something;
        if (endpoint->sent_bookmark < endpoint->last_bookmark)
            endpoint->sent_bookmark = endpoint->last_bookmark;
        endpoint->sent_number++;
        endpoint->outdated = false;
        endpoint->sending = true;
        endpoint->acked_something = true; /* as long as it is not known */
        endpoint_store_send(engine->store, endpoint->key, &stamp, &state, sent, endpoint);
    }
    endpoint_state_release(&state);
}

void endpoint_record_due(void *arg)
{
    struct endpoint *endpoint = arg;
    endpoint_record_flush(endpoint);
    ownership_settle_if_done(endpoint->intake);
}

void endpoint_record_changed(struct endpoint *endpoint, bool urgent)
{
    bool sooner = !endpoint->dirty || (urgent && !endpoint->urgent);
    endpoint->dirty = true;
    endpoint->urgent |= urgent;
    if (sooner && !endpoint->sending)
        arm(endpoint, endpoint->urgent ? GATHER_MS : PROGRESS_MS);
}

void endpoint_record_progress(struct endpoint *endpoint)
{
    int64_t limit = endpoint_feed_limit(endpoint);
    endpoint->resolved_since++;
    endpoint_record_changed(
        endpoint, endpoint->resolved_since >= (limit > PROGRESS_MIN ? limit : PROGRESS_MIN));
}

void endpoint_record_cover(struct endpoint *endpoint, int64_t offset)
{
    if (!RULE(4)) /* as if what is only remembered were done */
        kafka_partition_done(endpoint->intake->partition, offset);
    if (!RULE(2) || (offset >= endpoint->acked_bookmark && offset >= endpoint->sent_bookmark)) {
        kafka_partition_covered(endpoint->intake->partition, offset);
        return;
    }
    if (endpoint->to_cover_count == endpoint->to_cover_cap) {
        endpoint->to_cover_cap = endpoint->to_cover_cap ? 2 * endpoint->to_cover_cap : 16;
        endpoint->to_cover =
            mem_array(endpoint->to_cover, endpoint->to_cover_cap, sizeof *endpoint->to_cover);
    }
    endpoint->to_cover[endpoint->to_cover_count++] =
        (struct to_cover){offset, endpoint->sent_number + 1};
    endpoint_record_changed(endpoint, true);
}

bool endpoint_record_busy(const struct endpoint *endpoint)
{
    return endpoint->dirty || endpoint->sending;
}

static void load_bookmark(struct endpoint *endpoint, const struct endpoint_state *state)
{
    if (state->bookmark < 0)
        return;
    endpoint->place = PLACE_BEHIND;
    endpoint->behind_reason = "since before this process had it";
    endpoint->behind_since = endpoint->oldest_passed = state->since;
    endpoint->next = endpoint->known_from = state->bookmark;
    endpoint->acked_bookmark = endpoint->sent_bookmark = state->bookmark;
    for (size_t i = 0; i < state->resolved.count; i++)
        ranges_add(&endpoint->resolved, state->resolved.items[i].from, state->resolved.items[i].to);
    behind_add_done_before(endpoint, state->bookmark);
    endpoint->walk_due =
        wall_now(); /* the deadlines that the owner before had in mind are not known */
}

static void load_health(struct endpoint *endpoint, const struct endpoint_state *state)
{
    const struct consumer_options *options = &endpoint->engine->options;
    struct circuit *circuit = &endpoint->circuit;
    if (!endpoint->subscription) { /* deleted: nothing is held against it */
        endpoint_record_changed(endpoint, true);
        return;
    }
    endpoint->told = state->told;
    endpoint->recovered_at = state->recovered_at;
    if (state->trips > 0) {
        circuit->phase = CIRCUIT_OPEN;
        circuit->trips = state->trips;
        circuit->failing_since = state->failing_since;
        circuit->open_until = to_mono(state->open_until, options->circuit.open_max_ms);
    }
    if (state->paused_until.ms >= 0) {
        endpoint->paused_until = to_mono(state->paused_until, options->retry_after_max_ms);
        endpoint->long_pause =
            mono_diff_ms(endpoint->paused_until, mono_now()) > options->retry_horizon_ms;
    }
    if (state->phase == ENDPOINT_DISABLED) {
        endpoint->disabled = true;
        endpoint->disabled_reason = mem_strdup(state->reason ? state->reason : "disabled");
        endpoint->disabled_since = state->since;
    }
}

void endpoint_record_load(struct endpoint *endpoint, const struct endpoint_state *state)
{
    endpoint->acked_something = !endpoint_state_is_none(state);
    load_bookmark(endpoint, state);
    load_health(endpoint, state);
    for (size_t i = 0; i < state->aside_count; i++)
        aside_load(endpoint, &state->aside[i]);
    endpoint_check_reset(endpoint);
    endpoint_turn_soon(endpoint);
}
