/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens by OAuth 2.0's client credentials (RFC 6749, 4.4; RFC 6750): fetched when the first is wanted, kept
 * in memory, renewed before they expire, and once when one is refused. On the loop. */
#ifndef HOOKLINE_WEBHOOK_OAUTH_H
#define HOOKLINE_WEBHOOK_OAUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "subscriptions/subscription.h"
#include "webhook/http_client.h"
#include "webhook/oauth_answer.h"

#define OAUTH_ANSWER_MAX 65536 /* bytes of the answer that a token comes in */

/* The tokens of one client at one token endpoint. */
struct oauth;

/* "Bearer …", and which token it is. Borrowed until the next turn of the loop. */
struct oauth_token {
    const char *authorization;
    uint64_t number; /* from 1, among those of all clients */
};

/* Of those that wait for a token. In the waiter's storage. */
struct oauth_wait {
    TAILQ_ENTRY(oauth_wait) link;
    struct oauth *oauth; /* NULL = it does not wait */
    uint64_t round;      /* of telling, for which it waits */
    /* One of `token` and `failed` is NULL. The latter has HTTP_TOKEN and a sentence, or what kept us from asking
     * (HTTP_OURS, HTTP_BLOCKED). */
    void (*done)(void *arg, const struct oauth_token *token, const struct http_answer *failed);
    void *arg;
};

/* Returns new. Borrows `subscription`, which has a token_url, opened, until oauth_free(). Timeouts are a request's. */
struct oauth *oauth_new(struct http_client *http, const struct subscription *subscription,
    int64_t connect_timeout_ms, int64_t timeout_ms);
/* Those who wait are told all the same, if the client lives as long. NULL is fine. */
void oauth_free(struct oauth *oauth);

/* True and *ret_token if there is one that can be used now; it may be renewed meanwhile. */
bool oauth_token(struct oauth *oauth, struct oauth_token *ret_token);
/* Otherwise: `done` is called once, on the loop, when there is one or none can be had. A fetch begins if none is under
 * way. */
void oauth_wait(struct oauth *oauth, struct oauth_wait *wait);
/* `done` is not called. One that does not wait is fine. */
void oauth_wait_cancel(struct oauth_wait *wait);

/* The token of that number was answered with 401. True if another is worth a try: it is not used any more. False if
 * it was new. */
bool oauth_refused(struct oauth *oauth, uint64_t number);

#endif
