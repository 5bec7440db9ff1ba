/* SPDX-License-Identifier: Apache-2.0 */
/* The store's table: tenants by id, each with its subscriptions by id. */
#include "subscriptions/tenants.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/table.h"
#include "events/event.h"

/* Types come from outside: so many are remembered. A tenant's events have a dozen. */
#define TYPES_MAX 64

/* The subscriptions that want a type; no references. */
struct wanting {
    char type[EVENT_TYPE_MAX + 1];
    struct subscription **subscriptions;
    size_t count;
    UT_hash_handle hh;
};

struct tenant {
    struct store_tenant view; /* first: what others see; its array is the one below */
    char id[SUBSCRIPTION_TENANT_MAX + 1];
    struct subscription **subscriptions; /* a reference each */
    size_t cap;
    struct wanting *wanting; /* by type, as far as was asked since the last change */
    UT_hash_handle hh;
};

void tenants_init(struct tenants *tenants)
{
    *tenants = (struct tenants){0};
}

static void forget_wanting(struct tenant *tenant)
{
    struct wanting *each = tenant->wanting, *next;
    HASH_CLEAR(hh, tenant->wanting); /* frees the table only */
    for (; each; each = next) {
        next = each->hh.next;
        free(each->subscriptions);
        free(each);
    }
}

static void tenant_free(struct tenant *tenant)
{
    forget_wanting(tenant);
    for (size_t i = 0; i < tenant->view.subscription_count; i++)
        subscription_unref(tenant->subscriptions[i]);
    free(tenant->subscriptions);
    free(tenant);
}

void tenants_release(struct tenants *tenants)
{
    HASH_CLEAR(hh, tenants->table);
    for (size_t i = 0; i < tenants->count; i++)
        tenant_free(tenants->sorted[i]);
    free(tenants->sorted);
    tenants_init(tenants);
}

static struct tenant *find(const struct tenants *tenants, const char *id)
{
    struct tenant *tenant;
    HASH_FIND_STR(tenants->table, id, tenant);
    return tenant;
}

