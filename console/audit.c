/* SPDX-License-Identifier: Apache-2.0 */
/* Who changed what, as lines of the log. */
#include "console/audit.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/memory.h"

/* Says nothing but when. */
static bool is_told(const char *name)
{
    return strcmp(name, "updated_at") != 0;
}

static json_t *told_value(const char *name, json_t *value)
{
    const char *url = json_string_value(value);
    if (strcmp(name, "url") != 0 || !url)
        return json_incref(value);
    const char *host = strstr(url, "://");
    size_t origin = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?") : 0;
    return json_sprintf("%.*s/***", (int)origin, url);
}

/* The fields of `one` that are not the same in `other`, as text. Returns new. */
static char *tell_changes(const json_t *one, const json_t *other)
{
    json_t *told = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)one, name, value) {
        json_t *also = json_object_get(other, name);
        if (is_told(name) && !(also && json_equal(value, also)))
            json_object_set_new(told, name, told_value(name, value));
    }
    char *text = json_dumps(told, JSON_COMPACT);
    if (!text)
        fatal("out of memory");
    json_decref(told);
    return text;
}

void audit_change(const struct call *call, const char *action, const char *id, const json_t *before,
    const json_t *after)
{
    char *from = tell_changes(before, after), *to = tell_changes(after, before);
    log_info("audit", LOG_STR("token", call->token), LOG_STR("action", action),
        LOG_STR("tenant", call->tenant), LOG_STR("subscription", id), LOG_STR("from", from),
        LOG_STR("to", to));
    free(from);
    free(to);
}

void audit_act(const struct call *call, const char *action, const char *detail)
{
    log_info("audit", LOG_STR("token", call->token), LOG_STR("action", action),
        LOG_STR("tenant", call->tenant), LOG_STR("subscription", call->id),
        LOG_STR("detail", detail));
}
