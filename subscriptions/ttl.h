/* SPDX-License-Identifier: Apache-2.0 */
/* Until when an attempt of a delivery may start, by the tables of the settings and of its subscription. docs/contract.md, "The request". Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_TTL_H
#define HOOKLINE_SUBSCRIPTIONS_TTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"

/* "call.ringing=30s": a type, or "*" for all others. */
struct ttl_default {
    char event[65];
    int64_t ms;
};

struct ttl_table {
    struct ttl_default *defaults;
    size_t count;
    int64_t other_ms; /* of types that have none; 0 = max_ms. Set after init */
    int64_t max_ms;   /* no time to live is longer: the topic's retention less a day */
};

/* Reads a NULL-terminated list of "type=duration" (units ms, s, m, h, d; the last of a type holds; at
 * most 1000; longer than 0). False with the entry at fault in the text (ERROR_CONFIG). */
must_check bool ttl_table_init(
    struct ttl_table *table, const char *const *entries, int64_t max_ms, struct error *error);
/* The `max_ms` where the topics of deliveries keep their records for so long: what would expire later might
 * be gone before it is known to have. */
int64_t ttl_longest(int64_t retention_ms);
void ttl_table_release(struct ttl_table *table);

/* The time to live of `event`: `own_ms` (of the subscription) if it is > 0, else the table's for the
 * type, else for "*", else the longest. */
int64_t ttl_ms(const struct ttl_table *table, int64_t own_ms, const char *event);

/* The last moment at which an attempt may start. An event from the future counts from when it was
 * accepted; so do all with `from_acceptance`. Of the two times one with ms <= 0 is not known: the other
 * counts. */
struct wall_time ttl_deadline(
    int64_t ttl, struct wall_time event_at, struct wall_time accepted_at, bool from_acceptance);

#endif
