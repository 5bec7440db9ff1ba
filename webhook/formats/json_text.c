/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as text. */
#include "webhook/formats/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every double has 17 digits that read back as the same, and most have fewer. */
#define DIGITS_MIN 15
#define DIGITS_MAX 17

static int digits_of(double number)
{
    char text[TEXT_AMOUNT_SIZE];
    for (int digits = DIGITS_MIN; digits < DIGITS_MAX; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            return digits;
    }
    return DIGITS_MAX;
}

/* jansson writes all numbers of a text with the same number of digits: as many as one of them needs. */
static int most_digits(const json_t *value, int most)
{
    const char *name;
    json_t *child;
    size_t index;
    if (json_is_real(value)) {
        int digits = digits_of(json_real_value(value));
        return digits > most ? digits : most;
    }
    json_object_foreach((json_t *)value, name, child)
        most = most_digits(child, most);
    json_array_foreach(value, index, child)
        most = most_digits(child, most);
    return most;
}

static int add(const char *text, size_t len, void *out)
{
    buffer_add(out, text, len);
    return 0;
}

void json_text_add(struct buffer *out, const json_t *value)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY |
                   JSON_REAL_PRECISION((size_t)most_digits(value, DIGITS_MIN));
    if (json_dump_callback(value, add, out, flags) != 0)
        fatal("out of memory");
}

static struct bytes real_text(const json_t *value, char number[TEXT_AMOUNT_SIZE])
{
    size_t digits = (size_t)digits_of(json_real_value(value));
    size_t len =
        json_dumpb(value, number, TEXT_AMOUNT_SIZE, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    bug_on(len >= TEXT_AMOUNT_SIZE);
    return (struct bytes){number, len};
}

struct bytes json_text_scalar(const json_t *value, char number[TEXT_AMOUNT_SIZE])
{
    const char *text = "";
    switch (json_typeof(value)) {
    case JSON_STRING:
        return (struct bytes){json_string_value(value), json_string_length(value)};
    case JSON_INTEGER:
        text = text_format_int(json_integer_value(value), number);
        break;
    case JSON_REAL:
        return real_text(value, number);
    case JSON_TRUE:
        text = "true";
        break;
    case JSON_FALSE:
        text = "false";
        break;
    default:
        break;
    }
    return (struct bytes){text, strlen(text)};
}
