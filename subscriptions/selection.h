/* SPDX-License-Identifier: Apache-2.0 */
/* Places in a JSON value, as a set of JSON pointers (RFC 6901): which fields of an event are sent. Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_SELECTION_H
#define HOOKLINE_SUBSCRIPTIONS_SELECTION_H

#include <jansson.h>
#include <stddef.h>

#include "common/error.h"

struct selection;

/* Returns new, empty. */
struct selection *selection_new(void);
/* NULL is fine. */
void selection_free(struct selection *selection);

/* False (ERROR_CONFIG) where `pointer` is none, or the empty one. */
must_check bool selection_add(
    struct selection *selection, const char *pointer, struct error *error);

/* `value` with nothing but the places, and what leads to them; elements of an array close up. Returns new,
 * and shares with `value` what is the same. */
json_t *selection_include(const struct selection *selection, const json_t *value);
/* `value` without the places. The same. */
json_t *selection_exclude(const struct selection *selection, const json_t *value);

#endif
