/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on one partition under a transactional id, of which there is one writer at a time: who
 * takes the id fences all others. For topics whose writers decide by what they have read. */
#ifndef HOOKLINE_KAFKA_TRANSACTION_H
#define HOOKLINE_KAFKA_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "kafka/client.h"

/* A producer of transactions on partition 0 of a topic. It is used by one thread at a time, which need
 * not be the same. Once one of its calls has failed it is of no more use and wants to be freed. */
struct kafka_transaction;

struct kafka_transaction_record {
    const char *key;
    const char *value; /* NULL = deleted */
};

/* Returns new; connects in the background, does not block, and fences nobody yet. */
must_check struct kafka_transaction *kafka_transaction_new(const struct kafka_options *kafka,
    const char *topic, const char *transactional_id, struct error *error);
/* NULL is fine. A transaction that was not committed is aborted when the next one takes the id, or by
 * Kafka within half a minute; until then nobody reads beyond it. */
void kafka_transaction_free(struct kafka_transaction *transaction);

/* The calls below block, for at most `timeout_ms`: for commands, and through loop_work(). ERROR_RETRY:
 * no broker answered in time, or somebody came between (kafka_transaction_is_fenced()).
 * ERROR_PERMANENT: not allowed, or no such topic. */

/* Takes the id over: from here on no other can commit, what it had under way is aborted, and what it had
 * committed lies below *ret_end, the offset up to which the partition can be read. */
must_check bool kafka_transaction_take_over(struct kafka_transaction *transaction,
    int64_t timeout_ms, int64_t *ret_end, struct error *error);

/* Writes all of the records or none, after a take-over. *ret_next is one above the offset of the last:
 * they can be read soon, in some cases not yet. With ERROR_RETRY they may have been written all the
 * same, if the text says so or somebody came between; with ERROR_PERMANENT they were not. */
must_check bool kafka_transaction_write(struct kafka_transaction *transaction,
    const struct kafka_transaction_record *records, size_t count, int64_t timeout_ms,
    int64_t *ret_next, struct error *error);

/* Whether a call has failed because the id is not ours any more: another took it, a transaction took
 * longer than 10 s, or the id was not used for so long that Kafka forgot it. What was decided before has
 * to be decided again, after a take-over by a new one. */
bool kafka_transaction_is_fenced(const struct kafka_transaction *transaction);

#endif
