/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON to a subscription: the table of its fields, and the rules of those that have some. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "subscriptions/parse_access.h"
#include "subscriptions/parser.h"
#include "subscriptions/seal.h"
#include "subscriptions/secret.h"
#include "subscriptions/subscription.h"
#include "subscriptions/validate.h"

#define SECONDS   1000 /* JSON's seconds to our milliseconds */
#define DAYS_30   2592000
#define TTL_MAX_S DAYS_30
/* Above it, not every integer is a double, which other readers of JSON use. */
#define VERSION_MAX 9007199254740992.0

#define AT(member) offsetof(struct subscription, member)

static void read_format(struct parser *parser, const json_t *value);
static void read_ordering(struct parser *parser, const json_t *value);
static void read_reset_at(struct parser *parser, const json_t *value);
static void read_events(struct parser *parser, const json_t *array);
static void read_headers(struct parser *parser, const json_t *object);
static void read_ttl(struct parser *parser, const json_t *object);
static void read_filter(struct parser *parser, const json_t *object);
static void read_selection(struct parser *parser, const json_t *object);
static void read_secrets(struct parser *parser, const json_t *array);

static const struct field retry_fields[] = {
    {"max_age_s", FIELD_INT, .offset = AT(retry_max_age_ms), .min = 1, .max = DAYS_30,
        .scale = SECONDS},
    {"max_attempts", FIELD_INT, .offset = AT(retry_max_attempts), .min = 1, .max = 10000},
    {"retry_4xx", FIELD_INT, .offset = AT(retry_4xx), .min = 1, .max = 10000},
    {NULL},
};

static const struct field rate_limit_fields[] = {
    {"per_second", FIELD_NUMBER, true, .offset = AT(rate_per_second), .min = 0.001, .max = 10000},
    {"burst", FIELD_INT, .offset = AT(rate_burst), .min = 1, .max = 10000},
    {NULL},
};

static const struct field subscription_fields[] = {
    {"tenant", FIELD_STRING, true, .offset = AT(tenant), .max = SUBSCRIPTION_TENANT_MAX,
        .check = validate_tenant},
    {"id", FIELD_STRING, true, .offset = AT(id), .max = SUBSCRIPTION_ID_MAX, .check = validate_id},
    {"name", FIELD_STRING, .offset = AT(name), .max = SUBSCRIPTION_NAME_MAX,
        .check = validate_line},
    {"url", FIELD_STRING, true, .offset = AT(url), .max = SUBSCRIPTION_URL_MAX,
        .check = validate_url},
    {"description", FIELD_STRING, .offset = AT(description), .max = SUBSCRIPTION_DESCRIPTION_MAX,
        .check = validate_paragraphs},
    {"events", FIELD_ARRAY, true, .min = 1, .max = SUBSCRIPTION_EVENTS_MAX, .read = read_events},
    {"headers", FIELD_OBJECT, .max = SUBSCRIPTION_HEADERS_MAX, .read = read_headers},
    {"enabled", FIELD_BOOL, .offset = AT(enabled)},
    {"paused", FIELD_BOOL, .offset = AT(paused)},
    {"ordering", FIELD_STRING, .max = 16, .read = read_ordering},
    {"http2", FIELD_BOOL, .offset = AT(http2)},
    {"trace", FIELD_BOOL, .offset = AT(trace)},
    {"timeout_ms", FIELD_INT, .offset = AT(timeout_ms), .min = 100, .max = 60000},
    {"connect_timeout_ms", FIELD_INT, .offset = AT(connect_timeout_ms), .min = 100, .max = 60000},
    {"retry", FIELD_OBJECT, .fields = retry_fields},
    {"ttl_s", FIELD_OBJECT, .max = SUBSCRIPTION_TTLS_MAX, .read = read_ttl},
    {"rate_limit", FIELD_OBJECT, .fields = rate_limit_fields},
    {"max_in_flight", FIELD_INT, .offset = AT(max_in_flight), .min = 1, .max = 64},
    {"disable_after_s", FIELD_INT, .offset = AT(disable_after_ms), .min = 60, .max = 31536000,
        .scale = SECONDS},
    {"format", FIELD_STRING, .max = 64, .read = read_format},
    {"filter", FIELD_OBJECT, .read = read_filter},
    {"fields", FIELD_OBJECT, .max = 3, .read = read_selection},
    {"auth", FIELD_OBJECT, .min = 1, .max = 1, .read = parse_auth},
    {"tls", FIELD_OBJECT, .min = 1, .max = 3, .read = parse_tls},
    {"secrets", FIELD_ARRAY, .max = SUBSCRIPTION_SECRETS_MAX, .read = read_secrets},
    {"secret_file", FIELD_OF_FILES},
    {"header_files", FIELD_OF_FILES},
    /* Written by Hookline itself; only the version is of use to readers. */
    {"version", FIELD_INT, .offset = AT(version), .max = VERSION_MAX},
    {"created_at", FIELD_STRING, .offset = SIZE_MAX, .max = 64, .check = validate_line},
    {"updated_at", FIELD_STRING, .offset = SIZE_MAX, .max = 64, .check = validate_line},
    {"reset_at", FIELD_STRING, .max = 64, .read = read_reset_at},
    {"creation", FIELD_STRING, .offset = AT(creation), .max = 80, .check = validate_line},
    {NULL},
};

