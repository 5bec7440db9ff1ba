/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of `hookline dead-letters`: what each prints. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/dead_letters.h"
#include "commands/dead_letters_reading.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "dead_letters/stats.h"
#include "events/base64.h"

/* --- list ----------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const struct line *one = a, *other = b;
    return one->at_ms < other->at_ms ? -1 : one->at_ms > other->at_ms;
}

/* Leaves the last `limit`, in order. */
static void cut_lines(struct reading *reading)
{
    size_t limit = (size_t)reading->arguments->limit, count = reading->line_count;
    qsort(reading->lines, count, sizeof *reading->lines, by_time);
    if (limit == 0 || count <= limit)
        return;
    for (size_t i = 0; i < count - limit; i++)
        free(reading->lines[i].text);
    memmove(reading->lines, reading->lines + count - limit, limit * sizeof *reading->lines);
    reading->line_count = limit;
}

static char *or_dash(const char *text)
{
    return mem_strdup(text && *text ? text : "-");
}

static char *table_line(const struct dead_letter_item *item)
{
    char at[RFC3339_SIZE];
    char *who = item->subscription[0]
                    ? mem_printf("%s/%s", item->tenant ? item->tenant : "-", item->subscription)
                    : or_dash(item->tenant);
    char *event = or_dash(item->event), *host = or_dash(item->letter.host);
    char *status =
        item->letter.status ? mem_printf("%" PRId64, item->letter.status) : mem_strdup("-");
    char *line = mem_printf("%-24s  %5d/%-10" PRId64 "  %-24s  %-16s  %-20s  %3" PRId64 "  %6s  %s",
        wall_format(item->letter.dead_at, at), (int)item->record->partition, item->record->offset,
        who, event, dead_letter_reasons[item->letter.reason], item->letter.attempts, status, host);
    free(who);
    free(event);
    free(host);
    free(status);
    return line;
}

static char *json_line(json_t *json)
{
    char *line = json_dumps(json, JSON_COMPACT);
    if (!line)
        fatal("out of memory");
    json_decref(json);
    return line;
}

static void print_line(const struct reading *reading, const char *line)
{
    if (reading->arguments->json)
        fputs(line, stdout);
    else
        command_print_safe(stdout, line);
    fputc('\n', stdout);
}

static void take_line(struct reading *reading, const struct dead_letter_item *item)
{
    char *text =
        reading->arguments->json ? json_line(dead_letter_item_json(item, true)) : table_line(item);
    if (!reading->finish) { /* those that were there are printed: it follows */
        print_line(reading, text);
        fflush(stdout);
        free(text);
        return;
    }
    size_t count = reading->line_count;
    if ((count & (count + 1)) == 0)
        reading->lines = mem_array(reading->lines, 2 * count + 2, sizeof *reading->lines);
    reading->lines[reading->line_count++] = (struct line){item->letter.dead_at.ms, text};
    if (reading->arguments->limit && reading->line_count > 2 * (size_t)reading->arguments->limit)
        cut_lines(reading);
}

static void print_lines(struct reading *reading)
{
    cut_lines(reading);
    dead_letters_clear_progress(reading);
    if (!reading->arguments->json)
        printf("%-24s  %5s/%-10s  %-24s  %-16s  %-20s  %3s  %6s  %s\n", "DEAD AT", "PART", "OFFSET",
            "TENANT/SUBSCRIPTION", "EVENT", "REASON", "TRY", "STATUS", "HOST");
    for (size_t i = 0; i < reading->line_count; i++) {
        print_line(reading, reading->lines[i].text);
        free(reading->lines[i].text);
    }
    if ((size_t)reading->matched > reading->line_count && !reading->arguments->json)
        printf("the last %zu of %" PRId64 " (--limit)\n", reading->line_count, reading->matched);
    free(reading->lines);
    reading->lines = NULL;
    reading->line_count = 0;
    reading->finish = NULL;
}

int dead_letters_list(
    const struct dead_letters_arguments *arguments, const struct settings *settings)
{
    struct reading reading = {.arguments = arguments,
        .take = take_line,
        .finish = print_lines,
        .follow = arguments->follow};
    int status = dead_letters_read(&reading, settings);
    for (size_t i = 0; i < reading.line_count; i++)
        free(reading.lines[i].text);
    free(reading.lines);
    return status;
}

/* --- show ------------------------------------------------------------------------------------------------- */

static void take_whole(struct reading *reading, const struct dead_letter_item *item)
{
    json_t *json = dead_letter_item_json(item, true);
    char *text = json_dumps(json, JSON_INDENT(2));
    (void)reading;
    if (!text)
        fatal("out of memory");
    puts(text);
    free(text);
    json_decref(json);
}

