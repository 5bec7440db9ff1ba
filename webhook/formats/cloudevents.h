/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of an event as a CloudEvent (CloudEvents 1.0.2): its own where it came as one, ours where it has
 * none. */
#ifndef HOOKLINE_WEBHOOK_FORMATS_CLOUDEVENTS_H
#define HOOKLINE_WEBHOOK_FORMATS_CLOUDEVENTS_H

#include <jansson.h>

#include "common/buffer.h"
#include "common/record.h"
#include "webhook/rendering.h"

/* Returns new: an object of strings, integers and booleans, RENDERING_HEADERS_MAX at most, each of which fits
 * into a header of RENDERING_HEADER_MAX. `envelope` is the event's own if it came in structured mode, else NULL. */
json_t *cloudevents_attributes(
    const struct webhook_delivery *delivery, const char *tenant, const json_t *envelope);

/* Appends a value as HTTP carries it (HTTP Protocol Binding, 3.1.3.2). */
void cloudevents_encode(struct buffer *out, struct bytes text);

#endif
