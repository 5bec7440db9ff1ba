/* SPDX-License-Identifier: Apache-2.0 */
/* What became of one attempt. */
#include "producers/result.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/text.h"

#define TEXT_MAX   65536 /* of an order key, which is the user's */
#define USUAL_SIZE 640

const char *const result_outcomes[] = {"delivered", "retry", "dead_letter", "failed", NULL};

/* --- Writing -------------------------------------------------------------------------------- */

/* Written by hand, since there is one per attempt: a tree of values costs three times as much. */

static void add_text(struct buffer *out, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    json_text_add_name(out, name);
    json_text_add_string(out, text, TEXT_MAX);
}

static void add_int(struct buffer *out, const char *name, int64_t value)
{
    json_text_add_name(out, name);
    json_text_add_int(out, value);
}

static void add_time(struct buffer *out, const char *name, struct wall_time time)
{
    char text[RFC3339_SIZE];
    if (time.ms > 0)
        add_text(out, name, wall_format(time, text));
}

static void add_durations(struct buffer *out, const struct result *result)
{
    const struct {
        const char *name;
        int64_t us;
    } rows[] = {
        {"dns", result->dns_us},
        {"connect", result->connect_us},
        {"tls", result->tls_us},
        {"first_byte", result->first_byte_us},
        {"total", result->total_us},
    };
    json_text_add_name(out, "duration_ms");
    buffer_add(out, "{", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_text_add_name(out, rows[i].name);
        json_text_add_thousandths(out, rows[i].us > 0 ? rows[i].us : 0);
    }
    buffer_add(out, "}", 1);
}

static void add_name_in_lower_case(struct buffer *out, const char *name)
{
    char *lower = mem_strdup(name);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    buffer_add_text(out, out->data[out->len - 1] == '{' ? "" : ",");
    json_text_add_string(out, lower, TEXT_MAX);
    buffer_add(out, ":", 1);
    free(lower);
}

/* All values of one name, as one (RFC 9110, 5.3). */
static void add_values(
    struct buffer *out, const struct result_message *message, const struct result_header *first)
{
    const struct result_header *end = message->headers + message->header_count;
    struct buffer values = BUFFER_INIT;
    buffer_add_text(&values, first->value);
    for (const struct result_header *each = first + 1; each < end; each++)
        if (strcasecmp(each->name, first->name) == 0)
            buffer_printf(&values, ", %s", each->value);
    json_text_add_string(out, buffer_text(&values), TEXT_MAX);
    buffer_release(&values);
}

static bool is_first_of_name(const struct result_message *message, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcasecmp(message->headers[i].name, message->headers[index].name) == 0)
            return false;
    return true;
}

/* The members that a request and a response have in common. */
static void add_message(struct buffer *out, const struct result_message *message)
{
    const struct bytes *body = &message->body;
    size_t len = body->data ? text_readable(body->data, body->len, RESULT_BODY_KEPT) : 0;
    json_text_add_name(out, "headers");
    buffer_add(out, "{", 1);
    for (size_t i = 0; i < message->header_count; i++) {
        if (!is_first_of_name(message, i))
            continue;
        add_name_in_lower_case(out, message->headers[i].name);
        add_values(out, message, &message->headers[i]);
    }
    buffer_add(out, "}", 1);
    if (!len)
        return;
    char *text = mem_dup(body->data, len);
    add_text(out, "body", text);
    free(text);
}

static void add_exchange(struct buffer *out, const struct result_exchange *exchange)
{
    json_text_add_name(out, "exchange");
    buffer_add_text(out, "{\"request\":{");
    add_text(out, "method", exchange->method);
    add_text(out, "url", exchange->url);
    add_message(out, &exchange->request);
    buffer_add(out, "}", 1);
    if (exchange->status > 0) {
        buffer_add_text(out, ",\"response\":{");
        add_int(out, "status", exchange->status);
        add_message(out, &exchange->response);
        buffer_add(out, "}", 1);
    }
    buffer_add(out, "}", 1);
}

