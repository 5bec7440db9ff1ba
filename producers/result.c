/* SPDX-License-Identifier: Apache-2.0 */
/* What became of one attempt. */
#include "producers/result.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

const char *const result_outcomes[] = {"delivered", "retry", "dead_letter", NULL};

/* --- Writing -------------------------------------------------------------------------------- */

/* A JSON string with U+FFFD for each byte that is no UTF-8. Returns new. */
static json_t *json_of_text(const char *text)
{
    size_t len = strlen(text);
    if (text_is_utf8(text, len))
        return json_stringn_nocheck(text, len);
    struct buffer clean = BUFFER_INIT;
    for (size_t at = 0, size; at < len; at += size ? size : 1) {
        size = text_utf8_length(text + at, len - at);
        if (size)
            buffer_add(&clean, text + at, size);
        else
            buffer_add_text(&clean, "\xef\xbf\xbd");
    }
    json_t *json = json_stringn_nocheck(buffer_text(&clean), clean.len);
    buffer_release(&clean);
    return json;
}

static void set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) < 0)
        fatal("out of memory");
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text && *text)
        set(object, name, json_of_text(text));
}

static void set_time(json_t *object, const char *name, struct wall_time time)
{
    char text[RFC3339_SIZE];
    if (time.ms > 0)
        set(object, name, json_string_nocheck(wall_format(time, text)));
}

static json_t *durations(const struct result *result)
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
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        set(object, rows[i].name, json_real(rows[i].us > 0 ? (double)rows[i].us / 1000 : 0));
    return object;
}

static int append(const char *data, size_t len, void *out)
{
    buffer_add(out, data, len);
    return 0;
}

void result_encode(const struct result *result, struct buffer *out)
{
    json_t *object = json_object();
    set_text(object, "id", result->id);
    set_text(object, "tenant", result->tenant);
    set_text(object, "subscription", result->subscription);
    set_text(object, "event", result->event);
    set_text(object, "order_key", result->order_key);
    set(object, "attempt", json_integer(result->attempt));
    set(object, "outcome", json_string_nocheck(result_outcomes[result->outcome]));
    set_text(object, "reason", result->reason);
    if (result->status > 0)
        set(object, "status", json_integer(result->status));
    set_text(object, "error", result->error);
    set(object, "duration_ms", durations(result));
    set_text(object, "remote_ip", result->remote_ip);
    set_time(object, "event_at", result->event_at);
    set_time(object, "at", result->at);
    set_time(object, "due_at", result->due_at);
    set_text(object, "source", result->source);
    /* 15 digits print a microsecond as a millisecond's third decimal and nothing behind it. */
    if (json_dump_callback(object, append, out, JSON_COMPACT | JSON_REAL_PRECISION(15)) < 0)
        fatal("out of memory");
    json_decref(object);
}

/* --- Reading -------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
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
    *ret_result = (struct result_decoded){result, object};
    return true;
}

void result_decoded_release(struct result_decoded *decoded)
{
    json_decref(decoded->json);
    decoded->json = NULL;
}
