/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions about text. */
#include "common/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Unicode 15, table 3-7: only the second byte has limits of its own. */
static const struct utf8_row {
    uint8_t first, last; /* of the first byte */
    uint8_t low, high;   /* of the second byte */
    uint8_t length;
} utf8_rows[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static const struct utf8_row *utf8_row(uint8_t first)
{
    for (size_t i = 0; i < sizeof utf8_rows / sizeof *utf8_rows; i++)
        if (first >= utf8_rows[i].first && first <= utf8_rows[i].last)
            return &utf8_rows[i];
    return NULL;
}

size_t text_utf8_length(const void *data, size_t len)
{
    const uint8_t *p = data;
    if (len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    const struct utf8_row *row = utf8_row(p[0]);
    if (!row || len < row->length || p[1] < row->low || p[1] > row->high)
        return 0;
    for (size_t i = 2; i < row->length; i++)
        if (!is_continuation(p[i]))
            return 0;
    return row->length;
}

/* The length of a run of whole 8-byte words of ASCII: most of what we check is nothing else. */
static size_t ascii_words(const uint8_t *p, size_t len)
{
    size_t i = 0;
    for (uint64_t word; len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (word & 0x8080808080808080U)
            break;
    }
    return i;
}

bool text_is_utf8(const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t i = 0;
    while (i < len) {
        i += ascii_words(p + i, len - i);
        if (i == len)
            break;
        size_t n = text_utf8_length(p + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t text_utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t cut = max;
    while (cut > 0 && max - cut < 3 && is_continuation((uint8_t)text[cut]))
        cut--;
    return is_continuation((uint8_t)text[cut]) ? max : cut; /* not UTF-8: cut anywhere */
}

/* `len` without the beginning of a character whose end was cut off. */
static size_t whole_characters(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = (unsigned char)text[len - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return size > back ? len - back : len;
    }
    return len;
}

size_t text_readable(const char *data, size_t len, size_t max)
{
    len = whole_characters(data, len < max ? len : max);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return 0;
    }
    return text_is_utf8(data, len) ? len : 0;
}

static bool in_set(char c, const char *set)
{
    for (const char *s = set; *s; s++) {
        if (s[1] == '-' && s[2]) {
            if (c >= s[0] && c <= s[2])
                return true;
            s += 2;
        } else if (c == *s) {
            return true;
        }
    }
    return false;
}

bool text_matches_set(const char *text, size_t max, const char *set)
{
    size_t len = 0;
    for (; text[len]; len++)
        if (len == max || !in_set(text[len], set))
            return false;
    return len > 0;
}

/* Longer words are no names that somebody mistyped. */
#define NEAREST_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein; `row` keeps the distances of the part of `a` seen so far to each start of `b`. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = min3(row[j] + 1, row[j - 1] + 1, replaced);
        }
    }
    return row[b_len];
}

const char *text_nearest(const char *word, const char *const *candidates)
{
    size_t len = strnlen(word, NEAREST_MAX + 1);
    if (len == 0 || len > NEAREST_MAX)
        return NULL;
    size_t best = (len < 3 ? 1 : len / 3) + 1;
    const char *nearest = NULL;
    for (; *candidates; candidates++) {
        size_t candidate_len = strnlen(*candidates, NEAREST_MAX + 1);
        if (candidate_len > NEAREST_MAX)
            continue;
        size_t d = distance(word, len, *candidates, candidate_len);
        if (d < best) {
            best = d;
            nearest = *candidates;
        }
    }
    return nearest;
}

