/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions about text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain ASCII of more than a word", true},
        {"\x7f", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"eight by\xe2\x82\xactes and then some", true},
        {"\x80", false},             /* a continuation alone */
        {"\xc0\x80", false},         /* overlong */
        {"\xc1\xbf", false},         /* overlong */
        {"\xe0\x9f\xbf", false},     /* overlong */
        {"\xf0\x8f\xbf\xbf", false}, /* overlong */
        {"\xed\xa0\x80", false},     /* surrogate */
        {"\xed\xbf\xbf", false},     /* surrogate */
        {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"\xe2\x82", false}, /* ends early */
        {"\xe2\x82z", false},
        {"\xf0\x90\x80z", false},
        {"12345678\xc3", false},
        {"12345678\xc3(", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(text_is_utf8(cases[i].text, strlen(cases[i].text)), cases[i].valid);
    assert_true(text_is_utf8("a\0b", 3));
    assert_int_equal(text_utf8_length("", 0), 0);
    assert_int_equal(text_utf8_length("a", 1), 1);
    assert_int_equal(text_utf8_length("\xc3\xa9x", 3), 2);
    assert_int_equal(text_utf8_length("\xf0\x9f\x98\x80", 4), 4);
    assert_int_equal(text_utf8_length("\xf0\x9f\x98\x80", 3), 0);
}

static void utf8_cut(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max, cut;
    } cases[] = {
        {"abc", 5, 3},
        {"abc", 3, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"a\xc3\xa9z", 2, 1},
        {"a\xc3\xa9z", 3, 3},
        {"\xf0\x9f\x98\x80z", 3, 0},
        {"\xf0\x9f\x98\x80z", 4, 4},
        {"\x80\x80\x80\x80\x80\x80", 5, 5}, /* not UTF-8 */
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(
            text_utf8_cut(cases[i].text, strlen(cases[i].text), cases[i].max), cases[i].cut);
}

static void readable(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len, max, readable;
    } cases[] = {
        {"", 0, 10, 0},
        {"abc", 3, 10, 3},
        {"abc", 3, 2, 2},
        {"a\tb\r\n", 5, 10, 5},
        {"a\0b", 3, 10, 0},
        {"a\x1b[m", 4, 10, 0},
        {"a\x7f", 2, 10, 0},
        {"\xd9\x85\xd9\x85", 4, 4, 4},
        {"\xd9\x85\xd9\x85", 4, 3, 2},
        {"\xd9\x85\xd9", 3, 10, 2}, /* cut there before */
        {"\xd9\x85\xd9x", 4, 10, 0},
        {"\xf0\x9f\x98\x80", 4, 3, 0},
        {"a\xffx", 3, 10, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (text_readable(cases[i].data, cases[i].len, cases[i].max) != cases[i].readable)
            fail_msg("case %zu: %zu", i, text_readable(cases[i].data, cases[i].len, cases[i].max));
}

static void sets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max;
        const char *set;
        bool matches;
    } cases[] = {
        {"abc_9-", 6, "a-z0-9_-", true},
        {"abcd", 3, "a-z", false},
        {"", 3, "a-z", false},
        {"aB", 3, "a-z", false},
        {"-", 1, "a-z", false},
        {"a.b", 9, "a-z.", true},
        {"\xc3\xa9", 9, "a-z", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(
            text_matches_set(cases[i].text, cases[i].max, cases[i].set), cases[i].matches);
}

static void nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"listen", "timeout", "max_attempts", "ca", NULL};
    static const char *const none[] = {NULL};
    static const struct {
        const char *word, *name;
    } cases[] = {
        {"lisen", "listen"},
        {"listne", "listen"},
        {"max_attempt", "max_attempts"},
        {"maxattempts", "max_attempts"},
        {"timeout", "timeout"},
        {"cb", "ca"},
        {"xyz", NULL},
        {"", NULL},
        {"tmt", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *found = text_nearest(cases[i].word, names);
        if (cases[i].name)
            assert_string_equal(found, cases[i].name);
        else
            assert_null(found);
    }
    char endless[200];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    const char *const long_names[] = {endless, NULL};
    assert_null(text_nearest(endless, long_names));
    assert_null(text_nearest("listen", long_names));
    assert_null(text_nearest("listen", none));
}

static void glob(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "anything", true},
        {"order.*", "order.created", true},
        {"order.*", "order", false},
        {"*.created", "order.created", true},
        {"*.created", "order.created.v2", false},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "a-c-b", false},
        {"**a", "bca", true},
        {"a*", "ba", false},
        {"a*ab", "aab", true},
        {"a.b", "a.b", true},
        {"a.b", "axb", false},
        {"a?", "ab", false},
        {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(text_glob(cases[i].pattern, cases[i].text), cases[i].matches);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"42", true, 42},
        {"-42", true, -42},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1e3", false, 0},
        {"0x10", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = -7;
        assert_int_equal(text_parse_int(cases[i].text, &value), cases[i].valid);
        assert_int_equal(value, cases[i].valid ? cases[i].value : -7);
    }
}

