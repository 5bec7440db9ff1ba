/* SPDX-License-Identifier: Apache-2.0 */
/* A new subscription as somebody gives it. */
#include "console/given.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/secrets.h"

bool given_place(
    json_t *given, const char *name, const char *value, subscription_problem *report, void *arg)
{
    const json_t *there = json_object_get(given, name);
    if (!there)
        return json_object_set_new(given, name, json_string(value)) == 0;
    if (json_is_string(there) && strcmp(json_string_value(there), value) == 0)
        return true;
    char *pointer = mem_printf("/%s", name);
    char *text = mem_printf("is not %s, as the path says", value);
    report(arg, pointer, text);
    free(pointer);
    free(text);
    return false;
}

bool given_complete(
    json_t *given, const char *tenant, json_t **ret_shown, subscription_problem *report, void *arg)
{
    *ret_shown = NULL;
    if (!given_place(given, "tenant", tenant, report, arg))
        return false;
    if (!json_object_get(given, "id"))
        json_object_set_new(given, "id", secrets_random_id("sub_"));
    if (!json_object_get(given, "secrets"))
        *ret_shown = secrets_add_first(given);
    return true;
}
