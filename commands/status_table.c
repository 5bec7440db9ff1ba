/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer's page /endpoints says, as a table for a terminal. */
#include "commands/status_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* --- Parts ---------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* -1 = there is none. */
static int64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static void add_duration(struct buffer *out, int64_t ms)
{
    static const struct {
        int64_t below, unit;
        char name;
    } units[] = {{2 * MINUTE, SECOND, 's'}, {2 * HOUR, MINUTE, 'm'}, {2 * DAY, HOUR, 'h'},
        {INT64_MAX, DAY, 'd'}};
    size_t i = 0;
    while (ms >= units[i].below && units[i].below < INT64_MAX)
        i++;
    buffer_printf(out, "%" PRId64 "%c", ms > 0 ? ms / units[i].unit : 0, units[i].name);
}

/* How long ago, or "-". */
static void add_age(
    struct buffer *out, const json_t *object, const char *name, struct wall_time now)
{
    struct wall_time time;
    const char *text = text_of(object, name);
    if (text && text_parse_time(text, &time))
        add_duration(out, now.ms - time.ms);
    else
        buffer_add_text(out, "-");
}

static void add_number(struct buffer *out, const json_t *object, const char *name)
{
    if (json_is_integer(json_object_get(object, name)))
        buffer_printf(out, "%" PRId64, number_of(object, name));
    else
        buffer_add_text(out, "-");
}

/* Whoever answers must not steer the terminal: control characters (C0, DEL, C1) are not shown. */
static void add_text(struct buffer *out, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0, size; at < len; at += size) {
        unsigned char c = (unsigned char)text[at];
        size = text_utf8_length(text + at, len - at);
        bool control =
            c < 0x20 || c == 0x7f || (size == 2 && c == 0xc2 && (unsigned char)text[at + 1] < 0xa0);
        if (size && !control)
            buffer_add(out, text + at, size);
        else
            buffer_add_text(out, "?");
        size = size ? size : 1;
    }
}

/* --- Columns -------------------------------------------------------------------------------- */

static void add_endpoint(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    const char *key = text_of(endpoint, "endpoint");
    (void)now;
    add_text(out, key ? key : "-");
}

static void add_state(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    const char *state = text_of(endpoint, "state"), *circuit = text_of(endpoint, "circuit");
    (void)now;
    add_text(out, state ? state : "-");
    if (circuit && strcmp(circuit, "closed") != 0) {
        buffer_add_text(out, ",");
        add_text(out, circuit);
    }
}

static void add_since(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    add_age(out, endpoint, "since", now);
}

static void add_window(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    (void)now;
    add_number(out, endpoint, "window");
}

static void add_in_flight(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    (void)now;
    add_number(out, endpoint, "in_flight");
}

static void add_queued(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    (void)now;
    add_number(out, endpoint, "queued");
}

static void add_retries(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    (void)now;
    add_number(out, endpoint, "waiting");
}

static void add_aside(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    (void)now;
    add_number(out, endpoint, "aside");
}

static void add_behind(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    const json_t *behind = json_object_get(endpoint, "behind");
    int64_t left_s = number_of(behind, "live_in_s");
    (void)now;
    add_number(out, behind, "records");
    if (left_s >= 0) {
        buffer_add_text(out, " ~");
        add_duration(out, left_s < INT64_MAX / SECOND ? left_s * SECOND : left_s);
    }
}

static void add_oldest(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    add_age(out, endpoint, "oldest_waiting", now);
}

static void add_why(struct buffer *out, const json_t *endpoint, struct wall_time now)
{
    const json_t *last = json_object_get(endpoint, "last_error");
    const char *reason = text_of(endpoint, "reason"), *error = text_of(last, "text");
    add_text(out, reason ? reason : error ? "" : "-");
    if (error) {
        buffer_add_text(out, reason ? "; " : "");
        add_text(out, error);
        buffer_add_text(out, " (");
        add_age(out, last, "at", now);
        buffer_add_text(out, " ago)");
    }
}

