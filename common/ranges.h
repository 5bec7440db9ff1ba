/* SPDX-License-Identifier: Apache-2.0 */
/* A set of offsets, kept as ascending, disjoint, not adjacent half-open ranges. Pure. */
#ifndef HOOKLINE_COMMON_RANGES_H
#define HOOKLINE_COMMON_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

struct range {
    int64_t from, to; /* [from, to) */
};

struct ranges {
    struct range *items;
    size_t count, cap;
};

#define RANGES_INIT {NULL, 0, 0}

void ranges_release(struct ranges *ranges);
/* An empty or reversed range changes nothing. */
void ranges_add(struct ranges *ranges, int64_t from, int64_t to);
void ranges_remove(struct ranges *ranges, int64_t from, int64_t to);
bool ranges_contain(const struct ranges *ranges, int64_t value);
/* The lowest value from `from` on that is not in the set. */
int64_t ranges_next_gap(const struct ranges *ranges, int64_t from);
/* The lowest value from `from` on that is in the set; -1 = none. */
int64_t ranges_next(const struct ranges *ranges, int64_t from);
void ranges_drop_below(struct ranges *ranges, int64_t value);

/* Appends the set as text, each range as the gap since the end of the one before (`base` at first)
 * and its length: "2+3,1+10". Ranges that would make it longer than `max_bytes` are left out, from
 * the top. Nothing may lie below `base`. */
void ranges_print(const struct ranges *ranges, int64_t base, size_t max_bytes, struct buffer *out);
/* Reads `len` bytes of that back into an empty set; false, and still empty, where they are nothing
 * that ranges_print() writes (gaps may be 0 only at first; nothing, `base` included, is negative or
 * exceeds 2^62). */
bool ranges_parse(struct ranges *ranges, int64_t base, const char *text, size_t len);

#endif
