/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a record the event is: the value itself, or inside a CloudEvents envelope (CloudEvents
 * 1.0.2, "Kafka Protocol Binding" and "JSON Event Format"). */
#ifndef HOOKLINE_EVENTS_CLOUDEVENT_H
#define HOOKLINE_EVENTS_CLOUDEVENT_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/record.h"

struct event_content {
    json_t *value;   /* the record's value, an object; owned */
    json_t *body;    /* the event, an object: `value`, or what its envelope carries; owned */
    bool structured; /* `value` is an envelope */
    json_t *ce_type; /* the envelope's type as it stands there, borrowed from `value`; or NULL */
    struct bytes type_header; /* binary mode: the ce_type header, borrowed; data NULL = none */
};

/* Parses the record's value and finds the event in it. A value that is no strict JSON object, an
 * envelope without such data, and batch mode or another format than JSON are ERROR_PERMANENT. */
must_check bool event_content_open(
    const struct record *record, struct event_content *ret_content, struct error *error);
void event_content_release(struct event_content *content);

/* Whether the record says that its value is an envelope. */
bool event_is_structured(const struct record *record);

#endif
