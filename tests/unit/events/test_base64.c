/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, by the test vectors of RFC 4648, section 10, and what is not it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
