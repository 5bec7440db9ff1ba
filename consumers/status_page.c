/* SPDX-License-Identifier: Apache-2.0 */
/* The page /endpoints: which endpoints are asked for, and in which order they are shown. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/text.h"
#include "consumers/engine.h"
#include "consumers/status.h"
#include "webhook/url.h"

#define PATH "/endpoints"

static bool parse_state(const char *state, int *ret_state, struct error *error)
{
    for (int i = 0; status_states[i]; i++)
        if (strcmp(status_states[i], state) == 0) {
            *ret_state = i;
            return true;
        }
    return error_set(error, ERROR_CONFIG, "state is one of live, behind, joining and disabled");
}

bool status_query_parse(struct status_query *ret_query, const char *tenant, const char *state,
    const char *limit, struct error *error)
{
    struct status_query query = {tenant, -1, STATUS_LIMIT_DEFAULT};
    if (state && !parse_state(state, &query.state, error))
        return false;
    if (limit &&
        (!text_parse_int(limit, &query.limit) || query.limit < 1 || query.limit > STATUS_LIMIT_MAX))
        return error_set(error, ERROR_CONFIG, "limit is a number from 1 to %d", STATUS_LIMIT_MAX);
    *ret_query = query;
    return true;
}

static bool matches(const struct status_query *query, const struct endpoint *endpoint)
{
    size_t len = query->tenant ? strlen(query->tenant) : 0;
    if (query->state >= 0 && (int)status_state(endpoint) != query->state)
        return false;
    return !query->tenant ||
           (strncmp(endpoint->key, query->tenant, len) == 0 && endpoint->key[len] == '/');
}

/* Those that are not live first. */
static int compare(const void *left, const void *right)
{
    const struct endpoint *a = *(const struct endpoint *const *)left;
    const struct endpoint *b = *(const struct endpoint *const *)right;
    bool a_live = status_state(a) == STATUS_LIVE, b_live = status_state(b) == STATUS_LIVE;
    return a_live != b_live ? a_live - b_live : strcmp(a->key, b->key);
}

/* Returns new, sorted. */
static const struct endpoint **select_endpoints(
    const struct engine *engine, const struct status_query *query, size_t *ret_count)
{
    size_t count = 0, most = HASH_COUNT(engine->endpoints);
    const struct endpoint **selected = mem_array(NULL, most + 1, sizeof(struct endpoint *));
    for (const struct endpoint *each = engine->endpoints; each; each = each->hh.next)
        if (matches(query, each))
            selected[count++] = each;
    qsort(selected, count, sizeof(struct endpoint *), compare);
    *ret_count = count;
    return selected;
}

static void print_one(const struct endpoint *endpoint, struct wall_time now, struct buffer *out)
{
    struct status status = status_of(endpoint);
    char *host = endpoint->subscription ? url_host(endpoint->subscription->url) : NULL;
    status.host = host;
    status_print(&status, now, out);
    free(host);
}

static void print_process(const struct engine *engine, struct wall_time now, struct buffer *out)
{
    char at[RFC3339_SIZE];
    buffer_printf(out,
        "\"total\":%u,\"at\":\"%s\",\"held\":%" PRId64 ",\"max_held\":%" PRId64
        ",\"held_bytes\":%" PRId64 ",\"max_held_bytes\":%" PRId64 ",\"in_flight\":%" PRId64
        ",\"max_in_flight\":%" PRId64 ",\"waiting\":%" PRId64 ",\"aside\":%" PRId64
        ",\"stopping\":%s,\"unsure\":%s",
        HASH_COUNT(engine->endpoints), wall_format(now, at), engine->held, engine->options.max_held,
        engine->held_bytes, engine->options.max_held_bytes, engine->counts[DELIVERY_IN_FLIGHT],
        engine->options.max_in_flight, engine->counts[DELIVERY_WAITING],
        engine->counts[DELIVERY_ASIDE], engine->stopping ? "true" : "false",
        engine->unsure ? "true" : "false");
}

void status_print_all(
    const struct engine *engine, const struct status_query *query, struct buffer *out)
{
    size_t count, shown = 0;
    const struct endpoint **selected = select_endpoints(engine, query, &count);
    struct wall_time now = wall_now();
    buffer_add_text(out, "{\"endpoints\":[");
    for (; shown < count && shown < (size_t)query->limit && out->len < STATUS_BYTES_MAX; shown++) {
        buffer_add_text(out, shown ? ",\n" : "\n");
        print_one(selected[shown], now, out);
    }
    buffer_printf(out, "],\n\"count\":%zu,\"shown\":%zu,", count, shown);
    print_process(engine, now, out);
    buffer_add_text(out, "}\n");
    free(selected);
}

static int print_page(struct buffer *out, const struct http_exchange *exchange, void *arg)
{
    struct status_query query;
    struct error error = ERROR_INIT;
    if (!status_query_parse(&query, http_exchange_query(exchange, "tenant"),
            http_exchange_query(exchange, "state"), http_exchange_query(exchange, "limit"),
            &error)) {
        buffer_add_text(out, "{\"error\":");
        json_text_add_string(out, error.text, sizeof error.text);
        buffer_add_text(out, "}\n");
        return 400;
    }
    status_print_all(arg, &query, out);
    return 200;
}

void status_page_add(struct engine *engine)
{
    probes_page(engine->deps.probes, PATH, print_page, engine, "application/json");
}

void status_page_remove(struct engine *engine)
{
    probes_page(engine->deps.probes, PATH, NULL, NULL, NULL);
}
