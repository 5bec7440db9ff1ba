/* SPDX-License-Identifier: Apache-2.0 */
/* The request that a delivery becomes: docs/contract.md, "The request". */
#ifndef HOOKLINE_WEBHOOK_REQUEST_H
#define HOOKLINE_WEBHOOK_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/text.h"
#include "common/trace.h"
#include "subscriptions/subscription.h"
#include "webhook/credentials.h"
#include "webhook/http_client.h"
#include "webhook/rendering.h"

#define WEBHOOK_OWN_HEADERS 10
/* One more is the authorization. */
#define WEBHOOK_HEADERS_MAX \
    (WEBHOOK_OWN_HEADERS + RENDERING_HEADERS_MAX + 1 + SUBSCRIPTION_HEADERS_MAX)

/* A request: it points into itself, so that it must not be moved, and borrows all else from what it was built of. */
struct webhook_request {
    struct http_request http; /* its timeouts and its target are the caller's to fill */
    struct http_header headers[WEBHOOK_HEADERS_MAX];
    size_t own_count; /* of them: then come those whose values may be secret */
    /* Values that are written for each; "" = there is none. */
    char timestamp[TEXT_INT_SIZE], attempt[TEXT_INT_SIZE];
    char signatures[CREDENTIALS_SIGNATURES_SIZE], traceparent[TRACE_PARENT_SIZE];
};

/* Fills *ret_request. `authorization` is the value of that header; NULL = what the credentials have, or none. */
void webhook_request_build(struct webhook_request *ret_request,
    const struct credentials *credentials, const struct webhook_delivery *delivery,
    const struct rendering *rendering, const char *authorization);

#endif
