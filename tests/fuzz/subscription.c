/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription's JSON. */
#include "subscriptions/subscription.h"

#include <string.h>

#include "input.h"
#include "subscriptions/sealing.h"

static void ignore(void *arg, const char *pointer, const char *text)
{
    (void)arg, (void)pointer, (void)text;
}

static bool is_masked(json_t *value, const char *field, void *arg)
{
    (void)field, (void)arg;
    return strcmp(json_string_value(value), SUBSCRIPTION_MASK) == 0;
}

/* What is written back is read as the same, and what is shown hides what it should. */
static void check(const struct subscription *subscription, const json_t *json)
{
    struct error error = ERROR_INIT;
    json_t *copy = subscription_json(subscription), *masked = subscription_masked(subscription);
    bug_on(!json_equal(copy, json));
    struct subscription *again = subscription_parse(copy, false, &error);
    bug_on(!again || strcmp(again->key, subscription->key) != 0);
    bug_on(
        again->secret_count != subscription->secret_count || again->format != subscription->format);
    bug_on(!sealing_each(masked, is_masked, NULL));
    (void)!subscription_wants(subscription, "call.ended");
    (void)!subscription_ttl_ms(subscription, "call.ended");
    subscription_unref(again);
    json_decref(masked);
    json_decref(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct error error = ERROR_INIT;
    if (!json)
        return 0;
    struct subscription *lenient = subscription_parse(json, false, &error);
    struct subscription *strict = subscription_parse_all(json, true, ignore, NULL);
    struct subscription *masked = subscription_parse_masked(json, ignore, NULL);
    bug_on(!lenient && !error_is_set(&error));
    bug_on(strict && (!lenient || !masked));
    if (lenient)
        check(lenient, json);
    subscription_unref(masked);
    subscription_unref(strict);
    subscription_unref(lenient);
    json_decref(json);
    return 0;
}
