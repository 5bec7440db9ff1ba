/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription's `format` and `fields` make of an event. */
#include "webhook/rendering.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/json.h"
#include "common/memory.h"
#include "events/cloudevent.h"
#include "events/json_check.h"
#include "webhook/formats/cloudevents.h"
#include "webhook/formats/form.h"
#include "webhook/formats/json_text.h"
#include "webhook/formats/xml.h"

/* The event on its way to what is sent. */
struct source {
    const struct subscription *subscription;
    const struct webhook_delivery *delivery;
    json_t *envelope; /* of one that came in structured mode, else NULL; owned */
    json_t *data;     /* what is sent of the event; owned; NULL = the record's value, as it is */
};

/* --- Which fields --------------------------------------------------------------------------------- */

static bool drops_denied(const struct subscription *subscription)
{
    return !subscription->allow_denied;
}

static bool is_whole(
    const struct subscription *subscription, const struct webhook_delivery *delivery)
{
    return !subscription->include && !subscription->exclude &&
           !(delivery->redact && drops_denied(subscription));
}

/* Each takes `value` and returns new. */

static json_t *chosen(json_t *value, const struct selection *selection,
    json_t *choose(const struct selection *, const json_t *))
{
    if (!selection)
        return value;
    json_t *result = choose(selection, value);
    json_decref(value);
    return result;
}

static json_t *without_denied(json_t *value, const struct subscription *subscription)
{
    if (!drops_denied(subscription) || !event_json_denied(value))
        return value;
    json_t *result = event_json_without_denied(value);
    json_decref(value);
    return result;
}

static bool open_source(struct source *source, struct error *error)
{
    const struct subscription *subscription = source->subscription;
    struct event_content content;
    if (!event_content_open(source->delivery->record, &content, error))
        return false;
    json_t *data = json_incref(content.body);
    data = chosen(data, subscription->include, selection_include);
    data = chosen(data, subscription->exclude, selection_exclude);
    source->data = without_denied(data, subscription);
    if (content.structured)
        source->envelope = without_denied(json_incref(content.value), subscription);
    event_content_release(&content);
    return true;
}

/* --- Bodies --------------------------------------------------------------------------------------- */

static void add_data(const struct source *source, struct buffer *out)
{
    if (source->data)
        json_text_add(out, source->data);
    else
        buffer_add(out, source->delivery->record->value.data, source->delivery->record->value.len);
}

/* `head`, an object that is not empty, with "data" behind it. The event's bytes go there as they are, so that its
 * numbers keep their spelling. */
static void add_around_data(const struct source *source, const json_t *head, struct buffer *out)
{
    static const char data[] = ",\"data\":";
    json_text_add(out, head);
    out->len--; /* its "}" */
    buffer_add(out, data, sizeof data - 1);
    add_data(source, out);
    buffer_add(out, "}", 1);
}

/* What was put into the envelope anew takes the place of both. */
static void add_raw(const struct source *source, struct buffer *out)
{
    if (!source->envelope) {
        add_data(source, out);
        return;
    }
    json_t *envelope = json_or_fatal(json_copy(source->envelope));
    json_object_del(envelope, "data_base64");
    if (json_object_set(envelope, "data", source->data) != 0)
        fatal("out of memory");
    json_text_add(out, envelope);
    json_decref(envelope);
}

static void add_standard(const struct source *source, struct buffer *out)
{
    char time[RFC3339_SIZE];
    const struct webhook_delivery *delivery = source->delivery;
    json_t *head = json_or_fatal(json_pack(
        "{ssss}", "type", delivery->event, "timestamp", wall_format(delivery->event_at, time)));
    add_around_data(source, head, out);
    json_decref(head);
}

static json_t *attributes_of(const struct source *source)
{
    json_t *attributes =
        cloudevents_attributes(source->delivery, source->subscription->tenant, source->envelope);
    return without_denied(attributes, source->subscription);
}

static void add_structured(const struct source *source, struct buffer *out)
{
    json_t *attributes = attributes_of(source);
    json_t *type = json_object_get(source->envelope, "datacontenttype");
    type = json_is_string(type) ? json_incref(type) : json_string("application/json");
    if (json_object_set_new(attributes, "datacontenttype", type) != 0)
        fatal("out of memory");
    add_around_data(source, attributes, out);
    json_decref(attributes);
}

