/* SPDX-License-Identifier: Apache-2.0 */
/* Follows all partitions of the results topic, from a little before their ends on. */
#ifndef HOOKLINE_CONSOLE_ATTEMPTS_READER_H
#define HOOKLINE_CONSOLE_ATTEMPTS_READER_H

#include <stdint.h>

#include "common/loop.h"
#include "common/record.h"
#include "kafka/client.h"

struct attempts_reader;

struct attempts_reader_callbacks {
    /* A record, in the order of its partition; borrowed for the call. */
    void (*record)(void *arg, const struct record *record);
    /* Once: what the topic held when it was found has been read. */
    void (*loaded)(void *arg);
};

/* Returns new. Of what is there already, the last `recent` records are read, shared out among the
 * partitions. A topic that is not there is waited for, and partitions that are added are noticed
 * within a minute. The texts of `kafka` are borrowed for the life of the loop. */
struct attempts_reader *attempts_reader_new(struct loop *loop, const struct kafka_options *kafka,
    const char *topic, int64_t recent, const struct attempts_reader_callbacks *callbacks,
    void *arg);
/* Not from within its callbacks. NULL is fine. */
void attempts_reader_free(struct attempts_reader *reader);

#endif
