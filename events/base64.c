/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4). */
#include "events/base64.h"

#include <stdint.h>

#include "common/memory.h"

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Of four characters the first `used` count, the others are padding. */
static bool decode_group(const char *text, size_t used, struct buffer *out)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < used ? digit(text[i]) : 0;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
    }
    unsigned unused_bits = used == 4 ? 0 : used == 3 ? 8 : 16;
    if (bits & ((1u << unused_bits) - 1))
        return false;
    char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
    buffer_add(out, bytes, used - 1);
    return true;
}

bool event_base64_decode(const char *text, size_t len, struct buffer *out)
{
    if (len % 4 != 0)
        return false;
    for (size_t i = 0; i < len; i += 4) {
        size_t used = 4;
        if (i + 4 == len && text[i + 3] == '=')
            used = text[i + 2] == '=' ? 2 : 3;
        if (!decode_group(text + i, used, out))
            return false;
    }
    return true;
}

char *event_base64_encode(const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    char *text = mem_alloc(4 * (len / 3 + 1) + 1), *at = text;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (left > 2 ? bytes[i + 2] : 0);
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[bits & 63] : '=';
    }
    *at = '\0';
    return text;
}
