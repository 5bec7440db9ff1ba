/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/delivery_record.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"

static const struct header passed[] = {
    {"traceparent", {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 55}},
    {"tenant-id", {"acme", 4}},
    {"ce_type", {"com.example.call", 16}},
    {"hookline-id", {"msg_forged", 10}},
};

static const struct delivery_record sample = {
    .id = "msg_0123456789abcdef0123456789abcdef",
    .tenant = "acme",
    .subscription = "crm-1",
    .event = "call.ringing",
    .event_at = {1772439251902},
    .order_key = "b3a1f0c2",
    .source = "calls/3/918273",
    .accepted_at = {1772439251911},
    .registry = 12,
    .passed = passed,
    .passed_count = 4,
    .body = {"{\"type\":\"ringing\"}", 18},
};

/* As the consumers get it: header values with a NUL behind them. */
static struct record *written(const struct delivery_record *delivery)
{
    struct delivery_encoded encoded;
    delivery_encode(delivery, &encoded);
    encoded.record.topic = "hookline.deliveries.acme";
    return record_copy(&encoded.record);
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct delivery_record full = sample;
    full.redact = full.test = true;
    full.replay = 2;
    full.attempts = 7;
    full.first_attempt_at.ms = 1772439251999;
    struct record *record = written(&full);
    struct delivery_decoded decoded;
    struct error error = ERROR_INIT;

    assert_true(delivery_decode(record, &decoded, &error));
    const struct delivery_record *got = &decoded.delivery;
    assert_string_equal(got->id, full.id);
    assert_string_equal(got->tenant, "acme");
    assert_string_equal(got->subscription, "crm-1");
    assert_string_equal(got->event, "call.ringing");
    assert_int_equal(got->event_at.ms, full.event_at.ms);
    assert_string_equal(got->order_key, full.order_key);
    assert_string_equal(got->source, full.source);
    assert_int_equal(got->accepted_at.ms, full.accepted_at.ms);
    assert_int_equal(got->registry, 12);
    assert_true(got->redact);
    assert_true(got->test);
    assert_int_equal(got->replay, 2);
    assert_int_equal(got->attempts, 7);
    assert_int_equal(got->first_attempt_at.ms, full.first_attempt_at.ms);
    assert_int_equal(got->passed_count, 2);
    assert_string_equal(got->passed[0].name, "traceparent");
    assert_string_equal(got->passed[1].name, "ce_type");
    assert_string_equal(got->passed[1].value.data, "com.example.call");
    assert_int_equal(got->body.len, full.body.len);
    assert_memory_equal(got->body.data, full.body.data, full.body.len);
    assert_int_equal(record->key.len, strlen("acme/crm-1"));
    assert_memory_equal(record->key.data, "acme/crm-1", record->key.len);
    assert_int_equal(record->timestamp_ms, -1);
    free(record);
}

static void what_is_absent_is_not_written(void **state)
{
    (void)state;
    struct delivery_record plain = sample;
    plain.order_key = "";
    plain.passed_count = 0;
    struct record *record = written(&plain);
    struct delivery_decoded decoded;

    assert_int_equal(record->header_count, 7);
    assert_null(record_header(record, "hookline-redact"));
    assert_null(record_header(record, "hookline-first-attempt-at"));
    assert_true(delivery_decode(record, &decoded, NULL));
    assert_null(decoded.delivery.order_key);
    assert_false(decoded.delivery.redact);
    assert_int_equal(decoded.delivery.replay, 0);
    assert_int_equal(decoded.delivery.first_attempt_at.ms, -1);
    assert_int_equal(decoded.delivery.passed_count, 0);
    free(record);
}

static void a_test_needs_no_source(void **state)
{
    (void)state;
    struct delivery_record test = sample;
    test.source = NULL;
    struct record *record = written(&test);
    struct delivery_decoded decoded;
    struct error error = ERROR_INIT;

    assert_false(delivery_decode(record, &decoded, &error));
    assert_non_null(strstr(error.text, "hookline-source is absent"));
    free(record);
    test.test = true;
    record = written(&test);
    assert_true(delivery_decode(record, &decoded, NULL));
    assert_null(decoded.delivery.source);
    free(record);
}

