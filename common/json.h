/* SPDX-License-Identifier: Apache-2.0 */
/* jansson says "no" for want of memory only, where the arguments are right: these end the process then. */
#ifndef HOOKLINE_COMMON_JSON_H
#define HOOKLINE_COMMON_JSON_H

#include <jansson.h>

/* Returns `json`, which is not NULL then. */
json_t *json_or_fatal(json_t *json);
/* Sets a member. Takes `value`, which may be what a constructor has just returned. */
void json_set_or_fatal(json_t *object, const char *name, json_t *value);

#endif
