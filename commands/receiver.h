/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook receiver: of `hookline receive` and of the demo. */
#ifndef HOOKLINE_COMMANDS_RECEIVER_H
#define HOOKLINE_COMMANDS_RECEIVER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/http_server.h"
#include "common/loop.h"

struct receiver;

#define RECEIVER_BODY_MAX (8 * 1024 * 1024) /* bytes; larger ones are answered 413 */

/* How requests to a path are answered; the first rule whose path is a prefix holds. */
struct receiver_rule {
    const char *path; /* "/" matches all */
    int status;
    int64_t delay_ms;
    const char *retry_after; /* NULL = none */
};

struct receiver_options {
    const char *listen;
    const struct receiver_rule *rules; /* ends with a rule whose path is NULL; none = 204 at once */
    /* Called for each request before it is answered; may be NULL. Must not answer it. */
    void (*seen)(void *arg, struct http_exchange *exchange);
    void *arg;
};

/* Returns new, listening; borrows what `options` points to. */
must_check struct receiver *receiver_new(
    struct loop *loop, const struct receiver_options *options, struct error *error);
/* Answers 503 to those whose answer is still being delayed. NULL is fine. */
void receiver_free(struct receiver *receiver);
/* "http://127.0.0.1:43210". Borrowed. */
const char *receiver_url(const struct receiver *receiver);

#endif
