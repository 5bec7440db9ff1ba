/* SPDX-License-Identifier: Apache-2.0 */
/* The record of what failed for good. */
#include "producers/dead_letter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

const char *const dead_letter_reasons[] = {
    [DEAD_INVALID_EVENT] = "invalid_event",
    [DEAD_EVENT_TOO_LARGE] = "event_too_large",
    [DEAD_TENANT_UNRESOLVED] = "tenant_unresolved",
    [DEAD_EXPIRED] = "expired",
    [DEAD_ATTEMPTS_EXHAUSTED] = "attempts_exhausted",
    [DEAD_REJECTED] = "rejected",
    [DEAD_GONE] = "gone",
    [DEAD_ENDPOINT_DISABLED] = "endpoint_disabled",
    [DEAD_SUBSCRIPTION_DELETED] = "subscription_deleted",
    [DEAD_BLOCKED_ADDRESS] = "blocked_address",
    [DEAD_UNRENDERABLE] = "unrenderable",
    [DEAD_UNROUTABLE] = "unroutable",
    [DEAD_REASONS] = NULL,
};

/* What a dead letter says of itself. A failed record's own headers of these names (a replay has some)
 * are not kept beside them. */
static const char *const own_headers[] = {
    "hookline-reason",
    "hookline-detail",
    "hookline-status",
    "hookline-response",
    "hookline-attempts",
    "hookline-first-attempt-at",
    "hookline-last-attempt-at",
    "hookline-host",
    "hookline-dead-at",
    NULL,
};
#define OWN_HEADERS_MAX 16 /* these, and those of an event: tenant, event, event-at, source */

/* --- Writing -------------------------------------------------------------------------------- */

static bool kept_header(const struct dead_letter *letter, const char *name)
{
    if (letter->from_event)
        return strncmp(name, "hookline-", 9) != 0;
    if (letter->reason == DEAD_TENANT_UNRESOLVED && strcmp(name, "hookline-tenant") == 0)
        return false;
    for (size_t i = 0; own_headers[i]; i++)
        if (strcmp(name, own_headers[i]) == 0)
            return false;
    return true;
}

static void keep_headers(const struct dead_letter *letter, struct dead_letter_encoded *out)
{
    const struct record *failed = letter->failed;
    size_t bytes = 0;
    for (size_t i = 0; i < failed->header_count; i++) {
        const struct header *header = &failed->headers[i];
        size_t size = strlen(header->name) + header->value.len;
        if (!kept_header(letter, header->name) || size > DEAD_LETTER_HEADER_BYTES_KEPT - bytes)
            continue;
        if (out->record.header_count == DEAD_LETTER_HEADERS_KEPT)
            break;
        bytes += size;
        out->headers[out->record.header_count++] = *header;
    }
}

static void add_bytes(
    struct dead_letter_encoded *out, const char *name, const void *data, size_t len)
{
    out->headers[out->record.header_count++] = (struct header){name, {data, len}};
}

static void add_text(struct dead_letter_encoded *out, const char *name, const char *text)
{
    if (text && *text)
        add_bytes(out, name, text, strlen(text));
}

/* The buffer has been given room for all of them before, so what was added earlier stays in place. */
static void add_printed(struct dead_letter_encoded *out, const char *name, const char *topic,
    int64_t number, int64_t offset)
{
    size_t start = out->text.len;
    if (topic)
        buffer_printf(&out->text, "%s/%" PRId64 "/%" PRId64, topic, number, offset);
    else
        buffer_printf(&out->text, "%" PRId64, number);
    add_bytes(out, name, out->text.data + start, out->text.len - start);
}

static void add_number(struct dead_letter_encoded *out, const char *name, int64_t number)
{
    if (number > 0)
        add_printed(out, name, NULL, number, 0);
}

static void add_response(const struct dead_letter *letter, struct dead_letter_encoded *out)
{
    const char *text = letter->response.data;
    size_t len = text ? text_readable(text, letter->response.len, DEAD_LETTER_RESPONSE_KEPT) : 0;
    if (len)
        add_bytes(out, "hookline-response", text, len);
}

static void add_event_headers(const struct dead_letter *letter, struct dead_letter_encoded *out)
{
    const struct record *failed = letter->failed;
    if (letter->reason != DEAD_TENANT_UNRESOLVED)
        add_text(out, "hookline-tenant", letter->tenant);
    add_text(out, "hookline-event", letter->event);
    add_number(out, "hookline-event-at", failed->timestamp_ms);
    add_printed(out, "hookline-source", failed->topic, failed->partition, failed->offset);
}

