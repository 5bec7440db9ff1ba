/* SPDX-License-Identifier: Apache-2.0 */
/* Whole records: the twelve samples, what is refused before it is parsed, and settings at fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "events/sample.h"
#include "fixture.h"

static const struct {
    const char *type;
    const char *order_key; /* the samples have no record key */
} samples[] = {
    {"call.created", "b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01"},
    {"call.ringing", "b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01"},
    {"call.ringing", "b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01"},
    {"call.answered", "b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01"},
    {"call.ended", "b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01"},
    {"call.ended", "c47e5b90-8d1a-4e6f-93b2-a5f0d6c1e806"},
    {"call.created", "0c6f2b8e-91d3-47aa-8c35-7be4f5a6d104"},
    {"call.answered", "0c6f2b8e-91d3-47aa-8c35-7be4f5a6d104"},
    {"agent.login", "33333"},
    {"agent.logout", "33333"},
    {"call.ended", "b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01"},
    {"call.ended", "6d2f9e13-b47a-4c58-8e01-d5c7a3f0b208"},
};

static void check_sample(const char *json, const char *type, const char *order_key)
{
    struct event_options options = DEFAULT_OPTIONS;
    struct given given = {.value = {json, 0}, .headers = {{"tenant-id", {"acme", 0}}}};
    struct outcome outcome = decode(&options, &given);

    assert_event(json, &outcome);
    assert_string_equal(outcome.event.tenant, "acme");
    assert_string_equal(outcome.event.type, type);
    assert_true(outcome.event.type_known);
    if (order_key)
        assert_string_equal(outcome.event.order_key, order_key);
    assert_false(outcome.event.denied);
    assert_false(outcome.event.structured);
    assert_true(json_is_object(outcome.event.body));
    event_release(&outcome.event);
    assert_null(outcome.event.body);
}

static void test_samples(void **state)
{
    FILE *file = fopen(TEST_DATA "/samples.ndjson", "r");
    char line[4096];
    size_t count = 0;
    (void)state;

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        assert_true(count < sizeof samples / sizeof samples[0]);
        line[strcspn(line, "\n")] = '\0';
        check_sample(line, samples[count].type, samples[count].order_key);
        count++;
    }
    assert_int_equal(count, sizeof samples / sizeof samples[0]);
    fclose(file);
}

/* Those that the console offers: each is what it says, and each type has one. */
static void test_event_samples(void **state)
{
    size_t found = 0, types = 0;
    (void)state;

    for (size_t i = 0; event_samples[i].type; i++) {
        assert_true(event_samples[i].title[0]);
        check_sample(event_samples[i].json, event_samples[i].type, NULL);
    }
    for (; event_types[types]; types++)
        for (size_t i = 0; event_samples[i].type; i++)
            if (strcmp(event_samples[i].type, event_types[types]) == 0) {
                found++;
                break;
            }
    assert_int_equal(types, 6);
    assert_int_equal(found, types);
}

static void test_refused_unread(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    options.max_bytes = 18;
    struct given given = {.headers = {{"tenant-id", {"acme", 0}}}};
    (void)state;

    struct outcome outcome = decode(&options, &given);
    assert_refused("tombstone", &outcome, EVENT_INVALID, "no value: a tombstone is no event");
    given.value = (struct given_bytes){"", 0};
    outcome = decode(&options, &given);
    assert_refused("empty", &outcome, EVENT_INVALID, "not JSON: empty");
    given.value = (struct given_bytes){"{\"type\":\"ringing\"}", 0};
    outcome = decode(&options, &given);
    assert_event("18 bytes", &outcome);
    event_release(&outcome.event);
    given.value = (struct given_bytes){"not JSON, too large", 0};
    outcome = decode(&options, &given);
    assert_refused(
        "19 bytes", &outcome, EVENT_TOO_LARGE, "the value is 19 bytes, more than the 18 allowed");
    assert_string_equal(outcome.refusal.tenant, "acme");
}

/* Of several faults the value's come first, then the tenant's, then the type's. */
static void test_first_fault(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    (void)state;

    struct outcome outcome = decode(&options, &(struct given){.value = {"[]", 0}});
    assert_refused("value", &outcome, EVENT_INVALID, "not an object");
    outcome = decode(&options, &(struct given){.value = {"{}", 0}});
    assert_refused("tenant", &outcome, EVENT_TENANT_UNRESOLVED, "no tenant");
}

