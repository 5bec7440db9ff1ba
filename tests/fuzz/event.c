/* SPDX-License-Identifier: Apache-2.0 */
/* An event's record: headers, then its value. With three parts the first names settings that are not the defaults. */
#include "events/event.h"

#include <string.h>

#include "common/text.h"
#include "input.h"

static const char *const aliases[] = {"hung=call.ended", "action:away=agent.logout", NULL};

static struct event_rules *make_rules(bool other)
{
    struct error error = ERROR_INIT;
    struct event_options options = {.tenant_header = "tenant-id",
        .type_pointer = "/type",
        .order_key_header = "order-key",
        .max_bytes = 65536};
    if (other) {
        options.tenant_topic_regex = "^(event)s";
        options.tenant_key_prefix = true;
        options.tenant_pointer = "/tenant";
        options.tenant_fixed = "fixed";
        options.type_aliases = aliases;
    }
    struct event_rules *rules = event_rules_new(&options, &error);
    bug_on(!rules);
    return rules;
}

static void check(const struct event *event)
{
    bug_on(!event_tenant_valid(event->tenant) || !event_type_valid(event->type));
    bug_on(!json_is_object(event->body) || event_type_operational(event->type));
    bug_on(!text_is_utf8(event->order_key, strlen(event->order_key)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_rules *rules[2];
    struct input input = {(const char *)data, size};
    struct bytes headers = input_part(&input), value = input_part(&input);
    bool other = size > 0 && data[0] == '*';
    struct input_record storage;
    struct event event;
    struct event_refusal refusal = {0};
    if (!rules[other])
        rules[other] = make_rules(other);
    input_record(headers, value, &storage);
    if (event_decode(rules[other], &storage.record, &event, &refusal)) {
        check(&event);
        event_release(&event);
    } else {
        bug_on(!error_is_set(&refusal.error));
        bug_on(*refusal.tenant && !event_tenant_valid(refusal.tenant));
    }
    input_record_release(&storage);
    return 0;
}
