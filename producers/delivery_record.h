/* SPDX-License-Identifier: Apache-2.0 */
/* The record of one delivery in a tenant's delivery topic, written by the bridge and read by the
 * consumers. docs/contract.md, "Delivery record headers". */
#ifndef HOOKLINE_PRODUCERS_DELIVERY_RECORD_H
#define HOOKLINE_PRODUCERS_DELIVERY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/record.h"
#include "common/text.h"

#define DELIVERY_ID_SIZE     37 /* "msg_", 32 hex digits, NUL */
#define DELIVERY_HEADERS_MAX 64
/* Names and values of passed headers. What a broker takes as an event must also fit as a delivery
 * and as a dead letter, which have headers of their own, or it could never be done with. */
#define DELIVERY_PASSED_BYTES_MAX 32768

/* What the headers of a delivery say. Strings are borrowed; NULL or -1 = absent. */
struct delivery_record {
    const char *id;
    const char *tenant;
    const char *subscription; /* with the tenant the record's key; no header of its own */
    const char *event;        /* type */
    struct wall_time event_at;
    const char *order_key; /* NULL or "" = a lane of its own */
    const char *source;    /* "topic/partition/offset" of the event; may be NULL with `test` */
    struct wall_time accepted_at;
    int64_t registry; /* registry offset that it was matched with */
    bool redact;
    bool test;
    int64_t replay;                    /* how often it was replayed; 0 = never */
    bool ignore_ttl;                   /* a replay in spite of its age */
    int64_t attempts;                  /* made before, of a replay; 0 = none */
    struct wall_time first_attempt_at; /* ms 0 or -1 = none; decoding gives -1 */
    /* The event's own headers that delivery_passes_header(). */
    const struct header *passed;
    size_t passed_count;
    struct bytes body;
};

/* Storage that an encoded record points into. */
struct delivery_encoded {
    struct record record;
    struct header headers[DELIVERY_HEADERS_MAX];
    char key[2 * 64 + 2];
    char numbers[8][TEXT_INT_SIZE];
};

/* Fills out->record (but for topic and partition; timestamp -1 = now) from `delivery`; everything is
 * borrowed from `delivery` and `out`. Of the passed headers those that delivery_passes_header() are
 * taken, as far as DELIVERY_HEADERS_MAX and DELIVERY_PASSED_BYTES_MAX allow: so `passed` may be all
 * headers of the event. Tenant and subscription are ids of at most 64 characters. */
void delivery_encode(const struct delivery_record *delivery, struct delivery_encoded *out);

/* Storage for what decoding has to copy. */
struct delivery_decoded {
    struct delivery_record delivery; /* borrowed from the record and from here */
    /* On failure: key and header name different tenants (or none). The dead letter is
     * tenant_unresolved then and invalid_event otherwise. */
    bool tenant_disagrees;
    char subscription[65];
    char tenant[65];
    struct header passed[DELIVERY_HEADERS_MAX];
};

/* Reads a record whose header values end in a NUL (record_copy()). False with a sentence
 * (ERROR_PERMANENT) if it is no delivery: a mandatory header absent or malformed, no value, or
 * tenant in key and header not the same. That the topic is the tenant's is the caller's to compare.
 * On failure what could be read is filled all the same, for the dead letter; the tenant only if key
 * and header agree. What is filled can go into an HTTP header as it is, but for the order key and
 * the passed headers. */
must_check bool delivery_decode(
    const struct record *record, struct delivery_decoded *ret_delivery, struct error *error);

/* Whether an event's header travels on with its deliveries: traceparent, tracestate, ce_*, and content-type, which
 * tells an envelope (CloudEvents' structured mode) from an event. */
bool delivery_passes_header(const char *name);

/* The deterministic id: "msg_" and the first 32 hex digits of SHA-256 over six parts, each as its
 * length in 8 bytes, big-endian, followed by its bytes: topic, partition, offset and timestamp (ms)
 * of `event`, tenant, subscription; the numbers as decimal text. `hash` is empty before and after: to make
 * one takes longer than to use it. */
void delivery_id(struct sha256 *hash, const struct record *event, const char *tenant,
    const char *subscription, char out[DELIVERY_ID_SIZE]);

#endif