/* What is not filled is not touched. */
static void test_untouched(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    struct error error = ERROR_INIT;
    struct event_rules *rules = event_rules_new(&options, &error);
    struct header tenant = {"tenant-id", {"acme", 4}};
    struct record record = {.topic = "events", .value = {"{}", 2}, .headers = &tenant};
    struct event event, event_before;
    struct event_refusal refusal, refusal_before;
    (void)state;

    memset(&event, 'x', sizeof event);
    memcpy(&event_before, &event, sizeof event);
    assert_false(event_decode(rules, &record, &event, &refusal));
    assert_memory_equal(&event, &event_before, sizeof event);

    memset(&refusal, 'x', sizeof refusal);
    memcpy(&refusal_before, &refusal, sizeof refusal);
    record.value = (struct bytes){"{\"type\":\"x\"}", 12};
    record.header_count = 1;
    assert_true(event_decode(rules, &record, &event, &refusal));
    assert_memory_equal(&refusal, &refusal_before, sizeof refusal);
    event_release(&event);
    event_release(NULL);
    event_rules_free(rules);
    event_rules_free(NULL);
}

static const char *const no_equals[] = {"ringing", NULL};
static const char *const no_from[] = {"=call.ringing", NULL};
static const char *const no_action[] = {"action:=call.ringing", NULL};
static const char *const bad_to[] = {"ringing=call ringing", NULL};
static const char *const ours[] = {"down=hookline.endpoint.failing", NULL};
static const char *const twice[] = {"a=call.ringing", "b=x", "a=call.ended", NULL};

static void test_settings(void **state)
{
    static const struct {
        struct event_options options;
        const char *detail; /* NULL = accepted */
    } cases[] = {
        {{.tenant_header = "tenant-id", .max_bytes = 1}, NULL},
        {{.tenant_header = "x-tenant", .tenant_fixed = "a", .max_bytes = 1}, NULL},
        {{.max_bytes = 1}, "tenant: no source is on"},
        {{.tenant_header = "tenant-id"}, "event.max_size: must be at least 1"},
        {{.tenant_header = "tenant-id", .max_bytes = -1}, "event.max_size: must be at least 1"},
        {{.tenant_header = "Hookline-Tenant", .max_bytes = 1}, "tenant.header: headers of events"},
        {{.tenant_fixed = "a", .order_key_header = "hookline-order-key", .max_bytes = 1},
            "event.order_key_header: headers of events"},
        {{.tenant_fixed = "A", .max_bytes = 1}, "tenant.fixed: not 1 to 64 of [a-z0-9_-]"},
        {{.tenant_topic_regex = "([a-z]+", .max_bytes = 1}, "tenant.topic_regex: "},
        {{.tenant_topic_regex = "[a-z]+", .max_bytes = 1}, "tenant.topic_regex: needs one group"},
        {{.tenant_topic_regex = "(a)(b)", .max_bytes = 1}, "tenant.topic_regex: needs one group"},
        {{.tenant_pointer = "tenant", .max_bytes = 1}, "tenant.pointer: \"tenant\" is no JSON"},
        {{.tenant_fixed = "a", .type_pointer = "/~", .max_bytes = 1},
            "event.type_pointer: \"/~\" is no"},
        {{.tenant_fixed = "a", .type_aliases = no_equals, .max_bytes = 1}, "event.type_aliases: "},
        {{.tenant_fixed = "a", .type_aliases = no_from, .max_bytes = 1}, "event.type_aliases: "},
        {{.tenant_fixed = "a", .type_aliases = no_action, .max_bytes = 1}, "event.type_aliases: "},
        {{.tenant_fixed = "a", .type_aliases = bad_to, .max_bytes = 1}, "event.type_aliases: "},
        {{.tenant_fixed = "a", .type_aliases = ours, .max_bytes = 1},
            "event.type_aliases: \"down=hookline.endpoint.failing\": types that begin"},
        {{.tenant_fixed = "a", .type_aliases = twice, .max_bytes = 1},
            "event.type_aliases: \"a\" is there twice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = ERROR_INIT;
        struct event_rules *rules = event_rules_new(&cases[i].options, &error);
        if (!rules != (cases[i].detail != NULL) ||
            (cases[i].detail && strncmp(error.text, cases[i].detail, strlen(cases[i].detail)) != 0))
            fail_msg("row %zu: %s", i, error.text);
        assert_int_equal(error.kind, cases[i].detail ? ERROR_CONFIG : ERROR_NONE);
        event_rules_free(rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_event_samples),
        cmocka_unit_test(test_refused_unread),
        cmocka_unit_test(test_first_fault),
        cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
