/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of (key, value) pairs, lowest key first, of equal keys the lowest value; zeroed =
 * empty. Pure. */
#ifndef HOOKLINE_COMMON_HEAP_H
#define HOOKLINE_COMMON_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
    int64_t key, value;
};

struct heap {
    struct heap_item *items;
    size_t count, cap;
};

void heap_add(struct heap *heap, int64_t key, int64_t value);
/* The lowest, not to be changed; NULL where there is none. */
const struct heap_item *heap_first(const struct heap *heap);
/* Takes the lowest out; there must be one. */
struct heap_item heap_take(struct heap *heap);
void heap_release(struct heap *heap);

#endif