void result_encode(const struct result *result, struct buffer *out)
{
    buffer_reserve(out, USUAL_SIZE);
    buffer_add(out, "{", 1);
    add_text(out, "id", result->id);
    add_text(out, "tenant", result->tenant);
    add_text(out, "subscription", result->subscription);
    add_text(out, "event", result->event);
    add_text(out, "order_key", result->order_key);
    add_int(out, "attempt", result->attempt);
    add_text(out, "outcome", result_outcomes[result->outcome]);
    add_text(out, "reason", result->reason);
    if (result->status > 0)
        add_int(out, "status", result->status);
    add_text(out, "error", result->error);
    add_durations(out, result);
    add_text(out, "remote_ip", result->remote_ip);
    add_time(out, "event_at", result->event_at);
    add_time(out, "at", result->at);
    add_time(out, "due_at", result->due_at);
    add_text(out, "source", result->source);
    add_text(out, "trace_id", result->trace_id);
    add_text(out, "span_id", result->span_id);
    if (result->test) {
        json_text_add_name(out, "test");
        buffer_add_text(out, "true");
    }
    if (result->exchange)
        add_exchange(out, result->exchange);
    buffer_add(out, "}", 1);
}

/* --- Reading -------------------------------------------------------------------------------- */

/* An empty one counts as absent. */
static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text ? text : NULL;
}

static struct wall_time time_of(const json_t *object, const char *name)
{
    const char *text = text_of(object, name);
    struct wall_time time;
    return text && text_parse_time(text, &time) ? time : (struct wall_time){-1};
}

static int64_t duration_of(const json_t *object, const char *name)
{
    double ms = json_number_value(json_object_get(object, name));
    return ms > 0 && ms < 1e12 ? (int64_t)(ms * 1000 + 0.5) : 0;
}

static bool read_outcome(const json_t *object, enum result_outcome *ret_outcome)
{
    const char *text = text_of(object, "outcome");
    for (int i = 0; text && i < RESULT_OUTCOMES; i++) {
        if (strcmp(text, result_outcomes[i]) != 0)
            continue;
        *ret_outcome = (enum result_outcome)i;
        return true;
    }
    return false;
}

static void read_all(const json_t *object, struct result *result)
{
    const json_t *duration = json_object_get(object, "duration_ms");
    result->id = text_of(object, "id");
    result->tenant = text_of(object, "tenant");
    result->subscription = text_of(object, "subscription");
    result->event = text_of(object, "event");
    result->order_key = text_of(object, "order_key");
    result->attempt = json_integer_value(json_object_get(object, "attempt"));
    result->reason = text_of(object, "reason");
    result->status = json_integer_value(json_object_get(object, "status"));
    result->error = text_of(object, "error");
    result->dns_us = duration_of(duration, "dns");
    result->connect_us = duration_of(duration, "connect");
    result->tls_us = duration_of(duration, "tls");
    result->first_byte_us = duration_of(duration, "first_byte");
    result->total_us = duration_of(duration, "total");
    result->remote_ip = text_of(object, "remote_ip");
    result->event_at = time_of(object, "event_at");
    result->at = time_of(object, "at");
    result->due_at = time_of(object, "due_at");
    result->source = text_of(object, "source");
    result->test = json_is_true(json_object_get(object, "test"));
}

bool result_decode(
    const struct record *record, struct result_decoded *ret_result, struct error *error)
{
    json_error_t fault;
    json_t *object =
        record->value.data ? json_loadb(record->value.data, record->value.len, 0, &fault) : NULL;
    struct result result = {.attempt = 0};
    bool good = json_is_object(object) && read_outcome(object, &result.outcome);
    if (good)
        read_all(object, &result);
    /* A reader of ours may count on these. */
    if (!good || !result.id || !result.tenant || !result.subscription || !result.event) {
        json_decref(object);
        return error_set(error, ERROR_PERMANENT, "not the JSON of a result");
    }
    const json_t *exchange = json_object_get(object, "exchange");
    *ret_result =
        (struct result_decoded){result, json_is_object(exchange) ? exchange : NULL, object};
    return true;
}

void result_decoded_release(struct result_decoded *decoded)
{
    json_decref(decoded->json);
    decoded->json = NULL;
    decoded->exchange = NULL;
}
