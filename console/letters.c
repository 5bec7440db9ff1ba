/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters, looked for in Kafka while the caller waits. */
#include "console/letters.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"
#include "dead_letters/scan.h"
#include "dead_letters/stats.h"
#include "producers/topic_names.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define LOOKS_MAX     8
#define LOOK_MS       10000
#define SINCE_MS      INT64_C(86400000) /* where no time is given */

struct found {
    int64_t at_ms;
    json_t *json;
};

/* One call that looks. */
struct look {
    struct call *call; /* NULL: it has been answered */
    struct loop *loop;
    struct kafka_options kafka;
    char *topic;
    struct dead_letter_filter filter;
    int64_t from_ms, to_ms;
    int64_t partition, offset; /* of the one that is asked for; -1 = all */
    int64_t limit;
    struct dead_letters_stats *stats; /* NULL = they are listed */
    bool opening;                     /* a worker has the extents and the error */
    bool late;                        /* nobody waits for it any more */
    struct kafka_extents extents;
    struct error error;
    struct dead_letters_scan *scan;
    struct loop_timer *end;
    struct found *found;
    size_t found_count;
    int64_t matched;
    bool complete;
    TAILQ_ENTRY(look) entry; /* in the API's `looks` */
};

/* --- Shared ----------------------------------------------------------------------------------------------- */

bool letter_place_read(const char *text, int64_t *ret_partition, int64_t *ret_offset)
{
    const char *dash = strchr(text, '-');
    char *number = dash ? mem_dup(text, (size_t)(dash - text)) : NULL;
    bool good = number && text_parse_int(number, ret_partition) && *ret_partition >= 0 &&
                *ret_partition <= INT32_MAX && text_parse_int(dash + 1, ret_offset) &&
                *ret_offset >= 0;
    free(number);
    return good;
}

json_t *letter_json(const struct dead_letter_item *item, bool body)
{
    json_t *json = dead_letter_item_json(item, body);
    char *place = mem_printf("%d-%" PRId64, (int)item->record->partition, item->record->offset);
    json_set_or_fatal(json, "place", json_string(place));
    free(place);
    return json;
}

/* --- The end ------------------------------------------------------------------------------------------------ */

static int newest_first(const void *a, const void *b)
{
    const struct found *first = a, *second = b;
    return (first->at_ms < second->at_ms) - (first->at_ms > second->at_ms);
}

/* Keeps the newest. */
static void cut(struct look *look)
{
    qsort(look->found, look->found_count, sizeof *look->found, newest_first);
    while (look->found_count > (size_t)look->limit)
        json_decref(look->found[--look->found_count].json);
}

static json_t *listed(struct look *look)
{
    json_t *array = json_or_fatal(json_array());
    cut(look);
    for (size_t i = 0; i < look->found_count; i++)
        json_array_append(array, look->found[i].json);
    return json_or_fatal(json_pack("{s:o, s:I, s:b}", "dead_letters", array, "matched",
        (json_int_t)look->matched, "complete", look->complete));
}

static json_t *counted(struct look *look)
{
    size_t count;
    const struct dead_letters_group *const *groups = dead_letters_stats_groups(look->stats, &count);
    json_t *array = json_or_fatal(json_array());
    for (size_t i = 0; i < count && i < LIMIT_MAX; i++) {
        char first[RFC3339_SIZE], last[RFC3339_SIZE];
        json_array_append_new(array,
            json_or_fatal(json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "count",
                (json_int_t)groups[i]->count, "reason", groups[i]->reason, "tenant",
                groups[i]->tenant, "host", groups[i]->host, "first",
                wall_format(groups[i]->first, first), "last", wall_format(groups[i]->last, last))));
    }
    return json_or_fatal(json_pack("{s:o, s:I, s:b}", "groups", array, "matched",
        (json_int_t)look->matched, "complete", look->complete));
}

static void answer(struct look *look)
{
    struct call *call = look->call;
    look->call = NULL;
    if (error_is_set(&look->error))
        call_refuse(call, 503, "the dead letters could not be read: %s", look->error.text);
    else if (look->offset >= 0 && look->matched == 0)
        call_refuse(call, look->complete ? 404 : 504,
            look->complete ? "there is no dead letter %s" : "%s was not read in time", call->id);
    else if (look->offset >= 0)
        call_answer(call, 200, json_incref(look->found[0].json));
    else
        call_answer(call, 200, look->stats ? counted(look) : listed(look));
}

static void end(struct look *look)
{
    struct api *api = look->call->api;
    answer(look);
    TAILQ_REMOVE(&api->looks, look, entry);
    api->look_count--;
    dead_letters_scan_free(look->scan);
    loop_timer_free(look->end);
    kafka_extents_release(&look->extents);
    dead_letters_stats_free(look->stats);
    for (size_t i = 0; i < look->found_count; i++)
        json_decref(look->found[i].json);
    free(look->found);
    free(look->topic);
    free(look);
    api_work_ends(api);
}

/* All was read, or the time is over, or nobody waits any more. */
static void end_due(void *arg)
{
    struct look *look = arg;
    look->late = look->opening;
    if (!look->opening)
        end(look);
}

void looks_cancel(struct api *api)
{
    struct look *look, *next;
    /* What a worker has in its hands comes back. */
    for (look = TAILQ_FIRST(&api->looks); look; look = next) {
        next = TAILQ_NEXT(look, entry);
        look->late = true;
        if (look->opening)
            continue;
        error_set(&look->error, ERROR_RETRY, "the console stops");
        end(look);
    }
}

/* --- Looking -------------------------------------------------------------------------------------------------- */