static struct bytes kept_value(const struct dead_letter *letter)
{
    struct bytes value = letter->failed->value;
    if (letter->reason == DEAD_EVENT_TOO_LARGE && value.len > DEAD_LETTER_LARGE_KEPT)
        value.len = DEAD_LETTER_LARGE_KEPT;
    return value;
}

void dead_letter_encode(const struct dead_letter *letter, struct dead_letter_encoded *out)
{
    const struct record *failed = letter->failed;
    size_t room = failed->header_count < DEAD_LETTER_HEADERS_KEPT ? failed->header_count
                                                                  : DEAD_LETTER_HEADERS_KEPT;

    out->headers = mem_array(out->headers, room + OWN_HEADERS_MAX, sizeof *out->headers);
    buffer_clear(&out->text);
    buffer_reserve(&out->text, OWN_HEADERS_MAX * 24 + strlen(failed->topic));
    out->record = (struct record){
        .timestamp_ms = -1,
        .key = failed->key,
        .value = kept_value(letter),
        .headers = out->headers,
    };
    if (out->record.key.len > DEAD_LETTER_KEY_KEPT)
        out->record.key = (struct bytes){NULL, 0};

    keep_headers(letter, out);
    if (letter->from_event)
        add_event_headers(letter, out);
    add_text(out, "hookline-reason", dead_letter_reasons[letter->reason]);
    add_text(out, "hookline-detail", letter->detail);
    add_number(out, "hookline-status", letter->status);
    add_response(letter, out);
    add_number(out, "hookline-attempts", letter->attempts);
    add_number(out, "hookline-first-attempt-at", letter->first_attempt_at.ms);
    add_number(out, "hookline-last-attempt-at", letter->last_attempt_at.ms);
    add_text(out, "hookline-host", letter->host);
    add_number(out, "hookline-dead-at", letter->dead_at.ms);
}

void dead_letter_encoded_release(struct dead_letter_encoded *encoded)
{
    free(encoded->headers);
    buffer_release(&encoded->text);
    *encoded = (struct dead_letter_encoded){.headers = NULL};
}

/* --- Reading -------------------------------------------------------------------------------- */

static int64_t read_number(const struct record *record, const char *name, int64_t absent)
{
    const char *text = record_header_text(record, name);
    int64_t number;
    return text && text_parse_int(text, &number) && number >= 0 ? number : absent;
}

static const char *read_text(const struct record *record, const char *name)
{
    const struct header *header = record_header(record, name);
    const char *text = record_header_text(record, name);
    return text && text_is_utf8(text, header->value.len) ? text : NULL;
}

static bool read_reason(
    const struct record *record, enum dead_letter_reason *ret_reason, struct error *error)
{
    const char *text = record_header_text(record, "hookline-reason");
    for (int i = 0; text && i < DEAD_REASONS; i++) {
        if (strcmp(text, dead_letter_reasons[i]) != 0)
            continue;
        *ret_reason = (enum dead_letter_reason)i;
        return true;
    }
    return error_set(
        error, ERROR_PERMANENT, "header hookline-reason is %s", text ? "unknown" : "absent");
}

bool dead_letter_decode(
    const struct record *record, struct dead_letter *ret_letter, struct error *error)
{
    enum dead_letter_reason reason = DEAD_INVALID_EVENT;
    if (!read_reason(record, &reason, error))
        return false;
    *ret_letter = (struct dead_letter){
        .reason = reason,
        .detail = read_text(record, "hookline-detail"),
        .status = read_number(record, "hookline-status", 0),
        .attempts = read_number(record, "hookline-attempts", 0),
        .first_attempt_at = {read_number(record, "hookline-first-attempt-at", -1)},
        .last_attempt_at = {read_number(record, "hookline-last-attempt-at", -1)},
        .host = read_text(record, "hookline-host"),
        .dead_at = {read_number(record, "hookline-dead-at", -1)},
        .tenant = read_text(record, "hookline-tenant"),
        .event = read_text(record, "hookline-event"),
    };
    const struct header *response = record_header(record, "hookline-response");
    if (response && response->value.data)
        ret_letter->response = response->value;
    return true;
}
