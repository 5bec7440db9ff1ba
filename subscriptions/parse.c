/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON to a subscription, driven by a table of its fields. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "common/text.h"
#include "subscriptions/subscription.h"
#include "subscriptions/validate.h"

#define SECONDS   1000 /* JSON's seconds to our milliseconds */
#define DAYS_30   2592000
#define TTL_MAX_S DAYS_30
/* Above it, not every integer is a double, which other readers of JSON use. */
#define VERSION_MAX 9007199254740992.0

struct parser {
    struct subscription *sub; /* being filled */
    bool strict;
    bool failed;
    subscription_problem *report;
    void *arg;
    struct buffer pointer; /* to the value being read, RFC 6901 */
};

enum field_type {
    FIELD_STRING, /* const char * */
    FIELD_BOOL,   /* bool */
    FIELD_INT,    /* int64_t */
    FIELD_NUMBER, /* double */
    FIELD_ARRAY,
    FIELD_OBJECT,
    FIELD_UNSUPPORTED, /* its place is known, its meaning is not */
};

struct field {
    const char *name;
    enum field_type type;
    bool required;
    size_t offset; /* of what it fills, in struct subscription */
    /* Of a number; of an array's elements, of an object's members; max also of a string's bytes. */
    double min, max;
    int64_t scale; /* what an integer is multiplied by; 0 = 1 */
    bool (*check)(const char *value, struct error *error); /* of strings */
    void (*read)(struct parser *, const json_t *value);    /* instead of storing at `offset` */
    const struct field *fields; /* of an object with a table of its own */
};

#define AT(member) offsetof(struct subscription, member)

static void read_format(struct parser *parser, const json_t *value);
static void read_ordering(struct parser *parser, const json_t *value);
static void read_reset_at(struct parser *parser, const json_t *value);
static void read_events(struct parser *parser, const json_t *array);
static void read_headers(struct parser *parser, const json_t *object);
static void read_ttl(struct parser *parser, const json_t *object);
static void read_fields(struct parser *parser, const struct field *table, const json_t *object);

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
    {"filter", FIELD_UNSUPPORTED},
    {"fields", FIELD_UNSUPPORTED},
    {"auth", FIELD_UNSUPPORTED},
    {"tls", FIELD_UNSUPPORTED},
    {"secrets", FIELD_UNSUPPORTED},
    {"secret_file", FIELD_UNSUPPORTED},
    {"header_files", FIELD_UNSUPPORTED},
    /* Written by Hookline itself; only the version is of use to readers. */
    {"version", FIELD_INT, .offset = AT(version), .max = VERSION_MAX},
    {"created_at", FIELD_STRING, .offset = SIZE_MAX, .max = 64, .check = validate_line},
    {"updated_at", FIELD_STRING, .offset = SIZE_MAX, .max = 64, .check = validate_line},
    {"reset_at", FIELD_STRING, .max = 64, .read = read_reset_at},
    {NULL},
};

/* Where we are. */

static void pointer_add(struct buffer *pointer, const char *token)
{
    buffer_add(pointer, "/", 1);
    for (const char *p = token; *p; p++) {
        if (*p == '~')
            buffer_add(pointer, "~0", 2);
        else if (*p == '/')
            buffer_add(pointer, "~1", 2);
        else
            buffer_add(pointer, p, 1);
    }
}

/* Goes down to a member or an element; returns what leave() wants. */
static size_t enter(struct parser *parser, const char *token)
{
    size_t len = parser->pointer.len;
    pointer_add(&parser->pointer, token);
    return len;
}

static size_t enter_index(struct parser *parser, size_t index)
{
    size_t len = parser->pointer.len;
    buffer_printf(&parser->pointer, "/%zu", index);
    return len;
}

static void leave(struct parser *parser, size_t len)
{
    parser->pointer.len = len;
    parser->pointer.data[len] = '\0';
}

/* What is wrong. */

