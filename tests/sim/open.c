/* SPDX-License-Identifier: Apache-2.0 */
/* The deliveries that are not resolved, of each endpoint by offset; and whether each of them would be
 * found again. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/memory.h"
#include "ledger.h"

struct open_list {
    struct sim_delivery **items; /* some of them may be resolved meanwhile */
    size_t count, cap;
};

static struct open_list lists[ENDPOINTS_MAX];

void open_add(struct sim_delivery *delivery)
{
    struct open_list *list = &lists[delivery->endpoint->index];
    if (list->count == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 64;
        list->items = mem_array(list->items, list->cap, sizeof(struct sim_delivery *));
    }
    list->items[list->count++] = delivery;
}

void open_release(void)
{
    for (int i = 0; i < ENDPOINTS_MAX; i++) {
        free(lists[i].items);
        lists[i] = (struct open_list){NULL, 0, 0};
    }
}

void open_each(const struct sim_endpoint *endpoint,
    void (*fn)(struct sim_delivery *delivery, void *arg), void *arg)
{
    struct open_list *list = &lists[endpoint->index];
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (ledger_resolved(list->items[i]))
            continue;
        list->items[kept++] = list->items[i];
        fn(list->items[i], arg);
    }
    list->count = kept;
}

void open_each_of_all(void (*fn)(struct sim_delivery *delivery, void *arg), void *arg)
{
    for (int i = 0; i < world.endpoint_count; i++)
        open_each(&world.endpoints[i], fn, arg);
}

/* The first at or above `offset`. */
static size_t find_from(const struct open_list *list, int64_t offset)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle]->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void check_found(struct sim_delivery *delivery, void *arg)
{
    const char *why = NULL;
    (void)arg;
    if (!durable_finds(delivery, &why))
        sim_violation("lost: #%" PRId64 " (%s, %s/%d/%" PRId64
                      ") is not done, and if all processes died now nobody would find it: %s",
            delivery->index, delivery->endpoint->key, delivery->log->topic,
            (int)delivery->log->number, delivery->offset, why);
}

void open_check_offsets(const struct sim_log *log, int64_t from, int64_t to)
{
    for (int i = 0; i < world.endpoint_count; i++) {
        const struct open_list *list = &lists[i];
        if (world.endpoints[i].log != log)
            continue;
        for (size_t n = find_from(list, from); n < list->count && list->items[n]->offset < to; n++)
            if (!ledger_resolved(list->items[n]))
                check_found(list->items[n], NULL);
    }
}

void open_check_endpoint(const struct sim_endpoint *endpoint)
{
    open_each(endpoint, check_found, NULL);
}

void open_check_all(void)
{
    open_each_of_all(check_found, NULL);
}
