/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/topic_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct topic_options options = {.prefix = "hookline."};

static void names_stand_under_the_prefix(void **state)
{
    (void)state;
    static const char *const names[TOPIC_KINDS] = {
        "hookline.subscriptions",
        "hookline.endpoints",
        "hookline.results",
        "hookline.dead-letters",
        "hookline.replays",
        "hookline.operational-events",
    };
    for (int i = 0; i < TOPIC_KINDS; i++) {
        char *name = topic_name(&options, (enum topic_kind)i);
        assert_string_equal(name, names[i]);
        free(name);
    }
    char *name = topic_deliveries(&options, "acme");
    assert_string_equal(name, "hookline.deliveries.acme");
    assert_string_equal(topic_deliveries_tenant(&options, name), "acme");
    free(name);
    name = topic_registry_writer(&options);
    assert_string_equal(name, "hookline.registry-writer");
    free(name);
}

static void other_topics_have_no_tenant(void **state)
{
    (void)state;
    assert_null(topic_deliveries_tenant(&options, "hookline.deliveries."));
    assert_null(topic_deliveries_tenant(&options, "hookline.deliveries"));
    assert_null(topic_deliveries_tenant(&options, "hookline.results"));
    assert_null(topic_deliveries_tenant(&options, "deliveries.acme"));
    assert_null(topic_deliveries_tenant(&options, ""));
    const struct topic_options bare = {.prefix = ""};
    assert_string_equal(topic_deliveries_tenant(&bare, "deliveries.acme"), "acme");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_under_the_prefix),
        cmocka_unit_test(other_topics_have_no_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
