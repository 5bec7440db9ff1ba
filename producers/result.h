/* SPDX-License-Identifier: Apache-2.0 */
/* What became of one attempt, in the results topic. docs/contract.md, "Results". */
#ifndef HOOKLINE_PRODUCERS_RESULT_H
#define HOOKLINE_PRODUCERS_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/record.h"
#include "producers/dead_letter.h"

enum result_outcome {
    RESULT_DELIVERED,
    RESULT_RETRY,
    RESULT_DEAD_LETTER,
    RESULT_FAILED, /* of a test */
    RESULT_OUTCOMES,
};
extern const char *const result_outcomes[]; /* "delivered", "retry", "dead_letter", "failed" */

#define RESULT_BODY_KEPT 1024

struct result_header {
    const char *name, *value;
};

/* A request or a response; of the body the first RESULT_BODY_KEPT bytes are written, if they are text. */
struct result_message {
    const struct result_header *headers;
    size_t header_count;
    struct bytes body;
};

/* What was sent and what came back. Whoever fills it has masked what is secret. */
struct result_exchange {
    const char *method, *url;
    struct result_message request, response;
    int64_t status; /* 0 = there was no response */
};

struct result {
    const char *id, *tenant, *subscription, *event;
    const char *order_key; /* NULL = none */
    int64_t attempt;       /* from 1; 0 = none was made */
    enum result_outcome outcome;
    const char *reason; /* with RESULT_DEAD_LETTER, of dead_letter_reasons; else NULL */
    int64_t status;     /* 0 = no answer */
    const char *error;  /* NULL = none */
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
    const char *remote_ip; /* NULL or "" = none */
    struct wall_time event_at, at;
    struct wall_time due_at; /* with RESULT_RETRY; ms 0 or -1 = none; decoding gives -1 */
    const char *source;      /* NULL = none, of a test */
    /* Of the event's trace, and of this attempt in it; NULL = it has none. Not decoded. */
    const char *trace_id, *span_id;
    bool test;
    const struct result_exchange *exchange; /* of a test; NULL = none; decoding gives NULL */
};

/* Appends the JSON of `result` (each byte that is no UTF-8 becomes U+FFFD; empty texts count as absent;
 * names of headers become lower case, and those of one name one header). docs/schemas/result.json is its
 * schema. */
void result_encode(const struct result *result, struct buffer *out);

struct result_decoded {
    struct result result;   /* borrowed from here */
    const json_t *exchange; /* an object, borrowed as well; NULL = none */
    json_t *json;
};
/* Reads a result back. False (ERROR_PERMANENT) where the value is no JSON object with a known outcome,
 * id, tenant, subscription and event; other fields that are absent or malformed read as none. */
must_check bool result_decode(
    const struct record *record, struct result_decoded *ret_result, struct error *error);
void result_decoded_release(struct result_decoded *decoded);

#endif
