/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an endpoint whether it wants requests from here. */
#include "webhook/handshake.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/memory.h"

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
    char *origin = mem_printf("webhook-request-origin: %s", options->origin);
    char *rate = mem_printf("webhook-request-rate: %" PRId64, options->per_minute);
    static const char agent[] = "user-agent: Hookline/" HOOKLINE_VERSION;
    const char *const headers[] = {
        agent,
        "content-type:", /* there is no body: curl leaves it out */
        origin,
        options->per_minute > 0 ? rate : NULL,
        NULL,
    };
    struct http_request request = {
        .target = handshake->target,
        .method = "OPTIONS",
        .url = subscription->url,
        .headers = headers,
        .connect_timeout_ms = at_most(options->connect_timeout_ms),
        .timeout_ms = at_most(options->timeout_ms),
        .http2 = subscription->http2,
        .keep_headers = true,
    };
    handshake->post = http_client_post(http, &request, answered, handshake);
    free(origin);
    free(rate);
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
