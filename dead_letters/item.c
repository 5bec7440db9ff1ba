/* SPDX-License-Identifier: Apache-2.0 */
/* A dead letter as it lies in its topic, for people. */
#include "dead_letters/item.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"
#include "events/base64.h"
#include "events/json_check.h"

static const char *text_header(const struct record *record, const char *name)
{
    const char *text = record_header_text(record, name);
    return text && text_is_utf8(text, strlen(text)) ? text : NULL;
}

/* "<tenant>/<subscription>": only of deliveries, which have an id. */
static void read_subscription(const struct record *record, struct dead_letter_item *item)
{
    const char *key = record->key.data;
    const char *slash = key ? memchr(key, '/', record->key.len) : NULL;
    size_t len = slash ? record->key.len - (size_t)(slash + 1 - key) : 0;
    char text[sizeof item->subscription];
    if (!item->id || len == 0 || len >= sizeof text)
        return;
    memcpy(text, slash + 1, len);
    text[len] = '\0';
    if (text_matches_set(text, sizeof text - 1, "A-Za-z0-9_-"))
        memcpy(item->subscription, text, len + 1);
}

bool dead_letter_item_read(
    const struct record *record, struct dead_letter_item *ret_item, struct error *error)
{
    struct dead_letter_item item = {.record = record};
    int64_t event_at;
    if (!dead_letter_decode(record, &item.letter, error))
        return false;
    item.tenant = item.letter.tenant;
    item.event = item.letter.event;
    item.id = text_header(record, "hookline-id");
    item.order_key = text_header(record, "hookline-order-key");
    item.source = text_header(record, "hookline-source");
    const char *text = text_header(record, "hookline-event-at");
    item.event_at.ms = text && text_parse_int(text, &event_at) ? event_at : -1;
    if (item.letter.dead_at.ms < 0)
        item.letter.dead_at.ms = record->timestamp_ms;
    read_subscription(record, &item);
    *ret_item = item;
    return true;
}

static bool is_asked(const char *asked, const char *value)
{
    return !asked || (value && strcmp(asked, value) == 0);
}

uint32_t dead_letter_reason_bit(const char *name)
{
    for (int i = 0; i < DEAD_REASONS; i++)
        if (strcmp(dead_letter_reasons[i], name) == 0)
            return 1u << i;
    return 0;
}

bool dead_letter_filter_matches(
    const struct dead_letter_filter *filter, const struct dead_letter_item *item)
{
    return (!filter->reasons || filter->reasons & 1u << item->letter.reason) &&
           is_asked(filter->tenant, item->tenant) &&
           is_asked(filter->subscription, item->subscription) &&
           is_asked(filter->event, item->event) && is_asked(filter->id, item->id) &&
           is_asked(filter->host, item->letter.host);
}

/* --- JSON ------------------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text && *text)
        json_set_or_fatal(object, name, json_string(text));
}

static void set_time(json_t *object, const char *name, struct wall_time time)
{
    char text[RFC3339_SIZE];
    if (time.ms >= 0)
        set_text(object, name, wall_format(time, text));
}

static void set_number(json_t *object, const char *name, int64_t number)
{
    if (number > 0)
        json_set_or_fatal(object, name, json_integer(number));
}

static void set_body(json_t *object, struct bytes value)
{
    struct error error = ERROR_INIT;
    json_t *json = event_json_load(value, &error);
    if (json) {
        json_set_or_fatal(object, "body", event_json_without_denied(json));
        json_decref(json);
    } else if (value.data && text_is_utf8(value.data, value.len)) {
        json_set_or_fatal(object, "body_text", json_stringn(value.data, value.len));
    } else if (value.data) {
        char *text = event_base64_encode(value.data, value.len);
        json_set_or_fatal(object, "body_base64", json_string(text));
        free(text);
    }
}

json_t *dead_letter_item_json(const struct dead_letter_item *item, bool body)
{
    const struct dead_letter *letter = &item->letter;
    json_t *json = json_object();
    if (!json)
        fatal("out of memory");
    json_set_or_fatal(json, "partition", json_integer(item->record->partition));
    json_set_or_fatal(json, "offset", json_integer(item->record->offset));
    set_time(json, "dead_at", letter->dead_at);
    set_text(json, "reason", dead_letter_reasons[letter->reason]);
    set_text(json, "detail", letter->detail);
    set_text(json, "tenant", item->tenant);
    set_text(json, "subscription", item->subscription);
    set_text(json, "event", item->event);
    set_text(json, "id", item->id);
    set_text(json, "order_key", item->order_key);
    set_text(json, "source", item->source);
    set_time(json, "event_at", item->event_at);
    set_number(json, "attempts", letter->attempts);
    set_time(json, "first_attempt_at", letter->first_attempt_at);
    set_time(json, "last_attempt_at", letter->last_attempt_at);
    set_number(json, "status", letter->status);
    set_text(json, "host", letter->host);
    size_t len = letter->response.data ? letter->response.len : 0;
    if (len && text_is_utf8(letter->response.data, len))
        json_set_or_fatal(json, "response", json_stringn(letter->response.data, len));
    if (body)
        set_body(json, item->record->value);
    return json;
}
