/* SPDX-License-Identifier: Apache-2.0 */
/* JSON pointers (RFC 6901), compiled. */
#include "events/pointer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static bool escapes_valid(const char *text)
{
    for (const char *tilde = strchr(text, '~'); tilde; tilde = strchr(tilde + 1, '~'))
        if (tilde[1] != '0' && tilde[1] != '1')
            return false;
    return true;
}

static char *unescape(const char *text, size_t len)
{
    char *token = mem_dup(text, len);
    char *to = token;
    for (const char *from = token; *from; from++) {
        if (*from == '~')
            *to++ = *++from == '0' ? '~' : '/';
        else
            *to++ = *from;
    }
    *to = '\0';
    return token;
}

struct event_pointer *event_pointer_new(const char *text, struct error *error)
{
    if (text[0] != '/' || !escapes_valid(text)) {
        error_set(error, ERROR_CONFIG,
            "\"%s\" is no JSON pointer: it begins with \"/\" and writes \"~\" as \"~0\" and "
            "\"/\" inside a name as \"~1\"",
            text);
        return NULL;
    }
    struct event_pointer *pointer = mem_zalloc(sizeof *pointer);
    pointer->text = mem_strdup(text);
    for (const char *at = text; *at; at += strcspn(at + 1, "/") + 1) {
        pointer->tokens = mem_array(pointer->tokens, pointer->count + 1, sizeof *pointer->tokens);
        pointer->tokens[pointer->count++] = unescape(at + 1, strcspn(at + 1, "/"));
    }
    return pointer;
}

void event_pointer_free(struct event_pointer *pointer)
{
    if (!pointer)
        return;
    for (size_t i = 0; i < pointer->count; i++)
        free(pointer->tokens[i]);
    free(pointer->tokens);
    free(pointer->text);
    free(pointer);
}

/* Section 4: digits without a leading zero. "-", the element after the last, never exists. */
static json_t *array_element(const json_t *array, const char *token)
{
    size_t digits = strspn(token, "0123456789");
    if (digits == 0 || digits > 9 || token[digits] || (token[0] == '0' && digits > 1))
        return NULL;
    return json_array_get(array, (size_t)strtoul(token, NULL, 10));
}

json_t *event_pointer_get(const struct event_pointer *pointer, const json_t *root)
{
    json_t *value = (json_t *)root; /* borrowed, never written */
    for (size_t i = 0; value && i < pointer->count; i++) {
        if (json_is_array(value))
            value = array_element(value, pointer->tokens[i]);
        else
            value = json_object_get(value, pointer->tokens[i]); /* NULL where it is no object */
    }
    return value;
}
