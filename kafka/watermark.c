/* SPDX-License-Identifier: Apache-2.0 */
/* The low watermark of one partition. */
#include "kafka/watermark.h"

#include <stdlib.h>

#include "common/memory.h"

void watermark_init(struct watermark *mark)
{
    *mark = (struct watermark){.next = -1};
}

void watermark_release(struct watermark *mark)
{
    free(mark->entries);
    watermark_init(mark);
}

static struct watermark_entry *entry(const struct watermark *mark, size_t index)
{
    return &mark->entries[(mark->first + index) % mark->cap];
}

static void grow(struct watermark *mark)
{
    size_t cap = mark->cap ? mark->cap * 2 : 64;
    struct watermark_entry *entries = mem_array(NULL, cap, sizeof *entries);
    for (size_t i = 0; i < mark->count; i++)
        entries[i] = *entry(mark, i);
    free(mark->entries);
    mark->entries = entries;
    mark->cap = cap;
    mark->first = 0;
}

bool watermark_take(struct watermark *mark, int64_t offset)
{
    if (offset < 0 || offset < mark->next)
        return false;
    if (mark->count == mark->cap)
        grow(mark);
    *entry(mark, mark->count) = (struct watermark_entry){offset, false};
    mark->count++;
    mark->next = offset + 1;
    return true;
}

/* The index of `offset`, by bisection (offsets ascend), or `count`. */
static size_t find(const struct watermark *mark, int64_t offset)
{
    size_t low = 0, high = mark->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry(mark, middle)->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < mark->count && entry(mark, low)->offset == offset ? low : mark->count;
}

void watermark_done(struct watermark *mark, int64_t offset)
{
    size_t index = find(mark, offset);
    if (index == mark->count)
        return;
    entry(mark, index)->done = true;
    while (mark->count && entry(mark, 0)->done) {
        mark->first = (mark->first + 1) % mark->cap;
        mark->count--;
    }
}

int64_t watermark_low(const struct watermark *mark)
{
    return mark->count ? entry(mark, 0)->offset : mark->next;
}

size_t watermark_pending(const struct watermark *mark)
{
    size_t pending = 0;
    for (size_t i = 0; i < mark->count; i++)
        pending += !entry(mark, i)->done;
    return pending;
}
