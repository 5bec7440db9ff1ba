/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens by OAuth 2.0's client credentials. */
#include "webhook/oauth.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "subscriptions/secret.h"
#include "webhook/credentials.h"
#include "webhook/formats/form.h"

/* A token that is refused when it is as new as this is not the one at fault. */
#define NEW_MS 1000
/* Between two tries to renew one that can still be used. */
#define RENEW_AGAIN_MS 1000

TAILQ_HEAD(wait_list, oauth_wait);

struct oauth {
    struct http_client *http;
    const struct subscription_auth *auth; /* borrowed */
    int64_t connect_timeout_ms, timeout_ms;
    struct http_target *target;
    struct http_post *fetch; /* under way, or NULL */
    struct buffer body;      /* of the fetch */
    struct wait_list waits;
    uint64_t round;     /* of telling them */
    bool telling, left; /* its owner has left it */
    /* The token; NULL = none. */
    char *authorization;
    uint64_t number;
    struct mono_time fetched_at, renew_at, use_until;
};

/* --- Fetching --------------------------------------------------------------------------------------- */

static void forget_token(struct oauth *oauth)
{
    if (oauth->authorization)
        OPENSSL_cleanse(oauth->authorization, strlen(oauth->authorization));
    free(oauth->authorization);
    oauth->authorization = NULL;
}

/* Of all clients, so that a token of before a change is none of those after it. */
static uint64_t last_number;

static void keep_token(struct oauth *oauth, const struct oauth_answer *answer)
{
    struct oauth_life life = oauth_life(answer->life_s);
    forget_token(oauth);
    oauth->authorization = answer->authorization;
    oauth->number = ++last_number;
    oauth->fetched_at = mono_now();
    oauth->renew_at = mono_add_ms(oauth->fetched_at, life.renew_ms);
    oauth->use_until = mono_add_ms(oauth->fetched_at, life.use_ms);
}

static void end(struct oauth *oauth)
{
    if (oauth->fetch)
        http_post_cancel(oauth->fetch);
    http_target_free(oauth->target);
    forget_token(oauth);
    secret_wipe(&oauth->body);
    free(oauth);
}

/* Its owner has left, and nobody waits. */
static void end_if_left(struct oauth *oauth)
{
    if (oauth->left && !oauth->telling && TAILQ_EMPTY(&oauth->waits))
        end(oauth);
}

/* Those that begin to wait meanwhile do so for the next. */
static void tell(
    struct oauth *oauth, const struct oauth_token *token, const struct http_answer *failed)
{
    struct oauth_wait *wait;
    oauth->telling = true;
    oauth->round++;
    while ((wait = TAILQ_FIRST(&oauth->waits)) && wait->round < oauth->round) {
        TAILQ_REMOVE(&oauth->waits, wait, link);
        wait->oauth = NULL;
        wait->done(wait->arg, token, failed);
    }
    oauth->telling = false;
    end_if_left(oauth);
}

static void fail(struct oauth *oauth, const struct http_answer *answer, const char *detail)
{
    struct http_answer failed = *answer;
    oauth->renew_at = mono_add_ms(mono_now(), RENEW_AGAIN_MS);
    if (answer->fault != HTTP_OURS && answer->fault != HTTP_BLOCKED)
        failed.fault = HTTP_TOKEN;
    failed.status = 0;
    failed.detail = detail;
    failed.retry_after = NULL;
    failed.body = "";
    failed.body_len = failed.header_count = 0;
    tell(oauth, NULL, &failed);
}

static void answered(void *arg, const struct http_answer *answer)
{
    struct oauth *oauth = arg;
    struct oauth_answer read;
    struct error error = ERROR_INIT;
    oauth->fetch = NULL;
    secret_wipe(&oauth->body);
    if (answer->fault != HTTP_ANSWERED) {
        char *detail = mem_printf("Token endpoint: %s", answer->detail);
        fail(oauth, answer, detail);
        free(detail);
    } else if (!oauth_answer_read(answer->status, answer->body, answer->body_len, &read, &error)) {
        fail(oauth, answer, error.text);
    } else {
        keep_token(oauth, &read);
        struct oauth_token token = {oauth->authorization, oauth->number};
        tell(oauth, &token, NULL);
    }
}

