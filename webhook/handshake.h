/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an endpoint whether it wants requests from here, before the first one: CloudEvents, "HTTP 1.1 Web Hooks
 * for Event Delivery", 1.0.2, 4 (Abuse protection). On the loop. */
#ifndef HOOKLINE_WEBHOOK_HANDSHAKE_H
#define HOOKLINE_WEBHOOK_HANDSHAKE_H

#include <stdint.h>

#include "common/error.h"
#include "webhook/credentials.h"
#include "webhook/handshake_answer.h"
#include "webhook/http_client.h"

/* However long requests of the subscription may take: somebody waits. */
#define HANDSHAKE_TIMEOUT_MAX_MS 10000

struct handshake_options {
    const char *origin; /* WebHook-Request-Origin: a host name */
    int64_t per_minute; /* WebHook-Request-Rate; 0 = not sent */
    int64_t connect_timeout_ms, timeout_ms;
};

struct handshake;

/* `consent` NULL: it does not agree, and `error` says why. Both are borrowed. */
typedef void handshake_done(
    void *arg, const struct handshake_consent *consent, const struct error *error);

/* Sends OPTIONS to the subscription's URL, with its TLS settings; neither its headers nor its `auth` nor a
 * signature: nobody has said yet that it wants them. Takes `credentials`, and copies the rest. Returns new, which
 * lives until `done`, that is called once, on the loop, never from within this call. */
struct handshake *handshake_start(struct http_client *http, struct credentials *credentials,
    const struct handshake_options *options, handshake_done *done, void *arg);
/* Gives up: `done` is not called. Not from within `done`. */
void handshake_cancel(struct handshake *handshake);

#endif
