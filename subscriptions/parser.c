/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a JSON object by a table of its fields. */
#include "subscriptions/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "subscriptions/seal.h"

#define FIELDS_MAX 64 /* of a table, that may be meant by a misspelt one */
/* Room for a value of `max` bytes when it is sealed: base64, with a key's id, nonce and tag. */
#define SEALED_SIZE(max) (4 * (max) / 3 + 128)

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

size_t parser_enter(struct parser *parser, const char *token)
{
    size_t len = parser->pointer.len;
    pointer_add(&parser->pointer, token);
    return len;
}

size_t parser_enter_index(struct parser *parser, size_t index)
{
    size_t len = parser->pointer.len;
    buffer_printf(&parser->pointer, "/%zu", index);
    return len;
}

void parser_leave(struct parser *parser, size_t len)
{
    parser->pointer.len = len;
    parser->pointer.data[len] = '\0';
}

/* What is wrong. */

void parser_problem(struct parser *parser, const char *format, ...)
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
        parser_problem(parser, "expected %s, found %s", what, json_kind(value));
    return met;
}

bool parser_expect(struct parser *parser, enum field_type type, const json_t *value)
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
    case FIELD_OF_FILES:
        parser_problem(parser, "only in a file for 'hookline subscriptions apply'");
        return false;
    }
    return false;
}

/* Single values. */

const char *parser_keep(struct parser *parser, const char *text)
{
    char *kept = parser->strings;
    size_t size = strlen(text) + 1;
    if (!kept)
        return text;
    memcpy(kept, text, size);
    parser->strings += size;
    return kept;
}

const char *parser_string(struct parser *parser, const json_t *value, size_t max,
    bool (*check)(const char *, struct error *))
{
    if (!parser_expect(parser, FIELD_STRING, value))
        return NULL;
    const char *text = json_string_value(value);
    struct error error = ERROR_INIT;
    if (strlen(text) != json_string_length(value))
        parser_problem(parser, "contains a NUL");
    else if (strlen(text) > max)
        parser_problem(parser, "longer than %zu bytes", max);
    else if (check && !check(text, &error))
        parser_problem(parser, "%s", error.text);
    else
        return parser_keep(parser, text);
    return NULL;
}

/* What `list` and `get` print can be edited and applied, except for what they hide. */
bool parser_given(struct parser *parser, const char *text)
{
    bool masked = strcmp(text, SUBSCRIPTION_MASK) == 0;
    if (!parser->strict || (masked && parser->masks))
        return true;
    if (masked)
        parser_problem(
            parser, "\"" SUBSCRIPTION_MASK "\" is what stands for a hidden value: give the value");
    else if (seal_is_sealed(text))
        parser_problem(parser, "is a sealed value: give the value itself");
    else
        return true;
    return false;
}

/* The string, or NULL after a problem; what hides one is not looked at more closely. */
static const char *read_secret(
    struct parser *parser, const struct field *field, const json_t *value)
{
    struct error error = ERROR_INIT;
    const char *text = parser_string(parser, value, SEALED_SIZE((size_t)field->max), NULL);
    if (!text || !parser_given(parser, text))
        return NULL;
    if (seal_is_sealed(text) || strcmp(text, SUBSCRIPTION_MASK) == 0)
        return text;
    if (strlen(text) > (size_t)field->max)
        parser_problem(parser, "longer than %.0f bytes", field->max);
    else if (field->check && !field->check(text, &error))
        parser_problem(parser, "%s", error.text);
    else
        return text;
    return NULL;
}

bool parser_int(struct parser *parser, const json_t *value, double min, double max, int64_t *ret)
{
    if (!parser_expect(parser, FIELD_INT, value))
        return false;
    json_int_t integer = json_integer_value(value);
    if ((double)integer < min || (double)integer > max) {
        parser_problem(
            parser, "%" JSON_INTEGER_FORMAT " is not from %.0f to %.0f", integer, min, max);
        return false;
    }
    *ret = integer;
    return true;
}

static void read_number(
    struct parser *parser, const struct field *field, const json_t *value, double *ret)
{
    if (!parser_expect(parser, FIELD_NUMBER, value))
        return;
    double number = json_number_value(value);
    if (number < field->min || number > field->max)
        parser_problem(parser, "%g is not from %g to %g", number, field->min, field->max);
    else
        *ret = number;
}

static void read_count(struct parser *parser, const struct field *field, const json_t *value)
{
    size_t count = field->type == FIELD_ARRAY ? json_array_size(value) : json_object_size(value);
    const char *what = field->type == FIELD_ARRAY ? "elements" : "members";
    if ((double)count < field->min)
        parser_problem(parser, "has fewer than %.0f %s", field->min, what);
    else if (field->max > 0 && (double)count > field->max)
        parser_problem(parser, "has more than %.0f %s", field->max, what);
    else
        field->read(parser, value);
}

static void read_into(struct parser *parser, const struct field *field, const json_t *value)
{
    void *target = (char *)parser->target + (field->offset == SIZE_MAX ? 0 : field->offset);
    if (field->type == FIELD_STRING) {
        const char *text = field->secret
                               ? read_secret(parser, field, value)
                               : parser_string(parser, value, (size_t)field->max, field->check);
        if (text && field->offset != SIZE_MAX)
            *(const char **)target = text;
    } else if (field->type == FIELD_INT) {
        int64_t integer;
        if (parser_int(parser, value, field->min, field->max, &integer))
            *(int64_t *)target = integer * (field->scale ? field->scale : 1);
    } else if (field->type == FIELD_NUMBER) {
        read_number(parser, field, value, target);
    } else if (parser_expect(parser, field->type, value)) {
        *(bool *)target = json_is_true(value);
    }
}

static void read_field(struct parser *parser, const struct field *field, const json_t *value)
{
    bool counted = field->type == FIELD_ARRAY || field->type == FIELD_OBJECT;
    if (!counted && !field->read)
        read_into(parser, field, value);
    else if (!parser_expect(parser, field->type, value))
        return;
    else if (field->fields)
        parser_fields(parser, field->fields, value);
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
    const char *names[FIELDS_MAX + 1];
    size_t count = 0;
    for (; table->name && count < FIELDS_MAX; table++)
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
        size_t here = parser_enter(parser, name);
        const char *nearest = nearest_field(table, name);
        if (nearest)
            parser_problem(parser, "no such field; did you mean %s?", nearest);
        else
            parser_problem(parser, "no such field");
        parser_leave(parser, here);
    }
}

static void read_known(struct parser *parser, const struct field *table, const json_t *object)
{
    for (const struct field *field = table; field->name; field++) {
        const json_t *value = json_object_get(object, field->name);
        if (!value && !field->required)
            continue;
        size_t here = parser_enter(parser, field->name);
        if (value)
            read_field(parser, field, value);
        else
            parser_problem(parser, "missing");
        parser_leave(parser, here);
    }
}

/* Unknown ones first: a misspelt field is more likely the cause than a missing one. */
void parser_fields(struct parser *parser, const struct field *table, const json_t *object)
{
    if (parser->strict)
        refuse_unknown(parser, table, object);
    read_known(parser, table, object);
}

void parser_closed_fields(struct parser *parser, const struct field *table, const json_t *object)
{
    refuse_unknown(parser, table, object);
    read_known(parser, table, object);
}
