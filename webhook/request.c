/* SPDX-License-Identifier: Apache-2.0 */
/* The request that a delivery becomes. */
#include "webhook/request.h"

#include "common/memory.h"

static void add(struct webhook_request *request, const char *name, const char *value)
{
    bug_on(request->http.header_count == WEBHOOK_HEADERS_MAX);
    request->headers[request->http.header_count++] = (struct http_header){name, value};
}

/* Unless the subscription has it in its own way. */
static void add_unless_given(struct webhook_request *request,
    const struct subscription *subscription, const char *name, const char *value)
{
    if (!subscription_has_header(subscription, name))
        add(request, name, value);
}

static void write_own(struct webhook_request *request, const struct credentials *credentials,
    const struct webhook_delivery *delivery, struct bytes body)
{
    struct signature_message message = {delivery->id, delivery->at.ms / 1000, body};
    text_format_int(message.timestamp_s, request->timestamp);
    text_format_int(delivery->attempt, request->attempt);
    request->signatures[0] = '\0';
    credentials_sign(credentials, &message, request->signatures);
}

static void add_trace(struct webhook_request *request, const struct subscription *subscription,
    const struct webhook_delivery *delivery)
{
    const struct trace_attempt attempt = {delivery->id, delivery->attempt, delivery->at};
    struct trace trace;
    if (!subscription->trace || !trace_continue(delivery->record, &attempt, &trace))
        return;
    add_unless_given(
        request, subscription, "traceparent", trace_parent(&trace, request->traceparent));
    if (trace.state)
        add_unless_given(request, subscription, "tracestate", trace.state);
}

static void add_own(struct webhook_request *request, const struct subscription *subscription,
    const struct webhook_delivery *delivery, const struct rendering *rendering)
{
    add(request, "content-type", rendering->content_type);
    add_unless_given(request, subscription, "user-agent", "Hookline/" HOOKLINE_VERSION);
    add(request, "webhook-id", delivery->id);
    add(request, "webhook-timestamp", request->timestamp);
    if (request->signatures[0])
        add(request, "webhook-signature", request->signatures);
    add(request, "hookline-event", delivery->event);
    add(request, "hookline-attempt", request->attempt);
    add(request, "hookline-tenant", subscription->tenant);
    add_trace(request, subscription, delivery);
    for (size_t i = 0; i < rendering->header_count; i++)
        add_unless_given(
            request, subscription, rendering->headers[i].name, rendering->headers[i].value);
}

void webhook_request_build(struct webhook_request *ret_request,
    const struct credentials *credentials, const struct webhook_delivery *delivery,
    const struct rendering *rendering, const char *authorization)
{
    struct webhook_request *request = ret_request;
    const struct subscription *subscription = credentials->subscription;
    request->http = (struct http_request){
        .url = subscription->url,
        .headers = request->headers,
        .body = rendering->body.data,
        .body_len = rendering->body.len,
        .http2 = subscription->http2,
    };
    write_own(request, credentials, delivery, rendering->body);
    add_own(request, subscription, delivery, rendering);
    request->own_count = request->http.header_count;
    if (!authorization)
        authorization = credentials->authorization;
    if (authorization)
        add(request, "authorization", authorization);
    for (size_t i = 0; i < subscription->header_count; i++)
        add(request, subscription->headers[i].name, subscription->headers[i].value);
}
