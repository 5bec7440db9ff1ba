/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription's `format` and `fields` make of an event: the request's body, its content type, and the
 * headers that belong to it. docs/formats.md. Pure. */
#ifndef HOOKLINE_WEBHOOK_RENDERING_H
#define HOOKLINE_WEBHOOK_RENDERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/record.h"
#include "subscriptions/subscription.h"

/* What is delivered. All borrowed. */
struct webhook_delivery {
    const char *id;
    const char *event;   /* type */
    int64_t attempt;     /* from 1 */
    struct wall_time at; /* of this attempt */
    struct wall_time event_at;
    const char *order_key; /* NULL or "" = none */
    bool redact;           /* a field of the deny list occurs in it */
    const struct record
        *record; /* the event: its value, and its headers as far as they are CloudEvents' */
};

/* A body may be so much larger than the event, and no larger. */
#define RENDERING_GROWTH      16
#define RENDERING_GROWTH_FROM 65536
#define RENDERING_HEADERS_MAX 32
#define RENDERING_HEADER_MAX  1024 /* bytes of a value, as it is sent */

struct rendering_header {
    const char *name, *value;
};

struct rendering {
    const char *content_type; /* static */
    struct bytes body;        /* the event's own, or owned */
    char *text;               /* owned; NULL = the body is the event's own */
    /* CloudEvents attributes in binary mode; owned. */
    struct rendering_header *headers;
    size_t header_count;
    char *header_text;
};

/* False (ERROR_PERMANENT) where the event cannot be put into the format: it is no JSON object, or what comes out
 * is too large. Release *ret_rendering otherwise; it borrows from `delivery`. */
must_check bool rendering_make(struct rendering *ret_rendering,
    const struct subscription *subscription, const struct webhook_delivery *delivery,
    struct error *error);
void rendering_release(struct rendering *rendering);

#endif
