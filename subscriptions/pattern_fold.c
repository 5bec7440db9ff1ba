/* SPDX-License-Identifier: Apache-2.0 */
/* Upper and lower case of the alphabets that names and queues of our users are written in. A table
 * of our own, because towlower() depends on the locale that happens to be there, and a filter must
 * not. No pair changes its encoded length, so that texts can be compared where they lie. */
#include "subscriptions/pattern_tree.h"

struct range {
    uint32_t first, last; /* upper-case letters */
    uint32_t step;        /* 2: every other one, its lower case beside it */
    int32_t distance;     /* to the lower-case letter */
};

static const struct range ranges[] = {
    {0x00c0, 0x00d6, 1, 32}, /* Latin-1 */
    {0x00d8, 0x00de, 1, 32},
    {0x0100, 0x012e, 2, 1}, /* Latin Extended-A, without the Turkish dotless and dotted i */
    {0x0132, 0x0136, 2, 1},
    {0x0139, 0x0147, 2, 1},
    {0x014a, 0x0176, 2, 1},
    {0x0178, 0x0178, 1, -121},
    {0x0179, 0x017d, 2, 1},
    {0x01a0, 0x01a0, 1, 1}, /* Vietnamese */
    {0x01af, 0x01af, 1, 1},
    {0x01cd, 0x01db, 2, 1}, /* Pinyin and others */
    {0x01de, 0x01ee, 2, 1},
    {0x01f8, 0x021e, 2, 1},  /* Romanian and others */
    {0x0386, 0x0386, 1, 38}, /* Greek */
    {0x0388, 0x038a, 1, 37},
    {0x038c, 0x038c, 1, 64},
    {0x038e, 0x038f, 1, 63},
    {0x0391, 0x03a1, 1, 32},
    {0x03a3, 0x03ab, 1, 32},
    {0x03c2, 0x03c2, 1, 1},  /* the final sigma is a sigma */
    {0x0400, 0x040f, 1, 80}, /* Cyrillic */
    {0x0410, 0x042f, 1, 32},
    {0x0460, 0x0480, 2, 1},
    {0x048a, 0x04be, 2, 1},
    {0x04c0, 0x04c0, 1, 15},
    {0x04c1, 0x04cd, 2, 1},
    {0x04d0, 0x052e, 2, 1},
    {0x0531, 0x0556, 1, 48}, /* Armenian */
    {0x1e00, 0x1e94, 2, 1},  /* Latin Extended Additional: Vietnamese, Welsh */
    {0x1ea0, 0x1efe, 2, 1},
    {0xff21, 0xff3a, 1, 32}, /* full width */
};

static uint32_t fold(uint32_t c)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && c >= ranges[i].first; i++)
        if (c <= ranges[i].last && (c - ranges[i].first) % ranges[i].step == 0)
            return (uint32_t)((int32_t)c + ranges[i].distance);
    return c;
}

/* Folds the character at `text` into `out`; returns its length. Four bytes stay as they are: our
 * alphabets have none. */
static size_t fold_character(const unsigned char *text, unsigned char out[4])
{
    unsigned char c = text[0];
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
        return 1;
    }
    if (c < 0xe0) {
        uint32_t folded = fold(((uint32_t)(c & 0x1f) << 6) | (text[1] & 0x3f));
        out[0] = (unsigned char)(0xc0 | (folded >> 6));
        out[1] = (unsigned char)(0x80 | (folded & 0x3f));
        return 2;
    }
    if (c < 0xf0) {
        uint32_t folded = fold(
            ((uint32_t)(c & 0x0f) << 12) | ((uint32_t)(text[1] & 0x3f) << 6) | (text[2] & 0x3f));
        out[0] = (unsigned char)(0xe0 | (folded >> 12));
        out[1] = (unsigned char)(0x80 | ((folded >> 6) & 0x3f));
        out[2] = (unsigned char)(0x80 | (folded & 0x3f));
        return 3;
    }
    memcpy(out, text, 4);
    return 4;
}

void pattern_fold(const char *text, size_t len, char *out)
{
    for (size_t at = 0; at < len;)
        at += fold_character((const unsigned char *)text + at, (unsigned char *)out + at);
}

/* Both are well-formed, and `text` may go on behind `len`: a character that does not end there
 * differs from the one in `folded` in its first byte already. */
bool pattern_fold_equals(const char *text, const char *folded, size_t len)
{
    for (size_t at = 0; at < len;) {
        unsigned char c[4];
        size_t n = fold_character((const unsigned char *)text + at, c);
        if (at + n > len || memcmp(c, folded + at, n) != 0)
            return false;
        at += n;
    }
    return true;
}
