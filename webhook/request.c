/* SPDX-License-Identifier: Apache-2.0 */
/* The request that a delivery becomes. */
#include "webhook/request.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "common/trace.h"

/* The headers before they are written: one allocation, and no formats, for each request of many. */
struct headers {
    struct request_header {
        const char *name, *value;
        size_t name_len, value_len;
    } all[WEBHOOK_LINES_MAX];
    size_t count, bytes; /* of the lines, each with its NUL */
};

static void add(struct headers *headers, const char *name, const char *value)
{
    bug_on(headers->count == WEBHOOK_LINES_MAX);
    struct request_header *header = &headers->all[headers->count++];
    *header = (struct request_header){name, value, strlen(name), strlen(value)};
    headers->bytes += header->name_len + header->value_len + sizeof ": ";
}

/* Headers that are written for each request. */
struct written {
    char timestamp[TEXT_INT_SIZE], attempt[TEXT_INT_SIZE], signatures[CREDENTIALS_SIGNATURES_SIZE];
    char traceparent[TRACE_PARENT_SIZE];
    const char *tracestate; /* borrowed from the event; NULL = none */
};

static void write_trace(struct written *written, const struct subscription *subscription,
    const struct webhook_delivery *delivery)
{
    const struct trace_attempt attempt = {delivery->id, delivery->attempt, delivery->at};
    struct trace trace;
    written->traceparent[0] = '\0';
    written->tracestate = NULL;
    if (!subscription->trace || !trace_continue(delivery->record, &attempt, &trace))
        return;
    trace_parent(&trace, written->traceparent);
    written->tracestate = trace.state;
}

static void write_own(struct written *written, const struct credentials *credentials,
    const struct webhook_delivery *delivery, struct bytes body)
{
    struct signature_message message = {delivery->id, delivery->at.ms / 1000, body};
    text_format_int(message.timestamp_s, written->timestamp);
    text_format_int(delivery->attempt, written->attempt);
    written->signatures[0] = '\0';
    credentials_sign(credentials, &message, written->signatures);
    write_trace(written, credentials->subscription, delivery);
}

static void add_own(struct headers *headers, const struct subscription *subscription,
    const struct webhook_delivery *delivery, const struct rendering *rendering,
    const struct written *written)
{
    add(headers, "content-type", rendering->content_type);
    if (!subscription_has_header(subscription, "user-agent"))
        add(headers, "user-agent", "Hookline/" HOOKLINE_VERSION);
    add(headers, "webhook-id", delivery->id);
    add(headers, "webhook-timestamp", written->timestamp);
    if (written->signatures[0])
        add(headers, "webhook-signature", written->signatures);
    add(headers, "hookline-event", delivery->event);
    add(headers, "hookline-attempt", written->attempt);
    add(headers, "hookline-tenant", subscription->tenant);
    if (written->traceparent[0] && !subscription_has_header(subscription, "traceparent"))
        add(headers, "traceparent", written->traceparent);
    if (written->tracestate && !subscription_has_header(subscription, "tracestate"))
        add(headers, "tracestate", written->tracestate);
    for (size_t i = 0; i < rendering->header_count; i++)
        if (!subscription_has_header(subscription, rendering->headers[i].name))
            add(headers, rendering->headers[i].name, rendering->headers[i].value);
}

/* curl's way to say that a header is there and empty is a semicolon. */
static char *write_line(char *at, const struct request_header *header)
{
    at = mempcpy(at, header->name, header->name_len);
    if (!header->value_len)
        return mempcpy(at, ";", sizeof ";");
    at = mempcpy(at, ": ", 2);
    return mempcpy(at, header->value, header->value_len + 1);
}

void webhook_request_build(struct webhook_request *ret_request,
    const struct credentials *credentials, const struct webhook_delivery *delivery,
    const struct rendering *rendering, const char *authorization)
{
    struct webhook_request *request = ret_request;
    const struct subscription *subscription = credentials->subscription;
    struct headers headers;
    struct written written;
    headers.count = headers.bytes = 0;
    write_own(&written, credentials, delivery, rendering->body);
    add_own(&headers, subscription, delivery, rendering, &written);
    request->own_count = headers.count;
    if (!authorization)
        authorization = credentials->authorization;
    if (authorization)
        add(&headers, "authorization", authorization);
    for (size_t i = 0; i < subscription->header_count; i++)
        add(&headers, subscription->headers[i].name, subscription->headers[i].value);

    char *at = request->text = mem_alloc(headers.bytes);
    for (size_t i = 0; i < headers.count; i++) {
        request->lines[i] = at;
        at = write_line(at, &headers.all[i]);
    }
    request->lines[headers.count] = NULL;
    request->http = (struct http_request){
        .url = subscription->url,
        .headers = request->lines,
        .body = rendering->body.data,
        .body_len = rendering->body.len,
        .http2 = subscription->http2,
    };
}

void webhook_request_release(struct webhook_request *request)
{
    free(request->text);
}
