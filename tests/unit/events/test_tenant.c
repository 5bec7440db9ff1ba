/* SPDX-License-Identifier: Apache-2.0 */
/* Whose event it is: each source, their agreement, and what is never delivered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#define BODY                 \
    "{\"type\":\"ringing\"," \
    "\"org\":{\"id\":\"acme\",\"number\":42,\"none\":null,\"list\":[]}}"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { HEADER = 1, TOPIC = 2, KEY = 4, POINTER = 8, FIXED = 16 };

static const struct {
    const char *what;
    int sources;
    const char *pointer; /* NULL = "/org/id" */
    struct given given;  /* the value is BODY */
    const char *tenant;  /* NULL = refused */
    const char *detail;
} rows[] = {
    {"header", HEADER, NULL, {.headers = {{"tenant-id", {"acme", 0}}}}, "acme", NULL},
    {"all characters", HEADER, NULL, {.headers = {{"tenant-id", {"a_b-09z", 0}}}}, "a_b-09z", NULL},
    {"64 characters", HEADER, NULL, {.headers = {{"tenant-id", {A64, 0}}}}, A64, NULL},
    {"65 characters", HEADER, NULL, {.headers = {{"tenant-id", {A64 "a", 0}}}}, NULL,
        "tenant from header \"tenant-id\" is not 1 to 64 of [a-z0-9_-]"},
    {"upper case", HEADER, NULL, {.headers = {{"tenant-id", {"Acme", 0}}}}, NULL, "is not 1 to 64"},
    {"slash", HEADER, NULL, {.headers = {{"tenant-id", {"a/b", 0}}}}, NULL, "is not 1 to 64"},
    {"empty", HEADER, NULL, {.headers = {{"tenant-id", {"", 0}}}}, NULL, "is not 1 to 64"},
    {"empty, with a fallback", HEADER | FIXED, NULL, {.headers = {{"tenant-id", {"", 0}}}}, NULL,
        "is not 1 to 64"},
    {"NUL", HEADER, NULL, {.headers = {{"tenant-id", {"acme\0x", 6}}}}, NULL, "is not 1 to 64"},
    {"NUL at the end", HEADER, NULL, {.headers = {{"tenant-id", {"acme\0", 5}}}}, NULL,
        "is not 1 to 64"},
    {"no header", HEADER, NULL, {0}, NULL, "no tenant: no configured source answers"},
    {"header of another case", HEADER, NULL, {.headers = {{"Tenant-Id", {"acme", 0}}}}, NULL,
        "no tenant"},
    {"null header", HEADER, NULL, {.headers = {{"tenant-id", {NULL, 0}}}}, NULL, "no tenant"},
    {"header twice, the same", HEADER, NULL,
        {.headers = {{"tenant-id", {"acme", 0}}, {"tenant-id", {"acme", 0}}}}, "acme", NULL},
    {"header twice, different", HEADER, NULL,
        {.headers = {{"tenant-id", {"acme", 0}}, {"tenant-id", {"beta", 0}}}}, NULL,
        "tenant sources disagree: header \"tenant-id\" says \"acme\", header \"tenant-id\" says "
        "\"beta\""},
    {"our own headers say nothing", HEADER, NULL,
        {.headers = {{"hookline-tenant", {"acme", 0}}, {"hookline-order-key", {"x", 0}}}}, NULL,
        "no tenant"},

    {"topic", TOPIC, NULL, {.topic = "calls.acme.v1"}, "acme", NULL},
    {"topic does not match", TOPIC, NULL, {.topic = "calls"}, NULL, "no tenant"},
    {"topic with an empty group", TOPIC, NULL, {.topic = "calls..v1"}, NULL,
        "tenant from topic \"calls..v1\" is not 1 to 64"},
    {"topic with a bad id", TOPIC, NULL, {.topic = "calls.Acme.v1"}, NULL, "is not 1 to 64"},

    {"key", KEY, NULL, {.key = {"acme:call:1", 0}}, "acme", NULL},
    {"key of a prefix only", KEY, NULL, {.key = {"acme:", 0}}, "acme", NULL},
    {"key without prefix", KEY, NULL, {.key = {"call-1", 0}}, NULL, "no tenant"},
    {"key with an empty prefix", KEY, NULL, {.key = {":call-1", 0}}, NULL, "is not 1 to 64"},
    {"whatever is before a colon", KEY, NULL, {.key = {"sip:x@y", 0}}, "sip", NULL},
    {"key with an upper-case prefix", KEY, NULL, {.key = {"SIP:x@y", 0}}, NULL, "is not 1 to 64"},
    {"key with bytes", KEY, NULL, {.key = {"\xff\x00:x", 4}}, NULL, "is not 1 to 64"},
    {"no key", KEY, NULL, {0}, NULL, "no tenant"},

    {"pointer", POINTER, NULL, {0}, "acme", NULL},
    {"pointer to an integer", POINTER, "/org/number", {0}, "42", NULL},
    {"pointer to null", POINTER, "/org/none", {0}, NULL, "no tenant"},
    {"pointer to nothing", POINTER, "/tenant", {0}, NULL, "no tenant"},
    {"pointer to a list", POINTER, "/org/list", {0}, NULL,
        "tenant from body \"/org/list\" is not 1 to 64"},
    {"pointer to an object", POINTER | FIXED, "/org", {0}, NULL, "is not 1 to 64"},

    {"fixed", FIXED, NULL, {0}, "fallback", NULL},
    {"fixed where none answers", HEADER | TOPIC | KEY | POINTER | FIXED, "/x", {0}, "fallback",
        NULL},
    {"fixed does not disagree", HEADER | FIXED, NULL, {.headers = {{"tenant-id", {"acme", 0}}}},
        "acme", NULL},

    {"all agree", HEADER | TOPIC | KEY | POINTER, NULL,
        {.topic = "calls.acme.v1", .key = {"acme:1", 0}, .headers = {{"tenant-id", {"acme", 0}}}},
        "acme", NULL},
    {"one answers", HEADER | TOPIC | KEY | POINTER, "/x", {.key = {"acme:1", 0}}, "acme", NULL},
    {"topic disagrees", HEADER | TOPIC, NULL,
        {.topic = "calls.beta.v1", .headers = {{"tenant-id", {"acme", 0}}}}, NULL,
        "header \"tenant-id\" says \"acme\", topic \"calls.beta.v1\" says \"beta\""},
    {"key disagrees", HEADER | KEY, NULL,
        {.key = {"beta:1", 0}, .headers = {{"tenant-id", {"acme", 0}}}}, NULL,
        "header \"tenant-id\" says \"acme\", record key \"<tenant>:\" says \"beta\""},
    {"body disagrees", TOPIC | POINTER, NULL, {.topic = "calls.beta.v1"}, NULL,
        "topic \"calls.beta.v1\" says \"beta\", body \"/org/id\" says \"acme\""},
    {"one is malformed", HEADER | TOPIC, NULL,
        {.topic = "calls.ACME.v1", .headers = {{"tenant-id", {"acme", 0}}}}, NULL,
        "is not 1 to 64"},
    {"off is not asked", HEADER, NULL,
        {.topic = "calls.beta.v1", .key = {"gamma:1", 0}, .headers = {{"tenant-id", {"acme", 0}}}},
        "acme", NULL},
};

