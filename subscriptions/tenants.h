/* SPDX-License-Identifier: Apache-2.0 */
/* The store's table: tenants by id, each with its subscriptions by id. Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_TENANTS_H
#define HOOKLINE_SUBSCRIPTIONS_TENANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "subscriptions/store.h"
#include "subscriptions/subscription.h"

struct tenant; /* tenants.c */

struct tenants {
    struct tenant *table;   /* by id, hashed: for each event */
    struct tenant **sorted; /* by id: for walking */
    size_t count, cap;
    size_t subscription_count;
};

void tenants_init(struct tenants *tenants);
void tenants_release(struct tenants *tenants);

/* NULL where nothing is known of the tenant. Valid until the next change. */
const struct store_tenant *tenants_find(const struct tenants *tenants, const char *id);
const struct store_tenant *tenants_at(const struct tenants *tenants, size_t index);
/* As store_wanting(). */
struct store_wanting tenants_wanting(const struct store_tenant *view, const char *type);
struct subscription *tenants_find_subscription(
    const struct tenants *tenants, const char *tenant, const char *id);

/* 0 partitions = the tenant has no record. False where nothing changed. */
bool tenants_set_partitions(struct tenants *tenants, const char *id, int32_t partitions);
/* Puts a subscription (a reference is taken) in place of the one of its id. False where it would be
 * a new one and the tenant has `max` already. */
bool tenants_put(struct tenants *tenants, struct subscription *subscription, size_t max);
/* False where there is none. */
bool tenants_delete(struct tenants *tenants, const char *tenant, const char *id);
/* Forgets a tenant of which nothing is left. The changes above do not: whoever is told of a change
 * can still look at it. */
void tenants_forget_empty(struct tenants *tenants, const char *id);

#endif
