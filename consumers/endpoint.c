/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint: the target of one subscription, and all that its owner knows of it. */
#include "consumers/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "consumers/engine.h"

#define TURN_MAX_MS      3600000 /* a timer that is further away is set again on the way */
#define WALK_INTERVAL_MS 3600000
#define IDLE_MS          60000 /* for so long what was learnt of an endpoint is kept */

struct endpoint *endpoint_find(const struct engine *engine, const char *key, size_t len)
{
    struct endpoint *endpoint = NULL;
    HASH_FIND(hh, engine->endpoints, key, (unsigned)len, endpoint);
    return endpoint;
}

static void turn_due(void *arg)
{
    struct endpoint *endpoint = arg;
    endpoint->timer_due.us = 0;
    endpoint_turn(endpoint);
}

static struct endpoint *new_endpoint(
    struct engine *engine, struct intake *intake, const char *key, size_t len)
{
    struct endpoint *endpoint = mem_zalloc(sizeof *endpoint);
    endpoint->engine = engine;
    endpoint->intake = intake;
    endpoint->number = ++engine->endpoint_number;
    endpoint->key = mem_dup(key, len);
    endpoint->tenant_series = engine_tenant_series(engine, intake->tenant);
    TAILQ_INIT(&endpoint->ready);
    TAILQ_INIT(&endpoint->deliveries);
    TAILQ_INIT(&endpoint->aside);
    window_init(&endpoint->window, engine->options.window_first);
    circuit_init(&endpoint->circuit);
    rate_init(&endpoint->rate, mono_now());
    endpoint->highest = endpoint->walk_next = -1;
    endpoint->walk_due.ms = endpoint->oldest_passed.ms = -1;
    endpoint->last_error_at.ms = endpoint->last_success_at.ms = endpoint->recovered_at.ms = -1;
    endpoint->acked_bookmark = endpoint->sent_bookmark = INT64_MAX;
    endpoint->hungry = true;
    endpoint->timer = loop_timer_new(engine->deps.loop, turn_due, endpoint);
    endpoint->record_timer = loop_timer_new(engine->deps.loop, endpoint_record_due, endpoint);
    sender_init(&endpoint->sender, engine->http);
    TAILQ_INSERT_TAIL(&intake->endpoints, endpoint, in_intake);
    HASH_ADD_KEYPTR(hh, engine->endpoints, endpoint->key, len, endpoint);
    return endpoint;
}

struct endpoint *endpoint_get(struct engine *engine, struct intake *intake, const char *key,
    size_t len, struct subscription *subscription)
{
    struct endpoint *endpoint = endpoint_find(engine, key, len);
    if (!endpoint)
        endpoint = new_endpoint(engine, intake, key, len);
    if (endpoint->subscription != subscription)
        endpoint_set_subscription(endpoint, subscription);
    return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
    struct engine *engine = endpoint->engine;
    bug_on(endpoint->held > 0 || endpoint->aside_count > 0);
    if (endpoint->intake->held_for == endpoint)
        endpoint->intake->held_for = NULL;
    if (endpoint->in_turn_list)
        TAILQ_REMOVE(&engine->turns, endpoint, in_turn);
    TAILQ_REMOVE(&endpoint->intake->endpoints, endpoint, in_intake);
    HASH_DEL(engine->endpoints, endpoint);
    if (endpoint->sending)
        endpoint_store_forget(engine->store, endpoint);
    notices_abandon(endpoint);
    engine->expiry_count -= (int64_t)endpoint->expiry.count;
    loop_timer_free(endpoint->timer);
    loop_timer_free(endpoint->record_timer);
    sender_release(&endpoint->sender);
    subscription_unref(endpoint->subscription);
    ranges_release(&endpoint->resolved);
    heap_release(&endpoint->expiry);
    ranges_release(&endpoint->expired);
    free(endpoint->to_cover);
    free(endpoint->disabled_reason);
    free(endpoint->key);
    free(endpoint);
}

bool endpoint_is_idle(const struct endpoint *endpoint)
{
    return endpoint->held == 0 && endpoint->aside_count == 0 && endpoint->place == PLACE_LIVE &&
           !endpoint->disabled && endpoint->circuit.phase == CIRCUIT_CLOSED &&
           !endpoint_record_busy(endpoint) && endpoint->to_cover_count == 0 &&
           endpoint->told == TOLD_NOTHING && endpoint->telling == TOLD_NOTHING &&
           endpoint->recovered_at.ms < 0 && !endpoint->notice &&
           !mono_before(mono_now(), endpoint->paused_until);
}

