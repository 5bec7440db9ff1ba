/* SPDX-License-Identifier: Apache-2.0 */
/* A filter, then events that it is asked of. */
#include "subscriptions/pattern.h"

#include "events/json_check.h"
#include "input.h"

static void ask(const struct pattern *pattern, const struct pattern *again, struct bytes text)
{
    struct error error = ERROR_INIT;
    json_t *event = event_json_load(text, &error);
    if (!event)
        return;
    bool matches = pattern_matches(pattern, event, "call.ended");
    bug_on(matches != pattern_matches(again, event, "call.ended"));
    (void)!pattern_matches(pattern, event, NULL);
    json_decref(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    json_t *json = input_json(input_part(&input));
    struct error error = ERROR_INIT;
    struct pattern *pattern = json ? pattern_compile(json, &error) : NULL;
    if (json && !pattern)
        bug_on(!error_is_set(&error));
    if (pattern) {
        struct pattern *again = pattern_compile(json, &error);
        bug_on(!again);
        while (input.len > 0)
            ask(pattern, again, input_part(&input));
        pattern_free(again);
    }
    pattern_free(pattern);
    json_decref(json);
    return 0;
}
