/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint's answer to a handshake means. */
#include "webhook/handshake_answer.h"

#include <string.h>
#include <strings.h>

#include "common/text.h"

#define HOST_MAX   253
#define DIGITS_MAX 9     /* of a rate: more than any endpoint means */
#define RATE_MAX   10000 /* what rate_limit.per_second may be */

/* The first of that name: it comes once. */
static const char *header_of(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (strcasecmp(answer->headers[i].name, name) == 0)
            return answer->headers[i].value;
    return NULL;
}

static bool is_any(const char *value)
{
    return strcmp(value, "*") == 0;
}

static bool judge_status(const struct http_answer *answer, struct error *error)
{
    if (answer->fault != HTTP_ANSWERED)
        return error_set(error, ERROR_PERMANENT,
            "the endpoint did not answer the handshake (%s): %s", http_fault_names[answer->fault],
            answer->detail);
    return (answer->status >= 200 && answer->status < 300) ||
           error_set(error, ERROR_PERMANENT,
               "the endpoint answered the handshake (OPTIONS) with %d, and not with 2xx",
               answer->status);
}

/* Names compare as in the DNS. */
static bool judge_origin(const struct http_answer *answer, const char *origin, struct error *error)
{
    const char *allowed = header_of(answer, "webhook-allowed-origin");
    if (!allowed)
        return error_set(error, ERROR_PERMANENT,
            "the endpoint answered the handshake (OPTIONS) with %d, but without "
            "WebHook-Allowed-Origin",
            answer->status);
    if (is_any(allowed) || strcasecmp(allowed, origin) == 0)
        return true;
    /* Anything else may be what nobody should be shown. */
    bool is_host = text_matches_set(allowed, HOST_MAX, "A-Za-z0-9.-");
    return error_set(error, ERROR_PERMANENT,
        "the endpoint's WebHook-Allowed-Origin is %s, and neither \"%s\" nor \"*\"",
        is_host ? allowed : "something else", origin);
}

static bool judge_rate(
    const struct http_answer *answer, int64_t *ret_per_minute, struct error *error)
{
    const char *allowed = header_of(answer, "webhook-allowed-rate");
    int64_t per_minute = 0;
    bool good = !allowed || is_any(allowed) ||
                (text_matches_set(allowed, DIGITS_MAX, "0-9") &&
                    text_parse_int(allowed, &per_minute) && per_minute > 0);
    if (!good)
        return error_set(error, ERROR_PERMANENT,
            "the endpoint's WebHook-Allowed-Rate is neither a number of requests per minute, from "
            "1 to 999999999, nor \"*\"");
    *ret_per_minute = per_minute;
    return true;
}

bool handshake_judge(const struct http_answer *answer, const char *origin,
    struct handshake_consent *ret_consent, struct error *error)
{
    struct handshake_consent consent = {0};
    if (!judge_status(answer, error) || !judge_origin(answer, origin, error) ||
        !judge_rate(answer, &consent.per_minute, error))
        return false;
    *ret_consent = consent;
    return true;
}

double handshake_rate(double per_second, struct handshake_consent consent)
{
    double granted = (double)consent.per_minute / 60;
    if (!consent.per_minute)
        return per_second;
    if (granted > RATE_MAX)
        granted = RATE_MAX;
    return per_second > 0 && per_second <= granted ? per_second : granted;
}
