/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions and tenants, read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "console/answer.h"
#include "console/api.h"
#include "console/call.h"
#include "subscriptions/subscription.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

/* The first of the tenant's subscriptions whose id is above the cursor. */
static size_t first_after(const struct store_tenant *tenant, const char *cursor)
{
    size_t low = 0, high = tenant ? tenant->subscription_count : 0;
    while (cursor && low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(tenant->subscriptions[middle]->id, cursor) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static json_t *list_from(const struct store_tenant *tenant, size_t first, size_t limit)
{
    json_t *array = json_array(), *next = json_null();
    size_t count = tenant ? tenant->subscription_count : 0;
    for (size_t i = first; i < count && i - first < limit; i++)
        json_array_append_new(array, subscription_masked(tenant->subscriptions[i]));
    if (count > first && count - first > limit)
        next = json_string(tenant->subscriptions[first + limit - 1]->id);
    return json_pack("{s:o, s:o}", "subscriptions", array, "next", next);
}

void api_subscriptions_list(struct call *call)
{
    struct problem problem = {0};
    int64_t limit;
    const char *cursor = http_exchange_query(call->exchange, "cursor");
    if (!call_query_int(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, &problem)) {
        call_fail(call, &problem);
    } else if (cursor && !subscription_id_valid(cursor)) {
        call_query_wrong(&problem, "cursor", "not what \"next\" of another page was");
        call_fail(call, &problem);
    } else {
        const struct store_tenant *tenant = store_tenant(call->api->deps.store, call->tenant);
        call_answer(call, 200, list_from(tenant, first_after(tenant, cursor), (size_t)limit));
    }
}

void api_subscription_get(struct call *call)
{
    const struct subscription *subscription =
        store_find(call->api->deps.store, call->tenant, call->id);
    const char *known = http_exchange_header(call->exchange, "if-none-match");
    if (!subscription)
        call_refuse(call, 404, "there is no subscription %s/%s", call->tenant, call->id);
    else if (known && answer_etag_matches(known, subscription->version))
        call_answer(call, 304, NULL);
    else
        answer_subscription(call, 200, subscription_masked(subscription), NULL);
}

/* Tenants. */

struct tenants {
    const char *only; /* NULL = all */
    json_t *array;
};

static void add_tenant(const struct store_tenant *tenant, void *arg)
{
    struct tenants *tenants = arg;
    if (tenants->only && strcmp(tenants->only, tenant->id) != 0)
        return;
    json_array_append_new(tenants->array,
        json_pack("{s:s, s:I, s:i}", "tenant", tenant->id, "subscriptions",
            (json_int_t)tenant->subscription_count, "partitions", (int)tenant->partitions));
}

void api_tenants(struct call *call)
{
    struct tenants tenants = {call->token_tenant, json_array()};
    store_each(call->api->deps.store, add_tenant, &tenants);
    call_answer(call, 200, json_pack("{s:o}", "tenants", tenants.array));
}
