/* SPDX-License-Identifier: Apache-2.0 */
/* The event of a test or a preview: what the request's body says of it, and what follows from that as it would at
 * the bridge. Private to console/. */
#ifndef HOOKLINE_CONSOLE_TRIAL_H
#define HOOKLINE_CONSOLE_TRIAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/record.h"
#include "console/call.h"
#include "events/event.h"
#include "subscriptions/subscription.h"

#define TRIAL_HEADERS_MAX 32

/* What a body may have beside "type" and "body". */
enum trial_fields {
    TRIAL_HEADERS = 1,
    TRIAL_SUBSCRIPTION = 2, /* which it must have, and which is its reader's to look into */
};

struct trial {
    const char *type; /* borrowed from the body or the subscription */
    char *text;       /* of the event; owned */
    struct record
        record; /* as it would be read; borrows from the body and from here: not to be moved */
    struct header headers[TRIAL_HEADERS_MAX];
    char order_key[EVENT_ORDER_KEY_MAX + 1]; /* "" = none */
    bool redact;                             /* a field of the deny list occurs in it */
};

/* Whether `body` (NULL = there was none) is one; everything that is wrong is added to the problem. */
must_check bool trial_check(const json_t *body, unsigned fields, struct problem *problem);

/* Fills *ret_trial from a body that was checked; borrows all, and is released in any case. False: the problem
 * says why it is no event. */
must_check bool trial_open(struct trial *ret_trial, const json_t *body,
    const struct subscription *subscription, const struct event_options *events,
    struct problem *problem);
void trial_release(struct trial *trial);

#endif
