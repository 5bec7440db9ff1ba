/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint's owner has to remember of it. */
#include "producers/endpoint_state.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/memory.h"
#include "common/text.h"

const char *const endpoint_phases[] = {
    [ENDPOINT_LIVE] = "live",
    [ENDPOINT_BEHIND] = "behind",
    [ENDPOINT_DISABLED] = "disabled",
    [ENDPOINT_PHASES] = NULL,
};

static const char *const tolds[ENDPOINT_TOLDS] = {
    [TOLD_FAILING] = "failing",
    [TOLD_DISABLED] = "disabled",
};

#define EPOCH_HEADER     "hookline-epoch"
#define PARTITION_HEADER "hookline-partition"
#define TENANT_SET       "a-z0-9_-"
#define NAME_SET         "A-Za-z0-9_-"
#define NAME_MAX_LENGTH  64
#define TOPIC_SET        "A-Za-z0-9._-"
#define TOPIC_MAX_LENGTH 249
#define KEY_MAX_LENGTH   (1 + TOPIC_MAX_LENGTH + 1 + 10) /* "@topic/2147483647" */
#define NUMBER_MAX       (INT64_C(1) << 62)       /* of offsets and epochs, as in common/ranges.h */
#define COUNT_MAX        1000000000               /* of attempts and trips */
#define TIME_MAX         INT64_C(253402300799999) /* the end of the year 9999 */

struct endpoint_state endpoint_state_none(void)
{
    return (struct endpoint_state){
        .phase = ENDPOINT_LIVE,
        .since = {-1},
        .bookmark = -1,
        .resolved = RANGES_INIT,
        .open_until = {-1},
        .paused_until = {-1},
        .failing_since = {-1},
        .recovered_at = {-1},
    };
}

bool endpoint_state_is_none(const struct endpoint_state *state)
{
    return state->phase == ENDPOINT_LIVE && state->bookmark < 0 && state->aside_count == 0 &&
           state->trips <= 0 && state->open_until.ms <= 0 && state->paused_until.ms <= 0 &&
           state->failing_since.ms <= 0 && state->told == TOLD_NOTHING &&
           state->recovered_at.ms <= 0;
}

void endpoint_state_release(struct endpoint_state *state)
{
    ranges_release(&state->resolved);
    free(state->aside);
    state->aside = NULL;
    state->aside_count = 0;
}

/* --- Writing -------------------------------------------------------------------------------- */

static void set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) < 0)
        fatal("out of memory");
}

static void set_time(json_t *object, const char *name, struct wall_time time)
{
    char text[RFC3339_SIZE];
    if (time.ms > TIME_MAX)
        time.ms = TIME_MAX;
    if (time.ms > 0)
        set(object, name, json_string_nocheck(wall_format(time, text)));
}

/* U+FFFD for each byte that is no UTF-8, and no more than may be. */
static void set_reason(json_t *object, const char *reason)
{
    if (!reason || !*reason)
        return;
    struct buffer clean = BUFFER_INIT;
    size_t len = strnlen(reason, ENDPOINT_REASON_MAX + 4); /* with the character that is cut */
    for (size_t at = 0, size; at < len; at += size ? size : 1) {
        size = text_utf8_length(reason + at, len - at);
        if (size)
            buffer_add(&clean, reason + at, size);
        else
            buffer_add_text(&clean, "\xef\xbf\xbd");
    }
    len = text_utf8_cut(buffer_text(&clean), clean.len, ENDPOINT_REASON_MAX);
    set(object, "reason", json_stringn_nocheck(buffer_text(&clean), len));
    buffer_release(&clean);
}

static void set_resolved(json_t *object, const struct endpoint_state *state)
{
    struct ranges lowest = state->resolved; /* borrowed */
    struct buffer text = BUFFER_INIT;
    if (lowest.count > ENDPOINT_RANGES_MAX)
        lowest.count = ENDPOINT_RANGES_MAX;
    ranges_print(&lowest, state->bookmark, ENDPOINT_RANGES_BYTES_MAX, &text);
    if (text.len > 0)
        set(object, "resolved", json_stringn_nocheck(text.data, text.len));
    buffer_release(&text);
}

