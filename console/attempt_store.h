/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts in bounded memory, by tenant. What is over the bound is taken from who has the most. Pure. */
#ifndef HOOKLINE_CONSOLE_ATTEMPT_STORE_H
#define HOOKLINE_CONSOLE_ATTEMPT_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "producers/result.h"

struct attempts_query {
    const char *tenant;                    /* needed */
    const char *subscription, *event, *id; /* NULL = any */
    int outcome;                           /* enum result_outcome, -1 = any */
    struct wall_time from, to;             /* attempts at [from, to); ms -1 = open */
    int64_t limit;                         /* most that are found at once; from 1 */
    uint64_t before;                       /* only smaller numbers; 0 = from the newest */
};

typedef void attempts_found(uint64_t number, const char *json, size_t len, void *arg);

struct attempt_store;

/* Returns new. Both bounds are at least 1. */
struct attempt_store *attempt_store_new(int64_t max_bytes, int64_t max_per_tenant);
void attempt_store_free(struct attempt_store *store);
/* Adds an attempt that was made `at` (ms -1 = unknown) as the newest, and drops what is over the
 * bounds. `json` is copied. */
void attempt_store_add(struct attempt_store *store, const struct result *result,
    struct wall_time at, const char *json, size_t len);
/* attempts_find(). */
uint64_t attempt_store_find(const struct attempt_store *store, const struct attempts_query *query,
    attempts_found *fn, void *arg);
/* Puts each tenant's in the order of their times. Numbers stay in use, for other attempts. */
void attempt_store_sort(struct attempt_store *store);
size_t attempt_store_count(const struct attempt_store *store);
size_t attempt_store_bytes(const struct attempt_store *store);

#endif
