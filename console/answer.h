/* SPDX-License-Identifier: Apache-2.0 */
/* How subscriptions are shown. Private to console/. */
#ifndef HOOKLINE_CONSOLE_ANSWER_H
#define HOOKLINE_CONSOLE_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "console/call.h"

/* A record of the registry as it may be shown. Returns new. */
json_t *answer_masked(const json_t *record);

/* Whether a list of entity tags ("\"3\", \"4\"", "*") has that of a version. */
bool answer_etag_matches(const char *list, int64_t version);

/* Answers with a subscription, its entity tag, and what is to be warned of. Takes `subscription`, which is
 * masked; secrets in `shown` (NULL = none; borrowed) are shown all the same. */
void answer_subscription(struct call *call, int status, json_t *subscription, const json_t *shown);

#endif
