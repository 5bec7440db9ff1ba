/* SPDX-License-Identifier: Apache-2.0 */
/* jansson without the want of memory. */
#include "common/json.h"

#include "common/error.h"

json_t *json_or_fatal(json_t *json)
{
    if (!json)
        fatal("out of memory");
    return json;
}

void json_set_or_fatal(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, json_or_fatal(value)) != 0)
        fatal("out of memory");
}