/* Fields with rules of their own. */

static void read_reset_at(struct parser *parser, const json_t *value)
{
    const char *text = parser_string(parser, value, 64, validate_line);
    struct wall_time time;
    if (!text)
        return;
    if (text_parse_time(text, &time))
        parser->sub->reset_at_ms = time.ms;
}

static void read_ordering(struct parser *parser, const json_t *value)
{
    const char *text = parser_string(parser, value, 16, NULL);
    if (!text)
        return;
    parser->sub->unordered = strcmp(text, "none") == 0;
    if (!parser->sub->unordered && strcmp(text, "key") != 0)
        parser_problem(parser, "neither \"key\" nor \"none\"");
}

static void read_format(struct parser *parser, const json_t *value)
{
    const char *text = parser_string(parser, value, 64, NULL);
    for (size_t i = 0; text && subscription_format_names[i]; i++)
        if (strcmp(text, subscription_format_names[i]) == 0) {
            parser->sub->format = (enum subscription_format)i;
            return;
        }
    if (text)
        parser_problem(
            parser, "not one of raw, standard, cloudevents, cloudevents-structured, form and xml");
}

static const struct selection *read_pointers(struct parser *parser, const json_t *array)
{
    struct selection *selection = selection_new();
    size_t index;
    json_t *value;
    json_array_foreach((json_t *)array, index, value) {
        struct error error = ERROR_INIT;
        size_t here = parser_enter_index(parser, index);
        const char *text = parser_string(parser, value, SUBSCRIPTION_POINTER_MAX, NULL);
        if (text && !selection_add(selection, text, &error))
            parser_problem(parser, "%s", error.text);
        parser_leave(parser, here);
    }
    return selection;
}

static void read_include(struct parser *parser, const json_t *array)
{
    parser->sub->include = read_pointers(parser, array);
}

static void read_exclude(struct parser *parser, const json_t *array)
{
    if (json_array_size(array) > 0)
        parser->sub->exclude = read_pointers(parser, array);
}

static const struct field selection_fields[] = {
    {"include", FIELD_ARRAY, .min = 1, .max = SUBSCRIPTION_POINTERS_MAX, .read = read_include},
    {"exclude", FIELD_ARRAY, .max = SUBSCRIPTION_POINTERS_MAX, .read = read_exclude},
    {"allow_denied", FIELD_BOOL, .offset = AT(allow_denied)},
    {NULL},
};

static void read_selection(struct parser *parser, const json_t *object)
{
    parser_closed_fields(parser, selection_fields, object);
}

