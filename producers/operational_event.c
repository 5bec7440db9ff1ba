/* SPDX-License-Identifier: Apache-2.0 */
/* What Hookline has to say of an endpoint. */
#include "producers/operational_event.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/text.h"

#define PREFIX     "hookline."
#define TYPE_SET   "A-Za-z0-9._-"
#define TENANT_SET "a-z0-9_-"
#define NAME_SET   "A-Za-z0-9_-"
#define NAME_MAX   64
#define VALUE_MAX  65536 /* that are read; we write a tenth of it */

const char *const operational_types[] = {
    [OPERATIONAL_FAILING] = PREFIX "endpoint.failing",
    [OPERATIONAL_RECOVERED] = PREFIX "endpoint.recovered",
    [OPERATIONAL_DISABLED] = PREFIX "endpoint.disabled",
    [OPERATIONAL_KINDS] = NULL,
};

/* --- Writing -------------------------------------------------------------------------------- */

static void add_text(struct buffer *out, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    json_text_add_name(out, name);
    json_text_add_string(out, text, OPERATIONAL_TEXT_MAX);
}

static void add_time(struct buffer *out, const char *name, struct wall_time time)
{
    char text[RFC3339_SIZE];
    if (time.ms > 0)
        add_text(out, name, wall_format(time, text));
}

void operational_event_encode(
    const struct operational_event *event, struct operational_encoded *out)
{
    buffer_clear(&out->key);
    buffer_clear(&out->value);
    buffer_printf(&out->key, "%s/%s", event->tenant, event->subscription);
    buffer_add_text(&out->value, "{");
    add_text(&out->value, "type", event->type);
    add_text(&out->value, "tenant", event->tenant);
    add_text(&out->value, "subscription", event->subscription);
    add_text(&out->value, "name", event->name);
    add_text(&out->value, "host", event->host);
    add_time(&out->value, "since", event->since);
    add_text(&out->value, "reason", event->reason);
    add_time(&out->value, "at", event->at);
    add_text(&out->value, "last_error", event->last_error);
    buffer_add_text(&out->value, "}");
    out->record = (struct record){
        .timestamp_ms = -1,
        .key = {out->key.data, out->key.len},
        .value = {out->value.data, out->value.len},
    };
}

void operational_encoded_release(struct operational_encoded *encoded)
{
    buffer_release(&encoded->key);
    buffer_release(&encoded->value);
    *encoded = (struct operational_encoded){.key = BUFFER_INIT};
}

/* --- Reading -------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* NULL where it is absent, or not made of `set` alone. */
static const char *name_of(const json_t *object, const char *name, const char *set)
{
    const json_t *field = json_object_get(object, name);
    const char *text = json_string_value(field);
    bool good =
        text && strlen(text) == json_string_length(field) && text_matches_set(text, NAME_MAX, set);
    return good ? text : NULL;
}

static struct wall_time time_of(const json_t *object, const char *name)
{
    const char *text = text_of(object, name);
    struct wall_time time;
    return text && text_parse_time(text, &time) ? time : (struct wall_time){-1};
}

static bool malformed(const char *name, struct error *error)
{
    return error_set(error, ERROR_PERMANENT, "field %s is absent or malformed", name);
}

static bool read_names(const json_t *object, struct operational_event *event, struct error *error)
{
    event->type = name_of(object, "type", TYPE_SET);
    event->tenant = name_of(object, "tenant", TENANT_SET);
    event->subscription = name_of(object, "subscription", NAME_SET);
    if (!event->type || strncmp(event->type, PREFIX, strlen(PREFIX)) != 0 ||
        !event->type[strlen(PREFIX)])
        return malformed("type", error);
    if (!event->tenant)
        return malformed("tenant", error);
    return event->subscription || malformed("subscription", error);
}

static void read_rest(const json_t *object, struct operational_event *event)
{
    event->name = text_of(object, "name");
    event->host = text_of(object, "host");
    event->since = time_of(object, "since");
    event->reason = text_of(object, "reason");
    event->at = time_of(object, "at");
    event->last_error = text_of(object, "last_error");
}

static bool is_key_of(struct bytes key, const char *text)
{
    return key.data && key.len == strlen(text) && memcmp(key.data, text, key.len) == 0;
}

/* Returns new, or NULL where the value is no JSON object. */
static json_t *parse(const struct record *record)
{
    const struct bytes value = record->value;
    json_error_t fault;
    json_t *object = value.data && value.len <= VALUE_MAX
                         ? json_loadb(value.data, value.len, JSON_REJECT_DUPLICATES, &fault)
                         : NULL;
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

bool operational_event_decode(
    const struct record *record, struct operational_decoded *ret_decoded, struct error *error)
{
    struct operational_decoded decoded = {.body = parse(record)};
    struct operational_event *event = &decoded.event;
    if (!decoded.body)
        return error_set(error, ERROR_PERMANENT, "the value is no JSON object");
    if (!read_names(decoded.body, event, error)) {
        json_decref(decoded.body);
        return false;
    }
    read_rest(decoded.body, event);
    char *key = mem_printf("%s/%s", event->tenant, event->subscription);
    decoded.key = key;
    if (!is_key_of(record->key, key)) {
        operational_decoded_release(&decoded);
        return error_set(error, ERROR_PERMANENT, "the key is not that of the subscription");
    }
    *ret_decoded = decoded;
    return true;
}

void operational_decoded_release(struct operational_decoded *decoded)
{
    json_decref(decoded->body);
    free((char *)decoded->key);
    *decoded = (struct operational_decoded){.body = NULL};
}