static struct event_options options_of(int sources, const char *pointer)
{
    struct event_options options = DEFAULT_OPTIONS;
    options.tenant_header = sources & HEADER ? "tenant-id" : "";
    options.tenant_topic_regex = sources & TOPIC ? "^calls\\.([^.]*)\\.v[0-9]+$" : "";
    options.tenant_key_prefix = sources & KEY;
    options.tenant_pointer = sources & POINTER ? pointer : "";
    options.tenant_fixed = sources & FIXED ? "fallback" : "";
    return options;
}

static void test_sources(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event_options options =
            options_of(rows[i].sources, rows[i].pointer ? rows[i].pointer : "/org/id");
        struct given given = rows[i].given;
        given.value = (struct given_bytes){BODY, 0};
        struct outcome outcome = decode(&options, &given);
        if (rows[i].tenant) {
            assert_event(rows[i].what, &outcome);
            assert_string_equal(outcome.event.tenant, rows[i].tenant);
            event_release(&outcome.event);
        } else {
            assert_refused(rows[i].what, &outcome, EVENT_TENANT_UNRESOLVED, rows[i].detail);
            assert_string_equal(outcome.refusal.tenant, "");
        }
    }
}

/* A group that takes no part in the match gives no answer. */
static void test_optional_group(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    options.tenant_header = "";
    options.tenant_topic_regex = "^calls|tenant-([a-z]+)$";
    struct given given = {.topic = "calls", .value = {BODY, 0}};
    struct outcome outcome = decode(&options, &given);
    (void)state;
    assert_refused("optional group", &outcome, EVENT_TENANT_UNRESOLVED, "no tenant");
}

/* The tenant of a record that is refused for another reason, for its dead letter. */
static void test_tenant_of_refused(void **state)
{
    static const struct {
        const char *what;
        int sources;
        enum event_fault fault;
        struct given given;
        const char *tenant;
    } cases[] = {
        {"bad JSON", HEADER, EVENT_INVALID,
            {.value = {"{", 0}, .headers = {{"tenant-id", {"acme", 0}}}}, "acme"},
        {"tombstone", HEADER, EVENT_INVALID, {.headers = {{"tenant-id", {"acme", 0}}}}, "acme"},
        {"no type", HEADER, EVENT_INVALID,
            {.value = {"{}", 0}, .headers = {{"tenant-id", {"acme", 0}}}}, "acme"},
        {"fixed", HEADER | FIXED, EVENT_INVALID, {.value = {"{", 0}}, "fallback"},
        {"no tenant", HEADER, EVENT_INVALID, {.value = {"{", 0}}, ""},
        {"malformed", HEADER | FIXED, EVENT_INVALID,
            {.value = {"{", 0}, .headers = {{"tenant-id", {"A", 0}}}}, ""},
        {"the body might disagree", HEADER | POINTER, EVENT_INVALID,
            {.value = {"{", 0}, .headers = {{"tenant-id", {"acme", 0}}}}, ""},
        {"the body agrees", HEADER | POINTER, EVENT_INVALID,
            {.value = {"{\"org\":{\"id\":\"acme\"}}", 0}, .headers = {{"tenant-id", {"acme", 0}}}},
            "acme"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event_options options = options_of(cases[i].sources, "/org/id");
        struct outcome outcome = decode(&options, &cases[i].given);
        assert_refused(cases[i].what, &outcome, cases[i].fault, "");
        if (strcmp(outcome.refusal.tenant, cases[i].tenant) != 0)
            fail_msg("%s: \"%s\"", cases[i].what, outcome.refusal.tenant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_optional_group),
        cmocka_unit_test(test_tenant_of_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
