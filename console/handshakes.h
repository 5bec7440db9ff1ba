/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that are asked whether they want requests, before a subscription sends them any. Private to
 * console/. */
#ifndef HOOKLINE_CONSOLE_HANDSHAKES_H
#define HOOKLINE_CONSOLE_HANDSHAKES_H

#include <jansson.h>
#include <stdbool.h>

#include "console/call.h"
#include "webhook/handshake_answer.h"

/* In a process, and of one tenant: an endpoint may take HANDSHAKE_TIMEOUT_MAX_MS to answer. */
#define HANDSHAKES_MAX            64
#define HANDSHAKES_PER_TENANT_MAX 8

/* `consent` NULL: there is none, and the problem says why, which is taken. Called once, on the loop, never from
 * within handshakes_begin(). */
typedef void handshakes_done(
    void *arg, const struct handshake_consent *consent, struct problem *problem);

/* Whether console.handshake_origin asks for it where a subscription gets the URL of `record`, in place of that of
 * `before` (NULL = there was none). */
bool handshakes_wanted(const struct api *api, const json_t *record, const json_t *before);

/* Asks the endpoint of `record`, a record of the call's tenant. False: the problem is set, and `done` is not
 * called. */
must_check bool handshakes_begin(struct call *call, const json_t *record, handshakes_done *done,
    void *arg, struct problem *problem);

/* Waits for no answer any more: `done` is called for each, from within this call. */
void handshakes_cancel(struct api *api);

/* The rate limit of `record` becomes what the consent leaves of it. */
void handshakes_limit(json_t *record, struct handshake_consent consent);

#endif
