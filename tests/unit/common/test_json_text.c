/* SPDX-License-Identifier: Apache-2.0 */
/* JSON written straight into a buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text;
    size_t max;
    const char *json;
} texts[] = {
    {"", 99, "\"\""},
    {"plain", 99, "\"plain\""},
    {"\"},{\"endpoint\":\"x\\", 99, "\"\\\"},{\\\"endpoint\\\":\\\"x\\\\\""},
    {"a\r\n\t\x1b[2Jb\x7f", 99, "\"a\\r\\n\\t\\u001b[2Jb\\u007f\""},
    {"M\xc3\xbcller", 99, "\"M\xc3\xbcller\""},
    {"cut \xe2\x82", 99, "\"cut \xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xff\xc0\xaf", 99, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {"too long", 3, "\"too\xe2\x80\xa6\""},
    {"M\xc3\xbcller", 2, "\"M\xe2\x80\xa6\""},
};

static void strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct buffer out = BUFFER_INIT;
        json_text_add_string(&out, texts[i].text, texts[i].max);
        assert_string_equal(buffer_text(&out), texts[i].json);
        buffer_release(&out);
    }
}

static const struct {
    int64_t value;
    const char *whole, *thousandths;
} numbers[] = {
    {0, "0", "0.0"},
    {1, "1", "0.001"},
    {-1, "-1", "-0.001"},
    {12345, "12345", "12.345"},
    {12300, "12300", "12.3"},
    {12000, "12000", "12.0"},
    {INT64_MAX, "9223372036854775807", "9223372036854775.807"},
    {INT64_MIN, "-9223372036854775808", "-9223372036854775.808"},
};

static void integers_and_fractions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct buffer out = BUFFER_INIT;
        json_text_add_int(&out, numbers[i].value);
        assert_string_equal(buffer_text(&out), numbers[i].whole);
        buffer_clear(&out);
        json_text_add_thousandths(&out, numbers[i].value);
        assert_string_equal(buffer_text(&out), numbers[i].thousandths);
        buffer_release(&out);
    }
}

static void members(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    buffer_add(&out, "{", 1);
    json_text_add_name(&out, "a");
    json_text_add_int(&out, 1);
    json_text_add_name(&out, "b");
    json_text_add_string(&out, "{", 9);
    buffer_add(&out, "}", 1);
    assert_string_equal(buffer_text(&out), "{\"a\":1,\"b\":\"{\"}");
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(integers_and_fractions),
        cmocka_unit_test(members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
