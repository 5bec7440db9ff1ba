/* SPDX-License-Identifier: Apache-2.0 */
/* The request that a delivery becomes: docs/contract.md, "The request". */
#ifndef HOOKLINE_WEBHOOK_REQUEST_H
#define HOOKLINE_WEBHOOK_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "subscriptions/subscription.h"
#include "webhook/credentials.h"
#include "webhook/http_client.h"
#include "webhook/rendering.h"

#define WEBHOOK_OWN_HEADERS 10
/* One more is the authorization. */
#define WEBHOOK_LINES_MAX \
    (WEBHOOK_OWN_HEADERS + RENDERING_HEADERS_MAX + 1 + SUBSCRIPTION_HEADERS_MAX)

/* A request and what it points into, so that it must not be moved; the body is the rendering's. */
struct webhook_request {
    struct http_request http; /* its timeouts and its target are the caller's to fill */
    const char *lines[WEBHOOK_LINES_MAX + 1];
    size_t own_count; /* of them: then come those whose values may be secret */
    char *text;
};

/* Fills *ret_request; release it when the client has begun with it. `authorization` is the value of that header;
 * NULL = what the credentials have, or none. */
void webhook_request_build(struct webhook_request *ret_request,
    const struct credentials *credentials, const struct webhook_delivery *delivery,
    const struct rendering *rendering, const char *authorization);
void webhook_request_release(struct webhook_request *request);

#endif
