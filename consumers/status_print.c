/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint's status as JSON. Written by hand: with a tree of values for each of thousands of
 * endpoints the loop would stand still. */
#include <inttypes.h>
#include <string.h>

#include "common/json_text.h"
#include "common/text.h"
#include "consumers/status.h"

#define TEXT_MAX 4096

static void add_text(struct buffer *out, const char *name, const char *text)
{
    json_text_add_name(out, name);
    if (text && *text)
        json_text_add_string(out, text, TEXT_MAX);
    else
        buffer_add_text(out, "null");
}

static void add_time(struct buffer *out, const char *name, struct wall_time time)
{
    char text[RFC3339_SIZE];
    add_text(out, name, time.ms > 0 ? wall_format(time, text) : NULL);
}

static void add_number(struct buffer *out, const char *name, int64_t number)
{
    json_text_add_name(out, name);
    buffer_printf(out, "%" PRId64, number);
}

/* -1 is not known. */
static void add_number_if(struct buffer *out, const char *name, int64_t number)
{
    json_text_add_name(out, name);
    if (number < 0)
        buffer_add_text(out, "null");
    else
        buffer_printf(out, "%" PRId64, number);
}

static void add_rate(struct buffer *out, const struct status *status)
{
    char number[TEXT_AMOUNT_SIZE];
    json_text_add_name(out, "rate");
    if (status->rate_per_second > 0)
        buffer_printf(out, "{\"per_second\":%s,\"burst\":%" PRId64 "}",
            text_format_number(status->rate_per_second, number),
            status->rate_burst > 0 ? status->rate_burst : 1);
    else
        buffer_add_text(out, "null");
}

static void add_last_error(struct buffer *out, const struct status *status)
{
    json_text_add_name(out, "last_error");
    if (*status->last_error) {
        buffer_add_text(out, "{");
        add_text(out, "text", status->last_error);
        add_time(out, "at", status->last_error_at);
        buffer_add_text(out, "}");
    } else {
        buffer_add_text(out, "null");
    }
}

static void add_behind(struct buffer *out, const struct status *status, struct wall_time now)
{
    int64_t age_ms = now.ms - status->oldest_waiting.ms;
    json_text_add_name(out, "behind");
    if (status->bookmark < 0) {
        buffer_add_text(out, "null");
        return;
    }
    buffer_add_text(out, "{");
    add_number(out, "bookmark", status->bookmark);
    add_number_if(out, "records", status->records);
    add_number(out, "passed_over", status->passed_over);
    add_number_if(out, "age_s",
        status->oldest_waiting.ms < 0 ? -1
        : age_ms < 0                  ? 0
                                      : age_ms / 1000);
    add_number_if(
        out, "live_in_s", status->live_in_ms < 0 ? -1 : (status->live_in_ms + 999) / 1000);
    buffer_add_text(out, "}");
}

void status_print(const struct status *status, struct wall_time now, struct buffer *out)
{
    buffer_add_text(out, "{");
    add_text(out, "endpoint", status->key);
    add_text(out, "host", status->host);
    add_text(out, "state", status_states[status->state]);
    add_text(out, "reason", status->reason);
    add_time(out, "since", status->since);
    add_text(out, "circuit", status->phase);
    add_time(out, "open_until", status->open_until);
    add_time(out, "paused_until", status->paused_until);
    add_number(out, "window", status->window);
    add_number(out, "in_flight", status->in_flight);
    add_number(out, "queued", status->queued);
    add_number(out, "waiting", status->waiting);
    add_number(out, "aside", status->aside);
    add_number(out, "recording", status->recording);
    add_number(out, "held_bytes", status->held_bytes);
    add_rate(out, status);
    add_last_error(out, status);
    add_time(out, "last_success_at", status->last_success_at);
    add_time(out, "oldest_waiting", status->oldest_waiting);
    add_behind(out, status, now);
    buffer_add_text(out, "}");
}