struct endpoint_refusal endpoint_refusal(const struct endpoint *endpoint)
{
    if (!endpoint->subscription)
        return (struct endpoint_refusal){
            true, DEAD_SUBSCRIPTION_DELETED, "the subscription does not exist any more"};
    if (!endpoint->subscription->enabled)
        return (struct endpoint_refusal){
            true, DEAD_ENDPOINT_DISABLED, "the subscription is not enabled"};
    if (endpoint->disabled)
        return (struct endpoint_refusal){true, DEAD_ENDPOINT_DISABLED, endpoint->disabled_reason};
    return (struct endpoint_refusal){.refused = false};
}

enum endpoint_block endpoint_block(const struct endpoint *endpoint)
{
    if (endpoint->subscription && endpoint->subscription->paused)
        return BLOCK_OWNER;
    if (endpoint->subscription && !endpoint->sender.credentials)
        return BLOCK_SEALED;
    if (endpoint->circuit.phase == CIRCUIT_OPEN)
        return BLOCK_CIRCUIT;
    if (endpoint->long_pause)
        return BLOCK_PAUSE;
    return BLOCK_NONE;
}

const char *endpoint_block_text(enum endpoint_block block)
{
    static const char *const texts[] = {
        [BLOCK_NONE] = "slower than its events come",
        [BLOCK_OWNER] = "paused by its owner",
        [BLOCK_SEALED] = "its secrets do not open",
        [BLOCK_CIRCUIT] = "failing",
        [BLOCK_PAUSE] = "asked to be left alone (Retry-After)",
    };
    return texts[block];
}

struct wall_time endpoint_back_at(const struct endpoint *endpoint)
{
    struct mono_time until;
    switch (endpoint_block(endpoint)) {
    case BLOCK_CIRCUIT:
        until = endpoint->circuit.open_until;
        break;
    case BLOCK_PAUSE:
        until = endpoint->paused_until;
        break;
    default: /* it may be at any moment */
        return (struct wall_time){0};
    }
    return (struct wall_time){wall_now().ms + mono_diff_ms(until, mono_now())};
}

int64_t endpoint_window(const struct endpoint *endpoint)
{
    int64_t most = endpoint->engine->options.endpoint_window;
    int64_t wanted = endpoint->subscription ? endpoint->subscription->max_in_flight : 0;
    if (wanted > 0 && wanted < most)
        most = wanted;
    if (endpoint->circuit.phase != CIRCUIT_CLOSED)
        return 1; /* the probe */
    return window_size(&endpoint->window, most);
}

/* Enough to go on with while the reader fetches more, and no more than may be repeated. */
int64_t endpoint_feed_limit(const struct endpoint *endpoint)
{
    int64_t limit = 4 * endpoint_window(endpoint);
    if (endpoint_refusal(endpoint).refused)
        return 1024;
    if (endpoint->circuit.phase != CIRCUIT_CLOSED)
        return 1;
    return limit < 32 ? 32 : limit;
}

bool endpoint_is_stuck(const struct endpoint *endpoint)
{
    return endpoint->in_flight == 0 && TAILQ_EMPTY(&endpoint->ready);
}

static void arm(struct endpoint *endpoint, int64_t delay_ms)
{
    struct mono_time due = mono_add_ms(mono_now(), delay_ms);
    if (endpoint->timer_due.us && !mono_before(due, endpoint->timer_due))
        return;
    endpoint->timer_due = due;
    loop_timer_start(endpoint->timer, delay_ms, 0);
}

static bool has_token(struct endpoint *endpoint)
{
    const struct subscription *subscription = endpoint->subscription;
    if (!subscription || subscription->rate_per_second <= 0)
        return true;
    int64_t wait_us = rate_wait_us(
        &endpoint->rate, subscription->rate_per_second, subscription->rate_burst, mono_now());
    if (wait_us > 0)
        arm(endpoint, wait_us / 1000 + 1);
    return wait_us == 0;
}

bool endpoint_runnable(struct endpoint *endpoint)
{
    if (TAILQ_EMPTY(&endpoint->ready) || endpoint->in_flight >= endpoint_window(endpoint) ||
        !endpoint->sender.credentials || endpoint->circuit.phase == CIRCUIT_OPEN ||
        mono_before(mono_now(), endpoint->paused_until))
        return false;
    return has_token(endpoint);
}