static bool already_listed(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static void read_events(struct parser *parser, const json_t *array)
{
    const char **events = mem_array(NULL, json_array_size(array), sizeof *events);
    size_t count = 0, index;
    json_t *value;
    parser->sub->events = events;
    json_array_foreach((json_t *)array, index, value) {
        size_t here = parser_enter_index(parser, index);
        const char *text = parser_string(parser, value, 1024, validate_event_pattern);
        if (text && already_listed(events, count, text))
            parser_problem(parser, "stands there twice");
        else if (text)
            events[count++] = text;
        parser_leave(parser, here);
    }
    parser->sub->event_count = count;
}

static void read_filter(struct parser *parser, const json_t *object)
{
    struct error error = ERROR_INIT;
    size_t here = parser->pointer.len;
    parser->sub->filter = pattern_compile_at(object, &parser->pointer, &error);
    if (!parser->sub->filter)
        parser_problem(parser, "%s", error.text);
    parser_leave(parser, here);
}

static const char *read_header(struct parser *parser, const char *name, const json_t *value)
{
    struct error error = ERROR_INIT;
    if (!validate_header_name(name, &error)) {
        parser_problem(parser, "%s", error.text);
        return NULL;
    }
    if (subscription_has_header(parser->sub, name)) {
        parser_problem(parser, "the same header in another spelling stands there already");
        return NULL;
    }
    const char *text = parser_string(parser, value, SUBSCRIPTION_SEALED_MAX, validate_header_value);
    return text && parser_given(parser, text) ? text : NULL;
}

static void read_headers(struct parser *parser, const json_t *object)
{
    struct subscription *sub = parser->sub;
    size_t bytes = 0;
    struct subscription_header *headers =
        mem_array(NULL, json_object_size(object) + 1, sizeof *headers);
    sub->headers = headers;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        size_t here = parser_enter(parser, name);
        const char *text = read_header(parser, name, value);
        if (text) {
            headers[sub->header_count++] =
                (struct subscription_header){parser_keep(parser, name), text};
            bytes += strlen(name) + (seal_is_sealed(text) ? 0 : strlen(text));
        }
        parser_leave(parser, here);
    }
    if (bytes > SUBSCRIPTION_HEADER_BYTES_MAX)
        parser_problem(parser, "names and values together are longer than %d bytes",
            SUBSCRIPTION_HEADER_BYTES_MAX);
}

static void read_ttl(struct parser *parser, const json_t *object)
{
    struct subscription *sub = parser->sub;
    struct subscription_ttl *ttl = mem_array(NULL, json_object_size(object) + 1, sizeof *ttl);
    sub->ttl = ttl;
    const char *event;
    json_t *value;
    json_object_foreach((json_t *)object, event, value) {
        size_t here = parser_enter(parser, event);
        struct error error = ERROR_INIT;
        int64_t seconds;
        if (!validate_event_or_all(event, &error))
            parser_problem(parser, "%s", error.text);
        else if (parser_int(parser, value, 1, TTL_MAX_S, &seconds))
            ttl[sub->ttl_count++] =
                (struct subscription_ttl){parser_keep(parser, event), seconds * SECONDS};
        parser_leave(parser, here);
    }
}

/* The secrets. */

#define AT_SECRET(member) offsetof(struct subscription_secret, member)

static void read_scheme(struct parser *parser, const json_t *value)
{
    struct subscription_secret *secret = parser->target;
    const char *text = parser_string(parser, value, 16, NULL);
    if (!text)
        return;
    secret->kind = strcmp(text, "v1a") == 0 ? SECRET_ED25519 : SECRET_HMAC;
    if (secret->kind == SECRET_HMAC && strcmp(text, "v1") != 0)
        parser_problem(parser, "neither \"v1\" nor \"v1a\"");
}

static void read_secret_text(struct parser *parser, const json_t *value)
{
    struct subscription_secret *secret = parser->target;
    struct error error = ERROR_INIT;
    const char *text = parser_string(parser, value, SUBSCRIPTION_SEALED_MAX, NULL);
    if (!text || !parser_given(parser, text))
        return;
    secret->text = text;
    if (!seal_is_sealed(text) && strcmp(text, SUBSCRIPTION_MASK) != 0 &&
        !secret_valid(text, secret->kind, &error))
        parser_problem(parser, "%s", error.text);
}

static void read_expiry(struct parser *parser, const json_t *value)
{
    struct subscription_secret *secret = parser->target;
    struct wall_time time;
    const char *text = parser_string(parser, value, 64, NULL);
    if (!text)
        return;
    if (text_parse_time(text, &time) && time.ms > 0)
        secret->expires_at_ms = time.ms;
    else
        parser_problem(parser, "not a time (RFC 3339), such as 2026-01-31T12:00:00Z");
}