static json_t *json_of_aside(const struct endpoint_aside *aside)
{
    json_t *object = json_object();
    set(object, "offset", json_integer(aside->offset));
    set(object, "attempts", json_integer(aside->attempts));
    set_time(object, "due", aside->due);
    set_time(object, "first_attempt_at", aside->first_attempt_at);
    set_time(object, "deadline", aside->deadline);
    if (aside->lane != 0) {
        char text[20];
        snprintf(text, sizeof text, "%016" PRIx64, aside->lane);
        set(object, "lane", json_string_nocheck(text));
    }
    return object;
}

static void set_aside(json_t *object, const struct endpoint_state *state)
{
    bug_on(state->aside_count > ENDPOINT_ASIDE_MAX);
    if (state->aside_count == 0)
        return;
    json_t *array = json_array();
    for (size_t i = 0; i < state->aside_count; i++) {
        bug_on(i > 0 && state->aside[i].offset <= state->aside[i - 1].offset);
        if (json_array_append_new(array, json_of_aside(&state->aside[i])) < 0)
            fatal("out of memory");
    }
    set(object, "aside", array);
}

static json_t *json_of_state(const struct endpoint_state *state)
{
    json_t *object = json_object();
    set(object, "state", json_string_nocheck(endpoint_phases[state->phase]));
    set_reason(object, state->reason);
    set_time(object, "since", state->since);
    if (state->bookmark >= 0) {
        set(object, "bookmark", json_integer(state->bookmark));
        set_resolved(object, state);
    }
    set_aside(object, state);
    if (state->trips > 0)
        set(object, "trips", json_integer(state->trips));
    set_time(object, "open_until", state->open_until);
    set_time(object, "paused_until", state->paused_until);
    set_time(object, "failing_since", state->failing_since);
    if (state->told != TOLD_NOTHING)
        set(object, "told", json_string_nocheck(tolds[state->told]));
    set_time(object, "recovered_at", state->recovered_at);
    return object;
}

static int append(const char *data, size_t len, void *out)
{
    buffer_add(out, data, len);
    return 0;
}

/* Takes `value`; NULL = a null record. The key is in its buffer. */
static void finish(const struct endpoint_stamp *stamp, json_t *value, struct endpoint_encoded *out)
{
    snprintf(out->numbers[0], sizeof out->numbers[0], "%" PRId64, stamp->epoch);
    snprintf(out->numbers[1], sizeof out->numbers[1], "%" PRId32, stamp->partition);
    out->headers[0] = (struct header){EPOCH_HEADER, {out->numbers[0], strlen(out->numbers[0])}};
    out->headers[1] = (struct header){PARTITION_HEADER, {out->numbers[1], strlen(out->numbers[1])}};
    out->record = (struct record){
        .timestamp_ms = -1,
        .key = {out->key.data, out->key.len},
        .headers = out->headers,
        .header_count = 2,
    };
    buffer_clear(&out->value);
    if (!value)
        return;
    if (json_dump_callback(value, append, &out->value, JSON_COMPACT) < 0)
        fatal("out of memory");
    bug_on(out->value.len > ENDPOINT_VALUE_MAX);
    out->record.value = (struct bytes){out->value.data, out->value.len};
    json_decref(value);
}

void endpoint_state_encode(const char *key, const struct endpoint_stamp *stamp,
    const struct endpoint_state *state, struct endpoint_encoded *out)
{
    buffer_clear(&out->key);
    buffer_add_text(&out->key, key);
    finish(stamp, endpoint_state_is_none(state) ? NULL : json_of_state(state), out);
}

void endpoint_barrier_encode(
    const char *topic, const struct endpoint_stamp *stamp, struct endpoint_encoded *out)
{
    json_t *object = json_object();
    buffer_clear(&out->key);
    buffer_printf(&out->key, "@%s/%" PRId32, topic, stamp->partition);
    set(object, "barrier", json_string(buffer_text(&out->key) + 1));
    set(object, "epoch", json_integer(stamp->epoch));
    finish(stamp, object, out);
}

