/* SPDX-License-Identifier: Apache-2.0 */
/* JSON pointers (RFC 6901), compiled. */
#ifndef HOOKLINE_EVENTS_POINTER_H
#define HOOKLINE_EVENTS_POINTER_H

#include <jansson.h>
#include <stddef.h>

#include "common/error.h"

struct event_pointer {
    char *text;    /* as it was written, for messages */
    char **tokens; /* unescaped */
    size_t count;
};

/* Returns new, or NULL (ERROR_CONFIG) where `text` does not begin with "/" or has a "~" that is not
 * "~0" or "~1". The empty pointer is refused: callers mean "off" by it. */
must_check struct event_pointer *event_pointer_new(const char *text, struct error *error);
/* NULL is fine. */
void event_pointer_free(struct event_pointer *pointer);

/* What it points at in `root`, borrowed, or NULL. */
json_t *event_pointer_get(const struct event_pointer *pointer, const json_t *root);

#endif
