/* SPDX-License-Identifier: Apache-2.0 */
/* Captured requests, as they go over the wire and as `hookline receive --json` prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "commands/captured_request.h"
#include "common/memory.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT(text)   text, sizeof(text) - 1

static void assert_text(const char *title, const char *is, const char *wanted)
{
    if (!is != !wanted || (is && strcmp(is, wanted) != 0))
        fail_msg("%s: %s, not %s", title, is ? is : "NULL", wanted ? wanted : "NULL");
}

static void test_requests(void **state)
{
    static const struct {
        const char *title, *data;
        size_t len;
        const char *id, *timestamp, *signatures;
        const char *body;
        size_t body_len, left_out;
        int64_t content_length;
    } cases[] = {
        {"all",
            TEXT("POST /a:b HTTP/1.1\r\nHost: x\r\nwebhook-id: m\r\nwebhook-timestamp: 1\r\n"
                 "webhook-signature: v1,a v1,b\r\n\r\n{}\r\n"),
            "m", "1", "v1,a v1,b", TEXT("{}\r\n"), 0, -1},
        {"LF, no request line, blanks, other case",
            TEXT("WEBHOOK-ID:m\nWebhook-Timestamp: \t1 \t\nwebhook-signature:\n\nx"), "m", "1", "",
            TEXT("x"), 0, -1},
        {"nothing but a header", TEXT("a: b\n\n"), NULL, NULL, NULL, TEXT(""), 0, -1},
        {"HTTP/2, binary", TEXT("POST / HTTP/2\r\na: b\r\n\r\n\0\r\n\r\n\xff"), NULL, NULL, NULL,
            TEXT("\0\r\n\r\n\xff"), 0, -1},
        {"more than the length", TEXT("Content-Length: 2\n\nabc\n"), NULL, NULL, NULL, TEXT("ab"),
            2, 2},
        {"less than the length", TEXT("content-length: 5\n\nabc"), NULL, NULL, NULL, TEXT("abc"), 0,
            5},
        {"JSON",
            TEXT("{\"headers\":{\"webhook-id\":\"m\",\"webhook-timestamp\":\"1\"},"
                 "\"body\":\"a\\u0000\\n\",\"x\":1}\n"),
            "m", "1", NULL, TEXT("a\0\n"), 0, -1},
        {"JSON, hex", TEXT("{\"headers\":{\"webhook-signature\":\"s\"},\"body_hex\":\"00ff0a\"}"),
            NULL, NULL, "s", TEXT("\0\xff\n"), 0, -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct captured_request request;
        struct error error = ERROR_INIT;
        /* A copy with nothing behind it, so that AddressSanitizer sees what is read too far. */
        char *data = mem_alloc(cases[i].len);
        memcpy(data, cases[i].data, cases[i].len);
        if (!captured_request_parse(data, cases[i].len, &request, &error))
            fail_msg("%s: %s", cases[i].title, error.text);
        free(data);
        assert_text(cases[i].title, request.id, cases[i].id);
        assert_text(cases[i].title, request.timestamp, cases[i].timestamp);
        assert_text(cases[i].title, request.signatures, cases[i].signatures);
        assert_int_equal(request.body.len, cases[i].body_len);
        assert_memory_equal(request.body.data, cases[i].body, cases[i].body_len);
        assert_int_equal(request.left_out, cases[i].left_out);
        assert_int_equal(request.content_length, cases[i].content_length);
        captured_request_release(&request);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        enum error_kind kind;
        const char *says;
    } cases[] = {
        {TEXT(""), ERROR_CONFIG, "no empty line"},
        {TEXT("a: b"), ERROR_CONFIG, "no empty line"},
        {TEXT("a: b\r\n"), ERROR_CONFIG, "no empty line"},
        {TEXT("\r\n\r\nx"), ERROR_CONFIG, "line 1 is no header"},
        {TEXT("hello\n\nx"), ERROR_CONFIG, "line 1 is no header (Name: value) and no request line"},
        {TEXT("a: b\nPOST / HTTP/1.1\n\n"), ERROR_CONFIG, "line 2"},
        {TEXT("a: b\n folded\n\n"), ERROR_CONFIG, "line 2"},
        {TEXT("a : b\n\n"), ERROR_CONFIG, "line 1"},
        {TEXT(": b\n\n"), ERROR_CONFIG, "line 1"},
        {TEXT("webhook-id: a\0b\n\n"), ERROR_CONFIG, "line 1"},
        {TEXT("transfer-encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n"), ERROR_CONFIG, "transfer"},
        {TEXT("webhook-id: a\nWebhook-Id: a\n\n"), ERROR_PERMANENT, "webhook-id is there twice"},
        {TEXT("content-length: 1\ncontent-length: 2\n\nab"), ERROR_PERMANENT, "twice"},
        {TEXT("content-length: -1\n\nab"), ERROR_PERMANENT, "content-length"},
        {TEXT("content-length: 99999999999999999999\n\nab"), ERROR_PERMANENT, "content-length"},
        {TEXT("{"), ERROR_CONFIG, "begins as JSON"},
        {TEXT("{}"), ERROR_CONFIG, "begins as JSON"},
        {TEXT("{\"headers\":{}}"), ERROR_CONFIG, "begins as JSON"},
        {TEXT("{\"headers\":[],\"body\":\"\"}"), ERROR_CONFIG, "begins as JSON"},
        {TEXT("{\"headers\":{},\"body_hex\":\"0\"}"), ERROR_CONFIG, "begins as JSON"},
        {TEXT("{\"headers\":{},\"body_hex\":\"0g\"}"), ERROR_CONFIG, "begins as JSON"},
        {TEXT("{\"headers\":{},\"body\":\"\"}\n{\"headers\":{},\"body\":\"\"}"), ERROR_CONFIG,
            "one line"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct captured_request request;
        struct error error = ERROR_INIT;
        if (captured_request_parse(cases[i].data, cases[i].len, &request, &error) ||
            !strstr(error.text, cases[i].says) || error.kind != cases[i].kind)
            fail_msg("case %zu: %s", i, error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
