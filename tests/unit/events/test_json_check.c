/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON: what is refused, with which sentence, and what is let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/buffer.h"
#include "events/event.h"
#include "events/json_check.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *text;
    size_t len;
    const char *detail; /* how the sentence begins; NULL = accepted */
} rows[] = {
    {TEXT("{}"), NULL},
    {TEXT(" {\"a\": 1}\r\n"), NULL},
    {TEXT("{\"a\": \"nul \\u0000 inside\"}"), NULL},
    {TEXT("{\"a\": \"\\ud83d\\ude00\"}"), NULL},
    {TEXT("{\"a\": \"\xF0\x9F\x98\x80\"}"), NULL},
    {TEXT("{\"a\": {\"x\": 1}, \"b\": {\"x\": 1}}"), NULL},
    {TEXT("{\"a\": 9223372036854775807, \"b\": -9223372036854775808}"), NULL},
    {TEXT("{\"a\": 1.7e308}"), NULL},
    {TEXT(""), "not JSON: empty"},
    {TEXT(" "), "not JSON: ends too early at line 1 column "},
    {TEXT("{\"a\": 1"), "not JSON: ends too early"},
    {TEXT("{\"a\": \"secret"), "not JSON: ends too early"},
    {TEXT("{\"secret\" 1}"), "not JSON: syntax error at line 1 column 11"},
    {TEXT("{\n\"a\": secret}"), "not JSON: syntax error at line 2 column 11"},
    {TEXT("{'a': 1}"), "not JSON: syntax error"},
    {TEXT("{\"a\": 1,}"), "not JSON: syntax error"},
    {TEXT("{\"a\": 01}"), "not JSON: syntax error"},
    {TEXT("{\"a\": NaN}"), "not JSON: syntax error"},
    {TEXT("{\"a\": \"tab\there\"}"), "not JSON: syntax error"},
    {TEXT("{\"a\": \"\\x\"}"), "not JSON: syntax error"},
    {TEXT("{} {}"), "not JSON: something follows the object"},
    {TEXT("{}\0"), "not JSON: NUL at byte 2"},
    {TEXT("\0{}"), "not JSON: NUL at byte 0"},
    {TEXT("{\"a\": \"\0\"}"), "not JSON: NUL at byte 7"},
    {TEXT("\xEF\xBB\xBF{}"), "not JSON: starts with a byte order mark"},
    {TEXT("[{\"a\": 1}]"), "not an object but an array"},
    {TEXT("\"secret\""), "not an object but a string"},
    {TEXT("42"), "not an object but a number"},
    {TEXT("4.2"), "not an object but a number"},
    {TEXT("true"), "not an object but a boolean"},
    {TEXT("null"), "not an object but null"},
    {TEXT("{\"a\": \"\xFF\"}"), "not UTF-8 at line 1 column "},
    {TEXT("{\"a\": \"\xC0\x80\"}"), "not UTF-8"},     /* overlong NUL */
    {TEXT("{\"a\": \"\xED\xA0\x80\"}"), "not UTF-8"}, /* surrogate */
    {TEXT("{\"a\": \"\xF4\x90\x80\x80\"}"), "not UTF-8"},
    {TEXT("{\"a\": \"\xE2\x82"), "not UTF-8"},
    {TEXT("{\"\xFF\": 1}"), "not UTF-8"},
    {TEXT("{\"a\": \"\\ud800\"}"), "not JSON: syntax error"},
    {TEXT("{\"a\": \"\\ud800x\"}"), "not JSON: syntax error"},
    {TEXT("{\"a\": \"\\udc00\"}"), "not JSON: syntax error"},
    {TEXT("{\"a\": \"\\ud800\\ud800\"}"), "not JSON: syntax error"},
    {TEXT("{\"a\": 1, \"a\": 1}"), "a key twice in one object at line 1 column "},
    {TEXT("{\"a\": 1, \"\\u0061\": 2}"), "a key twice in one object"},
    {TEXT("{\"x\": [{\"y\": {\"a\": 1, \"b\": 2, \"a\": 3}}]}"), "a key twice in one object"},
    {TEXT("{\"a\\u0000b\": 1}"), "NUL in a key at line 1 column "},
    {TEXT("{\"\\u0000\": 1}"), "NUL in a key"},
    {TEXT("{\"a\": 1e400}"), "a number beyond 64 bits or a double"},
    {TEXT("{\"a\": -1e400}"), "a number beyond 64 bits or a double"},
    {TEXT("{\"a\": 12345678901234567890}"), "a number beyond 64 bits or a double"},
    {TEXT("{\"a\": 9223372036854775808}"), "a number beyond 64 bits or a double"},
    {TEXT("{\"a\": -9223372036854775809}"), "a number beyond 64 bits or a double"},
};

