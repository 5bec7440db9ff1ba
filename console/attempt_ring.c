/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts of one tenant, oldest first. */
#include "console/attempt_ring.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"

#define CAP_MIN 4
/* What the allocator and a ring, which is never less than a quarter full, have of each. */
#define OVERHEAD (16 + 4 * sizeof(struct attempt *))

static const char *append(char **end, const char *text)
{
    char *begin = *end;
    size_t size = strlen(text) + 1;
    memcpy(begin, text, size);
    *end += size;
    return begin;
}

struct attempt *attempt_new(
    uint64_t number, struct wall_time at, const struct result *result, const char *json, size_t len)
{
    size_t texts = strlen(result->id) + strlen(result->subscription) + strlen(result->event) + 3;
    struct attempt *attempt = mem_alloc(sizeof *attempt + len + 1 + texts);
    char *end = attempt->json + len + 1;
    memcpy(attempt->json, json, len);
    attempt->json[len] = '\0';
    attempt->len = len;
    attempt->number = number;
    attempt->at = at;
    attempt->outcome = result->outcome;
    attempt->id = append(&end, result->id);
    attempt->subscription = append(&end, result->subscription);
    attempt->event = append(&end, result->event);
    return attempt;
}

size_t attempt_size(const struct attempt *attempt)
{
    const char *last = attempt->event; /* the last in the allocation */
    return (size_t)(last - (const char *)attempt) + strlen(last) + 1 + OVERHEAD;
}

static struct attempt **slot(const struct attempt_ring *ring, size_t index)
{
    return &ring->items[(ring->first + index) % ring->cap];
}

/* The oldest is first in the array then. */
static void move(struct attempt_ring *ring, size_t cap)
{
    struct attempt **items = mem_array(NULL, cap, sizeof(struct attempt *));
    for (size_t i = 0; i < ring->count; i++)
        items[i] = *slot(ring, i);
    free(ring->items);
    ring->items = items;
    ring->cap = cap;
    ring->first = 0;
}

void attempt_ring_add(struct attempt_ring *ring, struct attempt *attempt)
{
    if (ring->count == ring->cap)
        move(ring, ring->cap ? 2 * ring->cap : CAP_MIN);
    *slot(ring, ring->count++) = attempt;
}

struct attempt *attempt_ring_take(struct attempt_ring *ring)
{
    bug_on(ring->count == 0);
    struct attempt *attempt = *slot(ring, 0);
    ring->first = (ring->first + 1) % ring->cap;
    ring->count--;
    if (ring->cap > CAP_MIN && ring->count <= ring->cap / 4)
        move(ring, ring->cap / 2);
    return attempt;
}

const struct attempt *attempt_ring_at(const struct attempt_ring *ring, size_t index)
{
    bug_on(index >= ring->count);
    return *slot(ring, index);
}

size_t attempt_ring_below(const struct attempt_ring *ring, uint64_t number)
{
    size_t low = 0, high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((*slot(ring, middle))->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int by_time(const void *a, const void *b)
{
    const struct attempt *left = *(struct attempt *const *)a, *right = *(struct attempt *const *)b;
    if (left->at.ms != right->at.ms)
        return left->at.ms < right->at.ms ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

void attempt_ring_sort(struct attempt_ring *ring)
{
    if (ring->count < 2)
        return;
    move(ring, ring->cap);
    uint64_t *numbers = mem_array(NULL, ring->count, sizeof *numbers);
    for (size_t i = 0; i < ring->count; i++)
        numbers[i] = ring->items[i]->number;
    qsort(ring->items, ring->count, sizeof(struct attempt *), by_time);
    for (size_t i = 0; i < ring->count; i++)
        ring->items[i]->number = numbers[i];
    free(numbers);
}

void attempt_ring_release(struct attempt_ring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        free(*slot(ring, i));
    free(ring->items);
    *ring = (struct attempt_ring){NULL, 0, 0, 0};
}
