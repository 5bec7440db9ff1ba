/* SPDX-License-Identifier: Apache-2.0 */
/* A record of one of Hookline's own topics: headers, then its value. Whichever codec takes it, what it reads it writes
 * so that it reads the same again. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/trace.h"
#include "dead_letters/item.h"
#include "dead_letters/replay_mark.h"
#include "input.h"
#include "kafka/commit_note.h"
#include "producers/dead_letter.h"
#include "producers/delivery_record.h"
#include "producers/endpoint_state.h"
#include "producers/operational_event.h"
#include "producers/result.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_delivery(const struct record *record)
{
    struct error error = ERROR_INIT;
    struct delivery_decoded *first = mem_zalloc(sizeof *first),
                            *second = mem_zalloc(sizeof *second);
    struct delivery_encoded *encoded = mem_zalloc(sizeof *encoded);
    if (delivery_decode(record, first, &error)) {
        delivery_encode(&first->delivery, encoded);
        encoded->record.topic = "deliveries";
        struct record *copy = record_copy(&encoded->record);
        bug_on(!delivery_decode(copy, second, &error));
        bug_on(!same_text(first->delivery.id, second->delivery.id));
        bug_on(!same_text(first->delivery.order_key, second->delivery.order_key));
        bug_on(first->delivery.event_at.ms != second->delivery.event_at.ms);
        bug_on(first->delivery.redact != second->delivery.redact);
        free(copy);
    } else {
        bug_on(!error_is_set(&error));
    }
    free(first);
    free(second);
    free(encoded);
}

static void check_letter(const struct record *record)
{
    struct error error = ERROR_INIT;
    struct dead_letter first, second;
    struct dead_letter_encoded encoded = {.headers = NULL};
    if (!dead_letter_decode(record, &first, &error))
        return;
    first.failed = record;
    dead_letter_encode(&first, &encoded);
    encoded.record.topic = "topic";
    struct record *copy = record_copy(&encoded.record);
    bug_on(!dead_letter_decode(copy, &second, &error) || first.reason != second.reason);
    free(copy);
    dead_letter_encoded_release(&encoded);
}

static void check_state(const struct record *record)
{
    struct error error = ERROR_INIT;
    struct endpoint_decoded first, second;
    struct endpoint_encoded encoded = {0};
    if (!endpoint_decode(record, &first, &error))
        return;
    if (first.kind == ENDPOINT_RECORD_STATE)
        endpoint_state_encode(first.key, &first.stamp, &first.state, &encoded);
    else
        endpoint_barrier_encode(first.key, &first.stamp, &encoded);
    encoded.record.topic = "topic";
    struct record *copy = record_copy(&encoded.record);
    bug_on(!endpoint_decode(copy, &second, &error));
    bug_on(first.kind != second.kind || first.stamp.epoch != second.stamp.epoch);
    bug_on(first.state.bookmark != second.state.bookmark ||
           first.state.aside_count != second.state.aside_count);
    free(copy);
    endpoint_encoded_release(&encoded);
    endpoint_decoded_release(&second);
    endpoint_decoded_release(&first);
}

static void check_operational(const struct record *record)
{
    struct error error = ERROR_INIT;
    struct operational_decoded first, second;
    struct operational_encoded encoded = {0};
    if (!operational_event_decode(record, &first, &error))
        return;
    operational_event_encode(&first.event, &encoded);
    bug_on(!operational_event_decode(&encoded.record, &second, &error));
    bug_on(!same_text(first.event.type, second.event.type) || !same_text(first.key, second.key));
    operational_decoded_release(&second);
    operational_encoded_release(&encoded);
    operational_decoded_release(&first);
}

static void check_result(const struct record *record)
{
    struct error error = ERROR_INIT;
    struct result_decoded first, second;
    struct buffer text = BUFFER_INIT;
    if (!result_decode(record, &first, &error))
        return;
    result_encode(&first.result, &text);
    struct record again = {.topic = "results", .value = {text.data, text.len}};
    bug_on(!result_decode(&again, &second, &error));
    bug_on(first.result.outcome != second.result.outcome ||
           !same_text(first.result.id, second.result.id));
    result_decoded_release(&second);
    result_decoded_release(&first);
    buffer_release(&text);
}

/* That a delivery of that id was replayed, and then that it was not. */
static void check_marks(struct replay_marks *marks, const char *id)
{
    struct error error = ERROR_INIT;
    struct replay_mark mark = {.partition = 3,
        .offset = 5,
        .id = id,
        .state = REPLAY_DONE,
        .at = {1},
        .by = "somebody",
        .run = "run"};
    char *key = replay_mark_key(&mark), *value = replay_mark_value(&mark);
    struct record record = {.key = {key, strlen(key)}, .value = {value, strlen(value)}};
    bug_on(!replay_marks_apply(marks, &record, &error));
    bug_on(replay_marks_find(marks, 3, 5, id, "run").state != REPLAY_DONE);
    record.value = (struct bytes){NULL, 0};
    bug_on(!replay_marks_apply(marks, &record, &error));
    bug_on(replay_marks_find(marks, 3, 5, id, "run").state != REPLAY_NONE);
    free(key);
    free(value);
}

/* What is shown of a dead letter, and what a mark of a replay says. */
static void check_dead_letters(const struct record *record)
{
    struct error error = ERROR_INIT;
    struct dead_letter_item item;
    struct replay_marks *marks = replay_marks_new();
    if (dead_letter_item_read(record, &item, &error)) {
        json_decref(dead_letter_item_json(&item, true));
        if (item.id)
            check_marks(marks, item.id);
    }
    error = (struct error)ERROR_INIT;
    bug_on(replay_marks_apply(marks, record, &error) == error_is_set(&error));
    replay_marks_free(marks);
}

/* What goes on is valid itself, and cannot end a line. */
static void check_trace(const struct record *record)
{
    static const struct trace_attempt attempt = {"msg_1", 1, {1}};
    struct trace first, second;
    char parent[TRACE_PARENT_SIZE];
    if (!trace_continue(record, &attempt, &first))
        return;
    trace_parent(&first, parent);
    struct header headers[] = {{"traceparent", {parent, strlen(parent)}},
        {"tracestate", {first.state, first.state ? strlen(first.state) : 0}}};
    const struct record again = {.headers = headers, .header_count = first.state ? 2 : 1};
    bug_on(strlen(parent) != TRACE_PARENT_SIZE - 1);
    bug_on(!trace_continue(&again, &attempt, &second));
    bug_on(!same_text(first.id, second.id) || !same_text(first.state, second.state));
    bug_on(first.state && strpbrk(first.state, "\r\n"));
}

static void check_note(struct bytes text)
{
    struct ranges done = {0};
    struct buffer printed = BUFFER_INIT;
    int64_t epoch;
    commit_note_parse(text.data, text.len, 100, &epoch, &done);
    bug_on(epoch < 0 || epoch > COMMIT_NOTE_EPOCH_MAX);
    commit_note_print(epoch, &done, 100, &printed);
    bug_on(printed.len > COMMIT_NOTE_BYTES);
    buffer_release(&printed);
    ranges_release(&done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    struct bytes headers = input_part(&input), value = input_part(&input);
    struct input_record storage;
    input_record(headers, value, &storage);
    check_delivery(&storage.record);
    check_letter(&storage.record);
    check_state(&storage.record);
    check_operational(&storage.record);
    check_result(&storage.record);
    check_dead_letters(&storage.record);
    check_trace(&storage.record);
    check_note(headers);
    input_record_release(&storage);
    return 0;
}
