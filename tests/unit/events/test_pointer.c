/* SPDX-License-Identifier: Apache-2.0 */
/* JSON pointers, by the examples of RFC 6901, section 5, and others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "events/pointer.h"

static const char document[] =
    "{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4,"
    " \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8, \"~1\": 9, \"o\": {\"0\": {\"\": 10}}}";

static void test_get(void **state)
{
    static const struct {
        const char *pointer;
        const char *found; /* JSON; NULL = nothing */
    } cases[] = {
        {"/foo", "[\"bar\", \"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/~01", "9"},
        {"/o/0/", "10"},
        {"/foo/2", NULL},
        {"/foo/-", NULL},
        {"/foo/00", NULL},
        {"/foo/01", NULL},
        {"/foo/+1", NULL},
        {"/foo/1 ", NULL},
        {"/foo/", NULL},
        {"/foo/18446744073709551616", NULL},
        {"/foo/0/0", NULL},
        {"/nothing/0", NULL},
        {"//", NULL},
    };
    json_t *root = json_loads(document, 0, NULL);
    (void)state;

    assert_non_null(root);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = ERROR_INIT;
        struct event_pointer *pointer = event_pointer_new(cases[i].pointer, &error);
        assert_non_null(pointer);
        assert_string_equal(pointer->text, cases[i].pointer);
        json_t *want = cases[i].found ? json_loads(cases[i].found, JSON_DECODE_ANY, NULL) : NULL;
        json_t *got = event_pointer_get(pointer, root);
        if (want ? !json_equal(want, got) : got != NULL)
            fail_msg("%s", cases[i].pointer);
        json_decref(want);
        event_pointer_free(pointer);
    }
    json_decref(root);
}

static void test_malformed(void **state)
{
    static const char *const cases[] = {"", "type", "#/type", "/a~", "/a~2", "/~/b", "/~~0"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = ERROR_INIT;
        assert_null(event_pointer_new(cases[i], &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
    }
    event_pointer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