/* What was passed over and is too late by now is read for its dead letter. */
static void expire(struct endpoint *endpoint)
{
    int64_t now = wall_now().ms;
    const struct heap_item *first;
    while ((first = heap_first(&endpoint->expiry)) && first->key < now) {
        int64_t offset = heap_take(&endpoint->expiry).value;
        endpoint->engine->expiry_count--;
        if (behind_passes(endpoint, offset) && !behind_has(endpoint, offset))
            ranges_add(&endpoint->expired, offset, offset + 1);
    }
    if (endpoint->walk_due.ms >= 0 && endpoint->walk_due.ms < now && endpoint->walk_next < 0 &&
        mono_before(endpoint->walk_not_before, mono_now()) &&
        endpoint_block(endpoint) != BLOCK_NONE) {
        endpoint->walk_due.ms = -1;
        endpoint->walk_next = endpoint->next;
        endpoint->walk_not_run = endpoint->intake->run;
        endpoint->walk_not_before = mono_add_ms(mono_now(), WALK_INTERVAL_MS);
    }
}

struct next_turn {
    int64_t now_ms, at_ms;
};

static void consider(struct next_turn *next, int64_t at_ms)
{
    if (at_ms >= next->now_ms && at_ms < next->at_ms)
        next->at_ms = at_ms;
}

static int64_t in_wall(struct mono_time time)
{
    return wall_now().ms + mono_diff_ms(time, mono_now());
}

static void arm_next(struct endpoint *endpoint)
{
    struct next_turn next = {wall_now().ms, wall_now().ms + TURN_MAX_MS};
    int64_t farthest = next.at_ms;
    const struct delivery *each;
    if (endpoint->circuit.phase == CIRCUIT_OPEN)
        consider(&next, in_wall(endpoint->circuit.open_until));
    if (mono_before(mono_now(), endpoint->paused_until))
        consider(&next, in_wall(endpoint->paused_until));
    if (heap_first(&endpoint->expiry))
        consider(&next, heap_first(&endpoint->expiry)->key);
    if (endpoint->walk_due.ms >= 0)
        consider(&next, endpoint->walk_due.ms);
    TAILQ_FOREACH(each, &endpoint->aside, in_aside)
        if (each->state == DELIVERY_ASIDE) {
            consider(&next, each->due.ms);
            consider(&next, each->deadline.ms);
        }
    if (next.at_ms < farthest || endpoint->place != PLACE_LIVE)
        arm(endpoint, next.at_ms - next.now_ms + 1);
}

void endpoint_turn(struct endpoint *endpoint)
{
    if (endpoint->intake->phase != INTAKE_RUNNING)
        return;
    if (endpoint->circuit.phase == CIRCUIT_OPEN)
        circuit_may_start(&endpoint->circuit, mono_now());
    if (endpoint->paused_until.us && !mono_before(mono_now(), endpoint->paused_until)) {
        endpoint->paused_until.us = 0;
        endpoint->long_pause = false;
        endpoint_record_changed(endpoint, false); /* which may say that it is paused */
    }
    if (endpoint->held <= endpoint_feed_limit(endpoint) / 2 || endpoint_is_stuck(endpoint))
        endpoint->hungry = true;
    expire(endpoint);
    notices_check(endpoint);
    behind_end_if_joined(endpoint);
    if (endpoint->place != PLACE_LIVE || endpoint->aside_count)
        catchup_plan_soon(endpoint->intake);
    scheduler_offer(endpoint);
    arm_next(endpoint);
}

void endpoint_turn_soon(struct endpoint *endpoint)
{
    arm(endpoint, 0);
}

static void expire_in_memory(struct endpoint *endpoint)
{
    struct delivery *each, *next;
    int64_t now = wall_now().ms;
    for (each = TAILQ_FIRST(&endpoint->deliveries); each; each = next) {
        next = TAILQ_NEXT(each, in_endpoint);
        if (now > each->deadline.ms &&
            (each->state == DELIVERY_QUEUED || each->state == DELIVERY_WAITING))
            outcome_expired(each);
    }
}

static void note_speed(struct endpoint *endpoint)
{
    int64_t position = kafka_partition_position(endpoint->intake->partition);
    bool works =
        endpoint_refusal(endpoint).refused ||
        (endpoint_block(endpoint) == BLOCK_NONE && endpoint->circuit.phase == CIRCUIT_CLOSED);
    if (endpoint->place == PLACE_BEHIND && works && position >= 0)
        speed_note(&endpoint->speed, endpoint->next, position, mono_now());
    else
        speed_reset(&endpoint->speed);
}

