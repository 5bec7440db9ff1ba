/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts in bounded memory, by tenant. */
#include "console/attempt_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/table.h"
#include "console/attempt_ring.h"

#define LOOK_MAX 10000 /* attempts that one question looks at */
/* What a tenant takes besides its attempts: itself, and its places in the table and the heap. */
#define TENANT_SIZE (sizeof(struct tenant) + 128)

struct tenant {
    UT_hash_handle hh;
    struct attempt_ring ring;
    size_t bytes;
    size_t place; /* in the heap */
    char id[];
};

struct attempt_store {
    struct tenant *tenants; /* each has at least one attempt */
    struct tenant **heap;   /* who has the most bytes first */
    size_t tenant_count, heap_cap;
    size_t max_bytes, max_per_tenant;
    size_t count, bytes;
    uint64_t last_number;
};

/* --- Who has the most ------------------------------------------------------------------------ */

static void set_place(struct attempt_store *store, struct tenant *tenant, size_t place)
{
    store->heap[place] = tenant;
    tenant->place = place;
}

static void sift_up(struct attempt_store *store, struct tenant *tenant)
{
    size_t at = tenant->place;
    for (; at > 0 && store->heap[(at - 1) / 2]->bytes < tenant->bytes; at = (at - 1) / 2)
        set_place(store, store->heap[(at - 1) / 2], at);
    set_place(store, tenant, at);
}

static void sift_down(struct attempt_store *store, struct tenant *tenant)
{
    size_t at = tenant->place;
    for (size_t child; (child = 2 * at + 1) < store->tenant_count; at = child) {
        if (child + 1 < store->tenant_count &&
            store->heap[child + 1]->bytes > store->heap[child]->bytes)
            child++;
        if (store->heap[child]->bytes <= tenant->bytes)
            break;
        set_place(store, store->heap[child], at);
    }
    set_place(store, tenant, at);
}

/* --- Tenants --------------------------------------------------------------------------------- */

static struct tenant *find_tenant(const struct attempt_store *store, const char *id)
{
    struct tenant *tenant = NULL;
    HASH_FIND_STR(store->tenants, id, tenant);
    return tenant;
}

static struct tenant *add_tenant(struct attempt_store *store, const char *id)
{
    size_t len = strlen(id);
    struct tenant *tenant = mem_zalloc(sizeof *tenant + len + 1);
    memcpy(tenant->id, id, len);
    tenant->bytes = TENANT_SIZE + len;
    store->bytes += tenant->bytes;
    HASH_ADD_KEYPTR(hh, store->tenants, tenant->id, len, tenant);
    if (store->tenant_count == store->heap_cap) {
        store->heap_cap = store->heap_cap ? 2 * store->heap_cap : 16;
        store->heap = mem_array(store->heap, store->heap_cap, sizeof(struct tenant *));
    }
    tenant->place = store->tenant_count++;
    sift_up(store, tenant);
    return tenant;
}

static void remove_tenant(struct attempt_store *store, struct tenant *tenant)
{
    struct tenant *last = store->heap[--store->tenant_count];
    if (last != tenant) {
        last->place = tenant->place;
        sift_up(store, last);
        sift_down(store, last);
    }
    store->bytes -= tenant->bytes;
    HASH_DEL(store->tenants, tenant);
    attempt_ring_release(&tenant->ring);
    free(tenant);
}

/* --- Attempts -------------------------------------------------------------------------------- */

static void drop_oldest(struct attempt_store *store, struct tenant *tenant)
{
    struct attempt *attempt = attempt_ring_take(&tenant->ring);
    size_t size = attempt_size(attempt);
    free(attempt);
    tenant->bytes -= size;
    store->bytes -= size;
    store->count--;
    sift_down(store, tenant);
}

static void make_room(struct attempt_store *store)
{
    while (store->bytes > store->max_bytes && store->tenants) {
        struct tenant *tenant = store->heap[0];
        drop_oldest(store, tenant);
        if (tenant->ring.count == 0)
            remove_tenant(store, tenant);
    }
}

void attempt_store_add(struct attempt_store *store, const struct result *result,
    struct wall_time at, const char *json, size_t len)
{
    struct tenant *tenant = find_tenant(store, result->tenant);
    if (!tenant)
        tenant = add_tenant(store, result->tenant);
    struct attempt *attempt = attempt_new(++store->last_number, at, result, json, len);
    size_t size = attempt_size(attempt);
    attempt_ring_add(&tenant->ring, attempt);
    tenant->bytes += size;
    store->bytes += size;
    store->count++;
    sift_up(store, tenant);
    if (tenant->ring.count > store->max_per_tenant)
        drop_oldest(store, tenant);
    make_room(store);
}

static bool text_matches(const char *wanted, const char *text)
{
    return !wanted || strcmp(wanted, text) == 0;
}

static bool matches(const struct attempts_query *query, const struct attempt *attempt)
{
    return (query->outcome < 0 || query->outcome == (int)attempt->outcome) &&
           (query->from.ms < 0 || attempt->at.ms >= query->from.ms) &&
           (query->to.ms < 0 || (attempt->at.ms >= 0 && attempt->at.ms < query->to.ms)) &&
           text_matches(query->subscription, attempt->subscription) &&
           text_matches(query->event, attempt->event) && text_matches(query->id, attempt->id);
}

uint64_t attempt_store_find(const struct attempt_store *store, const struct attempts_query *query,
    attempts_found *fn, void *arg)
{
    const struct tenant *tenant = find_tenant(store, query->tenant);
    if (!tenant)
        return 0;
    const struct attempt_ring *ring = &tenant->ring;
    size_t left = query->before ? attempt_ring_below(ring, query->before) : ring->count;
    int64_t found = 0;
    for (int looked = 1; left > 0; looked++) {
        const struct attempt *attempt = attempt_ring_at(ring, --left);
        if (matches(query, attempt)) {
            fn(attempt->number, attempt->json, attempt->len, arg);
            found++;
        }
        if (left > 0 && (found >= query->limit || looked == LOOK_MAX))
            return attempt->number;
    }
    return 0;
}

void attempt_store_sort(struct attempt_store *store)
{
    for (size_t i = 0; i < store->tenant_count; i++)
        attempt_ring_sort(&store->heap[i]->ring);
}

size_t attempt_store_count(const struct attempt_store *store)
{
    return store->count;
}

size_t attempt_store_bytes(const struct attempt_store *store)
{
    return store->bytes;
}

struct attempt_store *attempt_store_new(int64_t max_bytes, int64_t max_per_tenant)
{
    struct attempt_store *store = mem_zalloc(sizeof *store);
    store->max_bytes = (size_t)max_bytes;
    store->max_per_tenant = (size_t)max_per_tenant;
    return store;
}

void attempt_store_free(struct attempt_store *store)
{
    if (!store)
        return;
    HASH_CLEAR(hh, store->tenants); /* what was in it stays in the heap */
    for (size_t i = 0; i < store->tenant_count; i++) {
        attempt_ring_release(&store->heap[i]->ring);
        free(store->heap[i]);
    }
    free(store->heap);
    free(store);
}
