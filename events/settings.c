/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that several settings share. */
#include "events/settings.h"

#include <strings.h>

#include "common/memory.h"

bool event_header_setting(
    const char *setting, const char *value, char **ret_header, struct error *error)
{
    static const char ours[] = "hookline-";
    if (event_setting_on(value) && strncasecmp(value, ours, sizeof ours - 1) == 0)
        return error_set(error, ERROR_CONFIG,
            "%s: headers of events that begin with \"%s\" are ignored", setting, ours);
    *ret_header = event_setting_on(value) ? mem_strdup(value) : NULL;
    return true;
}

bool event_pointer_setting(
    const char *setting, const char *value, struct event_pointer **ret_pointer, struct error *error)
{
    struct event_pointer *pointer = NULL;
    if (event_setting_on(value)) {
        pointer = event_pointer_new(value, error);
        if (!pointer)
            return error_prefix(error, "%s", setting);
    }
    *ret_pointer = pointer;
    return true;
}