void endpoint_tick(struct endpoint *endpoint)
{
    if (endpoint->intake->phase != INTAKE_RUNNING)
        return;
    note_speed(endpoint);
    if (endpoint->held > 0)
        expire_in_memory(endpoint);
    endpoint->cramped = false;
    if (endpoint->place != PLACE_LIVE || endpoint->aside_count)
        endpoint_turn(endpoint);
    else if (endpoint_is_idle(endpoint) &&
             mono_diff_ms(mono_now(), endpoint->last_record) > IDLE_MS)
        endpoint_free(endpoint);
    else
        notices_check(endpoint);
}

void endpoint_set_error(struct endpoint *endpoint, const char *error)
{
    snprintf(endpoint->last_error, sizeof endpoint->last_error, "%s", error);
    endpoint->last_error_at = wall_now();
}

void endpoint_pause(struct endpoint *endpoint, int64_t ms)
{
    struct mono_time until = mono_add_ms(mono_now(), ms);
    if (!mono_before(endpoint->paused_until, until))
        return;
    endpoint->paused_until = until;
    endpoint_turn_soon(endpoint);
    if (ms <= endpoint->engine->options.retry_horizon_ms)
        return;
    endpoint->long_pause = true;
    behind_drop_queue(endpoint, endpoint_block_text(BLOCK_PAUSE));
}

void endpoint_disable(struct endpoint *endpoint, const char *reason)
{
    if (endpoint->disabled)
        return;
    log_warn("endpoint disabled", LOG_STR("endpoint", endpoint->key), LOG_STR("reason", reason));
    endpoint->disabled = true;
    endpoint->disabled_reason = mem_strdup(reason);
    endpoint->disabled_since = wall_now();
    endpoint_record_changed(endpoint, true);
    intake_refuse_waiting(endpoint);
    endpoint_turn_soon(endpoint); /* which tells of it */
}

/* Nothing is held against it any more. */
static void forgive(struct endpoint *endpoint)
{
    endpoint->disabled = false;
    free(endpoint->disabled_reason);
    endpoint->disabled_reason = NULL;
    circuit_init(&endpoint->circuit);
    window_init(&endpoint->window, endpoint->engine->options.window_first);
    endpoint->paused_until.us = 0;
    endpoint->long_pause = false;
    endpoint_record_changed(endpoint, true);
    endpoint_turn_soon(endpoint);
}

static void reset(struct endpoint *endpoint)
{
    log_info("endpoint reset", LOG_STR("endpoint", endpoint->key));
    forgive(endpoint);
}

void endpoint_check_reset(struct endpoint *endpoint)
{
    int64_t asked = endpoint->subscription ? endpoint->subscription->reset_at_ms : 0;
    bool failing = endpoint->circuit.phase != CIRCUIT_CLOSED;
    if ((endpoint->disabled && asked > endpoint->disabled_since.ms) ||
        (failing && asked > endpoint->circuit.failing_since.ms))
        reset(endpoint);
}

/* Rather nothing is sent than something with a wrong signature. */
static void open_credentials(struct endpoint *endpoint)
{
    struct subscription *subscription = endpoint->subscription;
    struct error error = ERROR_INIT;
    struct sending_limits limits = {0};
    struct credentials *credentials = NULL;
    if (subscription) {
        credentials = credentials_new(subscription, endpoint->engine->deps.ring, &error);
        limits = attempt_limits(endpoint->engine, subscription);
    }
    sender_set(&endpoint->sender, credentials, &limits);
    if (!subscription || credentials)
        return;
    log_error("secrets do not open, nothing is sent until they do",
        LOG_STR("endpoint", endpoint->key), LOG_ERR(&error));
    endpoint_set_error(endpoint, error.text);
}

void endpoint_set_subscription(struct endpoint *endpoint, struct subscription *subscription)
{
    subscription_unref(endpoint->subscription);
    endpoint->subscription = subscription ? subscription_ref(subscription) : NULL;
    open_credentials(endpoint);
    if (endpoint->intake->phase != INTAKE_RUNNING)
        return;
    endpoint_check_reset(endpoint);
    if (!subscription) { /* one that is made again under its name is another */
        notices_forget(endpoint);
        forgive(endpoint);
    }
    enum endpoint_block block = endpoint_block(endpoint);
    if (endpoint_refusal(endpoint).refused)
        intake_refuse_waiting(endpoint);
    else if (block == BLOCK_OWNER || block == BLOCK_SEALED)
        behind_drop_queue(endpoint, endpoint_block_text(block));
    endpoint_turn_soon(endpoint);
}
