/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes the requests of one subscription: each delivery is rendered, authorised, signed and sent; and once more
 * with a new token if it was the token that was refused. On the loop. */
#ifndef HOOKLINE_WEBHOOK_SENDER_H
#define HOOKLINE_WEBHOOK_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "webhook/credentials.h"
#include "webhook/http_client.h"
#include "webhook/oauth.h"
#include "webhook/rendering.h"
#include "webhook/request.h"

struct sender {
    struct http_client *http;
    struct http_target *target;
    struct credentials *credentials; /* NULL = there are none: nothing may be sent */
    struct oauth *oauth;             /* NULL = no tokens are needed */
};

/* For each attempt. */
struct sending_limits {
    int64_t connect_timeout_ms, timeout_ms; /* as a request's; waiting for a token included */
};

void sender_init(struct sender *sender, struct http_client *http);
/* Takes `credentials` (NULL = none) for what is sent from now on. `limits` are those of its tokens' requests. */
void sender_set(
    struct sender *sender, struct credentials *credentials, const struct sending_limits *limits);
void sender_release(struct sender *sender);

/* One delivery on its way to its answer. */
struct sending;

/* Begins. Returns new, which lives until `answered`, that is called once, on the loop, never from within this call;
 * or NULL where the event cannot be put into the subscription's format (ERROR_PERMANENT). What `delivery` borrows
 * must live as long. The answer has its headers if `shown`. */
must_check struct sending *sending_start(struct sender *sender,
    const struct webhook_delivery *delivery, const struct sending_limits *limits, bool shown,
    http_answered *answered, void *arg, struct error *error);
/* Gives up: `answered` is not called. Not from within `answered`. */
void sending_cancel(struct sending *sending);

/* Bytes that its body takes beside the event's own. */
size_t sending_bytes(const struct sending *sending);
/* Of one that is `shown`: the body, and the request as it was last made (NULL = it was not). */
struct bytes sending_body(const struct sending *sending);
const struct webhook_request *sending_request(const struct sending *sending);

#endif