static void test_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = ERROR_INIT;
        json_t *value = event_json_load((struct bytes){rows[i].text, rows[i].len}, &error);
        if (!value != (rows[i].detail != NULL) || strstr(error.text, "secret") ||
            (rows[i].detail && strncmp(error.text, rows[i].detail, strlen(rows[i].detail)) != 0))
            fail_msg("row %zu, %s: %s", i, rows[i].text, error.text);
        assert_int_equal(error.kind, rows[i].detail ? ERROR_PERMANENT : ERROR_NONE);
        json_decref(value);
    }
}

/* {"a":{"a":…}} or {"a":[[…]]}, `depth` containers in all. */
static void add_nested(struct buffer *out, const char *open, const char *close, size_t depth)
{
    buffer_clear(out);
    buffer_add_text(out, "{\"a\":");
    for (size_t i = 2; i < depth; i++)
        buffer_add_text(out, open);
    buffer_add_text(out, open[0] == '[' ? "[]" : "{}");
    for (size_t i = 2; i < depth; i++)
        buffer_add_text(out, close);
    buffer_add_text(out, "}");
}

static void test_depth(void **state)
{
    static const struct {
        const char *open, *close;
        size_t depth;
        bool accepted;
    } cases[] = {
        {"{\"a\":", "}", 32, true},
        {"{\"a\":", "}", 33, false},
        {"[", "]", 32, true},
        {"[", "]", 33, false},
        {"[", "]", 100000, false},
        {"{\"a\":", "}", 100000, false},
    };
    struct buffer text = BUFFER_INIT;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = ERROR_INIT;
        add_nested(&text, cases[i].open, cases[i].close, cases[i].depth);
        json_t *value = event_json_load((struct bytes){text.data, text.len}, &error);
        if (cases[i].accepted != (value != NULL))
            fail_msg("row %zu: %s", i, error.text);
        if (!value)
            assert_non_null(strstr(error.text, "nested deeper than 32 at byte "));
        json_decref(value);
    }
    buffer_release(&text);
}

/* What looks like nesting inside a string is none. */
static void test_depth_counts_no_text(void **state)
{
    struct buffer text = BUFFER_INIT;
    struct error error = ERROR_INIT;
    (void)state;

    buffer_add_text(&text, "{\"a\": \"\\\\\\\"");
    for (int i = 0; i < 100; i++)
        buffer_add_text(&text, "[{");
    buffer_add_text(&text, "\", \"b\": [[], [], {}]}");
    json_t *value = event_json_load((struct bytes){text.data, text.len}, &error);
    if (!value)
        fail_msg("%s", error.text);
    json_decref(value);
    buffer_release(&text);
}

static void test_denied(void **state)
{
    static const struct {
        const char *json;
        bool denied;
    } cases[] = {
        {"{\"type\": \"ringing\", \"x\": \"password\"}", false},
        {"{\"password\": null}", true},
        {"{\"ccPassword\": \"x\"}", true},
        {"{\"access_token\": {}}", true},
        {"{\"cc\\u0050assword\": 1}", true},
        {"{\"a\": [1, [{\"b\": {\"password\": 1}}]]}", true},
        {"{\"a\": [1, [{\"b\": {\"passwords\": 1, \"Password\": 2}}]]}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value = json_loads(cases[i].json, 0, NULL);
        assert_non_null(value);
        if (event_json_denied(value) != cases[i].denied)
            fail_msg("%s", cases[i].json);
        json_decref(value);
    }
}

static void test_id(void **state)
{
    static const struct {
        const char *json;
        enum event_json_answer answer;
        const char *text;
    } cases[] = {
        {"null", EVENT_JSON_ABSENT, NULL},
        {"\"\"", EVENT_JSON_TEXT, ""},
        {"\"a\"", EVENT_JSON_TEXT, "a"},
        {"0", EVENT_JSON_TEXT, "0"},
        {"-9223372036854775808", EVENT_JSON_TEXT, "-9223372036854775808"},
        {"1.0", EVENT_JSON_OTHER, NULL},
        {"true", EVENT_JSON_OTHER, NULL},
        {"{}", EVENT_JSON_OTHER, NULL},
        {"[\"a\"]", EVENT_JSON_OTHER, NULL},
    };
    char number[EVENT_JSON_NUMBER_SIZE];
    struct bytes text;
    (void)state;

    assert_int_equal(event_json_id(NULL, number, &text), EVENT_JSON_ABSENT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        assert_int_equal(event_json_id(value, number, &text), cases[i].answer);
        if (cases[i].text) {
            assert_int_equal(text.len, strlen(cases[i].text));
            assert_memory_equal(text.data, cases[i].text, text.len);
        }
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_depth_counts_no_text),
        cmocka_unit_test(test_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
