/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: types of events, settings, how the console does, and the API itself. */
#include <string.h>

#include "console/api.h"
#include "console/call.h"
#include "events/sample.h"

static json_t *find_type(json_t *array, const char *type)
{
    size_t index;
    json_t *known;
    json_array_foreach(array, index, known)
        if (strcmp(json_string_value(json_object_get(known, "type")), type) == 0)
            return known;
    known = json_pack("{s:s, s:[]}", "type", type, "samples");
    json_array_append_new(array, known);
    return known;
}

void api_event_types(struct call *call)
{
    json_t *array = json_array();
    for (const struct event_sample *sample = event_samples; sample->type; sample++)
        json_array_append_new(json_object_get(find_type(array, sample->type), "samples"),
            json_pack(
                "{s:s, s:o}", "title", sample->title, "body", json_loads(sample->json, 0, NULL)));
    call_answer(call, 200, json_pack("{s:o}", "event_types", array));
}

void api_settings(struct call *call)
{
    const struct console_deps *deps = &call->api->deps;
    struct buffer text = BUFFER_INIT;
    deps->print_settings(deps->settings_arg, &text);
    json_t *settings = json_loadb(buffer_text(&text), text.len, 0, NULL);
    buffer_release(&text);
    call_answer(call, 200, json_pack("{s:o}", "settings", settings));
}

/* How many subscriptions the caller can see. */
static size_t count_subscriptions(const struct call *call)
{
    const struct store *store = call->api->deps.store;
    const struct store_tenant *own =
        call->token_tenant ? store_tenant(store, call->token_tenant) : NULL;
    if (call->token_tenant)
        return own ? own->subscription_count : 0;
    return store_subscription_count(store);
}

void api_status(struct call *call)
{
    const struct store *store = call->api->deps.store;
    char now[RFC3339_SIZE];
    call_answer(call, 200,
        json_pack("{s:s, s:s, s:s, s:{s:s, s:s*}, s:{s:I, s:I, s:I}}", "version", HOOKLINE_VERSION,
            "at", wall_format(wall_now(), now), "token", call->token, "scope", "role",
            token_roles[call->token_role], "tenant", call->token_tenant, "registry", "offset",
            (json_int_t)store_offset(store), "subscriptions", (json_int_t)count_subscriptions(call),
            "invalid_records", (json_int_t)store_invalid_count(store)));
}

void api_openapi(struct call *call)
{
    call_answer(call, 200, json_incref(call->api->openapi));
}
