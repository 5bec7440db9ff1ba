/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of an event's JSON: strict text in, no field of the deny list out unnoticed. */
#ifndef HOOKLINE_EVENTS_JSON_CHECK_H
#define HOOKLINE_EVENTS_JSON_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/record.h"

/* Returns the new object that `text` holds, or NULL (ERROR_PERMANENT) where it is not JSON in
 * UTF-8, no object, nested deeper than EVENT_DEPTH_MAX, has a key twice in one object or a NUL in
 * one, or a number beyond 64 bits or a double. The sentence says where and quotes nothing. */
must_check json_t *event_json_load(struct bytes text, struct error *error);

/* A field of the deny list (ccPassword, password, access_token) occurs, at any depth. */
bool event_json_denied(const json_t *value);

/* `value` without them. Returns new, and shares with `value` what is the same. */
json_t *event_json_without_denied(const json_t *value);

enum event_json_answer {
    EVENT_JSON_ABSENT, /* not there, or null */
    EVENT_JSON_TEXT,
    EVENT_JSON_OTHER, /* there, but no text */
};

#define EVENT_JSON_NUMBER_SIZE 24

/* `value`, which may be NULL, as an identifier: strings as they are, NULs included, integers as
 * decimal text in `number`. Fills *ret_text on EVENT_JSON_TEXT only; it borrows from both. */
enum event_json_answer event_json_id(
    const json_t *value, char number[EVENT_JSON_NUMBER_SIZE], struct bytes *ret_text);

#endif
