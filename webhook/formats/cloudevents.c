/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of an event as a CloudEvent. */
#include "webhook/formats/cloudevents.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "webhook/formats/json_text.h"

#define KAFKA_PREFIX "ce_" /* of headers: Kafka Protocol Binding, 3.2.3 */
#define NAMES        "a-z0-9"
#define NAME_MAX_LEN 64

/* Where the event's own attributes are. */
struct own {
    const json_t *envelope; /* NULL = in the record's headers */
    const struct record *record;
};

/* --- Values ------------------------------------------------------------------------------------- */

static bool is_encoded(unsigned char c)
{
    return c <= ' ' || c >= 0x7f || c == '"' || c == '%';
}

void cloudevents_encode(struct buffer *out, struct bytes text)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *data = text.data;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)data[i];
        char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (is_encoded(c))
            buffer_add(out, escaped, sizeof escaped);
        else
            buffer_add(out, data + i, 1);
    }
}

/* Type system, 3.1: a string of Unicode without control characters; and one that fits. */
static bool is_value(struct bytes text)
{
    const char *data = text.data;
    size_t encoded = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)data[i];
        bool c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)data[i + 1] < 0xa0;
        if (c < ' ' || c == 0x7f || c1)
            return false;
        encoded += is_encoded(c) ? 3 : 1;
    }
    return text.len > 0 && encoded <= RENDERING_HEADER_MAX && text_is_utf8(data, text.len);
}

static json_t *string_of(struct bytes text)
{
    return is_value(text) ? json_stringn(text.data, text.len) : NULL;
}

/* What may be an attribute's value as it is; a new reference, or NULL. */
static json_t *attribute_of(json_t *value)
{
    char number[TEXT_AMOUNT_SIZE];
    bool scalar = json_is_string(value) || json_is_integer(value) || json_is_boolean(value);
    return scalar && is_value(json_text_scalar(value, number)) ? json_incref(value) : NULL;
}

/* --- The event's own ------------------------------------------------------------------------------ */

/* Returns a new reference, or NULL. */
static json_t *find_own(const struct own *own, const char *name)
{
    char header_name[sizeof KAFKA_PREFIX + NAME_MAX_LEN];
    if (own->envelope)
        return attribute_of(json_object_get(own->envelope, name));
    snprintf(header_name, sizeof header_name, KAFKA_PREFIX "%s", name);
    const struct header *header = record_header(own->record, header_name);
    return header && header->value.data ? string_of(header->value) : NULL;
}

static bool is_time(const json_t *value)
{
    struct wall_time time;
    return json_is_string(value) && text_parse_time(json_string_value(value), &time);
}

/* Those that are set in other ways, or are none. */
static bool is_taken(const json_t *attributes, const char *name)
{
    static const char *const others[] = {"type", "datacontenttype", "data", NULL};
    for (size_t i = 0; others[i]; i++)
        if (strcmp(others[i], name) == 0)
            return true;
    return json_object_get(attributes, name) || !text_matches_set(name, NAME_MAX_LEN, NAMES);
}

/* --- All ---------------------------------------------------------------------------------------- */

/* Takes `value`; NULL adds nothing. */
static void set(json_t *attributes, const char *name, json_t *value)
{
    if (value && json_object_set_new(attributes, name, value) != 0)
        fatal("out of memory");
}

static void set_text(json_t *attributes, const char *name, const char *text)
{
    set(attributes, name, json_string(text));
}

/* Takes `value`. */
static void set_extension(json_t *attributes, const char *name, json_t *value)
{
    if (json_object_size(attributes) < RENDERING_HEADERS_MAX && !is_taken(attributes, name))
        set(attributes, name, value);
    else
        json_decref(value);
}

static void set_extensions(json_t *attributes, const struct own *own)
{
    const char *name;
    json_t *value;
    size_t prefix = strlen(KAFKA_PREFIX);
    json_object_foreach((json_t *)own->envelope, name, value)
        set_extension(attributes, name, attribute_of(value));
    for (size_t i = 0; !own->envelope && i < own->record->header_count; i++) {
        const struct header *header = &own->record->headers[i];
        if (strncmp(header->name, KAFKA_PREFIX, prefix) == 0 && header->value.data)
            set_extension(attributes, header->name + prefix, string_of(header->value));
    }
}

/* Takes `value`, and returns it, or `text` where it is none. */
static json_t *or_text(json_t *value, const char *text)
{
    if (json_is_string(value))
        return value;
    json_decref(value);
    return json_string(text);
}

json_t *cloudevents_attributes(
    const struct webhook_delivery *delivery, const char *tenant, const json_t *envelope)
{
    struct own own = {envelope, delivery->record};
    char source[64 + sizeof "/hookline/"], time[RFC3339_SIZE];
    json_t *attributes = json_object(), *own_time = find_own(&own, "time");
    if (!attributes)
        fatal("out of memory");
    snprintf(source, sizeof source, "/hookline/%s", tenant);
    set_text(attributes, "specversion", "1.0");
    set(attributes, "id", or_text(find_own(&own, "id"), delivery->id));
    set(attributes, "source", or_text(find_own(&own, "source"), source));
    set_text(attributes, "type", delivery->event);
    if (is_time(own_time))
        set(attributes, "time", json_incref(own_time));
    else
        set_text(attributes, "time", wall_format(delivery->event_at, time));
    json_decref(own_time);
    set(attributes, "subject", find_own(&own, "subject"));
    set(attributes, "partitionkey", find_own(&own, "partitionkey"));
    const char *key = delivery->order_key;
    if (key && !json_object_get(attributes, "partitionkey"))
        set(attributes, "partitionkey", string_of((struct bytes){key, strlen(key)}));
    set_extensions(attributes, &own);
    return attributes;
}
