/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, by the test vectors of RFC 4648, section 10, and what is not it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "events/base64.h"

static void test_decode(void **state)
{
    static const struct {
        const char *text;
        const char *data; /* NULL = refused */
    } cases[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xfb\xff\xbf"},
        {"Zg=", NULL},
        {"Zg", NULL},
        {"Z", NULL},
        {"Z===", NULL},
        {"====", NULL},
        {"=", NULL},
        {"Zh==", NULL}, /* bits that belong to no byte */
        {"Zm9=", NULL},
        {"Zg==Zg==", NULL},
        {"Zm=v", NULL},
        {"Zm9v\n", NULL},
        {"Zm9 ", NULL},
        {"-_-_", NULL}, /* the alphabet of URLs */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out = BUFFER_INIT;
        bool valid = event_base64_decode(cases[i].text, strlen(cases[i].text), &out);
        if (valid != (cases[i].data != NULL) ||
            (valid && strcmp(buffer_text(&out), cases[i].data) != 0))
            fail_msg("%s", cases[i].text);
        buffer_release(&out);
    }
}

/* RFC 4648, section 10, and every byte. */
static void encoded(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char *text = event_base64_encode(vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(text, vectors[i][1]);
        free(text);
    }
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    struct buffer out = BUFFER_INIT;
    char *text = event_base64_encode(bytes, sizeof bytes);
    assert_true(event_base64_decode(text, strlen(text), &out));
    assert_int_equal(out.len, sizeof bytes);
    assert_memory_equal(out.data, bytes, sizeof bytes);
    buffer_release(&out);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