void endpoint_encoded_release(struct endpoint_encoded *encoded)
{
    buffer_release(&encoded->key);
    buffer_release(&encoded->value);
    *encoded = (struct endpoint_encoded){.key = BUFFER_INIT};
}

/* --- Reading: fields ------------------------------------------------------------------------ */
/* What is absent leaves the default that is there. */

static bool malformed(const char *name, struct error *error)
{
    return error_set(error, ERROR_PERMANENT, "field %s is malformed", name);
}

static bool read_integer(
    const json_t *object, const char *name, int64_t most, int64_t *ret_value, struct error *error)
{
    const json_t *field = json_object_get(object, name);
    if (!field)
        return true;
    int64_t value = json_integer_value(field);
    if (!json_is_integer(field) || value < 0 || value > most)
        return malformed(name, error);
    *ret_value = value;
    return true;
}

/* Exactly what wall_format() writes, after 1970. */
static bool parse_time(const char *text, struct wall_time *ret_time)
{
    struct tm tm = {.tm_isdst = 0};
    char again[RFC3339_SIZE];
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S.", &tm);
    if (!end || !text_matches_set(end, 4, "0-9Z") || strlen(end) != 4)
        return false;
    int64_t ms = 100 * (end[0] - '0') + 10 * (end[1] - '0') + (end[2] - '0');
    struct wall_time time = {(int64_t)timegm(&tm) * 1000 + ms};
    if (time.ms <= 0 || strcmp(wall_format(time, again), text) != 0)
        return false;
    *ret_time = time;
    return true;
}

static bool read_time(
    const json_t *object, const char *name, struct wall_time *ret_time, struct error *error)
{
    const json_t *field = json_object_get(object, name);
    if (!field)
        return true;
    return (json_is_string(field) && parse_time(json_string_value(field), ret_time)) ||
           malformed(name, error);
}

static bool read_phase(const json_t *object, enum endpoint_phase *ret_phase, struct error *error)
{
    const char *text = json_string_value(json_object_get(object, "state"));
    for (int i = 0; text && i < ENDPOINT_PHASES; i++) {
        if (strcmp(text, endpoint_phases[i]) != 0)
            continue;
        *ret_phase = (enum endpoint_phase)i;
        return true;
    }
    return malformed("state", error);
}

static bool read_told(const json_t *object, enum endpoint_told *ret_told, struct error *error)
{
    const json_t *field = json_object_get(object, "told");
    if (!field)
        return true;
    for (int i = TOLD_FAILING; json_is_string(field) && i < ENDPOINT_TOLDS; i++) {
        if (strcmp(json_string_value(field), tolds[i]) != 0)
            continue;
        *ret_told = (enum endpoint_told)i;
        return true;
    }
    return malformed("told", error);
}

static bool read_reason(const json_t *object, char **ret_reason, struct error *error)
{
    const json_t *field = json_object_get(object, "reason");
    if (!field)
        return true;
    if (!json_is_string(field) || json_string_length(field) > ENDPOINT_REASON_MAX)
        return malformed("reason", error);
    if (json_string_length(field) > 0)
        *ret_reason = mem_strdup(json_string_value(field));
    return true;
}

static bool read_resolved(const json_t *object, struct endpoint_state *state, struct error *error)
{
    const json_t *field = json_object_get(object, "resolved");
    if (!field)
        return true;
    size_t len = json_string_length(field);
    if (!json_is_string(field) || len > ENDPOINT_RANGES_BYTES_MAX || state->bookmark < 0 ||
        !ranges_parse(&state->resolved, state->bookmark, json_string_value(field), len) ||
        state->resolved.count > ENDPOINT_RANGES_MAX)
        return malformed("resolved", error);
    return true;
}