static void problem(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void problem(struct parser *parser, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    parser->failed = true;
    parser->report(parser->arg, buffer_text(&parser->pointer), text);
}

static const char *json_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static bool expect(struct parser *parser, bool met, const char *what, const json_t *value)
{
    if (!met)
        problem(parser, "expected %s, found %s", what, json_kind(value));
    return met;
}

/* How a value of that type is asked for, and whether `value` is one. */
static bool expect_type(struct parser *parser, enum field_type type, const json_t *value)
{
    switch (type) {
    case FIELD_STRING:
        return expect(parser, json_is_string(value), "a string", value);
    case FIELD_BOOL:
        return expect(parser, json_is_boolean(value), "true or false", value);
    case FIELD_INT:
        return expect(parser, json_is_integer(value), "an integer", value);
    case FIELD_NUMBER:
        return expect(parser, json_is_number(value), "a number", value);
    case FIELD_ARRAY:
        return expect(parser, json_is_array(value), "an array", value);
    case FIELD_OBJECT:
        return expect(parser, json_is_object(value), "an object", value);
    case FIELD_UNSUPPORTED:
        problem(parser, "not supported by this version");
        return false;
    }
    return false;
}

/* Single values. */

/* The string, or NULL after a problem. */
static const char *read_string(struct parser *parser, const json_t *value, size_t max,
    bool (*check)(const char *, struct error *))
{
    if (!expect_type(parser, FIELD_STRING, value))
        return NULL;
    const char *text = json_string_value(value);
    struct error error = ERROR_INIT;
    if (strlen(text) != json_string_length(value))
        problem(parser, "contains a NUL");
    else if (strlen(text) > max)
        problem(parser, "longer than %zu bytes", max);
    else if (check && !check(text, &error))
        problem(parser, "%s", error.text);
    else
        return text;
    return NULL;
}

/* Whether it is an integer from `min` to `max`. */
static bool read_int(
    struct parser *parser, const json_t *value, double min, double max, int64_t *ret)
{
    if (!expect_type(parser, FIELD_INT, value))
        return false;
    json_int_t integer = json_integer_value(value);
    if ((double)integer < min || (double)integer > max) {
        problem(parser, "%" JSON_INTEGER_FORMAT " is not from %.0f to %.0f", integer, min, max);
        return false;
    }
    *ret = integer;
    return true;
}

static void read_number(
    struct parser *parser, const struct field *field, const json_t *value, double *ret)
{
    if (!expect_type(parser, FIELD_NUMBER, value))
        return;
    double number = json_number_value(value);
    if (number < field->min || number > field->max)
        problem(parser, "%g is not from %g to %g", number, field->min, field->max);
    else
        *ret = number;
}

static void read_count(struct parser *parser, const struct field *field, const json_t *value)
{
    size_t count = field->type == FIELD_ARRAY ? json_array_size(value) : json_object_size(value);
    const char *what = field->type == FIELD_ARRAY ? "elements" : "members";
    if ((double)count < field->min)
        problem(parser, "has fewer than %.0f %s", field->min, what);
    else if (field->max > 0 && (double)count > field->max)
        problem(parser, "has more than %.0f %s", field->max, what);
    else
        field->read(parser, value);
}

static void read_into(struct parser *parser, const struct field *field, const json_t *value)
{
    void *target = (char *)parser->sub + (field->offset == SIZE_MAX ? 0 : field->offset);
    if (field->type == FIELD_STRING) {
        const char *text = read_string(parser, value, (size_t)field->max, field->check);
        if (text && field->offset != SIZE_MAX)
            *(const char **)target = text;
    } else if (field->type == FIELD_INT) {
        int64_t integer;
        if (read_int(parser, value, field->min, field->max, &integer))
            *(int64_t *)target = integer * (field->scale ? field->scale : 1);
    } else if (field->type == FIELD_NUMBER) {
        read_number(parser, field, value, target);
    } else if (expect_type(parser, field->type, value)) {
        *(bool *)target = json_is_true(value);
    }
}

static void read_field(struct parser *parser, const struct field *field, const json_t *value)
{
    bool counted = field->type == FIELD_ARRAY || field->type == FIELD_OBJECT;
    if (!counted && !field->read)
        read_into(parser, field, value);
    else if (!expect_type(parser, field->type, value))
        return;
    else if (field->fields)
        read_fields(parser, field->fields, value);
    else if (counted)
        read_count(parser, field, value);
    else
        field->read(parser, value);
}

/* Objects. */

static const struct field *find_field(const struct field *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static const char *nearest_field(const struct field *table, const char *name)
{
    const char *names[sizeof subscription_fields / sizeof subscription_fields[0]];
    size_t count = 0;
    for (; table->name; table++)
        names[count++] = table->name;
    names[count] = NULL;
    return text_nearest(name, names);
}

static void refuse_unknown(struct parser *parser, const struct field *table, const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        if (find_field(table, name))
            continue;
        size_t here = enter(parser, name);
        const char *nearest = nearest_field(table, name);
        if (nearest)
            problem(parser, "no such field; did you mean %s?", nearest);
        else
            problem(parser, "no such field");
        leave(parser, here);
    }
}

/* Unknown ones come first: a misspelt field is more likely the cause than a missing one. */
static void read_fields(struct parser *parser, const struct field *table, const json_t *object)
{
    if (parser->strict)
        refuse_unknown(parser, table, object);
    for (const struct field *field = table; field->name; field++) {
        const json_t *value = json_object_get(object, field->name);
        if (!value && !field->required)
            continue;
        size_t here = enter(parser, field->name);
        if (value)
            read_field(parser, field, value);
        else
            problem(parser, "missing");
        leave(parser, here);
    }
}

/* Fields with rules of their own. */

static void read_reset_at(struct parser *parser, const json_t *value)
{
    const char *text = read_string(parser, value, 64, validate_line);
    struct wall_time time;
    if (!text)
        return;
    if (text_parse_time(text, &time))
        parser->sub->reset_at_ms = time.ms;
}

static void read_ordering(struct parser *parser, const json_t *value)
{
    const char *text = read_string(parser, value, 16, NULL);
    if (!text)
        return;
    parser->sub->unordered = strcmp(text, "none") == 0;
    if (!parser->sub->unordered && strcmp(text, "key") != 0)
        problem(parser, "neither \"key\" nor \"none\"");
}

static void read_format(struct parser *parser, const json_t *value)
{
    const char *text = read_string(parser, value, 64, NULL);
    if (text && strcmp(text, "raw") != 0)
        problem(parser, "not supported by this version, which knows \"raw\" only");
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
        size_t here = enter_index(parser, index);
        const char *text = read_string(parser, value, 1024, validate_event_pattern);
        if (text && already_listed(events, count, text))
            problem(parser, "stands there twice");
        else if (text)
            events[count++] = text;
        leave(parser, here);
    }
    parser->sub->event_count = count;
}

