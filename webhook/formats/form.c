/* SPDX-License-Identifier: Apache-2.0 */
/* application/x-www-form-urlencoded. */
#include "webhook/formats/form.h"

#include <string.h>

#include "common/text.h"
#include "webhook/formats/json_text.h"

struct form {
    struct buffer *out;
    struct buffer name; /* of where we are, encoded */
    int depth;
    size_t max;
    struct error *error;
};

static bool stays(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '*' ||
           c == '-' || c == '.' || c == '_';
}

void form_encode(struct buffer *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t begin = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (stays(c))
            continue;
        buffer_add(out, text + begin, i - begin);
        begin = i + 1;
        if (c == ' ')
            buffer_add(out, "+", 1);
        else
            buffer_add(out, escaped, sizeof escaped);
    }
    buffer_add(out, text + begin, len - begin);
}

static bool add_value(struct form *form, const json_t *value)
{
    char number[TEXT_AMOUNT_SIZE];
    struct bytes text = json_text_scalar(value, number);
    if (form->out->len > 0)
        buffer_add(form->out, "&", 1);
    buffer_add(form->out, form->name.data, form->name.len);
    buffer_add(form->out, "=", 1);
    form_encode(form->out, text.data, text.len);
    if (form->out->len <= form->max)
        return true;
    return error_set(form->error, ERROR_PERMANENT, "more than %zu bytes as a form", form->max);
}

static bool add_any(struct form *form, const json_t *value);

static bool add_child(struct form *form, const char *name, const json_t *value)
{
    size_t here = form->name.len;
    if (form->depth++ > 0)
        buffer_add(&form->name, ".", 1);
    form_encode(&form->name, name, strlen(name));
    bool good = add_any(form, value);
    form->name.len = here;
    form->depth--;
    return good;
}

/* What is empty stands there like a null. */
static bool add_any(struct form *form, const json_t *value)
{
    const char *name;
    json_t *child;
    size_t index;
    if (json_object_size(value) == 0 && json_array_size(value) == 0)
        return add_value(form, value);
    json_object_foreach((json_t *)value, name, child)
        if (!add_child(form, name, child))
            return false;
    json_array_foreach(value, index, child) {
        char number[TEXT_INT_SIZE];
        if (!add_child(form, text_format_int((int64_t)index, number), child))
            return false;
    }
    return true;
}

bool form_add(struct buffer *out, const json_t *object, size_t max, struct error *error)
{
    struct form form = {.out = out, .name = BUFFER_INIT, .max = max, .error = error};
    bool good = json_object_size(object) == 0 || add_any(&form, object);
    buffer_release(&form.name);
    return good;
}
