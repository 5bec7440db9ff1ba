/* SPDX-License-Identifier: Apache-2.0 */
/* Until when an attempt of a delivery may start. */
#include "subscriptions/ttl.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

#define ENTRIES_MAX 1000

/* --- The table ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const struct ttl_default *first = a, *second = b;
    return strcmp(first->event, second->event);
}

static bool parse_entry(const char *entry, struct ttl_default *ret_default, struct error *error)
{
    struct ttl_default row = {.ms = 0};
    const char *equals = strchr(entry, '=');
    size_t len = equals ? (size_t)(equals - entry) : 0;
    if (len == 0 || len >= sizeof row.event)
        return error_set(
            error, ERROR_CONFIG, "must be type=duration, such as \"call.ringing=30s\"");
    memcpy(row.event, entry, len);
    if (strcmp(row.event, "*") != 0 && !text_matches_set(row.event, len, "A-Za-z0-9._-"))
        return error_set(error, ERROR_CONFIG, "\"%s\" is no event type", row.event);
    if (!text_parse_duration(equals + 1, &row.ms, error))
        return false;
    if (row.ms <= 0)
        return error_set(error, ERROR_CONFIG, "a time to live must be longer than 0");
    *ret_default = row;
    return true;
}

/* The last of a type holds. */
static void put(struct ttl_table *table, const struct ttl_default *row)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->defaults[i].event, row->event) != 0)
            continue;
        table->defaults[i] = *row;
        return;
    }
    table->defaults[table->count++] = *row;
}

bool ttl_table_init(
    struct ttl_table *table, const char *const *entries, int64_t max_ms, struct error *error)
{
    size_t count = 0;
    *table = (struct ttl_table){.max_ms = max_ms};
    while (entries[count])
        if (++count > ENTRIES_MAX)
            return error_set(error, ERROR_CONFIG, "more than %d times to live", ENTRIES_MAX);
    table->defaults = mem_array(NULL, count, sizeof *table->defaults);
    for (size_t i = 0; i < count; i++) {
        struct ttl_default row;
        if (!parse_entry(entries[i], &row, error)) {
            ttl_table_release(table);
            return error_prefix(error, "time to live \"%.80s\"", entries[i]);
        }
        put(table, &row);
    }
    qsort(table->defaults, table->count, sizeof *table->defaults, compare);
    return true;
}

void ttl_table_release(struct ttl_table *table)
{
    free(table->defaults);
    *table = (struct ttl_table){.count = 0};
}

static int compare_name(const void *name, const void *row)
{
    return strcmp(name, ((const struct ttl_default *)row)->event);
}

/* 0 if there is none. */
static int64_t default_of(const struct ttl_table *table, const char *event)
{
    const struct ttl_default *row = NULL;
    if (table->count > 0)
        row = bsearch(event, table->defaults, table->count, sizeof *row, compare_name);
    return row ? row->ms : 0;
}

int64_t ttl_ms(const struct ttl_table *table, int64_t own_ms, const char *event)
{
    int64_t ms = own_ms > 0 ? own_ms : default_of(table, event);
    if (ms == 0)
        ms = default_of(table, "*");
    if (ms == 0)
        ms = table->other_ms;
    return ms > 0 && ms < table->max_ms ? ms : table->max_ms;
}

int64_t ttl_longest(int64_t retention_ms)
{
    int64_t most = retention_ms - DAY_MS;
    return most > HOUR_MS ? most : HOUR_MS;
}

/* --- Deadlines ------------------------------------------------------------------------------ */

struct wall_time ttl_deadline(
    int64_t ttl, struct wall_time event_at, struct wall_time accepted_at, bool from_acceptance)
{
    bool future = event_at.ms > accepted_at.ms;
    bool accepted_known = accepted_at.ms > 0, event_known = event_at.ms > 0;
    int64_t from = event_at.ms, deadline;
    if (accepted_known && (from_acceptance || future || !event_known))
        from = accepted_at.ms;
    if (__builtin_add_overflow(from, ttl, &deadline))
        deadline = INT64_MAX;
    return (struct wall_time){deadline};
}
