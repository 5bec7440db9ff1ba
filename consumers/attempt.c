/* SPDX-License-Identifier: Apache-2.0 */
/* One POST's life, from the subscription as it is now to the answer. */
#include "common/text.h"
#include "consumers/engine.h"
#include "webhook/request.h"

static void answered(void *arg, const struct http_answer *answer)
{
    struct delivery *delivery = arg;
    delivery->post = NULL;
    outcome_answered(delivery, answer);
}

static int64_t given_or(int64_t given, int64_t fallback)
{
    return given > 0 ? given : fallback;
}

/* Only what looks like one (W3C Trace Context, 3.2.2): the header comes from outside. */
static const char *traceparent(const struct record *record)
{
    const char *value = record_header_text(record, "traceparent");
    return value && text_matches_set(value, 128, "0-9a-f-") ? value : NULL;
}

/* Later than the subscription's own time to live, an event is worse than none. */
static bool expired(const struct delivery *delivery, const struct subscription *subscription)
{
    int64_t ttl_ms = subscription_ttl_ms(subscription, delivery->event);
    return ttl_ms > 0 && wall_now().ms - delivery->event_at.ms > ttl_ms;
}

void attempt_start(struct delivery *delivery)
{
    struct engine *engine = delivery->engine;
    const struct subscription *subscription = delivery->endpoint->subscription;

    if (expired(delivery, subscription)) {
        outcome_dead(delivery, DEAD_EXPIRED, "older than its time to live", NULL);
        return;
    }
    delivery->attempts++;
    delivery->last_attempt_at = wall_now();
    if (delivery->first_attempt_at.ms < 0)
        delivery->first_attempt_at = delivery->last_attempt_at;
    if (delivery->first_attempt.us == 0)
        delivery->first_attempt = mono_now();

    struct webhook_delivery content = {
        .id = delivery->id,
        .event = delivery->event,
        .attempt = delivery->attempts,
        .at = delivery->last_attempt_at,
        .traceparent = subscription->trace ? traceparent(delivery->record) : NULL,
        .body = delivery->record->value,
    };
    struct webhook_request request;
    webhook_request_build(&request, subscription, &content);
    request.http.timeout_ms = given_or(subscription->timeout_ms, engine->options.timeout_ms);
    request.http.connect_timeout_ms =
        given_or(subscription->connect_timeout_ms, engine->options.connect_timeout_ms);
    delivery->post = http_client_post(engine->http, &request.http, answered, delivery);
    webhook_request_release(&request);
    delivery_set_state(delivery, DELIVERY_IN_FLIGHT);
}

void attempt_cancel(struct delivery *delivery)
{
    if (delivery->post)
        http_post_cancel(delivery->post);
    delivery->post = NULL;
}
