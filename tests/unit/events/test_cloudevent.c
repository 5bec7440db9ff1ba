/* SPDX-License-Identifier: Apache-2.0 */
/* CloudEvents: which mode a record is in, and where its event and type are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#define JSON_TYPE   "application/cloudevents+json"
#define RING        "{\"type\":\"ringing\",\"callID\":\"c1\",\"org\":\"acme\"}"
#define RING_BASE64 "eyJ0eXBlIjoicmluZ2luZyIsImNhbGxJRCI6ImMxIiwib3JnIjoiYWNtZSJ9"
#define ATTRIBUTES  "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/x\""

static const struct {
    const char *what;
    const char *content_type; /* NULL = none */
    const char *ce_type;
    const char *value;
    const char *type; /* NULL = refused */
    bool structured;
    const char *detail;
} rows[] = {
    {"none", NULL, NULL, RING, "call.ringing", false, NULL},
    {"binary", "application/json", "ended", RING, "call.ended", false, NULL},
    {"binary without content type", NULL, "com.example.x", RING, "com.example.x", false, NULL},
    {"binary of text", "text/plain", "ended", "hello", NULL, false, "not JSON"},
    {"structured", JSON_TYPE, NULL, "{" ATTRIBUTES ",\"type\":\"ended\",\"data\":" RING "}",
        "call.ended", true, NULL},
    {"structured with parameters", "Application/CloudEvents+JSON; charset=utf-8", NULL,
        "{" ATTRIBUTES ",\"type\":\"ended\",\"data\":" RING "}", "call.ended", true, NULL},
    {"the envelope beats ce_type", JSON_TYPE, "ended",
        "{" ATTRIBUTES ",\"type\":\"created\",\"data\":" RING "}", "call.created", true, NULL},
    {"type of the data", JSON_TYPE, NULL, "{" ATTRIBUTES ",\"data\":" RING "}", "call.ringing",
        true, NULL},
    {"null type", JSON_TYPE, NULL, "{\"type\":null,\"data\":" RING "}", "call.ringing", true, NULL},
    {"type is a number", JSON_TYPE, NULL, "{\"type\":5,\"data\":" RING "}", NULL, true,
        "type from the envelope is no string"},
    {"type is malformed", JSON_TYPE, NULL, "{\"type\":\"a b\",\"data\":" RING "}", NULL, true,
        "type from the envelope is not 1 to 64"},
    {"no type at all", JSON_TYPE, NULL, "{\"data\":{}}", NULL, true,
        "no type: neither the envelope's nor /type"},
    {"base64", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data_base64\":\"" RING_BASE64 "\"}",
        "call.ended", true, NULL},
    {"base64, data null", JSON_TYPE, NULL,
        "{\"type\":\"ended\",\"data\":null,\"data_base64\":\"" RING_BASE64 "\"}", "call.ended",
        true, NULL},
    {"base64 of text", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data_base64\":\"aGVsbG8=\"}", NULL,
        true, "CloudEvent: data_base64: not JSON"},
    {"base64 of an array", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data_base64\":\"W10=\"}", NULL,
        true, "CloudEvent: data_base64: not an object but an array"},
    {"base64 of a key twice", JSON_TYPE, NULL,
        "{\"type\":\"ended\",\"data_base64\":\"eyJhIjoxLCJhIjoyfQ==\"}", NULL, true,
        "CloudEvent: data_base64: a key twice"},
    {"base64 of nothing", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data_base64\":\"\"}", NULL, true,
        "CloudEvent: data_base64: not JSON: empty"},
    {"no base64", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data_base64\":\"{}\"}", NULL, true,
        "CloudEvent: data_base64 is not base64"},
    {"base64 is no string", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data_base64\":7}", NULL, true,
        "CloudEvent: data_base64 is not base64"},
    {"both", JSON_TYPE, NULL,
        "{\"type\":\"ended\",\"data\":" RING ",\"data_base64\":\"" RING_BASE64 "\"}", NULL, true,
        "CloudEvent: both data and data_base64"},
    {"no data", JSON_TYPE, NULL, "{\"type\":\"ended\"}", NULL, true, "CloudEvent: data is absent"},
    {"null data", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data\":null}", NULL, true,
        "CloudEvent: data is absent"},
    {"data is a string", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data\":\"{}\"}", NULL, true,
        "CloudEvent: data is not an object"},
    {"data is an array", JSON_TYPE, NULL, "{\"type\":\"ended\",\"data\":[{}]}", NULL, true,
        "CloudEvent: data is not an object"},
    {"envelope is an array", JSON_TYPE, NULL, "[{}]", NULL, true, "not an object but an array"},
    {"batch", "application/cloudevents-batch+json", NULL, "[{}]", NULL, true,
        "a batch of CloudEvents"},
    {"avro", "application/cloudevents+avro", NULL, "x", NULL, true, "another format than JSON"},
    {"json-seq", "application/cloudevents+json-seq", NULL, "{}", NULL, true,
        "another format than JSON"},
};

