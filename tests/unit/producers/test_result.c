/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static const struct result sample = {
    .id = "msg_1",
    .tenant = "acme",
    .subscription = "crm",
    .event = "call.ringing",
    .order_key = "c-1",
    .attempt = 2,
    .outcome = RESULT_RETRY,
    .status = 503,
    .error = "503 from the endpoint",
    .dns_us = 1,
    .connect_us = 12345,
    .tls_us = 0,
    .first_byte_us = 98765,
    .total_us = 100000,
    .remote_ip = "192.0.2.7",
    .event_at = {1772439251902},
    .at = {1772439251990},
    .due_at = {1772439253001},
    .source = "calls/3/9",
};

static struct record record_of(const struct buffer *text)
{
    return (struct record){.topic = "r", .value = {buffer_text(text), text->len}};
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct buffer text = BUFFER_INIT;
    result_encode(&sample, &text);
    assert_string_equal(buffer_text(&text),
        "{\"id\":\"msg_1\",\"tenant\":\"acme\",\"subscription\":\"crm\",\"event\":\"call.ringing\","
        "\"order_key\":\"c-1\",\"attempt\":2,\"outcome\":\"retry\",\"status\":503,"
        "\"error\":\"503 from the endpoint\",\"duration_ms\":{\"dns\":0.001,\"connect\":12.345,"
        "\"tls\":0.0,\"first_byte\":98.765,\"total\":100.0},\"remote_ip\":\"192.0.2.7\","
        "\"event_at\":\"2026-03-02T08:14:11.902Z\",\"at\":\"2026-03-02T08:14:11.990Z\","
        "\"due_at\":\"2026-03-02T08:14:13.001Z\",\"source\":\"calls/3/9\"}");
    struct record record = record_of(&text);
    struct result_decoded decoded;
    assert_true(result_decode(&record, &decoded, NULL));
    const struct result *got = &decoded.result;
    assert_string_equal(got->id, "msg_1");
    assert_string_equal(got->order_key, "c-1");
    assert_int_equal(got->attempt, 2);
    assert_int_equal(got->outcome, RESULT_RETRY);
    assert_null(got->reason);
    assert_int_equal(got->status, 503);
    assert_string_equal(got->error, sample.error);
    assert_int_equal(got->dns_us, 1);
    assert_int_equal(got->connect_us, 12345);
    assert_int_equal(got->first_byte_us, 98765);
    assert_int_equal(got->total_us, 100000);
    assert_string_equal(got->remote_ip, "192.0.2.7");
    assert_int_equal(got->event_at.ms, sample.event_at.ms);
    assert_int_equal(got->at.ms, sample.at.ms);
    assert_int_equal(got->due_at.ms, sample.due_at.ms);
    assert_string_equal(got->source, "calls/3/9");
    result_decoded_release(&decoded);
    buffer_release(&text);
}

static void what_is_absent_is_not_written(void **state)
{
    (void)state;
    const struct result bare = {
        .id = "m", .tenant = "t", .subscription = "s", .event = "e", .remote_ip = ""};
    struct buffer text = BUFFER_INIT;
    result_encode(&bare, &text);
    assert_null(strstr(buffer_text(&text), "due_at"));
    assert_null(strstr(buffer_text(&text), "remote_ip"));
    assert_null(strstr(buffer_text(&text), "status"));
    struct record record = record_of(&text);
    struct result_decoded decoded;
    assert_true(result_decode(&record, &decoded, NULL));
    assert_null(decoded.result.error);
    assert_int_equal(decoded.result.due_at.ms, -1);
    assert_int_equal(decoded.result.outcome, RESULT_DELIVERED);
    result_decoded_release(&decoded);
    buffer_release(&text);
}

static void bytes_that_are_no_text_are_replaced(void **state)
{
    (void)state;
    struct result odd = sample;
    odd.error = "a\xff\xd9\x85\xd9\n\"\x01";
    struct buffer text = BUFFER_INIT;
    result_encode(&odd, &text);
    struct record record = record_of(&text);
    struct result_decoded decoded;
    assert_true(result_decode(&record, &decoded, NULL));
    assert_string_equal(decoded.result.error, "a\xef\xbf\xbd\xd9\x85\xef\xbf\xbd\n\"\x01");
    result_decoded_release(&decoded);
    buffer_release(&text);
}

static void hostile_records(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool good;
    } cases[] = {
        {"", false},
        {"null", false},
        {"[]", false},
        {"{}", false},
        {"{\"id\":\"a\",\"tenant\":\"b\",\"subscription\":\"c\",\"event\":\"d\"}", false},
        {"{\"id\":1,\"tenant\":\"b\",\"subscription\":\"c\",\"event\":\"d\",\"outcome\":\"retry\"}",
            false},
        {"{\"id\":\"a\",\"tenant\":\"b\",\"subscription\":\"c\",\"event\":\"d\",\"outcome\":"
         "\"lost\"}",
            false},
        {"{\"id\":\"a\",\"tenant\":\"b\",\"subscription\":\"c\",\"event\":\"d\",\"outcome\":"
         "\"retry\","
         "\"duration_ms\":7,\"at\":\"yesterday\",\"event_at\":5,\"status\":\"x\",\"later\":[{}]}",
            true},
        {"{\"id\":\"a\",\"tenant\":\"b\",\"subscription\":\"c\",\"event\":\"d\",\"outcome\":"
         "\"retry\","
         "\"duration_ms\":{\"total\":1e300,\"dns\":-5},\"at\":\"2026-03-02T08:14:11+01:00\"}",
            true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record record = {.value = {cases[i].json, strlen(cases[i].json)}};
        struct result_decoded decoded;
        struct error error = ERROR_INIT;
        bool good = result_decode(&record, &decoded, &error);
        if (good != cases[i].good)
            fail_msg("case %zu", i);
        if (!good)
            continue;
        assert_int_equal(decoded.result.total_us, 0);
        assert_int_equal(decoded.result.at.ms, -1);
        assert_int_equal(decoded.result.status, 0);
        result_decoded_release(&decoded);
    }
    struct record empty = {.topic = "r"};
    struct result_decoded decoded;
    assert_false(result_decode(&empty, &decoded, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(what_is_absent_is_not_written),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced),
        cmocka_unit_test(hostile_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
