/* SPDX-License-Identifier: Apache-2.0 */
/* What an event is: puts the rules for content, tenant, type and order key together. */
#include "events/event.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "events/cloudevent.h"
#include "events/json_check.h"
#include "events/order_key.h"
#include "events/settings.h"
#include "events/tenant.h"
#include "events/type.h"

struct event_rules {
    struct event_tenant_rules tenant;
    struct event_type_rules type;
    char *order_key_header; /* NULL = off */
    size_t max_bytes;
};

struct event_rules *event_rules_new(const struct event_options *options, struct error *error)
{
    struct event_rules *rules = mem_zalloc(sizeof *rules);

    rules->max_bytes = (size_t)options->max_bytes;
    if (options->max_bytes < 1)
        error_set(error, ERROR_CONFIG, "event.max_size: must be at least 1");
    else if (event_tenant_rules_init(&rules->tenant, options, error) &&
             event_type_rules_init(&rules->type, options, error) &&
             event_header_setting("event.order_key_header", options->order_key_header,
                 &rules->order_key_header, error))
        return rules;
    event_rules_free(rules);
    return NULL;
}

void event_rules_free(struct event_rules *rules)
{
    if (!rules)
        return;
    event_tenant_rules_release(&rules->tenant);
    event_type_rules_release(&rules->type);
    free(rules->order_key_header);
    free(rules);
}

/* False, with the fault, where the value cannot be read. */
static bool open_content(const struct event_rules *rules, const struct record *record,
    struct event_content *ret_content, struct event_refusal *refusal)
{
    refusal->fault = EVENT_INVALID;
    if (!record->value.data)
        return error_set(&refusal->error, ERROR_PERMANENT, "no value: a tombstone is no event");
    if (record->value.len > rules->max_bytes) {
        refusal->fault = EVENT_TOO_LARGE;
        return error_set(&refusal->error, ERROR_PERMANENT,
            "the value is %zu bytes, more than the %zu allowed", record->value.len,
            rules->max_bytes);
    }
    return event_content_open(record, ret_content, &refusal->error);
}

/* Everything but the body. */
static bool fill(const struct event_rules *rules, const struct record *record,
    const struct event_content *content, struct event *event, struct event_refusal *refusal)
{
    if (!event_tenant_resolve(
            &rules->tenant, record, content->body, event->tenant, &refusal->error)) {
        refusal->fault = EVENT_TENANT_UNRESOLVED;
        return false;
    }
    if (!event_type_resolve(&rules->type, content, event->type, &refusal->error)) {
        refusal->fault = EVENT_INVALID;
        memcpy(refusal->tenant, event->tenant, sizeof event->tenant);
        return false;
    }
    event->type_known = event_type_known(event->type);
    event->structured = content->structured;
    /* Of the whole value, because `raw` sends the envelope; a decoded data_base64 is not in it. */
    event->denied = event_json_denied(content->value) ||
                    (content->structured && event_json_denied(content->body));
    event_order_key(record, rules->order_key_header,
        event_tenant_strip_key(&rules->tenant, record->key), content->body, event->type,
        event->order_key);
    return true;
}

bool event_decode(const struct event_rules *rules, const struct record *record,
    struct event *ret_event, struct event_refusal *ret_refusal)
{
    struct event event = {0};
    struct event_refusal refusal = {.error = ERROR_INIT};
    struct event_content content = {0};

    if (!open_content(rules, record, &content, &refusal)) {
        if (!event_tenant_resolve(&rules->tenant, record, NULL, refusal.tenant, NULL))
            refusal.tenant[0] = '\0';
        *ret_refusal = refusal;
        return false;
    }
    bool valid = fill(rules, record, &content, &event, &refusal);
    if (valid) {
        event.body = json_incref(content.body);
        *ret_event = event;
    } else {
        *ret_refusal = refusal;
    }
    event_content_release(&content);
    return valid;
}

void event_release(struct event *event)
{
    if (!event)
        return;
    json_decref(event->body);
    event->body = NULL;
}
