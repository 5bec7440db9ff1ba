/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/dead_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"

static const struct header delivery_headers[] = {
    {"hookline-id", {"msg_1", 5}},
    {"hookline-tenant", {"acme", 4}},
    {"hookline-event", {"call.ended", 10}},
    {"hookline-attempts", {"3", 1}}, /* of a replay */
    {"ce_id", {"1", 1}},
};
static const struct record delivery = {
    .topic = "hookline.deliveries.acme",
    .offset = 7,
    .key = {"acme/crm", 8},
    .value = {"{}", 2},
    .headers = delivery_headers,
    .header_count = 5,
};

static const struct dead_letter sample = {
    .reason = DEAD_REJECTED,
    .detail = "The endpoint answered 422 three times.",
    .status = 422,
    .response = {"{\"no\":1}", 8},
    .attempts = 4,
    .first_attempt_at = {1772439251902},
    .last_attempt_at = {1772439291902},
    .host = "hooks.example.com",
    .dead_at = {1772439291950},
    .failed = &delivery,
};

/* As a reader gets it. */
static struct record *written(const struct dead_letter *letter)
{
    struct dead_letter_encoded encoded = {.headers = NULL};
    dead_letter_encode(letter, &encoded);
    dead_letter_encode(letter, &encoded); /* storage can be used again */
    encoded.record.topic = "hookline.dead-letters";
    struct record *copy = record_copy(&encoded.record);
    dead_letter_encoded_release(&encoded);
    return copy;
}

static size_t count_headers(const struct record *record, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < record->header_count; i++)
        n += strcmp(record->headers[i].name, name) == 0;
    return n;
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct record *record = written(&sample);
    struct dead_letter got;

    assert_true(dead_letter_decode(record, &got, NULL));
    assert_int_equal(got.reason, DEAD_REJECTED);
    assert_string_equal(got.detail, sample.detail);
    assert_int_equal(got.status, 422);
    assert_int_equal(got.response.len, 8);
    assert_string_equal(got.response.data, "{\"no\":1}");
    assert_int_equal(got.attempts, 4);
    assert_int_equal(got.first_attempt_at.ms, sample.first_attempt_at.ms);
    assert_int_equal(got.last_attempt_at.ms, sample.last_attempt_at.ms);
    assert_string_equal(got.host, "hooks.example.com");
    assert_int_equal(got.dead_at.ms, sample.dead_at.ms);
    assert_string_equal(got.tenant, "acme");
    assert_string_equal(got.event, "call.ended");
    assert_memory_equal(record->key.data, "acme/crm", 8);
    assert_memory_equal(record->value.data, "{}", 2);
    assert_string_equal(record_header_text(record, "hookline-id"), "msg_1");
    assert_string_equal(record_header_text(record, "ce_id"), "1");
    assert_int_equal(count_headers(record, "hookline-attempts"), 1);
    free(record);
}

static void an_event_says_where_it_came_from(void **state)
{
    (void)state;
    const struct header headers[] = {
        {"tenant-id", {"acme", 4}},
        {"hookline-tenant", {"forged", 6}},
        {"hookline-id", {"forged", 6}},
    };
    const struct record event = {
        .topic = "calls",
        .partition = 2,
        .offset = 99,
        .timestamp_ms = 1772439251902,
        .value = {"not JSON", 8},
        .headers = headers,
        .header_count = 3,
    };
    struct dead_letter letter = {
        .reason = DEAD_INVALID_EVENT,
        .detail = "not JSON",
        .dead_at = {1772439291950},
        .failed = &event,
        .from_event = true,
        .tenant = "acme",
    };
    struct record *record = written(&letter);

    assert_string_equal(record_header_text(record, "hookline-tenant"), "acme");
    assert_string_equal(record_header_text(record, "hookline-source"), "calls/2/99");
    assert_string_equal(record_header_text(record, "hookline-event-at"), "1772439251902");
    assert_string_equal(record_header_text(record, "tenant-id"), "acme");
    assert_null(record_header(record, "hookline-id"));
    assert_null(record_header(record, "hookline-attempts"));
    assert_null(record->key.data);
    struct dead_letter got;
    assert_true(dead_letter_decode(record, &got, NULL));
    assert_int_equal(got.first_attempt_at.ms, -1);
    assert_null(got.host);
    free(record);
}

static void an_unresolved_tenant_is_nobodys(void **state)
{
    (void)state;
    struct dead_letter letter = sample;
    letter.reason = DEAD_TENANT_UNRESOLVED;
    struct record *record = written(&letter);
    assert_null(record_header(record, "hookline-tenant"));
    free(record);
    letter.from_event = true;
    letter.tenant = "acme";
    record = written(&letter);
    assert_null(record_header(record, "hookline-tenant"));
    free(record);
}