bool text_glob(const char *pattern, const char *text)
{
    /* A later `*` can do all that an earlier one could: one place to go back to is enough. */
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* The digits at `text`, of which there must be one. Stops behind them; false if they overflow. */
static bool parse_digits(const char **text, bool negative, int64_t *ret_value)
{
    const char *p = *text;
    int64_t value = 0;
    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        int digit = negative ? '0' - *p : *p - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *text = p;
    *ret_value = value;
    return true;
}

bool text_parse_int(const char *text, int64_t *ret_value)
{
    int64_t value;
    bool negative = *text == '-';
    text += negative;
    if (!parse_digits(&text, negative, &value) || *text)
        return false;
    *ret_value = value;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", 60000},
    {"h", 3600000},
    {"d", 86400000},
    {NULL, 0},
};

static const struct unit size_units[] = {
    {"", 1},
    {"kB", 1000},
    {"KiB", 1024},
    {"MB", 1000000},
    {"MiB", 1048576},
    {"GB", 1000000000},
    {"GiB", 1073741824},
    {NULL, 0},
};

static bool parse_amount(const char *text, const struct unit *unit, int64_t *ret_value)
{
    int64_t value;
    if (!parse_digits(&text, false, &value))
        return false;
    while (unit->name && strcmp(unit->name, text) != 0)
        unit++;
    if (!unit->name || __builtin_mul_overflow(value, unit->factor, &value))
        return false;
    *ret_value = value;
    return true;
}

bool text_parse_duration(const char *text, int64_t *ret_ms, struct error *error)
{
    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return true;
    }
    if (!parse_amount(text, duration_units, ret_ms))
        return error_set(error, ERROR_CONFIG,
            "\"%.64s\" is not a duration (a whole number and ms, s, m, h or d, "
            "such as \"10s\")",
            text);
    return true;
}

bool text_parse_size(const char *text, int64_t *ret_bytes, struct error *error)
{
    if (!parse_amount(text, size_units, ret_bytes))
        return error_set(error, ERROR_CONFIG,
            "\"%.64s\" is not a size (a whole number of bytes, or one with KiB, MiB, "
            "GiB, kB, MB or GB, such as \"64KiB\")",
            text);
    return true;
}

/* Of all units that divide the value, the one that makes the shortest text; the larger of two. */
static const char *format_amount(int64_t value, const struct unit *unit, char out[TEXT_AMOUNT_SIZE])
{
    size_t shortest = TEXT_AMOUNT_SIZE;
    for (; unit->name; unit++) {
        char text[TEXT_AMOUNT_SIZE];
        if (value % unit->factor != 0)
            continue;
        long long count = value / unit->factor;
        int n = snprintf(text, sizeof text, "%lld%s", count, unit->name);
        if ((size_t)n <= shortest) {
            shortest = (size_t)n;
            memcpy(out, text, sizeof text);
        }
    }
    return out;
}

static const char *format_zero(char out[TEXT_AMOUNT_SIZE])
{
    snprintf(out, TEXT_AMOUNT_SIZE, "0");
    return out;
}

const char *text_format_duration(int64_t ms, char out[TEXT_AMOUNT_SIZE])
{
    return ms ? format_amount(ms, duration_units, out) : format_zero(out);
}

const char *text_format_size(int64_t bytes, char out[TEXT_AMOUNT_SIZE])
{
    return bytes ? format_amount(bytes, size_units, out) : format_zero(out);
}

const char *text_format_number(double value, char out[TEXT_AMOUNT_SIZE])
{
    if (isnan(value) || isinf(value)) {
        snprintf(out, TEXT_AMOUNT_SIZE, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    } else if (fabs(value) < 1e18 && value == (double)(int64_t)value) {
        snprintf(out, TEXT_AMOUNT_SIZE, "%lld", (long long)value);
    } else {
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(out, TEXT_AMOUNT_SIZE, "%.*g", digits, value);
            if (strtod(out, NULL) == value)
                break;
        }
    }
    return out;
}

const char *text_format_int(int64_t value, char out[TEXT_INT_SIZE])
{
    char digits[TEXT_INT_SIZE - 1];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    memcpy(out, digits + at, sizeof digits - at);
    out[sizeof digits - at] = '\0';
    return out;
}

void text_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = '\0';
}

bool text_parse_time(const char *text, struct wall_time *ret_time)
{
    struct tm tm = {.tm_isdst = 0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t ms = 0;
    if (!end)
        return false;
    if (*end == '.') {
        int64_t unit = 100;
        for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
            ms += (*end - '0') * unit;
    }
    if (strcmp(end, "Z") != 0)
        return false;
    *ret_time = (struct wall_time){(int64_t)timegm(&tm) * 1000 + ms};
    return true;
}
