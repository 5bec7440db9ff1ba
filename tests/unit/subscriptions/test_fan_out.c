/* SPDX-License-Identifier: Apache-2.0 */
/* How many subscriptions one event can go to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "subscriptions/fan_out.h"

#define MOST 8

/* "call.ended,call.*": the events of one subscription; "-" in front: disabled. */
static struct subscription *subscription_of(const char *events)
{
    struct error error = ERROR_INIT;
    json_t *list = json_array();
    bool enabled = events[0] != '-';
    char copy[256], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", events + !enabled);
    while ((word = strsep(&rest, ",")))
        json_array_append_new(list, json_string(word));
    json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:b}", "tenant", "acme", "id", "a", "url",
        "https://x/", "events", list, "enabled", enabled);
    struct subscription *subscription = subscription_parse(json, false, &error);
    if (!subscription)
        fail_msg("%s: %s", events, error.text);
    json_decref(json);
    return subscription;
}

static const struct {
    const char *all[MOST + 1];
    size_t of_first, of_all; /* types that the first one wants; all types */
} rows[] = {
    {{"call.ended"}, 1, 1},
    {{"call.ended", "call.ended", "call.ringing"}, 2, 2},
    {{"call.ringing", "call.ended", "call.ended"}, 1, 2},
    {{"*", "call.ended", "agent.login"}, 2, 2},
    {{"call.ended", "*", "*", "call.*"}, 4, 4},
    {{"agent.login", "*", "call.*", "call.*", "call.ended"}, 2, 4},
    {{"call.*", "call.a,call.b", "call.b"}, 3, 3},
    {{"call.ended,call.*", "call.*,*"}, 2, 2},
    {{"call.ended", "-call.ended", "-*"}, 1, 1},
    {{"app.*", "app.one.*", "app.one.two", "app.*"}, 4, 4},
    {{"app.one.*", "app.two.*", "app.*"}, 2, 2},
    {{"*", "hookline.*", "hookline.endpoint.failing"}, 1, 2},
};

static void counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct subscription *all[MOST];
        size_t count = 0;
        for (; rows[i].all[count]; count++)
            all[count] = subscription_of(rows[i].all[count]);
        if (fan_out_most(all, count, all[0]) != rows[i].of_first ||
            fan_out_most(all, count, NULL) != rows[i].of_all)
            fail_msg("row %zu: %zu and %zu", i, fan_out_most(all, count, all[0]),
                fan_out_most(all, count, NULL));
        while (count)
            subscription_unref(all[--count]);
    }
    assert_int_equal(fan_out_most(NULL, 0, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
