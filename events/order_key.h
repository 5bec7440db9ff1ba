/* SPDX-License-Identifier: Apache-2.0 */
/* Which events must stay in order with one another: those of one call, or of one agent. */
#ifndef HOOKLINE_EVENTS_ORDER_KEY_H
#define HOOKLINE_EVENTS_ORDER_KEY_H

#include <jansson.h>

#include "common/record.h"
#include "events/event.h"

/* The first that answers, where null and "" do not: the header `header` (NULL = off), the record
 * key `key`, the body's primaryCallID, its callID (each also inside `content`), and for types
 * "agent.*" its data. A key that is too long, not UTF-8 or holds control characters becomes
 * "sha256:<hex>" of its bytes: it stays the same key, and stays text. "" = none. */
void event_order_key(const struct record *record, const char *header, struct bytes key,
    const json_t *body, const char *type, char ret_key[EVENT_ORDER_KEY_MAX + 1]);

#endif
