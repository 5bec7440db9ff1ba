/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription's life, and which events it wants. How one is read from JSON is in parse.c. */
#include "subscriptions/subscription.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/text.h"
#include "events/event.h"
#include "subscriptions/sealing.h"

const char *const subscription_format_names[] = {
    [FORMAT_RAW] = "raw",
    [FORMAT_STANDARD] = "standard",
    [FORMAT_CLOUDEVENTS] = "cloudevents",
    [FORMAT_CLOUDEVENTS_STRUCTURED] = "cloudevents-structured",
    [FORMAT_FORM] = "form",
    [FORMAT_XML] = "xml",
    NULL,
};

struct subscription *subscription_ref(struct subscription *subscription)
{
    subscription->refs++;
    return subscription;
}

void subscription_unref(struct subscription *subscription)
{
    if (!subscription)
        return;
    bug_on(subscription->refs == 0);
    if (--subscription->refs)
        return;
    free((void *)subscription->key);
    free((void *)subscription->events);
    pattern_free((struct pattern *)subscription->filter);
    selection_free((struct selection *)subscription->include);
    selection_free((struct selection *)subscription->exclude);
    free((void *)subscription->headers);
    free((void *)subscription->secrets);
    free((void *)subscription->ttl);
    free(subscription->text);
    free(subscription->strings);
    free(subscription);
}

/* "call.*" wants what begins with "call." and goes on. Operational events go only to who asks for them as
 * such: "*" is all that happens on the telephone, and its receiver knows no other. */
static bool pattern_wants(const char *pattern, const char *type)
{
    size_t len = strlen(pattern);
    if (event_type_operational(type) && !event_type_operational(pattern))
        return false;
    if (pattern[len - 1] != '*')
        return strcmp(pattern, type) == 0;
    return strncmp(pattern, type, len - 1) == 0 && type[len - 1] != '\0';
}

bool subscription_wants(const struct subscription *subscription, const char *type)
{
    for (size_t i = 0; i < subscription->event_count; i++)
        if (pattern_wants(subscription->events[i], type))
            return true;
    return false;
}

bool subscription_has_header(const struct subscription *subscription, const char *name)
{
    for (size_t i = 0; i < subscription->header_count; i++)
        if (strcasecmp(subscription->headers[i].name, name) == 0)
            return true;
    return false;
}

int64_t subscription_ttl_ms(const struct subscription *subscription, const char *type)
{
    int64_t all = 0;
    for (size_t i = 0; i < subscription->ttl_count; i++) {
        if (strcmp(subscription->ttl[i].event, type) == 0)
            return subscription->ttl[i].ms;
        if (strcmp(subscription->ttl[i].event, "*") == 0)
            all = subscription->ttl[i].ms;
    }
    return all;
}

bool subscription_id_valid(const char *id)
{
    return text_matches_set(id, SUBSCRIPTION_ID_MAX, "A-Za-z0-9_-");
}

static bool mask(json_t *value, const char *field, void *arg)
{
    (void)field, (void)arg;
    if (json_string_set(value, SUBSCRIPTION_MASK) != 0)
        fatal("out of memory");
    return true;
}

json_t *subscription_json(const struct subscription *subscription)
{
    json_t *json = json_loads(subscription->text, 0, NULL);
    if (!json)
        fatal("out of memory");
    return json;
}

json_t *subscription_masked(const struct subscription *subscription)
{
    json_t *copy = subscription_json(subscription);
    sealing_each(copy, mask, NULL);
    json_object_del(copy, "creation");
    return copy;
}
