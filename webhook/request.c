/* SPDX-License-Identifier: Apache-2.0 */
/* The request that a delivery becomes. */
#include "webhook/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "common/memory.h"

#define OWN_HEADERS 8

/* Header lines lie in one buffer, each with its NUL; `starts` are offsets until it is complete. */
struct lines {
    struct buffer *text;
    size_t starts[OWN_HEADERS + SUBSCRIPTION_HEADERS_MAX];
    size_t count;
};

static void add_line(struct lines *lines, const char *name, const char *value)
{
    bug_on(lines->count == OWN_HEADERS + SUBSCRIPTION_HEADERS_MAX);
    lines->starts[lines->count++] = lines->text->len;
    /* curl's way to say that a header is there and empty is a semicolon. */
    buffer_printf(lines->text, *value ? "%s: %s" : "%s;%s", name, value);
    buffer_add(lines->text, "", 1);
}

static void add_number(struct lines *lines, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    add_line(lines, name, text);
}

static bool overrides(const struct subscription *subscription, const char *name)
{
    for (size_t i = 0; i < subscription->header_count; i++)
        if (strcasecmp(subscription->headers[i].name, name) == 0)
            return true;
    return false;
}

static void add_own(struct lines *lines, const struct subscription *subscription,
    const struct webhook_delivery *delivery)
{
    add_line(lines, "content-type", "application/json");
    if (!overrides(subscription, "user-agent"))
        add_line(lines, "user-agent", "Hookline/" HOOKLINE_VERSION);
    add_line(lines, "webhook-id", delivery->id);
    add_number(lines, "webhook-timestamp", delivery->at.ms / 1000);
    add_line(lines, "hookline-event", delivery->event);
    add_number(lines, "hookline-attempt", delivery->attempt);
    add_line(lines, "hookline-tenant", subscription->tenant);
    if (delivery->traceparent)
        add_line(lines, "traceparent", delivery->traceparent);
}

void webhook_request_build(struct webhook_request *ret_request,
    const struct subscription *subscription, const struct webhook_delivery *delivery)
{
    struct webhook_request *request = ret_request;
    *request = (struct webhook_request){.text = BUFFER_INIT};
    struct lines lines = {.text = &request->text};
    add_own(&lines, subscription, delivery);
    for (size_t i = 0; i < subscription->header_count; i++)
        add_line(&lines, subscription->headers[i].name, subscription->headers[i].value);

    request->lines = mem_array(NULL, lines.count + 1, sizeof *request->lines);
    for (size_t i = 0; i < lines.count; i++)
        request->lines[i] = request->text.data + lines.starts[i];
    request->lines[lines.count] = NULL;
    request->http = (struct http_request){
        .url = subscription->url,
        .headers = request->lines,
        .body = delivery->body.data,
        .body_len = delivery->body.len,
        .http2 = subscription->http2,
    };
}

void webhook_request_release(struct webhook_request *request)
{
    free(request->lines);
    buffer_release(&request->text);
}
