/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as XML: a member is an element of its name, or <member name="…"> where that is no name in XML; an element
 * of an array is <item>; what is no string says its type; text with characters that XML does not have is base64. */
#include "webhook/formats/xml.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "webhook/formats/json_text.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

struct xml {
    struct buffer *out;
    size_t max;
    struct error *error;
};

/* Names that every tool takes: ASCII, and none of those that XML keeps for itself. */
static bool is_name(const char *name)
{
    return text_matches_set(name, 256, "A-Za-z0-9_.-") && !strchr("0123456789.-", name[0]) &&
           strncasecmp(name, "xml", 3) != 0;
}

/* 2.2: Char. Of UTF-8, which has no surrogates. */
static bool is_char(const char *text, size_t left)
{
    unsigned char c = (unsigned char)*text;
    if (c < ' ')
        return c == '\t' || c == '\n' || c == '\r';
    return left < 3 ||
           (memcmp(text, "\xEF\xBF\xBE", 3) != 0 && memcmp(text, "\xEF\xBF\xBF", 3) != 0);
}

static bool is_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_char(text + i, len - i))
            return false;
    return true;
}

/* What a reader would take for markup, or change: 2.11, 3.3.3. */
static const char *reference(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\r':
        return "&#13;";
    case '\n':
        return "&#10;";
    case '\t':
        return "&#9;";
    default:
        return NULL;
    }
}

static void add_escaped(struct buffer *out, const char *text, size_t len)
{
    size_t begin = 0;
    for (size_t i = 0; i < len; i++) {
        const char *instead = reference(text[i]);
        if (!instead)
            continue;
        buffer_add(out, text + begin, i - begin);
        buffer_add_text(out, instead);
        begin = i + 1;
    }
    buffer_add(out, text + begin, len - begin);
}

static void add_base64(struct buffer *out, const char *text, size_t len)
{
    buffer_reserve(out, 4 * (len / 3 + 1) + 1);
    out->len += (size_t)EVP_EncodeBlock(
        (unsigned char *)out->data + out->len, (const unsigned char *)text, (int)len);
}

/* An element's tag, and the key that it stands for where the name does not say it (else NULL). */
struct tag {
    const char *name;
    const char *key;
};

static struct tag tag_of(const char *key)
{
    return is_name(key) ? (struct tag){key, NULL} : (struct tag){"member", key};
}

static void add_key(struct buffer *out, const char *key)
{
    size_t len = strlen(key);
    bool text = is_text(key, len);
    buffer_add_text(out, text ? " name=\"" : " name-encoding=\"base64\" name=\"");
    (text ? add_escaped : add_base64)(out, key, len);
    buffer_add_text(out, "\"");
}

static const char *type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        return "null";
    case JSON_STRING:
        break;
    }
    return NULL;
}

static void open_tag(struct buffer *out, const struct tag *tag, const char *type)
{
    buffer_add_text(out, "<");
    buffer_add_text(out, tag->name);
    if (tag->key)
        add_key(out, tag->key);
    if (type) {
        buffer_add_text(out, " type=\"");
        buffer_add_text(out, type);
        buffer_add_text(out, "\"");
    }
}

static bool is_within(const struct xml *xml)
{
    if (xml->out->len <= xml->max)
        return true;
    return error_set(xml->error, ERROR_PERMANENT, "more than %zu bytes as XML", xml->max);
}

static bool add_element(struct xml *xml, const struct tag *tag, const json_t *value);

static bool add_children(struct xml *xml, const json_t *value)
{
    static const struct tag item = {"item", NULL};
    const char *name;
    json_t *child;
    size_t index;
    json_object_foreach((json_t *)value, name, child) {
        struct tag tag = tag_of(name);
        if (!add_element(xml, &tag, child))
            return false;
    }
    json_array_foreach(value, index, child)
        if (!add_element(xml, &item, child))
            return false;
    return true;
}

static void add_scalar(struct buffer *out, const json_t *value)
{
    char number[TEXT_AMOUNT_SIZE];
    struct bytes text = json_text_scalar(value, number);
    bool plain = is_text(text.data, text.len);
    buffer_add_text(out, plain ? ">" : " encoding=\"base64\">");
    (plain ? add_escaped : add_base64)(out, text.data, text.len);
}

static bool add_element(struct xml *xml, const struct tag *tag, const json_t *value)
{
    struct buffer *out = xml->out;
    open_tag(out, tag, type_of(value));
    if (json_is_object(value) || json_is_array(value)) {
        buffer_add_text(out, ">");
        if (!add_children(xml, value))
            return false;
    } else {
        add_scalar(out, value);
    }
    buffer_add_text(out, "</");
    buffer_add_text(out, tag->name);
    buffer_add_text(out, ">");
    return is_within(xml);
}

bool xml_add(struct buffer *out, const json_t *object, size_t max, struct error *error)
{
    struct xml xml = {.out = out, .max = max, .error = error};
    buffer_add_text(out, HEAD "<event>");
    if (!add_children(&xml, object))
        return false;
    buffer_add_text(out, "</event>\n");
    return is_within(&xml);
}