/* The attributes as headers, in one piece of text. */
static void add_headers(const struct source *source, struct rendering *rendering)
{
    struct buffer text = BUFFER_INIT;
    char number[TEXT_AMOUNT_SIZE];
    json_t *attributes = attributes_of(source), *value;
    const char *name;
    json_object_foreach(attributes, name, value) {
        buffer_printf(&text, "ce-%s", name);
        buffer_add(&text, "", 1);
        cloudevents_encode(&text, json_text_scalar(value, number));
        buffer_add(&text, "", 1);
    }
    rendering->header_count = json_object_size(attributes);
    rendering->headers = mem_array(NULL, rendering->header_count, sizeof *rendering->headers);
    rendering->header_text = buffer_take(&text);
    const char *at = rendering->header_text;
    for (size_t i = 0; i < rendering->header_count; i++) {
        rendering->headers[i].name = at;
        rendering->headers[i].value = at += strlen(at) + 1;
        at += strlen(at) + 1;
    }
    json_decref(attributes);
}

static const char *const content_types[] = {
    [FORMAT_RAW] = "application/json",
    [FORMAT_STANDARD] = "application/json",
    [FORMAT_CLOUDEVENTS] = "application/json",
    [FORMAT_CLOUDEVENTS_STRUCTURED] = "application/cloudevents+json",
    [FORMAT_FORM] = "application/x-www-form-urlencoded",
    [FORMAT_XML] = "application/xml",
};

static bool add_body(const struct source *source, struct buffer *out, struct error *error)
{
    size_t max = RENDERING_GROWTH_FROM + RENDERING_GROWTH * source->delivery->record->value.len;
    switch (source->subscription->format) {
    case FORMAT_RAW:
        add_raw(source, out);
        break;
    case FORMAT_STANDARD:
        add_standard(source, out);
        break;
    case FORMAT_CLOUDEVENTS:
        add_data(source, out);
        break;
    case FORMAT_CLOUDEVENTS_STRUCTURED:
        add_structured(source, out);
        break;
    case FORMAT_FORM:
        return form_add(out, source->data, max, error);
    case FORMAT_XML:
        return xml_add(out, source->data, max, error);
    }
    return true;
}

/* --- The whole ------------------------------------------------------------------------------------- */

/* Whether the event has to be looked into. */
static bool needs_json(const struct source *source)
{
    enum subscription_format format = source->subscription->format;
    if (format == FORMAT_FORM || format == FORMAT_XML ||
        !is_whole(source->subscription, source->delivery))
        return true;
    return format != FORMAT_RAW && event_is_structured(source->delivery->record);
}

static bool render(struct rendering *rendering, struct source *source, struct error *error)
{
    enum subscription_format format = source->subscription->format;
    struct buffer body = BUFFER_INIT;
    bool parsed = needs_json(source);
    if (parsed && !open_source(source, error))
        return false;
    if (format == FORMAT_CLOUDEVENTS)
        add_headers(source, rendering);
    if (!parsed && format == FORMAT_CLOUDEVENTS)
        return true;
    if (!add_body(source, &body, error)) {
        buffer_release(&body);
        return false;
    }
    rendering->body.len = body.len;
    rendering->body.data = rendering->text = buffer_take(&body);
    return true;
}

bool rendering_make(struct rendering *ret_rendering, const struct subscription *subscription,
    const struct webhook_delivery *delivery, struct error *error)
{
    struct rendering rendering = {
        .content_type = content_types[subscription->format],
        .body = delivery->record->value,
    };
    if (subscription->format != FORMAT_RAW || !is_whole(subscription, delivery)) {
        struct source source = {subscription, delivery, NULL, NULL};
        bool good = render(&rendering, &source, error);
        json_decref(source.envelope);
        json_decref(source.data);
        if (!good) {
            rendering_release(&rendering);
            return false;
        }
    }
    *ret_rendering = rendering;
    return true;
}

void rendering_release(struct rendering *rendering)
{
    free(rendering->text);
    free(rendering->headers);
    free(rendering->header_text);
}
