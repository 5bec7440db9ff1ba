/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to the registry, one change at a time, each as a Kafka transaction under one transactional id:
 * what is decided on, nobody else can have changed before it is written. */
#ifndef HOOKLINE_SUBSCRIPTIONS_WRITER_H
#define HOOKLINE_SUBSCRIPTIONS_WRITER_H

#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "kafka/client.h"
#include "subscriptions/store.h"

struct writer;
struct writer_batch;

struct writer_options {
    const char *topic;
    const char *transactional_id; /* the same in all processes: topic_registry_writer() */
    int64_t timeout_ms;           /* of a change, from when it is asked for */
};

enum writer_outcome { WRITER_DONE, WRITER_NOTHING, WRITER_FENCED, WRITER_FAILED };

/* Decides what is written, at a moment when the store has all that is in the registry and nobody else can
 * write without this change failing. Puts records into the batch; none put = nothing to write
 * (WRITER_NOTHING). Called on the loop; called again if another writer came between, and then, in rare
 * cases, what it put before has been written after all. */
typedef void writer_decide(struct writer_batch *batch, void *arg);

/* How a change ended. WRITER_DONE: the records are in Kafka and the store has read them back.
 * WRITER_FENCED: others kept coming between (after a few tries). WRITER_FAILED: see `error`
 * (ERROR_RETRY = no Kafka in time: then it may or may not have been written). `error` is NULL with
 * WRITER_DONE and WRITER_NOTHING, else borrowed for the call. */
typedef void writer_done(enum writer_outcome outcome, const struct error *error, void *arg);

/* Returns new. Fences nobody before the first change. Options are copied; what `kafka` points to, and the
 * store, have to outlive it. ERROR_CONFIG: the settings of the Kafka client. */
must_check struct writer *writer_new(struct loop *loop, const struct kafka_options *kafka,
    struct store *store, const struct writer_options *options, struct error *error);
/* Calls open dones with WRITER_FAILED. Not from within a decide or done. A call of the library that is
 * under way ends within the change's time, and loop_free() waits for it. NULL is fine. */
void writer_free(struct writer *writer);

/* Asks for a change. It waits for those asked for before, of which the caller bounds the number; `decide`
 * and `done` are called later, on the loop, `done` exactly once. */
void writer_change(struct writer *writer, writer_decide *decide, writer_done *done, void *arg);
/* Puts a record; both are copied, `value` NULL = delete. A batch is written in one transaction, all of it
 * or nothing; one of more than WRITER_RECORDS_MAX records or WRITER_BYTES_MAX in several, in order. */
void writer_put(struct writer_batch *batch, const char *key, const char *value);

#define WRITER_RECORDS_MAX 500
#define WRITER_BYTES_MAX   (4 * 1024 * 1024)

#endif