static const struct column {
    const char *title;
    bool right;
    void (*add)(struct buffer *out, const json_t *endpoint, struct wall_time now);
} table[] = {
    {"ENDPOINT", false, add_endpoint},
    {"STATE", false, add_state},
    {"SINCE", true, add_since},
    {"WINDOW", true, add_window},
    {"FLYING", true, add_in_flight},
    {"QUEUED", true, add_queued},
    {"RETRY", true, add_retries},
    {"ASIDE", true, add_aside},
    {"BEHIND", true, add_behind},
    {"OLDEST", true, add_oldest},
    {"WHY; LAST ERROR", false, add_why},
};
#define COLUMNS (sizeof table / sizeof table[0])

/* --- Lines ---------------------------------------------------------------------------------- */

struct row {
    char *cells[COLUMNS];
};

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void add_line(struct buffer *out, const char *line, size_t columns)
{
    size_t len = 0, count = 0;
    while (line[len] && (!columns || count < columns)) {
        do
            len++;
        while (((unsigned char)line[len] & 0xc0) == 0x80);
        count++;
    }
    while (len && line[len - 1] == ' ')
        len--;
    buffer_add(out, line, len);
    buffer_add_text(out, "\n");
}

static void print_row(
    const struct row *row, const size_t *widths, size_t columns, struct buffer *out)
{
    struct buffer line = BUFFER_INIT;
    for (size_t i = 0; i < COLUMNS; i++) {
        int padding = (int)(widths[i] - characters(row->cells[i]));
        buffer_printf(&line, "%s%*s%s%*s", i ? "  " : "", table[i].right ? padding : 0, "",
            row->cells[i], table[i].right ? 0 : padding, "");
    }
    add_line(out, buffer_text(&line), columns);
    buffer_release(&line);
}

static void fill(struct row *row, const json_t *endpoint, struct wall_time now)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        struct buffer cell = BUFFER_INIT;
        if (endpoint)
            table[i].add(&cell, endpoint, now);
        else
            buffer_add_text(&cell, table[i].title);
        row->cells[i] = mem_strdup(buffer_text(&cell));
        buffer_release(&cell);
    }
}

static void print_rows(
    const json_t *endpoints, struct wall_time now, size_t columns, struct buffer *out)
{
    size_t count = json_array_size(endpoints) + 1, widths[COLUMNS] = {0};
    struct row *rows = mem_array(NULL, count, sizeof *rows);
    for (size_t r = 0; r < count; r++) {
        fill(&rows[r], r ? json_array_get(endpoints, r - 1) : NULL, now);
        for (size_t i = 0; i < COLUMNS; i++)
            if (characters(rows[r].cells[i]) > widths[i])
                widths[i] = characters(rows[r].cells[i]);
    }
    for (size_t r = 0; r < count; r++) {
        print_row(&rows[r], widths, columns, out);
        for (size_t i = 0; i < COLUMNS; i++)
            free(rows[r].cells[i]);
    }
    free(rows);
}

static void print_process(const json_t *answer, size_t columns, struct buffer *out)
{
    struct buffer line = BUFFER_INIT;
    int64_t shown = number_of(answer, "shown"), count = number_of(answer, "count");
    buffer_printf(&line, "%" PRId64 " of %" PRId64 " endpoints", shown, number_of(answer, "total"));
    if (shown < count)
        buffer_printf(&line, " (%" PRId64 " more match)", count - shown);
    buffer_printf(&line,
        "; held %" PRId64 " of %" PRId64 ", in flight %" PRId64 " of %" PRId64
        ", set aside %" PRId64,
        number_of(answer, "held"), number_of(answer, "max_held"), number_of(answer, "in_flight"),
        number_of(answer, "max_in_flight"), number_of(answer, "aside"));
    if (json_is_true(json_object_get(answer, "stopping")))
        buffer_add_text(&line, "; stopping");
    else if (json_is_true(json_object_get(answer, "unsure")))
        buffer_add_text(&line, "; starts nothing: its partitions may be another's");
    add_line(out, buffer_text(&line), columns);
    buffer_release(&line);
}

void status_table_print(const json_t *answer, size_t columns, struct buffer *out)
{
    struct wall_time now = wall_now();
    const char *at = text_of(answer, "at"); /* by the clock that the other times are from */
    if (at)
        text_parse_time(at, &now);
    print_rows(json_object_get(answer, "endpoints"), now, columns, out);
    print_process(answer, columns, out);
}
