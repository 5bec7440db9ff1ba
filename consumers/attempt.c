/* SPDX-License-Identifier: Apache-2.0 */
/* One POST's life, from the subscription as it is now to the answer. */
#include "consumers/engine.h"
#include "webhook/sender.h"

/* What bodies take that are not the events' own is shared out like slots (scheduler.c). */
static void under_way(struct delivery *delivery, struct sending *sending)
{
    int64_t bytes = (int64_t)sending_bytes(sending);
    delivery->sending = sending;
    delivery->endpoint->rendered_bytes += bytes;
    delivery->engine->rendered_bytes += bytes;
}

static void over(struct delivery *delivery)
{
    int64_t bytes = (int64_t)sending_bytes(delivery->sending);
    delivery->sending = NULL;
    delivery->endpoint->rendered_bytes -= bytes;
    delivery->engine->rendered_bytes -= bytes;
}

static void answered(void *arg, const struct http_answer *answer)
{
    struct delivery *delivery = arg;
    over(delivery);
    outcome_answered(delivery, answer);
}

static int64_t given_or(int64_t given, int64_t fallback)
{
    return given > 0 ? given : fallback;
}

struct sending_limits attempt_limits(
    const struct engine *engine, const struct subscription *subscription)
{
    const struct consumer_options *options = &engine->options;
    return (struct sending_limits){
        .connect_timeout_ms =
            given_or(subscription->connect_timeout_ms, options->connect_timeout_ms),
        .timeout_ms = given_or(subscription->timeout_ms, options->timeout_ms),
    };
}

/* No longer than what is left of its time to live. */
static int64_t within_deadline(
    const struct delivery *delivery, int64_t wanted, struct wall_time now)
{
    int64_t left = delivery->deadline.ms - now.ms;
    if (left < 1)
        left = 1;
    return wanted < left ? wanted : left;
}

static void count_attempt(struct delivery *delivery, struct wall_time now)
{
    delivery->attempts++;
    delivery->last_attempt_at = now;
    if (delivery->first_attempt_at.ms < 0)
        delivery->first_attempt_at = now;
}

void attempt_start(struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    const struct subscription *subscription = endpoint->subscription;
    struct wall_time now = wall_now();
    struct error error = ERROR_INIT;

    if (now.ms > delivery->deadline.ms) {
        outcome_expired(delivery);
        return;
    }
    if (subscription->rate_per_second > 0)
        rate_take(&endpoint->rate);
    count_attempt(delivery, now);
    struct webhook_delivery content = {
        .id = delivery->id,
        .event = delivery->event,
        .attempt = delivery->attempts,
        .at = now,
        .event_at = delivery->event_at,
        .order_key = delivery->order_key,
        .redact = delivery->redact,
        .record = delivery->record,
    };
    struct sending_limits limits = attempt_limits(delivery->engine, subscription);
    limits.timeout_ms = within_deadline(delivery, limits.timeout_ms, now);
    struct sending *sending =
        sending_start(&endpoint->sender, &content, &limits, false, answered, delivery, &error);
    if (!sending) {
        outcome_unrenderable(delivery, error.text);
        return;
    }
    under_way(delivery, sending);
    delivery_set_state(delivery, DELIVERY_IN_FLIGHT);
}

void attempt_cancel(struct delivery *delivery)
{
    struct sending *sending = delivery->sending;
    if (!sending)
        return;
    over(delivery);
    sending_cancel(sending);
}
