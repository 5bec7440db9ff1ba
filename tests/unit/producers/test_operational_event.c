/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/operational_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          1772439251902 /* 2026-03-02T08:14:11.902Z */

static const struct operational_event sample = {
    .type = "hookline.endpoint.failing",
    .tenant = "acme",
    .subscription = "crm",
    .name = "the CRM",
    .host = "crm.example",
    .since = {NOW - 600000},
    .reason = "nothing but failures",
    .at = {NOW},
    .last_error = "it answered 503",
};

static void everything_comes_back(void **state)
{
    (void)state;
    struct operational_encoded encoded = {.key = BUFFER_INIT};
    struct operational_decoded decoded;
    operational_event_encode(&sample, &encoded);
    operational_event_encode(&sample, &encoded); /* may be used again */
    assert_string_equal(buffer_text(&encoded.key), "acme/crm");
    assert_string_equal(buffer_text(&encoded.value),
        "{\"type\":\"hookline.endpoint.failing\",\"tenant\":\"acme\",\"subscription\":\"crm\","
        "\"name\":\"the CRM\",\"host\":\"crm.example\",\"since\":\"2026-03-02T08:04:11.902Z\","
        "\"reason\":\"nothing but failures\",\"at\":\"2026-03-02T08:14:11.902Z\","
        "\"last_error\":\"it answered 503\"}");
    assert_int_equal(encoded.record.header_count, 0);
    assert_true(operational_event_decode(&encoded.record, &decoded, NULL));
    const struct operational_event *event = &decoded.event;
    assert_string_equal(event->type, sample.type);
    assert_string_equal(event->tenant, "acme");
    assert_string_equal(event->subscription, "crm");
    assert_string_equal(event->name, "the CRM");
    assert_string_equal(event->host, "crm.example");
    assert_int_equal(event->since.ms, sample.since.ms);
    assert_string_equal(event->reason, sample.reason);
    assert_int_equal(event->at.ms, NOW);
    assert_string_equal(event->last_error, sample.last_error);
    assert_string_equal(decoded.key, "acme/crm");
    assert_int_equal(json_object_size(decoded.body), 9);
    operational_decoded_release(&decoded);
    operational_encoded_release(&encoded);
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    struct operational_event bare = {.type = operational_types[OPERATIONAL_RECOVERED],
        .tenant = "t",
        .subscription = "s",
        .name = "",
        .since = {-1},
        .reason = "a",
        .at = {NOW},
        .last_error = ""};
    struct operational_encoded encoded = {.key = BUFFER_INIT};
    struct operational_decoded decoded;
    operational_event_encode(&bare, &encoded);
    assert_string_equal(buffer_text(&encoded.value),
        "{\"type\":\"hookline.endpoint.recovered\",\"tenant\":\"t\",\"subscription\":\"s\","
        "\"reason\":\"a\",\"at\":\"2026-03-02T08:14:11.902Z\"}");
    assert_true(operational_event_decode(&encoded.record, &decoded, NULL));
    assert_null(decoded.event.name);
    assert_null(decoded.event.last_error);
    assert_int_equal(decoded.event.since.ms, -1);
    operational_decoded_release(&decoded);
    operational_encoded_release(&encoded);
}

/* An error's text can be anything that came over a wire. */
static void texts_are_cut_and_clean(void **state)
{
    (void)state;
    char longest[4000];
    struct operational_event odd = sample;
    struct operational_encoded encoded = {.key = BUFFER_INIT};
    struct operational_decoded decoded;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    odd.name = longest;
    odd.last_error = "a\xff\n\"\x01";
    operational_event_encode(&odd, &encoded);
    assert_in_range(encoded.record.value.len, OPERATIONAL_TEXT_MAX, OPERATIONAL_TEXT_MAX + 400);
    assert_true(operational_event_decode(&encoded.record, &decoded, NULL));
    assert_string_equal(decoded.event.last_error, "a\xef\xbf\xbd\n\"\x01");
    assert_in_range(strlen(decoded.event.name), OPERATIONAL_TEXT_MAX - 8, OPERATIONAL_TEXT_MAX + 3);
    operational_decoded_release(&decoded);
    operational_encoded_release(&encoded);
}

#define TYPE   "\"type\":\"hookline.endpoint.failing\""
#define TENANT "\"tenant\":\"acme\""
#define SUB    "\"subscription\":\"crm\""
#define X64    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *key, *value;
    bool good;
} records[] = {
    {"acme/crm", "{" TYPE "," TENANT "," SUB "}", true},
    {"acme/crm", "{" TYPE "," TENANT "," SUB ",\"later\":[1],\"since\":\"x\",\"host\":1}", true},
    {"acme/crm", "{\"type\":\"hookline.tenant.new\"," TENANT "," SUB "}", true},
    {"acme/crm", NULL, false},
    {"acme/crm", "", false},
    {"acme/crm", "null", false},
    {"acme/crm", "[]", false},
    {"acme/crm", "{}", false},
    {"acme/crm", "{" TYPE "," TENANT "}", false},
    {"acme/crm", "{" TYPE "," SUB "}", false},
    {"acme/crm", "{" TENANT "," SUB "}", false},
    {"acme/crm", "{" TYPE "," TENANT "," TENANT "," SUB "}", false},
    {"acme/crm", "{\"type\":\"call.ended\"," TENANT "," SUB "}", false},
    {"acme/crm", "{\"type\":\"hookline.\"," TENANT "," SUB "}", false},
    {"acme/crm", "{\"type\":\"hookline.a b\"," TENANT "," SUB "}", false},
    {"acme/crm", "{\"type\":\"hookline." X64 "\"," TENANT "," SUB "}", false},
    {"acme/crm", "{\"type\":\"hookline.a\\u0000\"," TENANT "," SUB "}", false},
    {"acme/crm", "{\"type\":1," TENANT "," SUB "}", false},
    {"Acme/crm", "{" TYPE ",\"tenant\":\"Acme\"," SUB "}", false},
    {"acme/", "{" TYPE "," TENANT ",\"subscription\":\"\"}", false},
    {"acme/a.b", "{" TYPE "," TENANT ",\"subscription\":\"a.b\"}", false},
    {"acme/other", "{" TYPE "," TENANT "," SUB "}", false},
    {"other/crm", "{" TYPE "," TENANT "," SUB "}", false},
    {"acme/crm2", "{" TYPE "," TENANT "," SUB "}", false},
    {"", "{" TYPE "," TENANT "," SUB "}", false},
    {NULL, "{" TYPE "," TENANT "," SUB "}", false},
};

static void hostile_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(records); i++) {
        const char *key = records[i].key, *value = records[i].value;
        struct record record = {
            .key = {key, key ? strlen(key) : 0}, .value = {value, value ? strlen(value) : 0}};
        struct operational_decoded decoded;
        struct error error = ERROR_INIT;
        bool good = operational_event_decode(&record, &decoded, &error);
        if (good != records[i].good)
            fail_msg("case %zu: %s", i, error.text);
        assert_int_equal(error.kind, good ? ERROR_NONE : ERROR_PERMANENT);
        if (good)
            operational_decoded_release(&decoded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(texts_are_cut_and_clean),
        cmocka_unit_test(hostile_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