static bool read_lane(const json_t *object, uint64_t *ret_lane, struct error *error)
{
    const json_t *field = json_object_get(object, "lane");
    const char *text = json_string_value(field);
    if (!field)
        return true;
    if (!text || !text_matches_set(text, 16, "0-9a-f") || strlen(text) != 16)
        return malformed("lane", error);
    *ret_lane = strtoull(text, NULL, 16);
    return true;
}

static bool read_one_aside(
    const json_t *object, int64_t above, struct endpoint_aside *aside, struct error *error)
{
    *aside = (struct endpoint_aside){
        .offset = -1, .attempts = -1, .first_attempt_at = {-1}, .deadline = {-1}};
    if (!read_integer(object, "offset", NUMBER_MAX, &aside->offset, error) ||
        !read_integer(object, "attempts", COUNT_MAX, &aside->attempts, error) ||
        !read_time(object, "due", &aside->due, error) ||
        !read_time(object, "first_attempt_at", &aside->first_attempt_at, error) ||
        !read_time(object, "deadline", &aside->deadline, error) ||
        !read_lane(object, &aside->lane, error))
        return false;
    return (aside->offset > above && aside->attempts >= 0) || malformed("aside", error);
}

static bool read_aside(const json_t *object, struct endpoint_state *state, struct error *error)
{
    const json_t *array = json_object_get(object, "aside");
    size_t count = json_array_size(array);
    int64_t above = -1;
    if (!array)
        return true;
    if (!json_is_array(array) || count > ENDPOINT_ASIDE_MAX)
        return malformed("aside", error);
    state->aside = mem_array(NULL, count, sizeof *state->aside);
    for (size_t i = 0; i < count; i++) {
        if (!read_one_aside(json_array_get(array, i), above, &state->aside[i], error))
            return false;
        above = state->aside[i].offset;
    }
    state->aside_count = count;
    return true;
}

static bool read_state(const json_t *object, struct endpoint_decoded *decoded, struct error *error)
{
    struct endpoint_state *state = &decoded->state;
    if (!read_phase(object, &state->phase, error) ||
        !read_reason(object, &decoded->reason, error) ||
        !read_time(object, "since", &state->since, error) ||
        !read_integer(object, "bookmark", NUMBER_MAX, &state->bookmark, error) ||
        !read_resolved(object, state, error) || !read_aside(object, state, error) ||
        !read_integer(object, "trips", COUNT_MAX, &state->trips, error) ||
        !read_time(object, "open_until", &state->open_until, error) ||
        !read_time(object, "paused_until", &state->paused_until, error) ||
        !read_time(object, "failing_since", &state->failing_since, error) ||
        !read_told(object, &state->told, error) ||
        !read_time(object, "recovered_at", &state->recovered_at, error))
        return false;
    state->reason = decoded->reason;
    return true;
}

/* It says once more what stands in the key and in a header. */
static bool read_barrier(const json_t *object, const struct record *record,
    const struct endpoint_decoded *decoded, struct error *error)
{
    const json_t *name = json_object_get(object, "barrier");
    int64_t epoch = -1;
    if (!json_is_string(name) || json_string_length(name) != record->key.len - 1 ||
        memcmp(json_string_value(name), (const char *)record->key.data + 1, record->key.len - 1) !=
            0)
        return malformed("barrier", error);
    if (!read_integer(object, "epoch", NUMBER_MAX, &epoch, error))
        return false;
    return epoch == decoded->stamp.epoch || malformed("epoch", error);
}

/* --- Reading: the record -------------------------------------------------------------------- */

static bool read_header(const struct record *record, const char *name, int64_t most,
    int64_t *ret_number, struct error *error)
{
    const char *text = record_header_text(record, name);
    int64_t number;
    if (!text || !text_parse_int(text, &number) || number < 0 || number > most)
        return error_set(
            error, ERROR_PERMANENT, "header %s is %s", name, text ? "malformed" : "absent");
    *ret_number = number;
    return true;
}