int dead_letters_show(
    const struct dead_letters_arguments *arguments, const struct settings *settings)
{
    struct reading reading = {.arguments = arguments, .take = take_whole};
    int status = dead_letters_read(&reading, settings);
    if (status != EXIT_DONE || reading.matched)
        return status;
    fprintf(stderr, "hookline: there is no dead letter at %d/%" PRId64 "\n",
        (int)arguments->partition, arguments->offset);
    return EXIT_FAILED;
}

/* --- stats ------------------------------------------------------------------------------------------------ */

static void take_count(struct reading *reading, const struct dead_letter_item *item)
{
    dead_letters_stats_add(reading->stats, item);
}

static void print_group(const struct reading *reading, const struct dead_letters_group *group)
{
    char first[RFC3339_SIZE], last[RFC3339_SIZE];
    wall_format(group->first, first);
    wall_format(group->last, last);
    char *line;
    if (reading->arguments->json)
        line = json_line(
            json_pack("{sIssssssssss}", "count", (json_int_t)group->count, "reason", group->reason,
                "tenant", group->tenant, "host", group->host, "first", first, "last", last));
    else
        line = mem_printf("%9" PRId64 "  %-20s  %-16s  %-32s  %s  %s", group->count, group->reason,
            *group->tenant ? group->tenant : "-", *group->host ? group->host : "-", first, last);
    print_line(reading, line);
    free(line);
}

static void print_stats(struct reading *reading)
{
    size_t count;
    const struct dead_letters_group *const *groups =
        dead_letters_stats_groups(reading->stats, &count);
    dead_letters_clear_progress(reading);
    if (!reading->arguments->json)
        printf("%9s  %-20s  %-16s  %-32s  %-24s  %s\n", "COUNT", "REASON", "TENANT", "HOST",
            "FIRST", "LAST");
    for (size_t i = 0; i < count; i++)
        print_group(reading, groups[i]);
    if (!reading->arguments->json)
        printf("%9" PRId64 "  in all\n", reading->matched);
}

int dead_letters_stats(
    const struct dead_letters_arguments *arguments, const struct settings *settings)
{
    struct reading reading = {.arguments = arguments,
        .take = take_count,
        .finish = print_stats,
        .stats = dead_letters_stats_new()};
    int status = dead_letters_read(&reading, settings);
    dead_letters_stats_free(reading.stats);
    return status;
}

/* --- export ----------------------------------------------------------------------------------------------- */

/* Under `name` as text, or under `coded` as base64. */
static void set_bytes(json_t *object, const char *name, const char *coded, struct bytes bytes)
{
    if (!bytes.data)
        return;
    if (text_is_utf8(bytes.data, bytes.len)) {
        json_object_set_new(object, name, json_stringn(bytes.data, bytes.len));
        return;
    }
    char *text = event_base64_encode(bytes.data, bytes.len);
    json_object_set_new(object, coded, json_string(text));
    free(text);
}

static void take_record(struct reading *reading, const struct dead_letter_item *item)
{
    const struct record *record = item->record;
    json_t *json = json_pack("{sisIsI}", "partition", (int)record->partition, "offset",
        (json_int_t)record->offset, "timestamp_ms", (json_int_t)record->timestamp_ms);
    json_t *headers = json_object();
    for (size_t i = 0; i < record->header_count; i++) {
        char *coded = mem_printf("%s (base64)", record->headers[i].name);
        if (text_is_utf8(record->headers[i].name, strlen(record->headers[i].name)))
            set_bytes(headers, record->headers[i].name, coded, record->headers[i].value);
        free(coded);
    }
    set_bytes(json, "key", "key_base64", record->key);
    json_object_set_new(json, "headers", headers);
    set_bytes(json, "value", "value_base64", record->value);
    char *line = json_line(json);
    puts(line);
    free(line);
    if (reading->arguments->limit && reading->matched >= reading->arguments->limit)
        loop_stop(reading->loop);
}

/* What the last turn brings beyond the limit is left out. */
static void take_limited(struct reading *reading, const struct dead_letter_item *item)
{
    if (!reading->arguments->limit || reading->matched <= reading->arguments->limit)
        take_record(reading, item);
}

int dead_letters_export(
    const struct dead_letters_arguments *arguments, const struct settings *settings)
{
    struct reading reading = {.arguments = arguments, .take = take_limited};
    return dead_letters_read(&reading, settings);
}
