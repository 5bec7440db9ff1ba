/* SPDX-License-Identifier: Apache-2.0 */
/* All subscriptions, as the compacted topic `<prefix>subscriptions` has them: read to its end, then
 * followed. A record that is not valid is counted and skipped; the last good one stays. */
#ifndef HOOKLINE_SUBSCRIPTIONS_STORE_H
#define HOOKLINE_SUBSCRIPTIONS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/error.h"
#include "common/loop.h"
#include "common/record.h"
#include "kafka/client.h"
#include "subscriptions/subscription.h"

struct store;

/* How many partitions a tenant's record may name. */
#define STORE_PARTITIONS_MAX 10000
/* A larger value is not valid, so that one record cannot take the memory of every process. */
#define STORE_VALUE_MAX 262144

/* A tenant: its own record says how many partitions its delivery topic has. */
struct store_tenant {
    const char *id;
    int32_t partitions; /* 0 = the tenant has no record (yet): there is no topic to deliver to */
    struct subscription *const *subscriptions; /* by id; borrowed */
    size_t subscription_count;
};

/* Subscriptions that are enabled and want a type of events, by id. Borrowed. */
struct store_wanting {
    struct subscription *const *subscriptions;
    size_t count;
};

struct store_options {
    const char *topic;
    int64_t max_per_tenant; /* subscriptions beyond are skipped and counted: 1000 */
};

struct store_callbacks {
    /* The end of the topic has been reached for the first time. May be NULL. */
    void (*ready)(void *arg);
    /* After a change of one tenant's record or subscriptions, once ready. `id` is NULL when only
     * the tenant itself changed. Both are borrowed for the call. May be NULL. */
    void (*changed)(void *arg, const char *tenant, const char *id);
    /* The registry cannot be read (no such topic, not allowed); reading goes on trying. NULL = it
     * is logged. */
    void (*trouble)(void *arg, const struct error *error);
};

/* Returns new, reading. Options and callbacks are copied. */
must_check struct store *store_new(struct loop *loop, const struct kafka_options *kafka,
    const struct store_options *options, const struct store_callbacks *callbacks, void *arg,
    struct error *error);
/* Not from within its own callbacks; nobody may be waiting. NULL is fine. */
void store_free(struct store *store);

bool store_ready(const struct store *store);
/* One above the highest registry offset that is applied: what `hookline-registry` compares with. */
int64_t store_offset(const struct store *store);

/* Somebody who waits for store_offset(); the caller's storage, zeroed before its first use. */
struct store_wait {
    int64_t offset;
    void (*fn)(void *arg);
    void *arg;
    bool waiting;
    LIST_ENTRY(store_wait) link;
};
/* True if all below `offset` that can be read has been applied. Otherwise `fn` is called once, on the
 * loop, when that is so: from within the store's reader, where the store may be looked at but not
 * freed. Whatever lies below `offset` counts, offsets without a record too (compaction, the ends of
 * transactions): the store knows of them by the next record or by the end of the topic. */
must_check bool store_await(
    struct store *store, struct store_wait *wait, int64_t offset, void (*fn)(void *arg), void *arg);
/* `fn` will not be called any more. Nothing happens if nothing is waited for. */
void store_await_stop(struct store_wait *wait);

/* NULL where nothing is known of the tenant. Valid until the store reads on: hold it no longer than
 * the current call from the loop. */
const struct store_tenant *store_tenant(const struct store *store, const char *tenant);
/* Those of the tenant that want events of `type`: found once, and remembered until one of the tenant's
 * subscriptions changes. Valid until then, or the next call. */
struct store_wanting store_wanting(const struct store_tenant *tenant, const char *type);
/* Borrowed for as long, unless a reference is taken; NULL where there is none. */
struct subscription *store_find(const struct store *store, const char *tenant, const char *id);
/* Calls `fn` for every tenant, by id. */
void store_each(
    const struct store *store, void (*fn)(const struct store_tenant *tenant, void *arg), void *arg);
/* How many records were skipped as not valid, and how many subscriptions there are. */
int64_t store_invalid_count(const struct store *store);
size_t store_subscription_count(const struct store *store);

/* Applies one record as if it had been read; what the reader does, for tests and tools. */
void store_apply(struct store *store, const struct record *record);
/* A store without a reader or callbacks, ready at once, for tests and for tools that fill it
 * themselves. */
struct store *store_new_detached(const struct store_options *options);
/* Calls these from now on. Copied. */
void store_set_callbacks(struct store *store, const struct store_callbacks *callbacks, void *arg);

/* The tenant's own record, "<tenant>" alone as key: {"tenant":"acme","partitions":1}. Returns new. */
char *store_tenant_record(const char *tenant, int32_t partitions);
/* The metrics of a store, at 0. */
void store_register_metrics(void);

#endif
