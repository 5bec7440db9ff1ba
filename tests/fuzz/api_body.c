/* SPDX-License-Identifier: Apache-2.0 */
/* What the API does with a body before it asks Kafka: a subscription that is there, and a body that changes or replaces
 * it; or a tokens file. */
#include <string.h>

#include "common/memory.h"
#include "console/token_list.h"
#include "input.h"
#include "subscriptions/revision.h"

static void ignore(void *arg, const char *pointer, const char *text)
{
    (void)arg;
    bug_on((*pointer && *pointer != '/') || !*text);
}

/* Returns new, or NULL. */
static struct subscription *desired(json_t *json, const struct subscription *old)
{
    struct subscription *parsed = subscription_parse_masked(json, ignore, NULL);
    if (parsed && !revision_unmask(json, old, NULL, ignore, NULL)) {
        subscription_unref(parsed);
        return NULL;
    }
    return parsed;
}

static void revise(const struct subscription *old, json_t *json)
{
    struct error error = ERROR_INIT;
    struct wall_time now = {1772439245318};
    struct subscription *wanted = desired(json, old);
    if (!wanted)
        return;
    free(revision_changes(json, old, NULL));
    json_t *record = revision_make(json, old, NULL, now);
    struct subscription *made = subscription_parse(record, false, &error);
    bug_on(!made || made->version != old->version + 1);
    subscription_unref(made);
    json_decref(record);
    subscription_unref(wanted);
}

static void check_tokens(json_t *json)
{
    struct error error = ERROR_INIT;
    struct token_list *list = token_list_parse(json, &error);
    bug_on(!list && !error_is_set(&error));
    for (size_t i = 0; list && i < token_list_count(list); i++)
        (void)!token_expired(token_list_at(list, i), (struct wall_time){1772439245318});
    token_list_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    struct error error = ERROR_INIT;
    json_t *stored = input_json(input_part(&input)), *body = input_json(input_part(&input));
    if (stored)
        check_tokens(stored);
    /* The registry counts versions: one at the end of all numbers is not there. */
    struct subscription *old =
        json_is_object(stored) ? subscription_parse(stored, false, &error) : NULL;
    if (old && old->version < 1000000 && json_is_object(body)) {
        json_t *merged = subscription_json(old);
        revision_merge(merged, body);
        revise(old, merged);
        revise(old, body);
        json_decref(merged);
    }
    subscription_unref(old);
    json_decref(stored);
    json_decref(body);
    return 0;
}
