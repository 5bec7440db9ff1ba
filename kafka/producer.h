/* SPDX-License-Identifier: Apache-2.0 */
/* An idempotent producer on the loop: every record ends in one call, with its offset or an error. */
#ifndef HOOKLINE_KAFKA_PRODUCER_H
#define HOOKLINE_KAFKA_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "common/record.h"
#include "kafka/client.h"

struct kafka_producer;

struct kafka_producer_options {
    int64_t linger_ms;       /* 5 */
    int64_t max_outstanding; /* records under way before kafka_producer_has_room() says no */
    int64_t max_outstanding_bytes;
};

/* What became of a record. `error` is NULL when it is acknowledged; ERROR_RETRY: it may be sent
 * again (it may also have been written); ERROR_PERMANENT: this topic or record cannot be written. */
struct kafka_receipt {
    const struct error *error;
    bool too_large; /* with ERROR_PERMANENT: what is wrong is the record's size */
    int32_t partition;
    int64_t offset;
};

typedef void kafka_produced(void *arg, const struct kafka_receipt *receipt);

/* Returns new; connects in the background. */
must_check struct kafka_producer *kafka_producer_new(struct loop *loop,
    const struct kafka_options *kafka, const struct kafka_producer_options *options,
    struct error *error);

#define KAFKA_ANY_PARTITION (-1)

/* Sends `record` (topic, partition or KAFKA_ANY_PARTITION, timestamp or -1 = now, key, value,
 * headers). Everything is copied, except that with `keep_value` the value is borrowed until the
 * receipt. `done` is called on the loop, never from within this call, exactly once; it may be NULL.
 * Fails without calling it where the record can never be sent. */
must_check bool kafka_producer_send(struct kafka_producer *producer, const struct record *record,
    bool keep_value, kafka_produced *done, void *arg, struct error *error);

/* Whether another record should be begun. Sending in spite of a no works, up to a hard cap of
 * the library (a million records) that whoever ignores the no must stay far below. */
bool kafka_producer_has_room(const struct kafka_producer *producer);
/* `fn` is called on the loop when there is room again after a no. */
void kafka_producer_on_room(struct kafka_producer *producer, void (*fn)(void *arg), void *arg);
/* Records without a receipt. */
size_t kafka_producer_outstanding(const struct kafka_producer *producer);
/* When Kafka last acknowledged a record of ours, of any topic. */
struct mono_time kafka_producer_last_ack(const struct kafka_producer *producer);

/* Waits, blocking, until nothing is outstanding or `timeout_ms` passed, calling `done`s: for
 * commands that do nothing else, and the end of a process. True if nothing is outstanding. */
bool kafka_producer_flush(struct kafka_producer *producer, int64_t timeout_ms);
/* Calls each outstanding `done` with ERROR_RETRY, then frees. NULL is fine. */
void kafka_producer_free(struct kafka_producer *producer);

/* The partition of a key in a topic of `partitions`: murmur2 as in Kafka's own default. */
int32_t kafka_partition_of(const void *key, size_t len, int32_t partitions);

#endif