static void many_and_large_headers_are_bounded(void **state)
{
    (void)state;
    static char large[DELIVERY_PASSED_BYTES_MAX];
    struct header many[200];
    for (size_t i = 0; i < 200; i++)
        many[i] = (struct header){"ce_x", {"1", 1}};
    many[0].value = (struct bytes){large, sizeof large}; /* with its name more than may pass */
    struct delivery_record delivery = sample;
    delivery.passed = many;
    delivery.passed_count = 200;
    struct delivery_encoded encoded;

    delivery_encode(&delivery, &encoded);
    assert_int_equal(encoded.record.header_count, DELIVERY_HEADERS_MAX);
    for (size_t i = 0; i < DELIVERY_HEADERS_MAX; i++)
        assert_true(encoded.headers[i].value.len < 100);

    struct record record = {.topic = "t",
        .key = {"acme/x", 6},
        .value = {"{}", 2},
        .headers = many,
        .header_count = 200};
    struct delivery_decoded decoded;
    assert_false(delivery_decode(&record, &decoded, NULL));
    assert_int_equal(decoded.delivery.passed_count, DELIVERY_HEADERS_MAX);
}

/* One header of a good record replaced (`value` NULL: left out), and what is said of it. */
static const struct {
    const char *name;
    const char *value;
    size_t len;
    const char *says; /* NULL = accepted */
} replaced[] = {
    {"hookline-id", NULL, 0, "hookline-id is absent"},
    {"hookline-id", "", 0, "hookline-id is malformed"},
    {"hookline-id", "msg_\r\nx-evil: 1", 15, "hookline-id is malformed"},
    {"hookline-id", "msg_a\0b", 7, "hookline-id is malformed"},
    {"hookline-id", "0123456789012345678901234567890123456789012345678901234567890123_", 65,
        "hookline-id is malformed"},
    {"hookline-event", NULL, 0, "hookline-event is absent"},
    {"hookline-event", "call ringing", 12, "hookline-event is malformed"},
    {"hookline-event-at", NULL, 0, "hookline-event-at is absent"},
    {"hookline-event-at", "soon", 4, "hookline-event-at is malformed"},
    {"hookline-event-at", "-1", 2, "hookline-event-at is malformed"},
    {"hookline-event-at", "1.5", 3, "hookline-event-at is malformed"},
    {"hookline-event-at", "99999999999999999999", 20, "hookline-event-at is malformed"},
    {"hookline-event-at", "253402300800000", 15, "hookline-event-at is malformed"},
    {"hookline-event-at", "253402300799999", 15, NULL},
    {"hookline-event-at", "\x00\x00\x01\x9c\xad\x12\x34\x56", 8, "hookline-event-at is malformed"},
    {"hookline-accepted-at", NULL, 0, "hookline-accepted-at is absent"},
    {"hookline-registry", NULL, 0, "hookline-registry is absent"},
    {"hookline-registry", "9223372036854775807", 19, NULL},
    {"hookline-registry", "9223372036854775808", 19, "hookline-registry is malformed"},
    {"hookline-source", "calls/0/7\n", 10, "hookline-source is malformed"},
    {"hookline-order-key", "\xff", 1, "hookline-order-key is malformed"},
    {"hookline-order-key", "\xd9\x85\xd9\x83", 4, NULL},
    {"hookline-order-key", "a\0b", 3, "hookline-order-key is malformed"},
    {"hookline-redact", "0", 1, NULL},
    {"hookline-redact", "yes", 3, "hookline-redact is malformed"},
    {"hookline-replay", "1000001", 7, "hookline-replay is malformed"},
    {"hookline-attempts", "", 0, "hookline-attempts is malformed"},
    {"hookline-tenant", NULL, 0, "hookline-tenant is absent"},
    {"hookline-tenant", "Acme", 4, "hookline-tenant is malformed"},
    {"hookline-tenant", "other", 5, "key is not the tenant"},
    {"hookline-unknown", "\0\0", 2, NULL},
};

