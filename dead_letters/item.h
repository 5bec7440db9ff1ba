/* SPDX-License-Identifier: Apache-2.0 */
/* A dead letter as it lies in its topic, for people: decoded, filtered, and as JSON. */
#ifndef HOOKLINE_DEAD_LETTERS_ITEM_H
#define HOOKLINE_DEAD_LETTERS_ITEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/record.h"
#include "producers/dead_letter.h"

struct dead_letter_item {
    const struct record *record; /* borrowed, as is all that follows */
    struct dead_letter letter;
    /* NULL = not known: an event that never became a delivery has no id and no subscription. */
    const char *tenant, *event, *id, *order_key, *source;
    char subscription[65];     /* "" = none */
    struct wall_time event_at; /* ms -1 = not known */
};

/* `record`'s values end in a NUL, as those of received records do. False (ERROR_PERMANENT) where it is none. */
must_check bool dead_letter_item_read(
    const struct record *record, struct dead_letter_item *ret_item, struct error *error);

/* What is asked for; zeroed = everything. All borrowed. */
struct dead_letter_filter {
    const char *tenant, *subscription, *event, *id, *host; /* NULL = any */
    uint32_t reasons; /* bits by enum dead_letter_reason; 0 = any */
};

/* The bit of a reason's name; 0 = there is none of that name. */
uint32_t dead_letter_reason_bit(const char *name);

bool dead_letter_filter_matches(
    const struct dead_letter_filter *filter, const struct dead_letter_item *item);

/* All that is known of it, with `body` its value too: as JSON where it is, without fields of the deny list; else as
 * text; else "body_base64". Returns new. */
json_t *dead_letter_item_json(const struct dead_letter_item *item, bool body);

#endif
