/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets by name. */
#include "console/rate.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/table.h"

/* Names are those of tokens in a file, of which there are no more. */
#define BUCKETS_MAX 20000
#define BURST_US    INT64_C(2000000)

/* `full_at` is when it would be full again: one number instead of a level and its time. */
struct bucket {
    char *name;
    struct mono_time full_at;
    UT_hash_handle hh;
};

struct rates {
    int64_t cost_us; /* of a request */
    struct bucket *buckets;
};

struct rates *rates_new(int64_t per_second)
{
    struct rates *rates = mem_zalloc(sizeof *rates);
    rates_set(rates, per_second);
    return rates;
}

/* Who has had all stays so until then. */
void rates_set(struct rates *rates, int64_t per_second)
{
    rates->cost_us = 1000000 / per_second;
}

static void drop_all(struct rates *rates)
{
    struct bucket *bucket = rates->buckets, *next;
    HASH_CLEAR(hh, rates->buckets); /* frees the table only */
    for (; bucket; bucket = next) {
        next = bucket->hh.next;
        free(bucket->name);
        free(bucket);
    }
}

void rates_free(struct rates *rates)
{
    if (!rates)
        return;
    drop_all(rates);
    free(rates);
}

static struct bucket *bucket_of(struct rates *rates, const char *name)
{
    struct bucket *bucket;
    HASH_FIND_STR(rates->buckets, name, bucket);
    if (bucket)
        return bucket;
    if (HASH_COUNT(rates->buckets) >= BUCKETS_MAX)
        drop_all(rates);
    bucket = mem_zalloc(sizeof *bucket);
    bucket->name = mem_strdup(name);
    HASH_ADD_KEYPTR(hh, rates->buckets, bucket->name, strlen(bucket->name), bucket);
    return bucket;
}

bool rates_take(struct rates *rates, const char *name, struct mono_time now, int64_t *ret_wait_s)
{
    struct bucket *bucket = bucket_of(rates, name);
    int64_t missing_us = mono_diff_us(bucket->full_at, now);
    if (missing_us < 0)
        missing_us = 0;
    if (missing_us + rates->cost_us > BURST_US) {
        *ret_wait_s = 1 + (missing_us + rates->cost_us - BURST_US) / 1000000;
        return false;
    }
    bucket->full_at = (struct mono_time){now.us + missing_us + rates->cost_us};
    return true;
}
