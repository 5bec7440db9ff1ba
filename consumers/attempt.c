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

void attempt_set_timeouts(const struct engine *engine, const struct subscription *subscription,
    struct http_request *request)
{
    const struct consumer_options *options = &engine->options;
    request->timeout_ms = given_or(subscription->timeout_ms, options->timeout_ms);
    request->connect_timeout_ms =
        given_or(subscription->connect_timeout_ms, options->connect_timeout_ms);
}

/* Only what looks like one (W3C Trace Context, 3.2.2): the header comes from outside. */
const char *attempt_traceparent(
    const struct subscription *subscription, const struct record *record)
{
    const char *value = subscription->trace ? record_header_text(record, "traceparent") : NULL;
    return value && text_matches_set(value, 128, "0-9a-f-") ? value : NULL;
}

/* No longer than what is left of its time to live. */
static int64_t within_deadline(const struct delivery *delivery, int64_t wanted)
{
    int64_t left = delivery->deadline.ms - wall_now().ms;
    if (left < 1)
        left = 1;
    return wanted < left ? wanted : left;
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

    if (wall_now().ms > delivery->deadline.ms) {
        outcome_expired(delivery);
        return;
    }
    if (subscription->rate_per_second > 0)
        rate_take(&delivery->endpoint->rate);
    count_attempt(delivery);
    struct webhook_delivery content = {
        .id = delivery->id,
        .event = delivery->event,
        .attempt = delivery->attempts,
        .at = delivery->last_attempt_at,
        .traceparent = attempt_traceparent(subscription, delivery->record),
        .body = delivery->record->value,
    };
    struct webhook_request request;
    webhook_request_build(&request, delivery->endpoint->credentials, &content);
    request.http.target = delivery->endpoint->target;
    attempt_set_timeouts(engine, subscription, &request.http);
    request.http.timeout_ms = within_deadline(delivery, request.http.timeout_ms);
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
