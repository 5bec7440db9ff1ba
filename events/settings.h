/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that several settings share. `setting` is the name for the text of an ERROR_CONFIG. */
#ifndef HOOKLINE_EVENTS_SETTINGS_H
#define HOOKLINE_EVENTS_SETTINGS_H

#include <stdbool.h>

#include "common/error.h"
#include "events/pointer.h"

/* NULL and "" turn a setting off. */
static inline bool event_setting_on(const char *value)
{
    return value && value[0];
}

/* Sets *ret_header to a new copy, or NULL where it is off. Names that begin with "hookline-" are
 * refused: those of incoming events are ignored. */
must_check bool event_header_setting(
    const char *setting, const char *value, char **ret_header, struct error *error);

/* Sets *ret_pointer to a new pointer, or NULL where it is off. */
must_check bool event_pointer_setting(const char *setting, const char *value,
    struct event_pointer **ret_pointer, struct error *error);

#endif
