/* SPDX-License-Identifier: Apache-2.0 */
/* Whose event it is. */
#include "events/tenant.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "events/json_check.h"
#include "events/settings.h"

bool event_tenant_valid(const char *tenant)
{
    return text_matches_set(tenant, EVENT_TENANT_MAX, "a-z0-9_-");
}

static bool set_topic(struct event_tenant_rules *rules, const char *pattern, struct error *error)
{
    regex_t *topic = mem_zalloc(sizeof *topic);
    int code = regcomp(topic, pattern, REG_EXTENDED);
    if (code != 0) {
        char why[128];
        regerror(code, topic, why, sizeof why);
        free(topic);
        return error_set(error, ERROR_CONFIG, "tenant.topic_regex: %s", why);
    }
    rules->topic = topic;
    if (topic->re_nsub != 1)
        return error_set(error, ERROR_CONFIG,
            "tenant.topic_regex: needs one group, the tenant, and has %zu", topic->re_nsub);
    return true;
}

bool event_tenant_rules_init(
    struct event_tenant_rules *rules, const struct event_options *options, struct error *error)
{
    *rules = (struct event_tenant_rules){.key_prefix = options->tenant_key_prefix};
    if (!event_header_setting("tenant.header", options->tenant_header, &rules->header, error) ||
        !event_pointer_setting("tenant.pointer", options->tenant_pointer, &rules->pointer, error))
        return false;
    if (event_setting_on(options->tenant_topic_regex) &&
        !set_topic(rules, options->tenant_topic_regex, error))
        return false;
    if (event_setting_on(options->tenant_fixed)) {
        if (!event_tenant_valid(options->tenant_fixed))
            return error_set(
                error, ERROR_CONFIG, "tenant.fixed: not 1 to %d of [a-z0-9_-]", EVENT_TENANT_MAX);
        rules->fixed = mem_strdup(options->tenant_fixed);
    }
    if (!rules->header && !rules->topic && !rules->key_prefix && !rules->pointer && !rules->fixed)
        return error_set(error, ERROR_CONFIG,
            "tenant: no source is on, so that no event could have a tenant; the usual "
            "one is tenant.header");
    return true;
}

void event_tenant_rules_release(struct event_tenant_rules *rules)
{
    free(rules->header);
    if (rules->topic)
        regfree(rules->topic);
    free(rules->topic);
    event_pointer_free(rules->pointer);
    free(rules->fixed);
    *rules = (struct event_tenant_rules){0};
}

/* The answers so far. */
struct answers {
    char id[EVENT_TENANT_MAX + 1]; /* "" = none yet */
    const char *kind;              /* of the source that gave it: "header" */
    const char *name;              /* "tenant-id" */
};

/* Takes one more answer. What is malformed is not repeated in the text: it could be anything. */
static bool take(struct answers *answers, const char *kind, const char *name, struct bytes answer,
    struct error *error)
{
    char id[EVENT_TENANT_MAX + 1] = "";
    if (answer.len <= EVENT_TENANT_MAX && !memchr(answer.data, '\0', answer.len))
        memcpy(id, answer.data, answer.len);
    if (!event_tenant_valid(id))
        return error_set(error, ERROR_PERMANENT,
            "tenant from %s \"%s\" is not 1 to %d of [a-z0-9_-]", kind, name, EVENT_TENANT_MAX);
    if (!answers->id[0]) {
        memcpy(answers->id, id, sizeof id);
        answers->kind = kind;
        answers->name = name;
    } else if (strcmp(answers->id, id) != 0) {
        return error_set(error, ERROR_PERMANENT,
            "tenant sources disagree: %s \"%s\" says \"%s\", %s \"%s\" says \"%s\"", answers->kind,
            answers->name, answers->id, kind, name, id);
    }
    return true;
}

/* All headers of that name: of two that differ, another reader might believe the other. */
static bool ask_headers(
    struct answers *answers, const char *name, const struct record *record, struct error *error)
{
    for (size_t i = 0; i < record->header_count; i++) {
        const struct header *header = &record->headers[i];
        if (strcmp(header->name, name) == 0 && header->value.data &&
            !take(answers, "header", name, header->value, error))
            return false;
    }
    return true;
}

static bool ask_topic(
    struct answers *answers, const regex_t *regex, const char *topic, struct error *error)
{
    regmatch_t match[2];
    if (regexec(regex, topic, 2, match, 0) != 0 || match[1].rm_so < 0)
        return true;
    struct bytes id = {topic + match[1].rm_so, (size_t)(match[1].rm_eo - match[1].rm_so)};
    return take(answers, "topic", topic, id, error);
}

/* Length of the prefix without its colon, or -1. */
static ptrdiff_t key_prefix(struct bytes key)
{
    const char *colon = key.data ? memchr(key.data, ':', key.len) : NULL;
    return colon ? colon - (const char *)key.data : -1;
}

static bool ask_key(struct answers *answers, struct bytes key, struct error *error)
{
    ptrdiff_t len = key_prefix(key);
    if (len < 0)
        return true;
    return take(answers, "record key", "<tenant>:", (struct bytes){key.data, (size_t)len}, error);
}

static bool ask_body(struct answers *answers, const struct event_pointer *pointer,
    const json_t *body, struct error *error)
{
    char number[EVENT_JSON_NUMBER_SIZE];
    struct bytes text = {"", 0}; /* what is no text is no id either */
    if (event_json_id(event_pointer_get(pointer, body), number, &text) == EVENT_JSON_ABSENT)
        return true;
    return take(answers, "body", pointer->text, text, error);
}

bool event_tenant_resolve(const struct event_tenant_rules *rules, const struct record *record,
    const json_t *body, char ret_tenant[EVENT_TENANT_MAX + 1], struct error *error)
{
    struct answers answers = {0};

    if (rules->header && !ask_headers(&answers, rules->header, record, error))
        return false;
    if (rules->topic && !ask_topic(&answers, rules->topic, record->topic, error))
        return false;
    if (rules->key_prefix && !ask_key(&answers, record->key, error))
        return false;
    if (rules->pointer && !body)
        return error_set(error, ERROR_PERMANENT, "no tenant: the body could not be asked");
    if (rules->pointer && !ask_body(&answers, rules->pointer, body, error))
        return false;
    const char *tenant = answers.id[0] ? answers.id : rules->fixed;
    if (!tenant)
        return error_set(error, ERROR_PERMANENT, "no tenant: no configured source answers");
    memcpy(ret_tenant, tenant, strlen(tenant) + 1);
    return true;
}

struct bytes event_tenant_strip_key(const struct event_tenant_rules *rules, struct bytes key)
{
    ptrdiff_t len = rules->key_prefix ? key_prefix(key) : -1;
    if (len < 0)
        return key;
    return (struct bytes){(const char *)key.data + len + 1, key.len - (size_t)len - 1};
}
