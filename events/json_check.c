/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of an event's JSON: strict text in, no field of the deny list out unnoticed. */
#include "events/json_check.h"

#include <string.h>

#include "common/json.h"
#include "events/event.h"

static const char *const denied_fields[] = {"ccPassword", "password", "access_token", NULL};

/* jansson's own texts quote the body, so its codes are put into words here. */
static const struct {
    enum json_error_code code;
    const char *words;
} faults[] = {
    {json_error_premature_end_of_input, "not JSON: ends too early"},
    {json_error_end_of_input_expected, "not JSON: something follows the object"},
    {json_error_invalid_utf8, "not UTF-8"},
    {json_error_duplicate_key, "a key twice in one object"},
    {json_error_numeric_overflow, "a number beyond 64 bits or a double"},
    {json_error_null_byte_in_key, "NUL in a key"},
    {json_error_null_character, "NUL in a key"},
};

static const char *fault_words(const json_error_t *fault)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].code == json_error_code(fault))
            return faults[i].words;
    return "not JSON: syntax error";
}

/* Where nesting exceeds the limit, or NULL. This runs before the parser, which recurses and allows
 * 2 048. The two agree on what is a string up to the parser's first error, after which it stops. */
static const char *too_deep(const char *text, size_t len)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if ((c == '{' || c == '[') && ++depth > EVENT_DEPTH_MAX)
            return text + i;
        else if (c == '}' || c == ']')
            depth--;
    }
    return NULL;
}

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

json_t *event_json_load(struct bytes text, struct error *error)
{
    const char *data = text.data;
    if (!data || text.len == 0) {
        error_set(error, ERROR_PERMANENT, "not JSON: empty");
        return NULL;
    }
    /* RFC 8259 allows ignoring it, but receivers of the raw bytes may not. */
    if (text.len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
        error_set(error, ERROR_PERMANENT, "not JSON: starts with a byte order mark");
        return NULL;
    }
    /* Never allowed unescaped; the parser would take it for the end. */
    const char *nul = memchr(data, '\0', text.len);
    if (nul) {
        error_set(error, ERROR_PERMANENT, "not JSON: NUL at byte %zu", (size_t)(nul - data));
        return NULL;
    }
    const char *deep = too_deep(data, text.len);
    if (deep) {
        error_set(error, ERROR_PERMANENT, "nested deeper than %d at byte %zu", EVENT_DEPTH_MAX,
            (size_t)(deep - data));
        return NULL;
    }

    json_error_t fault;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_t *value = json_loadb(data, text.len, flags, &fault);
    if (!value) {
        error_set(error, ERROR_PERMANENT, "%s at line %d column %d", fault_words(&fault),
            fault.line, fault.column);
    } else if (!json_is_object(value)) {
        error_set(error, ERROR_PERMANENT, "not an object but %s", kind_of(value));
        json_decref(value);
        value = NULL;
    }
    return value;
}

static bool field_denied(const char *name)
{
    for (size_t i = 0; denied_fields[i]; i++)
        if (strcmp(name, denied_fields[i]) == 0)
            return true;
    return false;
}

/* Recursion is bounded by the depth that event_json_load() lets through. */
bool event_json_denied(const json_t *value)
{
    const char *name;
    json_t *child;
    size_t index;

    /* jansson's iterators want a pointer that may write. */
    json_object_foreach((json_t *)value, name, child)
        if (field_denied(name) || event_json_denied(child))
            return true;
    json_array_foreach(value, index, child)
        if (event_json_denied(child))
            return true;
    return false;
}

json_t *event_json_without_denied(const json_t *value)
{
    const char *name;
    json_t *child, *result;
    size_t index;
    if (!event_json_denied(value))
        return json_incref((json_t *)value);
    result = json_or_fatal(json_is_object(value) ? json_object() : json_array());
    json_object_foreach((json_t *)value, name, child)
        if (!field_denied(name) &&
            json_object_set_new_nocheck(result, name, event_json_without_denied(child)) != 0)
            fatal("out of memory");
    json_array_foreach(value, index, child)
        if (json_array_append_new(result, event_json_without_denied(child)) != 0)
            fatal("out of memory");
    return result;
}

enum event_json_answer event_json_id(
    const json_t *value, char number[EVENT_JSON_NUMBER_SIZE], struct bytes *ret_text)
{
    if (!value || json_is_null(value))
        return EVENT_JSON_ABSENT;
    if (json_is_string(value)) {
        *ret_text = (struct bytes){json_string_value(value), json_string_length(value)};
        return EVENT_JSON_TEXT;
    }
    if (json_is_integer(value)) {
        int len = snprintf(
            number, EVENT_JSON_NUMBER_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        *ret_text = (struct bytes){number, (size_t)len};
        return EVENT_JSON_TEXT;
    }
    return EVENT_JSON_OTHER;
}
