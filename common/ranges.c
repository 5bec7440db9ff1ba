/* SPDX-License-Identifier: Apache-2.0 */
/* A set of offsets, kept as ranges. */
#include "common/ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"

#define VALUE_MAX (INT64_C(1) << 62)

void ranges_release(struct ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct ranges)RANGES_INIT;
}

/* The index of the first range that ends at or above `value`, or `count`. */
static size_t find(const struct ranges *ranges, int64_t value)
{
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].to < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts `more` ranges, at most one more than go, in the place of those from index `first` to below
 * `last`. */
static void replace(
    struct ranges *ranges, size_t first, size_t last, const struct range *with, size_t more)
{
    size_t count = ranges->count - (last - first) + more;
    if (count > ranges->cap) {
        ranges->cap = ranges->cap ? ranges->cap * 2 : 8;
        ranges->items = mem_array(ranges->items, ranges->cap, sizeof *ranges->items);
    }
    if (last < ranges->count)
        memmove(&ranges->items[first + more], &ranges->items[last],
            (ranges->count - last) * sizeof *ranges->items);
    if (more)
        memcpy(&ranges->items[first], with, more * sizeof *with);
    ranges->count = count;
}

void ranges_add(struct ranges *ranges, int64_t from, int64_t to)
{
    if (from >= to)
        return;
    size_t first = find(ranges, from), last = first;
    struct range whole = {from, to};
    for (; last < ranges->count && ranges->items[last].from <= to; last++) {
        const struct range *item = &ranges->items[last];
        whole.from = item->from < whole.from ? item->from : whole.from;
        whole.to = item->to > whole.to ? item->to : whole.to;
    }
    replace(ranges, first, last, &whole, 1);
}

void ranges_remove(struct ranges *ranges, int64_t from, int64_t to)
{
    if (from >= to)
        return;
    size_t first = find(ranges, from), last = first, rest = 0;
    struct range rests[2]; /* left of `from` and right of `to`: one may only touch `from` */
    for (; last < ranges->count && ranges->items[last].from < to; last++) {
        const struct range item = ranges->items[last];
        if (item.from < from)
            rests[rest++] = (struct range){item.from, from};
        if (item.to > to)
            rests[rest++] = (struct range){to, item.to};
    }
    replace(ranges, first, last, rests, rest);
}

bool ranges_contain(const struct ranges *ranges, int64_t value)
{
    return ranges_next_gap(ranges, value) != value;
}

int64_t ranges_next_gap(const struct ranges *ranges, int64_t from)
{
    size_t at = find(ranges, from);
    return at < ranges->count && ranges->items[at].from <= from ? ranges->items[at].to : from;
}

int64_t ranges_next(const struct ranges *ranges, int64_t from)
{
    size_t at = find(ranges, from);
    if (at < ranges->count && ranges->items[at].to == from)
        at++; /* it ends right before */
    if (at == ranges->count)
        return -1;
    return ranges->items[at].from > from ? ranges->items[at].from : from;
}

void ranges_drop_below(struct ranges *ranges, int64_t value)
{
    ranges_remove(ranges, INT64_MIN, value);
}

void ranges_print(const struct ranges *ranges, int64_t base, size_t max_bytes, struct buffer *out)
{
    size_t start = out->len;
    bug_on(ranges->count > 0 && ranges->items[0].from < base);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct range *item = &ranges->items[i];
        char text[48];
        int n = snprintf(text, sizeof text, "%s%" PRId64 "+%" PRId64, i ? "," : "",
            item->from - base, item->to - item->from);
        if ((size_t)n > max_bytes - (out->len - start))
            return;
        buffer_add(out, text, (size_t)n);
        base = item->to;
    }
}

/* The number, as printf writes it and at most `max`, that the text begins with. Returns what stands
 * behind it, NULL if there is none. */
static const char *parse_number(const char *text, const char *end, int64_t max, int64_t *ret_value)
{
    const char *p = text;
    int64_t value = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        bool zero_in_front = p > text && value == 0;
        if (zero_in_front || value > max / 10 || 10 * value > max - (*p - '0'))
            return NULL;
        value = 10 * value + (*p - '0');
    }
    if (p == text)
        return NULL;
    *ret_value = value;
    return p;
}

/* "gap+length" with which the text begins, above `at`. Returns what stands behind it, or NULL. */
static const char *parse_range(
    const char *text, const char *end, int64_t at, struct range *ret_range)
{
    int64_t gap = 0, length = 0;
    text = parse_number(text, end, VALUE_MAX - at, &gap);
    if (!text || text == end || *text != '+')
        return NULL;
    text = parse_number(text + 1, end, VALUE_MAX - at - gap, &length);
    if (!text || length == 0)
        return NULL;
    *ret_range = (struct range){at + gap, at + gap + length};
    return text;
}

static bool parse(struct ranges *ranges, int64_t base, const char *text, const char *end)
{
    if (base < 0 || base > VALUE_MAX)
        return false;
    for (int64_t at = base; text < end; text++) { /* behind the comma */
        struct range range = {0, 0};
        text = parse_range(text, end, at, &range);
        if (!text || (ranges->count > 0 && range.from == at))
            return false;
        ranges_add(ranges, range.from, range.to);
        at = range.to;
        if (text == end)
            return true;
        if (*text != ',')
            return false;
    }
    return ranges->count == 0; /* nothing at all, or a comma at the end */
}

bool ranges_parse(struct ranges *ranges, int64_t base, const char *text, size_t len)
{
    bool good = len == 0 || parse(ranges, base, text, text + len);
    if (!good)
        ranges_release(ranges);
    return good;
}
