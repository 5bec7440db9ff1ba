/* SPDX-License-Identifier: Apache-2.0 */
/* Records to decode, and what came of them. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "events/event.h"

#define HEADERS_MAX 4

/* Text, or with `len` set bytes; NULL = absent. */
struct given_bytes {
    const char *data;
    size_t len;
};

struct given {
    const char *topic; /* NULL = "events" */
    struct given_bytes key;
    struct given_bytes value;
    struct {
        const char *name;
        struct given_bytes value;
    } headers[HEADERS_MAX];
};

struct outcome {
    bool valid;
    struct event event;
    struct event_refusal refusal;
};

#define DEFAULT_OPTIONS                  \
    {.tenant_header = "tenant-id",       \
        .type_pointer = "/type",         \
        .order_key_header = "order-key", \
        .max_bytes = 256 * 1024}

/* A copy without a NUL behind it, so that AddressSanitizer sees any read past the end. */
static inline struct bytes bytes_of(struct given_bytes given)
{
    if (!given.data)
        return (struct bytes){NULL, 0};
    size_t len = given.len ? given.len : strlen(given.data);
    char *copy = mem_alloc(len ? len : 1);
    memcpy(copy, given.data, len);
    return (struct bytes){copy, len};
}

static inline struct outcome decode(const struct event_options *options, const struct given *given)
{
    struct error error = ERROR_INIT;
    struct event_rules *rules = event_rules_new(options, &error);
    if (!rules)
        fail_msg("%s", error.text);

    struct header headers[HEADERS_MAX];
    size_t count = 0;
    for (; count < HEADERS_MAX && given->headers[count].name; count++)
        headers[count] =
            (struct header){given->headers[count].name, bytes_of(given->headers[count].value)};
    struct record record = {.topic = given->topic ? given->topic : "events",
        .key = bytes_of(given->key),
        .value = bytes_of(given->value),
        .headers = headers,
        .header_count = count};
    struct outcome outcome = {0};
    outcome.valid = event_decode(rules, &record, &outcome.event, &outcome.refusal);

    while (count-- > 0)
        free((void *)headers[count].value.data);
    free((void *)record.key.data);
    free((void *)record.value.data);
    event_rules_free(rules);
    return outcome;
}

/* Asserts that the record is an event. The caller releases outcome->event. */
static inline void assert_event(const char *what, const struct outcome *outcome)
{
    if (!outcome->valid)
        fail_msg("%s: refused: %s", what, outcome->refusal.error.text);
}

/* Asserts that it was refused so, and that `detail` occurs in the sentence. */
static inline void assert_refused(
    const char *what, const struct outcome *outcome, enum event_fault fault, const char *detail)
{
    if (outcome->valid)
        fail_msg("%s: accepted", what);
    if (outcome->refusal.fault != fault || !strstr(outcome->refusal.error.text, detail))
        fail_msg(
            "%s: fault %d: %s", what, (int)outcome->refusal.fault, outcome->refusal.error.text);
    assert_int_equal(outcome->refusal.error.kind, ERROR_PERMANENT);
}

#endif