static void only_text_is_kept_of_an_answer(void **state)
{
    (void)state;
    char large[2000];
    memset(large, 'a', sizeof large);
    memcpy(large + DEAD_LETTER_RESPONSE_KEPT - 1, "\xd9\x85", 2); /* cut in the middle */
    const struct {
        const char *data;
        size_t len, kept;
    } cases[] = {
        {NULL, 0, 0},
        {"", 0, 0},
        {"no\n", 3, 3},
        {"a\0b", 3, 0},
        {"\x1b[31m", 5, 0},
        {"\xff\xfe", 2, 0},
        {"caf\xc3\xa9", 5, 5},
        {"caf\xc3", 4, 3},
        {"\xf0\x9f\x93", 3, 0},
        {"\x80\x80\x80\x80", 4, 0},
        {large, sizeof large, DEAD_LETTER_RESPONSE_KEPT - 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dead_letter letter = sample;
        letter.response = (struct bytes){cases[i].data, cases[i].len};
        struct record *record = written(&letter);
        const struct header *header = record_header(record, "hookline-response");
        size_t kept = header ? header->value.len : 0;
        if (kept != cases[i].kept)
            fail_msg("case %zu: %zu bytes kept", i, kept);
        free(record);
    }
}

static void what_is_too_large_stays_bounded(void **state)
{
    (void)state;
    static char large[1 << 20];
    struct header headers[1000];
    for (size_t i = 0; i < 1000; i++)
        headers[i] = (struct header){"ce_x", {large, 1000}};
    const struct record event = {
        .topic = "calls",
        .key = {large, DEAD_LETTER_KEY_KEPT + 1},
        .value = {large, sizeof large},
        .headers = headers,
        .header_count = 1000,
    };
    struct dead_letter letter = {
        .reason = DEAD_EVENT_TOO_LARGE, .failed = &event, .from_event = true};
    struct record *record = written(&letter);
    assert_int_equal(record->value.len, DEAD_LETTER_LARGE_KEPT);
    assert_null(record->key.data);
    assert_true(record_size(record) < 200000);
    free(record);

    for (size_t i = 0; i < 1000; i++)
        headers[i].value.len = 0;
    letter.reason = DEAD_UNROUTABLE;
    record = written(&letter);
    assert_int_equal(record->value.len, sizeof large);
    assert_true(record->header_count <= DEAD_LETTER_HEADERS_KEPT + 4);
    free(record);
}

static void every_reason_has_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < DEAD_REASONS; i++) {
        struct dead_letter letter = sample, got;
        letter.reason = (enum dead_letter_reason)i;
        struct record *record = written(&letter);
        assert_true(dead_letter_decode(record, &got, NULL));
        assert_int_equal(got.reason, i);
        free(record);
    }
    assert_null(dead_letter_reasons[DEAD_REASONS]);
}

static void hostile_records(void **state)
{
    (void)state;
    const struct {
        struct header header;
        const char *says;
    } cases[] = {
        {{"hookline-detail", {"x", 1}}, "is absent"},
        {{"hookline-reason", {NULL, 0}}, "is absent"},
        {{"hookline-reason", {"", 0}}, "is unknown"},
        {{"hookline-reason", {"rejected\0", 9}}, "is absent"},
        {{"hookline-reason", {"REJECTED", 8}}, "is unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record record = {.topic = "t", .headers = &cases[i].header, .header_count = 1};
        struct record *copy = record_copy(&record);
        struct dead_letter got;
        struct error error = ERROR_INIT;
        assert_false(dead_letter_decode(copy, &got, &error));
        assert_non_null(strstr(error.text, cases[i].says));
        free(copy);
    }
    const struct header odd[] = {
        {"hookline-reason", {"gone", 4}},
        {"hookline-status", {"-5", 2}},
        {"hookline-attempts", {"many", 4}},
        {"hookline-detail", {"\xff", 1}},
        {"hookline-first-attempt-at", {"", 0}},
        {"hookline-response", {NULL, 0}},
    };
    struct record record = {.topic = "t", .headers = odd, .header_count = 6};
    struct record *copy = record_copy(&record);
    struct dead_letter got;
    assert_true(dead_letter_decode(copy, &got, NULL));
    assert_int_equal(got.status, 0);
    assert_int_equal(got.attempts, 0);
    assert_null(got.detail);
    assert_int_equal(got.first_attempt_at.ms, -1);
    assert_null(got.response.data);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(an_event_says_where_it_came_from),
        cmocka_unit_test(an_unresolved_tenant_is_nobodys),
        cmocka_unit_test(only_text_is_kept_of_an_answer),
        cmocka_unit_test(what_is_too_large_stays_bounded),
        cmocka_unit_test(every_reason_has_its_name),
        cmocka_unit_test(hostile_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
