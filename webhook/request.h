/* SPDX-License-Identifier: Apache-2.0 */
/* The request that a delivery becomes: docs/contract.md, "The request". Formats and endpoint
 * authentication have their place here. */
#ifndef HOOKLINE_WEBHOOK_REQUEST_H
#define HOOKLINE_WEBHOOK_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/record.h"
#include "subscriptions/subscription.h"
#include "webhook/credentials.h"
#include "webhook/http_client.h"

/* What is delivered. All borrowed. */
struct webhook_delivery {
    const char *id;
    const char *event;       /* type */
    int64_t attempt;         /* from 1 */
    struct wall_time at;     /* of this attempt */
    const char *traceparent; /* NULL = none */
    struct bytes body;
};

#define WEBHOOK_OWN_HEADERS 9
#define WEBHOOK_LINES_MAX   (WEBHOOK_OWN_HEADERS + SUBSCRIPTION_HEADERS_MAX)

/* A request and what it points into, so that it must not be moved; the body is the delivery's. */
struct webhook_request {
    struct http_request http; /* its timeouts and its target are the caller's to fill */
    const char *lines[WEBHOOK_LINES_MAX + 1];
    size_t own_count; /* of them: then come the subscription's, whose values may be secret */
    char *text;
};

/* Fills *ret_request; release it when the client has begun with it. */
void webhook_request_build(struct webhook_request *ret_request,
    const struct credentials *credentials, const struct webhook_delivery *delivery);
void webhook_request_release(struct webhook_request *request);

#endif
