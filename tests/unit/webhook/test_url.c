/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a URL. */
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

/* What may be secret in a URL is not shown. */
static void shown(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown;
    } all[] = {
        {"https://example.com", "https://example.com/"},
        {"http://example.com:8443/hook/a%20b", "http://example.com:8443/hook/a%20b"},
        {"https://example.com/hook?token=secret&x=1", "https://example.com/hook?***"},
        {"https://example.com?token=secret", "https://example.com/?***"},
        {"https://user:secret@example.com/x#secret", "https://example.com/x"},
        {"http://[::1]:8080/", "http://[::1]:8080/"},
        {"no url with a secret", "***"},
        {"", "***"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *text = url_shown(all[i].url);
        assert_string_equal(text, all[i].shown);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(shown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
