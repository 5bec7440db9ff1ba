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

/* No longer than what is left of its time to live. */
static int64_t timeout_ms(const struct delivery *delivery, int64_t wanted)
{
    int64_t left = delivery->deadline.ms - wall_now().ms;
    if (left < 1)
        left = 1;
    return delivery->test || wanted < left ? wanted : left;
}

static void count_attempt(struct delivery *delivery)
{
    delivery->attempts++;
    delivery->last_attempt_at = wall_now();
    if (delivery->first_attempt_at.ms < 0)
        delivery->first_attempt_at = delivery->last_attempt_at;
}

void attempt_start(struct delivery *delivery)
{
    struct engine *engine = delivery->engine;
    const struct subscription *subscription = delivery->endpoint->subscription;

    if (!delivery->test && wall_now().ms > delivery->deadline.ms) {
        outcome_expired(delivery);
        return;
    }
    if (!delivery->test && subscription->rate_per_second > 0)
        rate_take(&delivery->endpoint->rate);
    count_attempt(delivery);
    struct webhook_delivery content = {
        .id = delivery->id,
        .event = delivery->event,
        .attempt = delivery->attempts,
        .at = delivery->last_attempt_at,
        .traceparent = subscription->trace ? traceparent(delivery->record) : NULL,
        .body = delivery->record->value,
    };
    struct webhook_request request;
    webhook_request_build(&request, delivery->endpoint->credentials, &content);
    request.http.target = delivery->endpoint->target;
    request.http.timeout_ms =
        timeout_ms(delivery, given_or(subscription->timeout_ms, engine->options.timeout_ms));
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
