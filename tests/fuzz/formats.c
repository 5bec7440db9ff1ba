/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a subscription ({"format": …, "fields": …}), headers of an event's record, and the event. */
#include "webhook/rendering.h"

#include <string.h>

#include "common/memory.h"
#include "events/cloudevent.h"
#include "events/json_check.h"
#include "input.h"

static struct subscription *make_subscription(struct bytes text)
{
    struct error error = ERROR_INIT;
    json_t *json = json_pack(
        "{ss,ss,ss,s[s]}", "tenant", "acme", "id", "crm", "url", "https://x/", "events", "*");
    json_t *fields = input_json(text);
    json_object_update_missing(json, fields);
    struct subscription *subscription = subscription_parse(json, false, &error);
    json_decref(fields);
    json_decref(json);
    return subscription;
}

static bool is_json(const struct subscription *subscription)
{
    return subscription->format != FORMAT_FORM && subscription->format != FORMAT_XML;
}

static void check(const struct rendering *rendering, const struct subscription *subscription,
    const struct webhook_delivery *delivery)
{
    bug_on(rendering->body.len >
           RENDERING_GROWTH_FROM + RENDERING_GROWTH * delivery->record->value.len);
    bug_on(rendering->header_count > RENDERING_HEADERS_MAX);
    for (size_t i = 0; i < rendering->header_count; i++) {
        const char *value = rendering->headers[i].value;
        bug_on(strlen(value) > RENDERING_HEADER_MAX);
        for (const char *p = value; *p; p++)
            bug_on(*p <= ' ' || *p > '~');
    }
    if (!is_json(subscription))
        return;
    json_t *json = input_json(rendering->body);
    bug_on(!json);
    bug_on(delivery->redact && !subscription->allow_denied && event_json_denied(json));
    json_decref(json);
}

static void render(
    const struct subscription *subscription, const struct record *record, bool redact)
{
    struct error error = ERROR_INIT;
    struct rendering rendering;
    struct webhook_delivery delivery = {.id = "msg_1",
        .event = "call.ended",
        .attempt = 1,
        .event_at = {1772439245318},
        .order_key = "c-1",
        .redact = redact,
        .record = record};
    if (rendering_make(&rendering, subscription, &delivery, &error)) {
        check(&rendering, subscription, &delivery);
        rendering_release(&rendering);
    } else {
        bug_on(!error_is_set(&error));
        bug_on(is_json(subscription)); /* an event is put into these in any case */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    struct subscription *subscription = make_subscription(input_part(&input));
    struct bytes headers = input_part(&input), value = input_part(&input);
    struct input_record storage;
    struct event_content content;
    struct error error = ERROR_INIT;
    input_record(headers, value, &storage);
    if (subscription && event_content_open(&storage.record, &content, &error)) {
        bool denied = event_json_denied(content.value) || event_json_denied(content.body);
        event_content_release(&content);
        render(subscription, &storage.record, denied);
    } else if (subscription) { /* nobody but a bridge writes deliveries, but who knows */
        struct rendering rendering;
        struct webhook_delivery delivery = {
            .id = "msg_1", .event = "odd", .redact = true, .record = &storage.record};
        if (rendering_make(&rendering, subscription, &delivery, &error))
            rendering_release(&rendering);
    }
    input_record_release(&storage);
    subscription_unref(subscription);
    return 0;
}