/* The scheme before the text, which is looked at in its light. */
static const struct field secret_fields[] = {
    {"id", FIELD_STRING, true, .offset = AT_SECRET(id), .max = SUBSCRIPTION_ID_MAX,
        .check = validate_id},
    {"scheme", FIELD_STRING, .read = read_scheme},
    {"secret", FIELD_STRING, true, .read = read_secret_text},
    {"created_at", FIELD_STRING, .offset = SIZE_MAX, .max = 64, .check = validate_line},
    {"expires_at", FIELD_STRING, .read = read_expiry},
    {NULL},
};

static bool secret_listed(const struct subscription *sub, const char *id)
{
    for (size_t i = 0; i < sub->secret_count; i++)
        if (strcmp(sub->secrets[i].id, id) == 0)
            return true;
    return false;
}

static void read_one_secret(struct parser *parser, const json_t *object)
{
    struct subscription *sub = parser->sub;
    struct subscription_secret secret = {0};
    if (!parser_expect(parser, FIELD_OBJECT, object))
        return;
    parser->target = &secret;
    parser_fields(parser, secret_fields, object);
    parser->target = sub;
    if (!secret.id || !secret.text)
        return;
    if (secret_listed(sub, secret.id))
        parser_problem(parser, "the id %s stands there twice", secret.id);
    else
        ((struct subscription_secret *)sub->secrets)[sub->secret_count++] = secret;
}

static bool all_expire(const struct subscription *sub)
{
    for (size_t i = 0; i < sub->secret_count; i++)
        if (!sub->secrets[i].expires_at_ms)
            return false;
    return true;
}

static void read_secrets(struct parser *parser, const json_t *array)
{
    struct subscription *sub = parser->sub;
    size_t index;
    json_t *value;
    sub->secrets = mem_array(NULL, json_array_size(array) + 1, sizeof *sub->secrets);
    json_array_foreach((json_t *)array, index, value) {
        size_t here = parser_enter_index(parser, index);
        read_one_secret(parser, value);
        parser_leave(parser, here);
    }
    /* Or one day requests would go out without a signature. */
    if (sub->secret_count == json_array_size(array) && sub->secret_count > 0 && all_expire(sub))
        parser_problem(parser, "one of them must be without expires_at");
}

/* The whole. */

/* Of the strings none takes more room than in the text: there it has quotes, here a NUL. */
static struct subscription *subscription_new(const json_t *json)
{
    struct subscription *sub = mem_zalloc(sizeof *sub);
    sub->refs = 1;
    sub->enabled = true;
    sub->text = json_dumps(json, JSON_COMPACT);
    if (!sub->text)
        fatal("out of memory");
    sub->strings = mem_alloc(strlen(sub->text));
    return sub;
}

/* Takes a parser with its options. */
static struct subscription *parse(struct parser *parser, const json_t *json)
{
    if (!parser_expect(parser, FIELD_OBJECT, json))
        return NULL;
    struct subscription *sub = subscription_new(json);
    parser->sub = parser->target = sub;
    parser->strings = sub->strings;
    parser_fields(parser, subscription_fields, json);
    parse_access_check(parser);
    buffer_release(&parser->pointer);
    if (!parser->failed) {
        sub->key = mem_printf("%s/%s", sub->tenant, sub->id);
        return sub;
    }
    subscription_unref(sub);
    return NULL;
}

struct subscription *subscription_parse_all(
    const json_t *json, bool strict, subscription_problem *report, void *arg)
{
    struct parser parser = {.strict = strict, .report = report, .arg = arg};
    return parse(&parser, json);
}

struct subscription *subscription_parse_masked(
    const json_t *json, subscription_problem *report, void *arg)
{
    struct parser parser = {.strict = true, .masks = true, .report = report, .arg = arg};
    return parse(&parser, json);
}

static void keep_first(void *arg, const char *pointer, const char *text)
{
    error_set(arg, ERROR_CONFIG, "%s%s%s", pointer, pointer[0] ? ": " : "", text);
}

struct subscription *subscription_parse(const json_t *json, bool strict, struct error *error)
{
    return subscription_parse_all(json, strict, keep_first, error);
}
