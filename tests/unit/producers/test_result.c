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
    assert_false(got->test);
    assert_null(decoded.exchange);
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

static const struct result_header sent[] = {
    {"content-type", "application/json"}, {"X-Api-Key", "***"}, {"x-empty", ""}};
static const struct result_header received[] = {
    {"Server", "a\xff\"b"}, {"set-cookie", "***"}, {"Set-Cookie", "***"}, {"server", "c"}};

static void test_with_its_exchange(void **state)
{
    (void)state;
    static const char body[] = "{\"n\":1}", answer[] = "thank you\n";
    const struct result_exchange exchange = {
        .method = "POST",
        .url = "https://crm.example/hook?***",
        .request = {sent, 3, {body, sizeof body - 1}},
        .status = 201,
        .response = {received, 4, {answer, sizeof answer - 1}},
    };
    struct result test = {.id = "msg_test_1",
        .tenant = "acme",
        .subscription = "crm",
        .event = "call.ended",
        .attempt = 1,
        .status = 201,
        .test = true,
        .exchange = &exchange};
    struct buffer text = BUFFER_INIT;
    result_encode(&test, &text);
    assert_non_null(strstr(buffer_text(&text),
        ",\"test\":true,\"exchange\":{\"request\":{\"method\":\"POST\","
        "\"url\":\"https://crm.example/hook?***\",\"headers\":{"
        "\"content-type\":\"application/json\",\"x-api-key\":\"***\",\"x-empty\":\"\"},"
        "\"body\":\"{\\\"n\\\":1}\"},\"response\":{\"status\":201,\"headers\":{"
        "\"server\":\"a\xef\xbf\xbd\\\"b, c\",\"set-cookie\":\"***, ***\"},"
        "\"body\":\"thank you\\n\"}}}"));
    struct record record = record_of(&text);
    struct result_decoded decoded;
    assert_true(result_decode(&record, &decoded, NULL));
    assert_true(decoded.result.test);
    const json_t *request = json_object_get(decoded.exchange, "request");
    assert_string_equal(json_string_value(json_object_get(request, "method")), "POST");
    assert_null(decoded.result.exchange);
    result_decoded_release(&decoded);
    buffer_release(&text);
}

static void test_without_an_answer(void **state)
{
    (void)state;
    const struct result_exchange exchange = {
        .method = "POST", .url = "https://x/", .request = {sent, 1, {NULL, 0}}};
    struct result test = sample;
    test.outcome = RESULT_FAILED;
    test.test = true;
    test.exchange = &exchange;
    struct buffer text = BUFFER_INIT;
    result_encode(&test, &text);
    assert_null(strstr(buffer_text(&text), "response"));
    assert_null(strstr(buffer_text(&text), "body"));
    struct record record = record_of(&text);
    struct result_decoded decoded;
    assert_true(result_decode(&record, &decoded, NULL));
    assert_int_equal(decoded.result.outcome, RESULT_FAILED);
    assert_true(json_is_object(decoded.exchange));
    result_decoded_release(&decoded);
    buffer_release(&text);
}

/* The first KiB in whole characters, and nothing of what is no text. */
static void bodies(void **state)
{
    (void)state;
    static char large[2000];
    memset(large, 'a', sizeof large);
    memcpy(large + RESULT_BODY_KEPT - 1, "\xd9\x85", 2);
    static const struct {
        struct bytes body;
        size_t shown; /* 0 = not at all */
    } cases[] = {
        {{large, sizeof large}, RESULT_BODY_KEPT - 1},
        {{large, RESULT_BODY_KEPT + 1}, RESULT_BODY_KEPT - 1},
        {{large, 10}, 10},
        {{"", 0}, 0},
        {{"a\0b", 3}, 0},
        {{"a\xffx", 3}, 0},
        {{"\x1b[0m", 4}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct result_exchange exchange = {
            .method = "POST", .url = "u", .request = {NULL, 0, cases[i].body}};
        struct result test = sample;
        test.exchange = &exchange;
        struct buffer text = BUFFER_INIT;
        result_encode(&test, &text);
        struct record record = record_of(&text);
        struct result_decoded decoded;
        assert_true(result_decode(&record, &decoded, NULL));
        const json_t *body = json_object_get(json_object_get(decoded.exchange, "request"), "body");
        if (json_string_length(body) != cases[i].shown)
            fail_msg("case %zu: %zu bytes", i, json_string_length(body));
        result_decoded_release(&decoded);
        buffer_release(&text);
    }
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
         "\"duration_ms\":7,\"at\":\"yesterday\",\"event_at\":5,\"status\":\"x\",\"later\":[{}],"
         "\"test\":1,"
         "\"exchange\":[]}",
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
        assert_false(decoded.result.test);
        assert_null(decoded.exchange);
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
        cmocka_unit_test(test_with_its_exchange),
        cmocka_unit_test(test_without_an_answer),
        cmocka_unit_test(bodies),
        cmocka_unit_test(hostile_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
