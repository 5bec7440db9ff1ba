/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to say of an endpoint. */
#include "consumers/status.h"

#include "consumers/engine.h"

const char *const status_states[] = {
    [STATUS_LIVE] = "live",
    [STATUS_BEHIND] = "behind",
    [STATUS_JOINING] = "joining",
    [STATUS_DISABLED] = "disabled",
    NULL,
};
const char *const status_phases[] = {
    [CIRCUIT_CLOSED] = "closed",
    [CIRCUIT_OPEN] = "open",
    [CIRCUIT_PROBING] = "probing",
    NULL,
};

static const struct wall_time none = {-1};

enum status_state status_state(const struct endpoint *endpoint)
{
    static const enum status_state states[] = {
        [PLACE_LIVE] = STATUS_LIVE,
        [PLACE_BEHIND] = STATUS_BEHIND,
        [PLACE_JOINING] = STATUS_JOINING,
    };
    return endpoint->disabled ? STATUS_DISABLED : states[endpoint->place];
}

static void take_older(struct wall_time *oldest, struct wall_time time)
{
    if (time.ms > 0 && (oldest->ms < 0 || time.ms < oldest->ms))
        *oldest = time;
}

struct wall_time status_oldest(const struct endpoint *endpoint)
{
    const struct delivery *each;
    struct wall_time oldest = none;
    TAILQ_FOREACH(each, &endpoint->deliveries, in_endpoint)
        take_older(&oldest, each->event_at);
    /* Of one that was set aside before we had it only its attempts are known: it is older than those. */
    TAILQ_FOREACH(each, &endpoint->aside, in_aside)
        take_older(&oldest, each->event_at.ms > 0 ? each->event_at : each->first_attempt_at);
    if (endpoint->place == PLACE_BEHIND)
        take_older(&oldest, endpoint->oldest_passed);
    return oldest;
}

static const char *reason_of(const struct endpoint *endpoint)
{
    struct endpoint_refusal refusal = endpoint_refusal(endpoint);
    enum endpoint_block block = endpoint_block(endpoint);
    if (endpoint->disabled)
        return endpoint->disabled_reason;
    if (refusal.refused)
        return refusal.detail;
    if (block != BLOCK_NONE)
        return endpoint_block_text(block);
    return endpoint->place == PLACE_LIVE ? NULL : endpoint->behind_reason;
}

static void count(struct status *status, const struct endpoint *endpoint)
{
    const struct delivery *each;
    TAILQ_FOREACH(each, &endpoint->deliveries, in_endpoint) {
        status->queued += each->state == DELIVERY_QUEUED;
        status->waiting += each->state == DELIVERY_WAITING;
        status->recording += each->state == DELIVERY_RECORDING;
    }
    TAILQ_FOREACH(each, &endpoint->aside, in_aside)
        status->aside += each->state == DELIVERY_ASIDE;
}

static struct wall_time if_to_come(struct mono_time time)
{
    struct mono_time now = mono_now();
    return mono_before(now, time) ? (struct wall_time){wall_now().ms + mono_diff_ms(time, now)}
                                  : none;
}

static void look_behind(struct status *status, const struct endpoint *endpoint)
{
    int64_t position = kafka_partition_position(endpoint->intake->partition);
    status->bookmark = behind_bookmark(endpoint);
    status->passed_over = endpoint->passed_over;
    if (position >= 0 && status->bookmark >= 0)
        status->records = position > status->bookmark ? position - status->bookmark : 0;
    if (position >= 0 && endpoint->place == PLACE_BEHIND)
        status->live_in_ms = speed_left_ms(&endpoint->speed, position - endpoint->next);
}

struct status status_of(const struct endpoint *endpoint)
{
    const struct subscription *subscription = endpoint->subscription;
    struct status status = {
        .key = endpoint->key,
        .state = status_state(endpoint),
        .reason = reason_of(endpoint),
        .since = endpoint->disabled              ? endpoint->disabled_since
                 : endpoint->place == PLACE_LIVE ? none
                                                 : endpoint->behind_since,
        .phase = status_phases[endpoint->circuit.phase],
        .open_until = endpoint->circuit.phase == CIRCUIT_OPEN
                          ? if_to_come(endpoint->circuit.open_until)
                          : none,
        .paused_until = if_to_come(endpoint->paused_until),
        .window = endpoint_window(endpoint),
        .in_flight = endpoint->in_flight,
        .held_bytes = endpoint->held_bytes,
        .rate_per_second = subscription ? subscription->rate_per_second : 0,
        .rate_burst = subscription ? subscription->rate_burst : 0,
        .last_error = endpoint->last_error,
        .last_error_at = endpoint->last_error_at,
        .last_success_at = endpoint->last_success_at,
        .oldest_waiting = status_oldest(endpoint),
        .bookmark = -1,
        .records = -1,
        .live_in_ms = -1,
    };
    count(&status, endpoint);
    if (endpoint->place != PLACE_LIVE)
        look_behind(&status, endpoint);
    return status;
}
