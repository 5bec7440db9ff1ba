/* SPDX-License-Identifier: Apache-2.0 */
/* The record of what failed for good, in the dead-letter topic. docs/contract.md, "Dead letters". */
#ifndef HOOKLINE_PRODUCERS_DEAD_LETTER_H
#define HOOKLINE_PRODUCERS_DEAD_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/record.h"

/* A closed list; the names are an interface. */
enum dead_letter_reason {
    DEAD_INVALID_EVENT,
    DEAD_EVENT_TOO_LARGE,
    DEAD_TENANT_UNRESOLVED,
    DEAD_EXPIRED,
    DEAD_ATTEMPTS_EXHAUSTED,
    DEAD_REJECTED,
    DEAD_GONE,
    DEAD_ENDPOINT_DISABLED,
    DEAD_SUBSCRIPTION_DELETED,
    DEAD_BLOCKED_ADDRESS,
    DEAD_UNRENDERABLE,
    DEAD_UNROUTABLE,
    DEAD_REASONS,
};
extern const char *const dead_letter_reasons[]; /* their names, NULL-terminated */

#define DEAD_LETTER_LARGE_KEPT    65536 /* bytes of an event_too_large that are kept */
#define DEAD_LETTER_RESPONSE_KEPT 1024  /* bytes of an answer */
/* Of the failed record's own key (longer: none is kept) and headers, names included (those beyond
 * are left out): what cannot be written as a dead letter could never be done with. */
#define DEAD_LETTER_KEY_KEPT          32768
#define DEAD_LETTER_HEADER_BYTES_KEPT 65536
#define DEAD_LETTER_HEADERS_KEPT      256

struct dead_letter {
    enum dead_letter_reason reason;
    const char *detail; /* one sentence */
    int64_t status;     /* of the last answer; 0 = none */
    struct bytes
        response;     /* of the last answer, as much as is at hand; left out unless it is text */
    int64_t attempts; /* 0 = none was made */
    struct wall_time first_attempt_at, last_attempt_at; /* ms 0 or -1 = none; decoding gives -1 */
    const char *host;                                   /* of the URL; NULL = none */
    struct wall_time dead_at;
    /* The record that failed, of a delivery or events topic: its key and value are kept; so are a
     * delivery's headers, and an event's but for those that begin with "hookline-", in place of
     * which it gets hookline-source and hookline-event-at. With DEAD_TENANT_UNRESOLVED there is no
     * hookline-tenant: nobody may see what is perhaps another's. */
    const struct record *failed;
    bool from_event;    /* `failed` is of an events topic: no delivery was made of it */
    const char *tenant; /* with from_event: where it is known, else NULL */
    const char *event;  /* type, the same */
};

/* An encoded dead letter; its storage grows as needed. */
struct dead_letter_encoded {
    struct record record; /* but for topic and partition */
    struct header *headers;
    struct buffer text;
};

/* Fills *out (zeroed, or used for another before); borrowed from `letter`, its failed record and
 * *out. Topic and partition are the caller's; timestamp -1 = now. */
void dead_letter_encode(const struct dead_letter *letter, struct dead_letter_encoded *out);
void dead_letter_encoded_release(struct dead_letter_encoded *encoded);

/* Reads a dead letter back, all but `failed` and `from_event`; borrowed from the record, whose header
 * values end in a NUL. False with a sentence (ERROR_PERMANENT) where hookline-reason is absent or
 * unknown; other headers that are malformed count as absent. delivery_decode() reads the rest. */
must_check bool dead_letter_decode(
    const struct record *record, struct dead_letter *ret_letter, struct error *error);

#endif
