/* SPDX-License-Identifier: Apache-2.0 */
/* A Kafka record as plain data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/record.h"

static const struct header headers[] = {
    {"type", {"first", 5}},
    {"absent", {NULL, 0}},
    {"empty", {"", 0}},
    {"binary", {"a\0b", 3}},
    {"type", {"last", 4}},
};

static const struct record sample = {
    .topic = "events",
    .partition = 3,
    .offset = 1234567890123,
    .timestamp_ms = 1772439245318,
    .key = {"k", 1},
    .value = {"{\"a\":1}", 7},
    .headers = headers,
    .header_count = sizeof headers / sizeof *headers,
};

static void copy_is_deep(void **state)
{
    (void)state;
    struct record *copy = record_copy(&sample);
    assert_string_equal(copy->topic, "events");
    assert_ptr_not_equal(copy->topic, sample.topic);
    assert_int_equal(copy->partition, 3);
    assert_int_equal(copy->offset, 1234567890123);
    assert_int_equal(copy->timestamp_ms, 1772439245318);
    assert_memory_equal(copy->key.data, "k", 2);
    assert_memory_equal(copy->value.data, "{\"a\":1}", 8);
    assert_int_equal(copy->header_count, 5);
    for (size_t i = 0; i < copy->header_count; i++) {
        const struct header *header = &copy->headers[i];
        assert_string_equal(header->name, headers[i].name);
        assert_int_equal(header->value.len, headers[i].value.len);
        if (headers[i].value.data)
            assert_memory_equal(header->value.data, headers[i].value.data, header->value.len + 1);
        else
            assert_null(header->value.data);
    }
    free(copy);
}

static void absent_is_not_empty(void **state)
{
    (void)state;
    const struct record record = {.topic = "t", .key = {NULL, 0}, .value = {"", 0}};
    struct record *copy = record_copy(&record);
    assert_null(copy->key.data);
    assert_non_null(copy->value.data);
    assert_int_equal(copy->value.len, 0);
    assert_string_equal(copy->value.data, "");
    free(copy);
}

static void headers_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text; /* NULL = no text */
    } cases[] = {
        {"type", "last"},
        {"absent", NULL},
        {"empty", ""},
        {"binary", NULL},
        {"Type", NULL},
        {"other", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = record_header_text(&sample, cases[i].name);
        if (cases[i].text)
            assert_string_equal(text, cases[i].text);
        else
            assert_null(text);
    }
    assert_ptr_equal(record_header(&sample, "absent"), &headers[1]);
    assert_null(record_header(&sample, "other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_is_deep),
        cmocka_unit_test(absent_is_not_empty),
        cmocka_unit_test(headers_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
