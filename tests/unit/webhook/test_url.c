/* SPDX-License-Identifier: Apache-2.0 */
/* The host of a URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "webhook/url.h"

static const struct {
    const char *url;
    const char *host; /* NULL = no host */
} cases[] = {
    {"https://example.com", "example.com"},
    {"https://example.com/", "example.com"},
    {"http://example.com:8443/hook?a=b", "example.com"},
    {"https://example.com?host=other.example", "example.com"},
    {"https://user:secret@example.com/x", "example.com"},
    {"https://a@b@example.com/", NULL},
    {"http://127.0.0.1:9/", "127.0.0.1"},
    {"http://[::1]:8080/", "[::1]"},
    {"http://0x7f000001/", "127.0.0.1"}, /* as the client will understand it */
    {"http://127.1/", "127.0.0.1"},
    {"", NULL},
    {"https://", NULL},
    {"no url", NULL},
    {"https://exa mple.com/", NULL},
    {"https://example.com:99999/", NULL},
};

static void hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *host = url_host(cases[i].url);
        if (cases[i].host && !host)
            fail_msg("%s: no host", cases[i].url);
        if (!cases[i].host && host)
            fail_msg("%s: %s", cases[i].url, host);
        if (host)
            assert_string_equal(host, cases[i].host);
        free(host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