static void keep(struct look *look, const struct dead_letter_item *item)
{
    size_t count = look->found_count;
    if ((count & (count + 1)) == 0)
        look->found = mem_array(look->found, 2 * count + 2, sizeof *look->found);
    look->found[look->found_count++] =
        (struct found){item->letter.dead_at.ms, letter_json(item, look->offset >= 0)};
    if (look->found_count > 2 * (size_t)look->limit)
        cut(look);
}

static enum kafka_intake on_record(void *arg, const struct record *record)
{
    struct look *look = arg;
    struct dead_letter_item item;
    struct error error = ERROR_INIT;
    if (!dead_letter_item_read(record, &item, &error) ||
        !dead_letter_filter_matches(&look->filter, &item))
        return KAFKA_TAKEN;
    look->matched++;
    if (look->stats)
        dead_letters_stats_add(look->stats, &item);
    else
        keep(look, &item);
    return KAFKA_TAKEN;
}

static void on_scanned(void *arg)
{
    struct look *look = arg;
    look->complete = true;
    loop_timer_start(look->end, 0, 0); /* not from within the scan */
}

static void open_extents(void *arg)
{
    struct look *look = arg;
    struct error error = ERROR_INIT;
    if (!dead_letters_extents(&look->kafka, look->topic, look->from_ms, look->to_ms,
            look->partition, look->offset, LOOK_MS / 2, &look->extents, &error))
        look->error = error;
}

static void extents_opened(void *arg)
{
    static const struct dead_letters_scan_callbacks callbacks = {on_record, on_scanned};
    struct look *look = arg;
    look->opening = false;
    if (look->late)
        error_set(&look->error, ERROR_RETRY, "Kafka did not answer in time");
    if (error_is_set(&look->error))
        end(look);
    else
        look->scan = dead_letters_scan_new(
            look->loop, &look->kafka, look->topic, &look->extents, false, &callbacks, look);
}

static void begin(struct call *call, struct look *look)
{
    struct api *api = call->api;
    look->call = call;
    look->loop = api->deps.loop;
    look->kafka = *api->deps.kafka;
    look->topic = topic_name(api->deps.topics, TOPIC_DEAD_LETTERS);
    look->end = loop_timer_new(look->loop, end_due, look);
    TAILQ_INSERT_TAIL(&api->looks, look, entry);
    api->look_count++;
    api_work_begins(api);
    loop_timer_start(look->end, LOOK_MS, 0);
    look->opening = true;
    loop_work(look->loop, open_extents, extents_opened, look);
}

/* --- What is asked -------------------------------------------------------------------------------------------- */

static bool read_reasons(const struct call *call, uint32_t *ret_reasons, struct problem *problem)
{
    const char *text = http_exchange_query(call->exchange, "reason");
    char *copy = text ? mem_strdup(text) : NULL, *rest = copy, *name;
    bool good = true;
    while (good && (name = strsep(&rest, ","))) {
        uint32_t bit = dead_letter_reason_bit(name);
        *ret_reasons |= bit;
        good = bit || call_query_wrong(problem, "reason", "there is no reason %s", name);
    }
    free(copy);
    return good;
}

static bool read_time(
    const struct call *call, const char *name, int64_t *ret_ms, struct problem *problem)
{
    const char *text = http_exchange_query(call->exchange, name);
    struct wall_time time;
    if (!text)
        return true;
    if (!text_parse_time(text, &time))
        return call_query_wrong(
            problem, name, "not a time (RFC 3339), such as 2026-01-31T12:00:00Z");
    *ret_ms = time.ms;
    return true;
}

/* Of all tenants, one may be asked for; else it is that of the path. */
static const char *tenant_of(const struct call *call)
{
    return call->tenant ? call->tenant : http_exchange_query(call->exchange, "tenant");
}

static bool read_query(const struct call *call, struct look *look, struct problem *problem)
{
    look->filter = (struct dead_letter_filter){
        .tenant = tenant_of(call),
        .subscription = http_exchange_query(call->exchange, "subscription"),
        .event = http_exchange_query(call->exchange, "event"),
        .id = http_exchange_query(call->exchange, "id"),
        .host = http_exchange_query(call->exchange, "host"),
    };
    look->from_ms = wall_now().ms - SINCE_MS;
    look->to_ms = look->offset = look->partition = -1;
    return read_reasons(call, &look->filter.reasons, problem) &&
           read_time(call, "from", &look->from_ms, problem) &&
           read_time(call, "to", &look->to_ms, problem) &&
           call_query_int(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &look->limit, problem);
}

static bool has_place(const struct call *call, struct problem *problem)
{
    if (call->api->look_count < LOOKS_MAX)
        return true;
    http_exchange_add_header(call->exchange, "retry-after", "1");
    return problem_set(problem, 429, "%d others look at dead letters just now", LOOKS_MAX);
}

static void look_for(struct call *call, bool stats)
{
    struct problem problem = {0};
    struct look *look = mem_zalloc(sizeof *look);
    if (has_place(call, &problem) && read_query(call, look, &problem)) {
        look->stats = stats ? dead_letters_stats_new() : NULL;
        begin(call, look);
        return;
    }
    free(look);
    call_fail(call, &problem);
}

void api_letters(struct call *call)
{
    look_for(call, false);
}

void api_letter_stats(struct call *call)
{
    look_for(call, true);
}

void api_letter(struct call *call)
{
    struct problem problem = {0};
    struct look *look = mem_zalloc(sizeof *look);
    look->from_ms = look->to_ms = -1;
    look->limit = 1;
    look->filter.tenant = call->tenant;
    if (!letter_place_read(call->id, &look->partition, &look->offset))
        problem_set(&problem, 404, "there is no dead letter %s", call->id);
    if (!problem.status && has_place(call, &problem)) {
        begin(call, look);
        return;
    }
    free(look);
    call_fail(call, &problem);
}