static void hostile_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replaced / sizeof replaced[0]; i++) {
        struct delivery_encoded encoded;
        delivery_encode(&sample, &encoded);
        struct header headers[DELIVERY_HEADERS_MAX + 1];
        size_t count = 0;
        for (size_t h = 0; h < encoded.record.header_count; h++)
            if (strcmp(encoded.headers[h].name, replaced[i].name) != 0)
                headers[count++] = encoded.headers[h];
        if (replaced[i].value)
            headers[count++] =
                (struct header){replaced[i].name, {replaced[i].value, replaced[i].len}};
        encoded.record.headers = headers;
        encoded.record.header_count = count;
        encoded.record.topic = "t";
        struct record *record = record_copy(&encoded.record);
        struct delivery_decoded decoded;
        struct error error = ERROR_INIT;

        bool good = delivery_decode(record, &decoded, &error);
        if (good != !replaced[i].says)
            fail_msg("case %zu (%s): %d, %s", i, replaced[i].name, good, error.text);
        if (!good) {
            if (!strstr(error.text, replaced[i].says))
                fail_msg("case %zu (%s): %s", i, replaced[i].name, error.text);
            assert_int_equal(error.kind, ERROR_PERMANENT);
            assert_int_equal(
                decoded.tenant_disagrees, strcmp(replaced[i].name, "hookline-tenant") == 0);
        }
        free(record);
    }
}

static void hostile_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t len;
    } keys[] = {
        {NULL, 0},
        {"", 0},
        {"acme", 4},
        {"acme/", 5},
        {"/crm-1", 6},
        {"other/crm-1", 11},
        {"acme/crm/1", 10},
        {"acme\0/crm-1", 11},
        {"acme/crm\0", 9},
        {"acme/c\xc3\xa9", 8},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct delivery_encoded encoded;
        delivery_encode(&sample, &encoded);
        encoded.record.topic = "t";
        encoded.record.key = (struct bytes){keys[i].key, keys[i].len};
        struct record *record = record_copy(&encoded.record);
        struct delivery_decoded decoded;
        struct error error = ERROR_INIT;

        if (delivery_decode(record, &decoded, &error))
            fail_msg("key %zu was taken", i);
        assert_true(decoded.tenant_disagrees);
        assert_null(decoded.delivery.tenant);
        assert_null(decoded.delivery.subscription);
        assert_string_equal(decoded.delivery.event, "call.ringing"); /* for the dead letter */
        free(record);
    }
}

static void no_value_is_no_delivery(void **state)
{
    (void)state;
    struct delivery_record empty = sample;
    empty.body = (struct bytes){NULL, 0};
    struct record *record = written(&empty);
    struct delivery_decoded decoded;
    struct error error = ERROR_INIT;

    assert_false(delivery_decode(record, &decoded, &error));
    assert_string_equal(error.text, "the record has no value");
    assert_false(decoded.tenant_disagrees);
    free(record);
}

/* Made with Python: hashlib.sha256 over struct.pack(">Q", len(part)) + part, six parts. */
static void the_id_is_what_others_compute(void **state)
{
    (void)state;
    char id[DELIVERY_ID_SIZE];
    struct sha256 *hash = sha256_new();
    struct record event = {
        .topic = "ziwo.events", .partition = 3, .offset = 918273, .timestamp_ms = 1772439245318};
    delivery_id(hash, &event, "acme", "crm-1", id);
    assert_string_equal(id, "msg_7f5f40560917f20cd7387df79937767c");
    event = (struct record){.topic = "e", .timestamp_ms = -1};
    delivery_id(hash, &event, "a", "b", id);
    assert_string_equal(id, "msg_7da3d7c130a16153cafce9cb734400a7");
    sha256_free(hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(what_is_absent_is_not_written),
        cmocka_unit_test(a_test_needs_no_source),
        cmocka_unit_test(many_and_large_headers_are_bounded),
        cmocka_unit_test(hostile_headers),
        cmocka_unit_test(hostile_keys),
        cmocka_unit_test(no_value_is_no_delivery),
        cmocka_unit_test(the_id_is_what_others_compute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
