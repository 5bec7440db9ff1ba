/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes the requests of one subscription. */
#include "webhook/sender.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

struct sending {
    struct sender *sender;
    struct webhook_delivery delivery;
    struct rendering rendering;
    struct sending_limits limits;
    bool shown;
    http_answered *answered;
    void *arg;
    struct mono_time begun; /* since then its time runs: limits.timeout_ms */
    /* Where it is: one of them, or none when it is over. */
    struct http_post *post;
    struct oauth_wait wait;
    const struct oauth *asked;       /* whom it waits for */
    uint64_t token;                  /* that was sent; 0 = none */
    bool renewed;                    /* it was refused once, and there was another */
    struct webhook_request *request; /* the last one, if it is shown */
};

/* --- The subscription's ----------------------------------------------------------------------------- */

void sender_init(struct sender *sender, struct http_client *http)
{
    *sender = (struct sender){.http = http, .target = http_target_new(http)};
}

void sender_set(
    struct sender *sender, struct credentials *credentials, const struct sending_limits *limits)
{
    oauth_free(sender->oauth); /* borrows from the credentials */
    sender->oauth = NULL;
    credentials_free(sender->credentials);
    sender->credentials = credentials;
    if (!credentials)
        return;
    const struct subscription *subscription = credentials->subscription;
    struct http_tls tls = {
        subscription->tls.ca, subscription->tls.certificate, subscription->tls.key};
    http_target_set_tls(sender->target, &tls);
    if (subscription->auth.token_url)
        sender->oauth =
            oauth_new(sender->http, subscription, limits->connect_timeout_ms, limits->timeout_ms);
}

void sender_release(struct sender *sender)
{
    oauth_free(sender->oauth);
    http_target_free(sender->target);
    credentials_free(sender->credentials);
}

/* --- One delivery ------------------------------------------------------------------------------------ */

static void sending_free(struct sending *sending)
{
    free(sending->request);
    rendering_release(&sending->rendering);
    free(sending);
}

static void finish(struct sending *sending, const struct http_answer *answer)
{
    sending->answered(sending->arg, answer);
    sending_free(sending);
}

static void go(struct sending *sending);

/* Takes what has passed from its time. False if nothing is left. */
static bool has_time(struct sending *sending)
{
    struct mono_time now = mono_now();
    if (sending->limits.timeout_ms <= 0)
        return true; /* no limit */
    sending->limits.timeout_ms -= mono_diff_ms(now, sending->begun);
    sending->begun = now;
    return sending->limits.timeout_ms > 0;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct sending *sending = arg;
    struct oauth *oauth = sending->sender->oauth;
    bool refused = answer->fault == HTTP_ANSWERED && answer->status == 401;
    sending->post = NULL;
    if (refused && sending->token && oauth && !sending->renewed &&
        oauth_refused(oauth, sending->token) && has_time(sending)) {
        sending->renewed = true;
        go(sending);
        return;
    }
    finish(sending, answer);
}

static void post(struct sending *sending, const struct oauth_token *token)
{
    struct sender *sender = sending->sender;
    struct webhook_request passing, *request = &passing;
    if (sending->shown && !sending->request)
        sending->request = mem_alloc(sizeof *sending->request);
    if (sending->shown)
        request = sending->request;
    sending->token = token ? token->number : 0;
    webhook_request_build(request, sender->credentials, &sending->delivery, &sending->rendering,
        token ? token->authorization : NULL);
    request->http.target = sender->target;
    request->http.connect_timeout_ms = sending->limits.connect_timeout_ms;
    request->http.timeout_ms = sending->limits.timeout_ms;
    request->http.keep_headers = sending->shown;
    sending->post = http_client_post(sender->http, &request->http, on_answer, sending);
}

static void on_token(void *arg, const struct oauth_token *token, const struct http_answer *failed)
{
    static const struct http_answer too_late = {.fault = HTTP_TOKEN,
        .detail = "The token endpoint took all the time of the request",
        .body = "",
        .remote_ip = ""};
    static const struct http_answer changed = {.fault = HTTP_CANCELLED,
        .detail = "The subscription's secrets do not open any more",
        .body = "",
        .remote_ip = ""};
    struct sending *sending = arg;
    const struct sender *sender = sending->sender;
    bool in_time = has_time(sending);
    if (!sender->credentials)
        finish(sending, &changed);
    else if (in_time && sending->asked != sender->oauth)
        go(sending); /* the subscription has changed: this token is not for where it goes now */
    else if (failed)
        finish(sending, failed);
    else if (in_time)
        post(sending, token);
    else
        finish(sending, &too_late);
}

static void go(struct sending *sending)
{
    struct oauth *oauth = sending->sender->oauth;
    struct oauth_token token;
    if (!oauth) {
        post(sending, NULL);
    } else if (oauth_token(oauth, &token)) {
        post(sending, &token);
    } else {
        sending->asked = oauth;
        sending->wait = (struct oauth_wait){.done = on_token, .arg = sending};
        oauth_wait(oauth, &sending->wait);
    }
}

struct sending *sending_start(struct sender *sender, const struct webhook_delivery *delivery,
    const struct sending_limits *limits, bool shown, http_answered *answered, void *arg,
    struct error *error)
{
    struct rendering rendering;
    bug_on(!sender->credentials);
    if (!rendering_make(&rendering, sender->credentials->subscription, delivery, error))
        return NULL;
    struct sending *sending = mem_alloc(sizeof *sending);
    *sending = (struct sending){
        .sender = sender,
        .delivery = *delivery,
        .rendering = rendering,
        .limits = *limits,
        .shown = shown,
        .answered = answered,
        .arg = arg,
    };
    if (sender->oauth) /* else nobody asks */
        sending->begun = mono_now();
    go(sending);
    return sending;
}

void sending_cancel(struct sending *sending)
{
    if (sending->post)
        http_post_cancel(sending->post);
    else
        oauth_wait_cancel(&sending->wait);
    sending_free(sending);
}

size_t sending_bytes(const struct sending *sending)
{
    return sending->rendering.text ? sending->rendering.body.len : 0;
}

struct bytes sending_body(const struct sending *sending)
{
    return sending->rendering.body;
}

const struct webhook_request *sending_request(const struct sending *sending)
{
    return sending->request;
}
