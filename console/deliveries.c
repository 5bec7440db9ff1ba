/* SPDX-License-Identifier: Apache-2.0 */
/* Recent attempts: why did it not come? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "console/api.h"
#include "console/call.h"
#include "producers/result.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

static bool read_outcome(const struct call *call, int *ret_outcome, struct problem *problem)
{
    const char *text = http_exchange_query(call->exchange, "outcome");
    *ret_outcome = -1;
    if (!text)
        return true;
    for (int i = 0; i < RESULT_OUTCOMES; i++)
        if (strcmp(result_outcomes[i], text) == 0)
            *ret_outcome = i;
    return *ret_outcome >= 0 || call_query_wrong(problem, "outcome",
                                    "there are delivered, retry, dead_letter and failed");
}

static bool read_time(
    const struct call *call, const char *name, struct wall_time *ret_time, struct problem *problem)
{
    const char *text = http_exchange_query(call->exchange, name);
    *ret_time = (struct wall_time){-1};
    return !text || text_parse_time(text, ret_time) ||
           call_query_wrong(problem, name, "not a time (RFC 3339), such as 2026-01-31T12:00:00Z");
}

static bool read_query(
    const struct call *call, struct attempts_query *query, struct problem *problem)
{
    int64_t before;
    *query = (struct attempts_query){
        .tenant = call->tenant,
        .subscription = http_exchange_query(call->exchange, "subscription"),
        .event = http_exchange_query(call->exchange, "event"),
        .id = http_exchange_query(call->exchange, "id"),
    };
    if (!read_outcome(call, &query->outcome, problem) ||
        !read_time(call, "from", &query->from, problem) ||
        !read_time(call, "to", &query->to, problem) ||
        !call_query_int(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &query->limit, problem) ||
        !call_query_int(call, "cursor", 1, INT64_MAX, 0, &before, problem))
        return false;
    query->before = (uint64_t)before;
    return true;
}

static void add_attempt(uint64_t number, const char *text, size_t len, void *arg)
{
    (void)number;
    json_array_append_new(arg, json_loadb(text, len, 0, NULL));
}

void api_deliveries(struct call *call)
{
    struct problem problem = {0};
    struct attempts_query query;
    if (!read_query(call, &query, &problem)) {
        call_fail(call, &problem);
        return;
    }
    json_t *array = json_array();
    uint64_t next = attempts_find(call->api->attempts, &query, add_attempt, array);
    json_t *cursor = next ? json_sprintf("%" PRIu64, next) : json_null();
    call_answer(call, 200, json_pack("{s:o, s:o}", "deliveries", array, "next", cursor));
}