static struct outcome decode_row(size_t i, const char *header)
{
    struct event_options options = DEFAULT_OPTIONS;
    struct given given = {.value = {rows[i].value, 0},
        .headers = {{"tenant-id", {"acme", 0}}, {header, {rows[i].content_type, 0}},
            {"ce_type", {rows[i].ce_type, 0}}, {"ce_specversion", {"1.0", 0}}}};
    return decode(&options, &given);
}

static void test_modes(void **state)
{
    static const char *const headers[] = {"content-type", "Content-Type"};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        size_t row = i / 2;
        struct outcome outcome = decode_row(row, headers[i % 2]);
        if (!rows[row].type) {
            assert_refused(rows[row].what, &outcome, EVENT_INVALID, rows[row].detail);
            assert_string_equal(outcome.refusal.tenant, "acme");
            continue;
        }
        assert_event(rows[row].what, &outcome);
        assert_string_equal(outcome.event.type, rows[row].type);
        assert_int_equal(outcome.event.structured, rows[row].structured);
        assert_string_equal(outcome.event.order_key, "c1");
        json_t *body = json_loads(RING, 0, NULL);
        assert_true(json_equal(outcome.event.body, body));
        json_decref(body);
        event_release(&outcome.event);
    }
}

/* The envelope may name another tenant or call; pointers see the data alone. */
static void test_pointers_see_data(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    options.tenant_pointer = "/org";
    struct given given = {
        .value = {"{\"type\":\"ended\",\"org\":\"beta\",\"callID\":\"x\",\"data\":" RING "}", 0},
        .headers = {{"content-type", {JSON_TYPE, 0}}, {"tenant-id", {"acme", 0}}}};
    struct outcome outcome = decode(&options, &given);
    (void)state;

    assert_event("pointers", &outcome);
    assert_string_equal(outcome.event.tenant, "acme");
    assert_string_equal(outcome.event.order_key, "c1");
    event_release(&outcome.event);
}

static void test_denied(void **state)
{
    static const struct {
        const char *value;
        bool denied;
    } cases[] = {
        {"{\"type\":\"ended\",\"data\":{}}", false},
        {"{\"type\":\"ended\",\"data\":{\"x\":[{\"ccPassword\":1}]}}", true},
        {"{\"type\":\"ended\",\"password\":\"x\",\"data\":{}}", true}, /* raw would send it */
        {"{\"type\":\"ended\",\"data_base64\":\"eyJwYXNzd29yZCI6MX0=\"}", true},
    };
    struct event_options options = DEFAULT_OPTIONS;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct given given = {.value = {cases[i].value, 0},
            .headers = {{"content-type", {JSON_TYPE, 0}}, {"tenant-id", {"acme", 0}}}};
        struct outcome outcome = decode(&options, &given);
        assert_event(cases[i].value, &outcome);
        assert_int_equal(outcome.event.denied, cases[i].denied);
        event_release(&outcome.event);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_pointers_see_data),
        cmocka_unit_test(test_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