struct amount_case {
    const char *text;
    int64_t value;       /* -1 = refused */
    const char *printed; /* NULL = as `text` */
};

static void amounts(const struct amount_case *cases, size_t count,
    bool (*parse)(const char *, int64_t *, struct error *),
    const char *(*format)(int64_t, char[TEXT_AMOUNT_SIZE]))
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -7;
        struct error error = ERROR_INIT;
        bool valid = parse(cases[i].text, &value, &error);
        assert_int_equal(valid, cases[i].value != -1);
        assert_int_equal(value, valid ? cases[i].value : -7);
        assert_int_equal(error.kind, valid ? ERROR_NONE : ERROR_CONFIG);
        if (!valid)
            continue;
        char out[TEXT_AMOUNT_SIZE];
        const char *printed = cases[i].printed ? cases[i].printed : cases[i].text;
        assert_string_equal(format(value, out), printed);
        assert_true(parse(out, &value, NULL));
        assert_int_equal(value, cases[i].value);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct amount_case cases[] = {
        {"0", 0, NULL},
        {"250ms", 250, NULL},
        {"10s", 10000, NULL},
        {"5m", 300000, NULL},
        {"36h", 129600000, NULL},
        {"30d", 2592000000, NULL},
        {"72h", 259200000, "3d"},
        {"1000ms", 1000, "1s"},
        {"90m", 5400000, NULL},
        {"90061001ms", 90061001, NULL},
        {"0s", 0, "0"},
        {"9223372036854775807ms", INT64_MAX, NULL},
        {"9223372036854775807s", -1, NULL},
        {"10", -1, NULL},
        {"", -1, NULL},
        {"s", -1, NULL},
        {"-1s", -1, NULL},
        {"1.5s", -1, NULL},
        {"1 s", -1, NULL},
        {"1S", -1, NULL},
        {"1h30m", -1, NULL},
    };
    amounts(cases, COUNT(cases), text_parse_duration, text_format_duration);
}

static void sizes(void **state)
{
    (void)state;
    static const struct amount_case cases[] = {
        {"0", 0, NULL},
        {"512", 512, NULL},
        {"64KiB", 65536, NULL},
        {"64MiB", 67108864, NULL},
        {"1GiB", 1073741824, NULL},
        {"1kB", 1000, NULL},
        {"5MB", 5000000, NULL},
        {"2GB", 2000000000, NULL},
        {"1024", 1024, "1KiB"},
        {"1024KiB", 1048576, "1MiB"},
        {"1000000", 1000000, "1MB"},
        {"1025", 1025, NULL},
        {"9223372036854775807", INT64_MAX, NULL},
        {"9223372036854775807GiB", -1, NULL},
        {"64K", -1, NULL},
        {"64kib", -1, NULL},
        {"KiB", -1, NULL},
        {"-1", -1, NULL},
        {"", -1, NULL},
    };
    amounts(cases, COUNT(cases), text_parse_size, text_format_size);
}

static void refusals_name_the_text(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    int64_t value;
    assert_false(text_parse_duration("10x", &value, &error));
    assert_non_null(strstr(error.text, "\"10x\" is not a duration"));
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-3, "-3"},
        {1772439245, "1772439245"},
        {9007199254740993e1, "90071992547409936"},
        {0.1, "0.1"},
        {0.005, "0.005"},
        {2.5, "2.5"},
        {1.0 / 3, "0.3333333333333333"},
        {1772439245.318, "1772439245.318"},
        {1e18, "1e+18"},
        {1e300, "1e+300"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[TEXT_AMOUNT_SIZE];
        assert_string_equal(text_format_number(cases[i].value, out), cases[i].text);
        if (isfinite(cases[i].value))
            assert_true(strtod(out, NULL) == cases[i].value);
    }
}

static void hex(void **state)
{
    (void)state;
    char out[9];
    text_hex("\x00\x7f\xab\xff", 4, out);
    assert_string_equal(out, "007fabff");
    text_hex(NULL, 0, out);
    assert_string_equal(out, "");
}

static void whole_numbers(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {1772439245318, "1772439245318"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    char out[TEXT_INT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(text_format_int(cases[i].value, out), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8),
        cmocka_unit_test(utf8_cut),
        cmocka_unit_test(readable),
        cmocka_unit_test(sets),
        cmocka_unit_test(nearest),
        cmocka_unit_test(glob),
        cmocka_unit_test(integers),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(refusals_name_the_text),
        cmocka_unit_test(hex),
        cmocka_unit_test(whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
