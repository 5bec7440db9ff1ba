/* SPDX-License-Identifier: Apache-2.0 */
/* What happened: an event's type, canonical where an alias is known. */
#ifndef HOOKLINE_EVENTS_TYPE_H
#define HOOKLINE_EVENTS_TYPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "events/cloudevent.h"
#include "events/event.h"
#include "events/pointer.h"

struct event_type_alias {
    bool action; /* of the body's `action`, not of a type */
    char *from;
    char *to;
};

struct event_type_rules {
    struct event_pointer *pointer;    /* NULL = off */
    struct event_type_alias *aliases; /* the user's, asked before the built-in ones */
    size_t alias_count;
};

/* False with the setting at fault (ERROR_CONFIG). `rules` is to be released either way. */
must_check bool event_type_rules_init(
    struct event_type_rules *rules, const struct event_options *options, struct error *error);
void event_type_rules_release(struct event_type_rules *rules);

/* The type of `content`: CloudEvents' own, else the body's at the pointer, else what its `action`
 * stands for. False (ERROR_PERMANENT) where there is none or it is malformed. */
must_check bool event_type_resolve(const struct event_type_rules *rules,
    const struct event_content *content, char ret_type[EVENT_TYPE_MAX + 1], struct error *error);

/* One of event_types. */
bool event_type_known(const char *type);

#endif
