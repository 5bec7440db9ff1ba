/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one partition without a group, from an offset to its end and on: for compacted topics and
 * for looking at others. */
#ifndef HOOKLINE_KAFKA_READER_H
#define HOOKLINE_KAFKA_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "common/record.h"
#include "kafka/client.h"

struct kafka_reader;

#define KAFKA_BEGINNING (-2)
#define KAFKA_END       (-1)

struct kafka_reader_callbacks {
    /* A record, in order; borrowed for the call. */
    void (*record)(void *arg, const struct record *record);
    /* The end of the partition as it is now: `offset` is the next one to be written. Called again
     * each time the reader catches up. May be NULL. */
    void (*end)(void *arg, int64_t offset);
    /* A lasting trouble (no such topic, not allowed); the reader goes on trying. May be NULL. */
    void (*trouble)(void *arg, const struct error *error);
};

/* Returns new, reading; connects in the background. */
must_check struct kafka_reader *kafka_reader_new(struct loop *loop,
    const struct kafka_options *kafka, const char *topic, int32_t partition, int64_t offset,
    const struct kafka_reader_callbacks *callbacks, void *arg, struct error *error);
/* Not from within its own callbacks. NULL is fine. */
void kafka_reader_free(struct kafka_reader *reader);

#endif