/* The place of `id` in `sorted`, or where it would have to be put in. */
static size_t tenant_place(const struct tenants *tenants, const char *id)
{
    size_t low = 0, high = tenants->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(tenants->sorted[middle]->id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t subscription_place(const struct store_tenant *view, const char *id)
{
    size_t low = 0, high = view->subscription_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(view->subscriptions[middle]->id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool subscription_is_at(const struct store_tenant *view, size_t place, const char *id)
{
    return place < view->subscription_count && strcmp(view->subscriptions[place]->id, id) == 0;
}

const struct store_tenant *tenants_find(const struct tenants *tenants, const char *id)
{
    const struct tenant *tenant = find(tenants, id);
    return tenant ? &tenant->view : NULL;
}

const struct store_tenant *tenants_at(const struct tenants *tenants, size_t index)
{
    return &tenants->sorted[index]->view;
}

struct subscription *tenants_find_subscription(
    const struct tenants *tenants, const char *tenant, const char *id)
{
    const struct store_tenant *view = tenants_find(tenants, tenant);
    if (!view)
        return NULL;
    size_t place = subscription_place(view, id);
    return subscription_is_at(view, place, id) ? view->subscriptions[place] : NULL;
}

static struct tenant *find_or_add(struct tenants *tenants, const char *id)
{
    struct tenant *tenant = find(tenants, id);
    if (tenant)
        return tenant;
    tenant = mem_zalloc(sizeof *tenant);
    memcpy(tenant->id, id, strlen(id) + 1);
    tenant->view.id = tenant->id;
    HASH_ADD_STR(tenants->table, id, tenant);
    if (tenants->count == tenants->cap) {
        tenants->cap = tenants->cap ? 2 * tenants->cap : 16;
        tenants->sorted = mem_array(tenants->sorted, tenants->cap, sizeof(struct tenant *));
    }
    size_t place = tenant_place(tenants, id);
    memmove(tenants->sorted + place + 1, tenants->sorted + place,
        (tenants->count - place) * sizeof(struct tenant *));
    tenants->sorted[place] = tenant;
    tenants->count++;
    return tenant;
}

bool tenants_set_partitions(struct tenants *tenants, const char *id, int32_t partitions)
{
    struct tenant *tenant = partitions ? find_or_add(tenants, id) : find(tenants, id);
    if (!tenant || tenant->view.partitions == partitions)
        return false;
    tenant->view.partitions = partitions;
    return true;
}

static void find_wanting(const struct tenant *tenant, struct wanting *wanting)
{
    size_t count = tenant->view.subscription_count;
    wanting->subscriptions = mem_array(NULL, count + 1, sizeof(struct subscription *));
    for (size_t i = 0; i < count; i++) {
        struct subscription *each = tenant->subscriptions[i];
        if (each->enabled && subscription_wants(each, wanting->type))
            wanting->subscriptions[wanting->count++] = each;
    }
    wanting->subscriptions =
        mem_array(wanting->subscriptions, wanting->count + 1, sizeof(struct subscription *));
}

struct store_wanting tenants_wanting(const struct store_tenant *view, const char *type)
{
    struct tenant *tenant = (struct tenant *)view;
    struct wanting *wanting;
    HASH_FIND_STR(tenant->wanting, type, wanting);
    if (!wanting) {
        if (HASH_COUNT(tenant->wanting) >= TYPES_MAX)
            forget_wanting(tenant);
        wanting = mem_zalloc(sizeof *wanting);
        memcpy(wanting->type, type, strlen(type) + 1);
        find_wanting(tenant, wanting);
        HASH_ADD_STR(tenant->wanting, type, wanting);
    }
    return (struct store_wanting){wanting->subscriptions, wanting->count};
}

static void tenant_changed(struct tenant *tenant)
{
    tenant->view.subscriptions = tenant->subscriptions;
    forget_wanting(tenant);
}

static void insert(struct tenant *tenant, size_t place, struct subscription *subscription)
{
    size_t count = tenant->view.subscription_count;
    if (count == tenant->cap) {
        tenant->cap = tenant->cap ? 2 * tenant->cap : 4;
        tenant->subscriptions =
            mem_array(tenant->subscriptions, tenant->cap, sizeof(struct subscription *));
    }
    memmove(tenant->subscriptions + place + 1, tenant->subscriptions + place,
        (count - place) * sizeof(struct subscription *));
    tenant->subscriptions[place] = subscription_ref(subscription);
    tenant->view.subscription_count++;
}

bool tenants_put(struct tenants *tenants, struct subscription *subscription, size_t max)
{
    struct tenant *tenant = find(tenants, subscription->tenant);
    size_t place = tenant ? subscription_place(&tenant->view, subscription->id) : 0;
    if (tenant && subscription_is_at(&tenant->view, place, subscription->id)) {
        struct subscription *old = tenant->subscriptions[place];
        tenant->subscriptions[place] = subscription_ref(subscription);
        subscription_unref(old);
    } else {
        if ((tenant ? tenant->view.subscription_count : 0) >= max)
            return false;
        tenant = find_or_add(tenants, subscription->tenant);
        insert(tenant, place, subscription);
        tenants->subscription_count++;
    }
    tenant_changed(tenant);
    return true;
}

bool tenants_delete(struct tenants *tenants, const char *tenant_id, const char *id)
{
    struct tenant *tenant = find(tenants, tenant_id);
    size_t place = tenant ? subscription_place(&tenant->view, id) : 0;
    if (!tenant || !subscription_is_at(&tenant->view, place, id))
        return false;
    struct subscription *old = tenant->subscriptions[place];
    tenant->view.subscription_count--;
    memmove(tenant->subscriptions + place, tenant->subscriptions + place + 1,
        (tenant->view.subscription_count - place) * sizeof(struct subscription *));
    tenants->subscription_count--;
    tenant_changed(tenant);
    subscription_unref(old);
    return true;
}

void tenants_forget_empty(struct tenants *tenants, const char *id)
{
    struct tenant *tenant = find(tenants, id);
    if (!tenant || tenant->view.partitions || tenant->view.subscription_count)
        return;
    size_t place = tenant_place(tenants, tenant->id);
    tenants->count--;
    memmove(tenants->sorted + place, tenants->sorted + place + 1,
        (tenants->count - place) * sizeof(struct tenant *));
    HASH_DEL(tenants->table, tenant);
    tenant_free(tenant);
}
