/* SPDX-License-Identifier: Apache-2.0 */
/* Whose event it is. */
#ifndef HOOKLINE_EVENTS_TENANT_H
#define HOOKLINE_EVENTS_TENANT_H

#include <jansson.h>
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/record.h"
#include "events/event.h"
#include "events/pointer.h"

/* The sources that are on, and the fallback. */
struct event_tenant_rules {
    char *header; /* NULL = off; so for the others */
    regex_t *topic;
    bool key_prefix;
    struct event_pointer *pointer;
    char *fixed;
};

/* False with the setting at fault (ERROR_CONFIG); no source at all is a fault too. `rules` is to be
 * released either way. */
must_check bool event_tenant_rules_init(
    struct event_tenant_rules *rules, const struct event_options *options, struct error *error);
void event_tenant_rules_release(struct event_tenant_rules *rules);

/* The tenant on which all sources that answer agree, else the fixed one; false (ERROR_PERMANENT)
 * where they disagree, there is none, or an id is malformed. `body` NULL = it could not be read:
 * then nothing is resolved while the pointer is on, for it might have disagreed. */
must_check bool event_tenant_resolve(const struct event_tenant_rules *rules,
    const struct record *record, const json_t *body, char ret_tenant[EVENT_TENANT_MAX + 1],
    struct error *error);

/* The record key without the tenant's prefix, where there may be one. */
struct bytes event_tenant_strip_key(const struct event_tenant_rules *rules, struct bytes key);

#endif
