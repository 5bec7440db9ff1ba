/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a record the event is: the value itself, or inside a CloudEvents envelope. */
#include "events/cloudevent.h"

#include <string.h>
#include <strings.h>

#include "common/buffer.h"
#include "events/base64.h"
#include "events/json_check.h"

#define MEDIA_TYPE      "application/cloudevents"
#define STRUCTURED_TYPE MEDIA_TYPE "+json"

/* The binding says content-type, but producers capitalise it as HTTP does. */
static struct bytes content_type(const struct record *record)
{
    struct bytes found = {NULL, 0};
    for (size_t i = 0; i < record->header_count; i++)
        if (strcasecmp(record->headers[i].name, "content-type") == 0)
            found = record->headers[i].value;
    return found;
}

static bool starts_with(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.data && text.len >= len && strncasecmp(text.data, prefix, len) == 0;
}

/* True where the media type is exactly `type`, parameters aside. */
static bool media_type_is(struct bytes text, const char *type)
{
    size_t len = strlen(type);
    if (!starts_with(text, type))
        return false;
    const char *rest = (const char *)text.data + len;
    return text.len == len || *rest == ';' || *rest == ' ' || *rest == '\t';
}

/* The binding, section 3: the content type alone tells the modes apart. */
static bool find_mode(const struct record *record, bool *ret_structured, struct error *error)
{
    struct bytes type = content_type(record);
    if (starts_with(type, MEDIA_TYPE "-batch"))
        return error_set(
            error, ERROR_PERMANENT, "a batch of CloudEvents: each event needs a record of its own");
    bool structured = media_type_is(type, STRUCTURED_TYPE);
    if (!structured && starts_with(type, MEDIA_TYPE))
        return error_set(
            error, ERROR_PERMANENT, "a structured CloudEvent in another format than JSON");
    *ret_structured = structured;
    return true;
}

/* Returns a new reference. */
static json_t *decode_base64(const json_t *data, struct error *error)
{
    struct buffer bytes = BUFFER_INIT;
    json_t *body = NULL;

    if (!json_is_string(data) ||
        !event_base64_decode(json_string_value(data), json_string_length(data), &bytes)) {
        error_set(error, ERROR_PERMANENT, "CloudEvent: data_base64 is not base64");
    } else {
        body = event_json_load((struct bytes){bytes.data, bytes.len}, error);
        if (!body)
            error_prefix(error, "CloudEvent: data_base64");
    }
    buffer_release(&bytes);
    return body;
}

/* Returns a new reference. */
static json_t *envelope_body(const json_t *envelope, struct error *error)
{
    json_t *data = json_object_get(envelope, "data");
    json_t *base64 = json_object_get(envelope, "data_base64");
    bool has_data = data && !json_is_null(data);

    if (base64 && !json_is_null(base64)) {
        if (!has_data)
            return decode_base64(base64, error);
        /* The format forbids it, and two readers could see two events. */
        error_set(error, ERROR_PERMANENT, "CloudEvent: both data and data_base64");
        return NULL;
    }
    if (!json_is_object(data)) {
        error_set(error, ERROR_PERMANENT, "CloudEvent: data is %s",
            has_data ? "not an object" : "absent");
        return NULL;
    }
    return json_incref(data);
}

bool event_content_open(
    const struct record *record, struct event_content *ret_content, struct error *error)
{
    struct event_content content = {0};
    if (!find_mode(record, &content.structured, error))
        return false;
    content.value = event_json_load(record->value, error);
    if (!content.value)
        return false;
    if (content.structured) {
        content.body = envelope_body(content.value, error);
        content.ce_type = json_object_get(content.value, "type");
    } else {
        const struct header *header = record_header(record, "ce_type");
        content.body = json_incref(content.value);
        content.type_header = header ? header->value : (struct bytes){NULL, 0};
    }
    if (!content.body) {
        json_decref(content.value);
        return false;
    }
    *ret_content = content;
    return true;
}

bool event_is_structured(const struct record *record)
{
    return media_type_is(content_type(record), STRUCTURED_TYPE);
}

void event_content_release(struct event_content *content)
{
    json_decref(content->body);
    json_decref(content->value);
    *content = (struct event_content){0};
}
