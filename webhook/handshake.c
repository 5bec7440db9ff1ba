/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an endpoint whether it wants requests from here. */
#include "webhook/handshake.h"

#include <stdlib.h>

#include "common/memory.h"
#include "common/text.h"

struct handshake {
    struct credentials *credentials;
    struct http_target *target;
    struct http_post *post;
    char *origin;
    handshake_done *done;
    void *arg;
};

static void handshake_free(struct handshake *handshake)
{
    http_target_free(handshake->target);
    credentials_free(handshake->credentials);
    free(handshake->origin);
    free(handshake);
}

static void answered(void *arg, const struct http_answer *answer)
{
    struct handshake *handshake = arg;
    struct handshake_consent consent;
    struct error error = ERROR_INIT;
    bool agrees = handshake_judge(answer, handshake->origin, &consent, &error);
    handshake->done(handshake->arg, agrees ? &consent : NULL, &error);
    handshake_free(handshake);
}

static int64_t at_most(int64_t timeout_ms)
{
    return timeout_ms > 0 && timeout_ms < HANDSHAKE_TIMEOUT_MAX_MS ? timeout_ms
                                                                   : HANDSHAKE_TIMEOUT_MAX_MS;
}

static void ask(
    struct handshake *handshake, struct http_client *http, const struct handshake_options *options)
{
    const struct subscription *subscription = handshake->credentials->subscription;
    char rate[TEXT_INT_SIZE];
    const struct http_header headers[] = {
        {"user-agent", "Hookline/" HOOKLINE_VERSION},
        {"content-type", NULL}, /* there is no body */
        {"webhook-request-origin", options->origin},
        {"webhook-request-rate", text_format_int(options->per_minute, rate)},
    };
    size_t count = sizeof headers / sizeof *headers;
    struct http_request request = {
        .target = handshake->target,
        .method = "OPTIONS",
        .url = subscription->url,
        .headers = headers,
        .header_count = options->per_minute > 0 ? count : count - 1,
        .connect_timeout_ms = at_most(options->connect_timeout_ms),
        .timeout_ms = at_most(options->timeout_ms),
        .http2 = subscription->http2,
        .keep_headers = true,
    };
    handshake->post = http_client_post(http, &request, answered, handshake);
}

struct handshake *handshake_start(struct http_client *http, struct credentials *credentials,
    const struct handshake_options *options, handshake_done *done, void *arg)
{
    const struct subscription *subscription = credentials->subscription;
    struct http_tls tls = {
        subscription->tls.ca, subscription->tls.certificate, subscription->tls.key};
    struct handshake *handshake = mem_zalloc(sizeof *handshake);
    handshake->credentials = credentials;
    handshake->target = http_target_new(http);
    handshake->origin = mem_strdup(options->origin);
    handshake->done = done;
    handshake->arg = arg;
    http_target_set_tls(handshake->target, &tls);
    ask(handshake, http, options);
    return handshake;
}

void handshake_cancel(struct handshake *handshake)
{
    http_post_cancel(handshake->post);
    handshake_free(handshake);
}
