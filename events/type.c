/* SPDX-License-Identifier: Apache-2.0 */
/* What happened: an event's type, canonical where an alias is known. */
#include "events/type.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "events/json_check.h"
#include "events/settings.h"

#define OPERATIONAL "hookline."

const char *const event_types[] = {"call.created", "call.ringing", "call.answered", "call.ended",
    "agent.login", "agent.logout", NULL};

static const struct {
    bool action;
    const char *from;
    const char *to;
} built_in[] = {
    {false, "created", "call.created"},
    {false, "start", "call.created"},
    {false, "requesting", "call.created"},
    {false, "ringing", "call.ringing"},
    {false, "answered", "call.answered"},
    {false, "active", "call.answered"},
    {false, "ended", "call.ended"},
    {false, "hangup", "call.ended"},
    {false, "destroy", "call.ended"},
    {false, "agent-connected", "agent.login"},
    {false, "agent-disconnected", "agent.logout"},
    {true, "agent-add", "agent.login"},
    {true, "agent-del", "agent.logout"},
};

bool event_type_valid(const char *type)
{
    return text_matches_set(type, EVENT_TYPE_MAX, "A-Za-z0-9._-");
}

bool event_type_operational(const char *type)
{
    return strncmp(type, OPERATIONAL, strlen(OPERATIONAL)) == 0;
}

bool event_type_known(const char *type)
{
    for (size_t i = 0; event_types[i]; i++)
        if (strcmp(event_types[i], type) == 0)
            return true;
    return false;
}

/* Linear: a dozen short rows, and users add a handful. */
static const char *alias_of(const struct event_type_rules *rules, bool action, const char *from)
{
    for (size_t i = 0; i < rules->alias_count; i++)
        if (rules->aliases[i].action == action && strcmp(rules->aliases[i].from, from) == 0)
            return rules->aliases[i].to;
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++)
        if (built_in[i].action == action && strcmp(built_in[i].from, from) == 0)
            return built_in[i].to;
    return NULL;
}

/* "from=to" or "action:from=to"; the last "=" divides, for no type holds one. */
static bool add_alias(struct event_type_rules *rules, const char *text, struct error *error)
{
    static const char prefix[] = "action:";
    bool action = strncmp(text, prefix, sizeof prefix - 1) == 0;
    const char *from = action ? text + sizeof prefix - 1 : text;
    const char *equals = strrchr(from, '=');

    if (!equals || equals == from || !event_type_valid(equals + 1))
        return error_set(error, ERROR_CONFIG,
            "event.type_aliases: \"%s\" is not \"from=to\" where \"to\" is 1 to %d of "
            "[A-Za-z0-9._-]",
            text, EVENT_TYPE_MAX);
    if (event_type_operational(equals + 1))
        return error_set(error, ERROR_CONFIG,
            "event.type_aliases: \"%s\": types that begin with " OPERATIONAL " are Hookline's own",
            text);
    struct event_type_alias alias = {
        action, mem_dup(from, (size_t)(equals - from)), mem_strdup(equals + 1)};
    rules->aliases = mem_array(rules->aliases, rules->alias_count + 1, sizeof *rules->aliases);
    rules->aliases[rules->alias_count++] = alias;

    for (size_t i = 0; i + 1 < rules->alias_count; i++)
        if (rules->aliases[i].action == action && strcmp(rules->aliases[i].from, alias.from) == 0)
            return error_set(
                error, ERROR_CONFIG, "event.type_aliases: \"%s\" is there twice", alias.from);
    return true;
}

bool event_type_rules_init(
    struct event_type_rules *rules, const struct event_options *options, struct error *error)
{
    *rules = (struct event_type_rules){0};
    if (!event_pointer_setting("event.type_pointer", options->type_pointer, &rules->pointer, error))
        return false;
    for (size_t i = 0; options->type_aliases && options->type_aliases[i]; i++)
        if (!add_alias(rules, options->type_aliases[i], error))
            return false;
    return true;
}

void event_type_rules_release(struct event_type_rules *rules)
{
    event_pointer_free(rules->pointer);
    for (size_t i = 0; i < rules->alias_count; i++) {
        free(rules->aliases[i].from);
        free(rules->aliases[i].to);
    }
    free(rules->aliases);
    *rules = (struct event_type_rules){0};
}

/* The alias of `type`, or `type` itself where that is valid. `source` goes into the text, the type,
 * which could be anything, does not. */
static bool canonical(const struct event_type_rules *rules, struct bytes type, const char *source,
    char ret_type[EVENT_TYPE_MAX + 1], struct error *error)
{
    const char *to = NULL;
    char *text = mem_dup(type.data, type.len); /* a ce_type's NUL is not promised */
    if (!memchr(type.data, '\0', type.len)) {
        to = alias_of(rules, false, text);
        if (!to && event_type_valid(text))
            to = text;
    }
    bool ours = to && event_type_operational(to);
    if (to && !ours)
        memcpy(ret_type, to, strlen(to) + 1);
    else if (ours)
        error_set(error, ERROR_PERMANENT,
            "type from %s begins with " OPERATIONAL ": these types are Hookline's own", source);
    else
        error_set(error, ERROR_PERMANENT, "type from %s is not 1 to %d of [A-Za-z0-9._-]", source,
            EVENT_TYPE_MAX);
    free(text);
    return to && !ours;
}

/* The body's `action`, where it stands for a type. */
static const char *action_type(const struct event_type_rules *rules, const json_t *body)
{
    const char *action = json_string_value(json_object_get(body, "action"));
    if (!action || strlen(action) != json_string_length(json_object_get(body, "action")))
        return NULL;
    const char *to = alias_of(rules, true, action);
    /* A finished call's record: it says so by its shape, not by its action alone. */
    if (!to && strcmp(action, "create") == 0 && json_is_object(json_object_get(body, "content")))
        to = "call.ended";
    return to;
}

bool event_type_resolve(const struct event_type_rules *rules, const struct event_content *content,
    char ret_type[EVENT_TYPE_MAX + 1], struct error *error)
{
    const struct {
        const char *source;
        const json_t *value;
    } places[] = {
        {"the envelope", content->ce_type},
        {rules->pointer ? rules->pointer->text : "",
            rules->pointer ? event_pointer_get(rules->pointer, content->body) : NULL},
    };

    if (content->type_header.data)
        return canonical(rules, content->type_header, "ce_type", ret_type, error);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const json_t *value = places[i].value;
        if (!value || json_is_null(value))
            continue;
        if (!json_is_string(value))
            return error_set(error, ERROR_PERMANENT, "type from %s is no string", places[i].source);
        struct bytes type = {json_string_value(value), json_string_length(value)};
        return canonical(rules, type, places[i].source, ret_type, error);
    }

    const char *type = action_type(rules, content->body);
    if (!type)
        return error_set(error, ERROR_PERMANENT, "no type: neither %s nor %s",
            content->structured ? "the envelope's" : "ce_type",
            rules->pointer ? rules->pointer->text : "the body's action");
    memcpy(ret_type, type, strlen(type) + 1);
    return true;
}
