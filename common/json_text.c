/* SPDX-License-Identifier: Apache-2.0 */
/* JSON written straight into a buffer. */
#include "common/json_text.h"

#include <string.h>

#include "common/text.h"

/* The code point if it is one that ends a line or drives a terminal, else 0: C0 and DEL, C1, and
 * the line and paragraph separators. */
static unsigned control_of(const unsigned char *p, size_t n)
{
    if (n == 1 && (*p < 0x20 || *p == 0x7f))
        return *p;
    if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
        return p[1];
    if (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return 0x2000U + p[2] - 0x80;
    return 0;
}

static void add_escaped_character(struct buffer *line, const char *p, size_t n)
{
    static const char shorts[] = "\n\r\t", letters[] = "nrt";
    unsigned control = control_of((const unsigned char *)p, n);
    if (*p == '"' || *p == '\\') {
        buffer_printf(line, "\\%c", *p);
    } else if (!control) {
        buffer_add(line, p, n);
    } else if (control < 0x20 && strchr(shorts, (int)control)) {
        buffer_printf(line, "\\%c", letters[strchr(shorts, (int)control) - shorts]);
    } else {
        buffer_printf(line, "\\u%04x", control);
    }
}

/* How many bytes from `text` on stand for themselves. */
static size_t plain_run(const char *text, size_t len)
{
    size_t run = 0;
    while (
        run < len && text[run] >= ' ' && text[run] < 0x7f && text[run] != '"' && text[run] != '\\')
        run++;
    return run;
}

void json_text_add_string(struct buffer *out, const char *text, size_t max)
{
    size_t whole = strnlen(text, max + 1);
    size_t len = text_utf8_cut(text, whole, max);
    buffer_add(out, "\"", 1);
    for (size_t i = 0; i < len;) {
        size_t n = plain_run(text + i, len - i);
        if (n) {
            buffer_add(out, text + i, n);
        } else {
            n = text_utf8_length(text + i, len - i);
            if (n)
                add_escaped_character(out, text + i, n);
            else
                buffer_add_text(out, "\xef\xbf\xbd");
        }
        i += n ? n : 1;
    }
    buffer_add_text(out, len < whole ? "\xe2\x80\xa6\"" : "\"");
}

void json_text_add_name(struct buffer *out, const char *name)
{
    bool first = out->data[out->len - 1] == '{';
    buffer_add_text(out, first ? "\"" : ",\"");
    buffer_add_text(out, name);
    buffer_add(out, "\":", 2);
}

void json_text_add_int(struct buffer *out, int64_t value)
{
    char digits[TEXT_INT_SIZE];
    buffer_add_text(out, text_format_int(value, digits));
}

void json_text_add_thousandths(struct buffer *out, int64_t value)
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    unsigned part = (unsigned)(size % 1000);
    char fraction[4] = {
        '.', (char)('0' + part / 100), (char)('0' + part / 10 % 10), (char)('0' + part % 10)};
    size_t len = part % 10 ? 4 : part % 100 ? 3 : 2;
    if (value < 0)
        buffer_add(out, "-", 1);
    json_text_add_int(out, (int64_t)(size / 1000));
    buffer_add(out, fraction, len);
}