static void add_field(struct buffer *body, const char *name, const char *value)
{
    if (!value)
        return;
    buffer_printf(body, "&%s=", name);
    form_encode(body, value, strlen(value));
}

/* RFC 6749, 2.3.1: both are form-encoded first. Returns new; wipe it. */
static char *basic_header(const struct subscription_auth *auth)
{
    struct buffer id = BUFFER_INIT, secret = BUFFER_INIT;
    form_encode(&id, auth->client_id, strlen(auth->client_id));
    form_encode(&secret, auth->client_secret, strlen(auth->client_secret));
    char *basic = credentials_basic(buffer_text(&id), buffer_text(&secret));
    secret_wipe(&secret);
    buffer_release(&id);
    return basic;
}

static void fetch(struct oauth *oauth)
{
    const struct subscription_auth *auth = oauth->auth;
    char *basic = auth->secret_in_body ? NULL : basic_header(auth);
    const struct http_header headers[] = {
        {"content-type", "application/x-www-form-urlencoded"},
        {"accept", "application/json"},
        {"user-agent", "Hookline/" HOOKLINE_VERSION},
        {"authorization", basic}, /* NULL: it is in the body */
    };
    buffer_add_text(&oauth->body, "grant_type=client_credentials");
    add_field(&oauth->body, "scope", auth->scope);
    add_field(&oauth->body, "audience", auth->audience);
    if (auth->secret_in_body) {
        add_field(&oauth->body, "client_id", auth->client_id);
        add_field(&oauth->body, "client_secret", auth->client_secret);
    }
    struct http_request request = {
        .target = oauth->target,
        .url = auth->token_url,
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
        .body = oauth->body.data,
        .body_len = oauth->body.len,
        .connect_timeout_ms = oauth->connect_timeout_ms,
        .timeout_ms = oauth->timeout_ms,
        .keep_bytes = OAUTH_ANSWER_MAX,
    };
    oauth->fetch = http_client_post(oauth->http, &request, answered, oauth);
    if (basic)
        OPENSSL_cleanse(basic, strlen(basic));
    free(basic);
}

/* --- Life ------------------------------------------------------------------------------------------- */

struct oauth *oauth_new(struct http_client *http, const struct subscription *subscription,
    int64_t connect_timeout_ms, int64_t timeout_ms)
{
    struct oauth *oauth = mem_zalloc(sizeof *oauth);
    oauth->http = http;
    oauth->auth = &subscription->auth;
    oauth->connect_timeout_ms = connect_timeout_ms;
    oauth->timeout_ms = timeout_ms;
    oauth->target = http_target_new(http);
    TAILQ_INIT(&oauth->waits);
    return oauth;
}

void oauth_free(struct oauth *oauth)
{
    if (!oauth)
        return;
    oauth->left = true;
    end_if_left(oauth);
}

bool oauth_token(struct oauth *oauth, struct oauth_token *ret_token)
{
    struct mono_time now = mono_now();
    if (!oauth->authorization || !mono_before(now, oauth->use_until))
        return false;
    if (!oauth->fetch && !mono_before(now, oauth->renew_at))
        fetch(oauth);
    *ret_token = (struct oauth_token){oauth->authorization, oauth->number};
    return true;
}

void oauth_wait(struct oauth *oauth, struct oauth_wait *wait)
{
    wait->oauth = oauth;
    wait->round = oauth->round;
    TAILQ_INSERT_TAIL(&oauth->waits, wait, link);
    if (!oauth->fetch)
        fetch(oauth);
}

void oauth_wait_cancel(struct oauth_wait *wait)
{
    struct oauth *oauth = wait->oauth;
    if (!oauth)
        return;
    TAILQ_REMOVE(&oauth->waits, wait, link);
    wait->oauth = NULL;
    end_if_left(oauth);
}

bool oauth_refused(struct oauth *oauth, uint64_t number)
{
    if (number != oauth->number || !oauth->authorization)
        return true; /* another is there already, or on its way */
    if (mono_before(mono_now(), mono_add_ms(oauth->fetched_at, NEW_MS)))
        return false;
    forget_token(oauth);
    return true;
}