static bool read_stamp(
    const struct record *record, struct endpoint_stamp *ret_stamp, struct error *error)
{
    int64_t epoch = 0, partition = 0;
    if (!read_header(record, EPOCH_HEADER, NUMBER_MAX, &epoch, error) ||
        !read_header(record, PARTITION_HEADER, INT32_MAX, &partition, error))
        return false;
    *ret_stamp = (struct endpoint_stamp){(int32_t)partition, epoch};
    return true;
}

/* "<tenant>/<subscription>" */
static bool read_state_key(const char *key, struct endpoint_decoded *decoded)
{
    const char *slash = strchr(key, '/');
    if (!slash || !text_matches_set(slash + 1, NAME_MAX_LENGTH, NAME_SET))
        return false;
    decoded->key = mem_strdup(key);
    decoded->tenant = mem_dup(key, (size_t)(slash - key));
    return text_matches_set(decoded->tenant, NAME_MAX_LENGTH, TENANT_SET);
}

/* "@<topic>/<partition>", the partition being that of the stamp. */
static bool read_barrier_key(const char *key, struct endpoint_decoded *decoded)
{
    char partition[16];
    const char *slash = strchr(key, '/');
    if (!slash)
        return false;
    decoded->key = mem_dup(key + 1, (size_t)(slash - key) - 1);
    snprintf(partition, sizeof partition, "%" PRId32, decoded->stamp.partition);
    return strcmp(slash + 1, partition) == 0 &&
           text_matches_set(decoded->key, TOPIC_MAX_LENGTH, TOPIC_SET);
}

static bool read_key(
    const struct record *record, struct endpoint_decoded *decoded, struct error *error)
{
    const struct bytes bytes = record->key;
    bool good = bytes.data && bytes.len > 0 && bytes.len <= KEY_MAX_LENGTH &&
                !memchr(bytes.data, '\0', bytes.len);
    if (good) {
        char *key = mem_dup(bytes.data, bytes.len);
        decoded->kind = *key == '@' ? ENDPOINT_RECORD_BARRIER : ENDPOINT_RECORD_STATE;
        good = *key == '@' ? read_barrier_key(key, decoded) : read_state_key(key, decoded);
        free(key);
    }
    return good || error_set(error, ERROR_PERMANENT,
                       "the key is neither \"tenant/subscription\" nor \"@topic/partition\"");
}

static bool read_value(
    const struct record *record, struct endpoint_decoded *decoded, struct error *error)
{
    const struct bytes bytes = record->value;
    bool barrier = decoded->kind == ENDPOINT_RECORD_BARRIER;
    json_error_t fault;
    if (!bytes.data) /* nothing to remember; but a barrier is always something */
        return !barrier || error_set(error, ERROR_PERMANENT, "a barrier has no value");
    if (bytes.len > ENDPOINT_VALUE_MAX)
        return error_set(
            error, ERROR_PERMANENT, "the value has more than %d bytes", ENDPOINT_VALUE_MAX);
    json_t *object = json_loadb(bytes.data, bytes.len, JSON_REJECT_DUPLICATES, &fault);
    bool good = json_is_object(object);
    if (!good)
        error_set(error, ERROR_PERMANENT, "the value is no JSON object");
    else if (barrier)
        good = read_barrier(object, record, decoded, error);
    else
        good = read_state(object, decoded, error);
    json_decref(object);
    return good;
}

bool endpoint_decode(
    const struct record *record, struct endpoint_decoded *ret_decoded, struct error *error)
{
    struct endpoint_decoded decoded = {.state = endpoint_state_none()};
    if (!read_stamp(record, &decoded.stamp, error) || !read_key(record, &decoded, error) ||
        !read_value(record, &decoded, error)) {
        endpoint_decoded_release(&decoded);
        return false;
    }
    *ret_decoded = decoded;
    return true;
}

void endpoint_decoded_release(struct endpoint_decoded *decoded)
{
    endpoint_state_release(&decoded->state);
    free(decoded->key);
    free(decoded->tenant);
    free(decoded->reason);
    *decoded = (struct endpoint_decoded){.state = endpoint_state_none()};
}
