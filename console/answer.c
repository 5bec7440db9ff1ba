/* SPDX-License-Identifier: Apache-2.0 */
/* How subscriptions are shown. */
#include "console/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/api.h"
#include "subscriptions/subscription.h"
#include "webhook/guard.h"

json_t *answer_masked(const json_t *record)
{
    struct error error = ERROR_INIT;
    struct subscription *subscription = subscription_parse(record, false, &error);
    bug_on(!subscription); /* it was valid when it was written */
    json_t *masked = subscription_masked(subscription);
    subscription_unref(subscription);
    return masked;
}

bool answer_etag_matches(const char *list, int64_t version)
{
    bool matches = strcmp(list, "*") == 0;
    char *tag = mem_printf("\"%" PRId64 "\"", version);
    char *copy = mem_strdup(list), *rest = copy, *word;
    while (!matches && (word = strsep(&rest, ", \t"))) {
        if (strncmp(word, "W/", 2) == 0)
            word += 2;
        matches = strcmp(word, tag) == 0;
    }
    free(copy);
    free(tag);
    return matches;
}

static void show_secrets(json_t *subscription, const json_t *shown)
{
    size_t index;
    json_t *secret;
    json_array_foreach(json_object_get(subscription, "secrets"), index, secret) {
        const char *id = json_string_value(json_object_get(secret, "id"));
        json_object_update(secret, json_object_get(shown, id));
    }
}

static void warn_url(
    const struct call *call, const char *pointer, const json_t *url, json_t *warnings)
{
    enum guard_rule rule = json_is_string(url)
                               ? guard_check_url(call->api->guard, json_string_value(url))
                               : GUARD_NONE;
    if (rule == GUARD_NONE)
        return;
    char *text = mem_printf(
        "requests may not go there (%s): deliveries will become dead letters, blocked_address",
        guard_rule_names[rule]);
    json_array_append_new(warnings, json_pack("{s:s, s:s}", "pointer", pointer, "detail", text));
    free(text);
}

/* An early warning: consumers judge by their own settings, and names resolve as they do. */
static void warn_blocked(const struct call *call, json_t *subscription)
{
    json_t *warnings = json_array();
    const json_t *oauth2 = json_object_get(json_object_get(subscription, "auth"), "oauth2");
    warn_url(call, "/url", json_object_get(subscription, "url"), warnings);
    warn_url(call, "/auth/oauth2/token_url", json_object_get(oauth2, "token_url"), warnings);
    if (json_array_size(warnings) > 0)
        json_object_set(subscription, "warnings", warnings);
    json_decref(warnings);
}

void answer_subscription(struct call *call, int status, json_t *subscription, const json_t *shown)
{
    char *tag = mem_printf("\"%" JSON_INTEGER_FORMAT "\"",
        json_integer_value(json_object_get(subscription, "version")));
    http_exchange_add_header(call->exchange, "etag", tag);
    free(tag);
    if (shown)
        show_secrets(subscription, shown);
    warn_blocked(call, subscription);
    call_answer(call, status, subscription);
}
