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

void watermark_start(struct watermark *mark, int64_t offset)
{
    mark->first = mark->count = 0;
    mark->next = offset;
}

bool watermark_take(struct watermark *mark, int64_t offset)
{
    if (offset < 0 || offset < mark->next)
        return false;
    if (mark->count == mark->cap)
        grow(mark);
    *entry(mark, mark->count) = (struct watermark_entry){.offset = offset};
    mark->count++;
    mark->next = offset + 1;
    return true;
}

/* The index of the lowest entry at or above `offset`, by bisection (offsets ascend), or `count`. */
static size_t find_from(const struct watermark *mark, int64_t offset)
{
    size_t low = 0, high = mark->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry(mark, middle)->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct watermark_entry *find(const struct watermark *mark, int64_t offset)
{
    size_t index = find_from(mark, offset);
    return index < mark->count && entry(mark, index)->offset == offset ? entry(mark, index) : NULL;
}

static bool advance(struct watermark *mark, int64_t offset, enum watermark_state state)
{
    struct watermark_entry *found = find(mark, offset);
    if (!found || found->state >= state)
        return false;
    found->state = state;
    while (mark->count && entry(mark, 0)->state != WATERMARK_TAKEN) {
        mark->first = (mark->first + 1) % mark->cap;
        mark->count--;
    }
    return true;
}

bool watermark_done(struct watermark *mark, int64_t offset)
{
    return advance(mark, offset, WATERMARK_DONE);
}

bool watermark_cover(struct watermark *mark, int64_t offset)
{
    return advance(mark, offset, WATERMARK_COVERED);
}

void watermark_tag(struct watermark *mark, int64_t offset, uint32_t tag)
{
    struct watermark_entry *found = find(mark, offset);
    if (found)
        found->tag = tag;
}

int64_t watermark_low(const struct watermark *mark)
{
    return mark->count ? entry(mark, 0)->offset : mark->next;
}

void watermark_ranges(const struct watermark *mark, struct ranges *out)
{
    for (size_t i = 0; i < mark->count; i++) {
        if (entry(mark, i)->state != WATERMARK_DONE)
            continue;
        int64_t from = entry(mark, i)->offset;
        while (i + 1 < mark->count && entry(mark, i + 1)->state == WATERMARK_DONE)
            i++;
        ranges_add(out, from, entry(mark, i)->offset + 1);
    }
}

void watermark_each(const struct watermark *mark, int64_t from,
    void (*fn)(void *arg, int64_t offset, uint32_t tag, bool done), void *arg)
{
    for (size_t i = find_from(mark, from); i < mark->count; i++) {
        const struct watermark_entry *each = entry(mark, i);
        fn(arg, each->offset, each->tag, each->state == WATERMARK_DONE);
    }
}
