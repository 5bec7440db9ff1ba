/* SPDX-License-Identifier: Apache-2.0 */
/* Who changed what, as lines of the log. Private to console/. */
#ifndef HOOKLINE_CONSOLE_AUDIT_H
#define HOOKLINE_CONSOLE_AUDIT_H

#include <jansson.h>

#include "console/call.h"

/* Of a subscription; `before` and `after` are masked, NULL where there is none. Of a URL the origin is told
 * only: what is behind it may be a secret. */
void audit_change(const struct call *call, const char *action, const char *id, const json_t *before,
    const json_t *after);
/* Of something that changes nothing in the registry. */
void audit_act(const struct call *call, const char *action, const char *detail);

#endif
