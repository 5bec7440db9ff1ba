/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of (key, value) pairs. */
#include "common/heap.h"

#include <stdlib.h>

#include "common/error.h"
#include "common/memory.h"

static bool before(const struct heap_item *a, const struct heap_item *b)
{
    return a->key != b->key ? a->key < b->key : a->value < b->value;
}

void heap_add(struct heap *heap, int64_t key, int64_t value)
{
    const struct heap_item item = {key, value};
    if (heap->count == heap->cap) {
        heap->cap = heap->cap ? heap->cap * 2 : 16;
        heap->items = mem_array(heap->items, heap->cap, sizeof *heap->items);
    }
    size_t at = heap->count++;
    for (; at > 0 && before(&item, &heap->items[(at - 1) / 2]); at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = item;
}

const struct heap_item *heap_first(const struct heap *heap)
{
    return heap->count ? &heap->items[0] : NULL;
}

struct heap_item heap_take(struct heap *heap)
{
    bug_on(heap->count == 0);
    const struct heap_item first = heap->items[0], last = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (!before(&heap->items[child], &last))
            break;
        heap->items[at] = heap->items[child];
    }
    heap->items[at] = last;
    return first;
}

void heap_release(struct heap *heap)
{
    free(heap->items);
    *heap = (struct heap){NULL, 0, 0};
}
