/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint's answer to a handshake means, and the rate limit that follows from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "webhook/handshake_answer.h"

#define ORIGIN "hookline.example.com"
#define LONG_TEXT                                                      \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    enum http_fault fault;
    int status;
    const char *origin, *rate; /* headers; NULL = none */
    const char *refusal;       /* in the sentence; NULL = it agrees */
    int64_t per_minute;
} answers[] = {
    {HTTP_ANSWERED, 200, ORIGIN, NULL, NULL, 0},
    {HTTP_ANSWERED, 204, "*", NULL, NULL, 0},
    {HTTP_ANSWERED, 299, "Hookline.EXAMPLE.com", "*", NULL, 0},
    {HTTP_ANSWERED, 200, "*", "1", NULL, 1},
    {HTTP_ANSWERED, 200, "*", "00120", NULL, 120},
    {HTTP_ANSWERED, 200, "*", "999999999", NULL, 999999999},
    {HTTP_ANSWERED, 200, NULL, NULL, "with 200, but without WebHook-Allowed-Origin", 0},
    {HTTP_ANSWERED, 200, NULL, "100", "without WebHook-Allowed-Origin", 0},
    {HTTP_ANSWERED, 200, "other.example", NULL, "is other.example, and neither \"" ORIGIN "\"", 0},
    {HTTP_ANSWERED, 200, "", NULL, "is something else", 0},
    {HTTP_ANSWERED, 200, ORIGIN "." ORIGIN, NULL, "is " ORIGIN "." ORIGIN, 0},
    {HTTP_ANSWERED, 200, "**", NULL, "is something else", 0},
    {HTTP_ANSWERED, 200, "*, other.example", NULL, "is something else", 0},
    {HTTP_ANSWERED, 200, "<script>", NULL, "is something else", 0},
    {HTTP_ANSWERED, 200, LONG_TEXT, NULL, "is something else", 0},
    {HTTP_ANSWERED, 200, "*", "0", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 200, "*", "-1", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 200, "*", "+1", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 200, "*", "1.5", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 200, "*", "", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 200, "*", "lots", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 200, "*", "1000000000", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 200, "*", "99999999999999999999999", "WebHook-Allowed-Rate", 0},
    {HTTP_ANSWERED, 301, "*", NULL, "with 301, and not with 2xx", 0},
    {HTTP_ANSWERED, 405, "*", "5", "with 405, and not with 2xx", 0},
    {HTTP_ANSWERED, 500, NULL, NULL, "with 500, and not with 2xx", 0},
    {HTTP_TIMEOUT, 0, NULL, NULL, "did not answer the handshake (timeout): so it is", 0},
    {HTTP_BLOCKED, 0, NULL, NULL, "(blocked): so it is", 0},
    {HTTP_BROKEN, 0, "*", NULL, "(broken): so it is", 0},
};

static void answers_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct http_header headers[3] = {{"Content-Type", "text/plain"}};
        struct handshake_consent consent = {-1};
        struct error error = ERROR_INIT;
        size_t count = 1;
        if (answers[i].origin)
            headers[count++] = (struct http_header){"WebHook-Allowed-Origin", answers[i].origin};
        if (answers[i].rate)
            headers[count++] = (struct http_header){"webhook-allowed-RATE", answers[i].rate};
        struct http_answer answer = {
            .fault = answers[i].fault,
            .status = answers[i].status,
            .detail = "so it is",
            .body = "a secret",
            .body_len = 8,
            .headers = headers,
            .header_count = count,
        };
        bool agrees = handshake_judge(&answer, ORIGIN, &consent, &error);
        if (agrees != !answers[i].refusal ||
            consent.per_minute != (agrees ? answers[i].per_minute : -1))
            fail_msg("case %zu: %d, %s", i, agrees, error.text);
        if (!agrees && !strstr(error.text, answers[i].refusal))
            fail_msg("case %zu: %s", i, error.text);
        assert_null(strstr(error.text, "secret"));
    }
}

static const struct {
    double per_second;
    int64_t per_minute;
    double limit;
} rates[] = {
    {0, 0, 0},   /* nothing is said by either */
    {2, 0, 2},   /* any number is fine */
    {0, 120, 2}, /* there was no limit */
    {5, 120, 2}, /* a higher one */
    {1, 120, 1}, /* a lower one stays */
    {2, 120, 2}, /* the same */
    {0.001, 1, 0.001},
    {0, 6000000, 10000} /* more than a limit may be */,
    {10000, 999999999, 10000},
};

static void the_lower_rate_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        double limit =
            handshake_rate(rates[i].per_second, (struct handshake_consent){rates[i].per_minute});
        if (limit < rates[i].limit || limit > rates[i].limit)
            fail_msg("case %zu: %g", i, limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(the_lower_rate_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
