/* SPDX-License-Identifier: Apache-2.0 */
/* A change of a subscription: decided by the registry as it is, written as a transaction, answered when it
 * has been read back, and told to the audit log. Private to console/. */
#ifndef HOOKLINE_CONSOLE_CHANGE_H
#define HOOKLINE_CONSOLE_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "console/call.h"
#include "console/tenant_topic.h"
#include "subscriptions/subscription.h"
#include "webhook/handshake_answer.h"

struct change;

/* Says what is to be written, by what the registry holds: sets `record`, `remove` or `unchanged`. Called
 * twice or more, so that it draws nothing by chance. False: the problem is set, and nothing is written.
 * `old` is NULL where there is none, which only those that create see. */
typedef bool change_decide(
    struct change *change, const struct subscription *old, struct problem *problem);

struct change {
    struct call *call;
    const char *action; /* for the audit log: "create" */
    change_decide *decide;
    bool creates;
    char *if_match; /* NULL = whatever version it has */
    char *id;       /* of the subscription */

    /* What was decided. */
    json_t *record; /* what is written; NULL with `unchanged` or `remove` */
    bool remove;
    bool unchanged; /* nothing is written, and that is fine: the answer shows what is there */
    json_t *before; /* masked; NULL = there was none */
    bool asked;     /* to be written, and perhaps it was */

    /* Secrets that are shown this once, in the place of their masks, {"<id>":{"secret":…}}; NULL = none. */
    json_t *shown;
    struct problem problem;
    /* Where its endpoint has to agree first. */
    char *agreed_url; /* NULL = it has not */
    struct handshake_consent consent;
    struct tenant_topic topic; /* where the tenant has no record yet */
};

/* Begins one for the call, which it answers with its route's status when it is done. `action` is
 * borrowed, `shown` is taken. */
void change_begin(struct call *call, const char *action, change_decide *decide, json_t *shown);
/* The same for a subscription that is not there yet, of that id. */
void change_begin_new(struct call *call, const char *id, change_decide *decide, json_t *shown);

#endif