static bool header_given(const struct subscription *sub, const char *name)
{
    for (size_t i = 0; i < sub->header_count; i++)
        if (strcasecmp(sub->headers[i].name, name) == 0)
            return true;
    return false;
}

static const char *read_header(struct parser *parser, const char *name, const json_t *value)
{
    struct error error = ERROR_INIT;
    if (!validate_header_name(name, &error)) {
        problem(parser, "%s", error.text);
        return NULL;
    }
    if (header_given(parser->sub, name)) {
        problem(parser, "the same header in another spelling stands there already");
        return NULL;
    }
    const char *text =
        read_string(parser, value, SUBSCRIPTION_HEADER_BYTES_MAX, validate_header_value);
    /* What `list` and `get` print can be edited and applied, except for what they hide. */
    if (text && parser->strict && strcmp(text, SUBSCRIPTION_MASK) == 0) {
        problem(
            parser, "\"" SUBSCRIPTION_MASK "\" is what stands for a hidden value: give the value");
        return NULL;
    }
    return text;
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
        size_t here = enter(parser, name);
        const char *text = read_header(parser, name, value);
        if (text) {
            headers[sub->header_count++] = (struct subscription_header){name, text};
            bytes += strlen(name) + strlen(text);
        }
        leave(parser, here);
    }
    if (bytes > SUBSCRIPTION_HEADER_BYTES_MAX)
        problem(parser, "names and values together are longer than %d bytes",
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
        size_t here = enter(parser, event);
        struct error error = ERROR_INIT;
        int64_t seconds;
        if (!validate_event_or_all(event, &error))
            problem(parser, "%s", error.text);
        else if (read_int(parser, value, 1, TTL_MAX_S, &seconds))
            ttl[sub->ttl_count++] = (struct subscription_ttl){event, seconds * SECONDS};
        leave(parser, here);
    }
}

/* The whole. */

static struct subscription *subscription_new(const json_t *json)
{
    struct subscription *sub = mem_zalloc(sizeof *sub);
    sub->refs = 1;
    sub->enabled = true;
    sub->json = json_deep_copy(json);
    if (!sub->json)
        fatal("out of memory");
    return sub;
}

struct subscription *subscription_parse_all(
    const json_t *json, bool strict, subscription_problem *report, void *arg)
{
    struct parser parser = {.strict = strict, .report = report, .arg = arg};
    if (!expect_type(&parser, FIELD_OBJECT, json))
        return NULL;
    parser.sub = subscription_new(json);
    read_fields(&parser, subscription_fields, parser.sub->json);
    buffer_release(&parser.pointer);
    if (!parser.failed) {
        parser.sub->key = mem_printf("%s/%s", parser.sub->tenant, parser.sub->id);
        return parser.sub;
    }
    subscription_unref(parser.sub);
    return NULL;
}

static void keep_first(void *arg, const char *pointer, const char *text)
{
    error_set(arg, ERROR_CONFIG, "%s%s%s", pointer, pointer[0] ? ": " : "", text);
}

struct subscription *subscription_parse(const json_t *json, bool strict, struct error *error)
{
    return subscription_parse_all(json, strict, keep_first, error);
}
