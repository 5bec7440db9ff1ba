/* SPDX-License-Identifier: Apache-2.0 */
/* Reads any partitions from wherever it is told, without a group: for what was passed over. One client
 * for all; each partition that is looked at has a *seek* with one position. */
#ifndef HOOKLINE_KAFKA_SEEKER_H
#define HOOKLINE_KAFKA_SEEKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "common/record.h"
#include "kafka/client.h"
#include "kafka/consumer.h"

struct kafka_seeker;
struct kafka_seek;

struct kafka_seeker_options {
    int64_t fetch_partition_bytes; /* most prefetched per partition that is being read */
};

struct kafka_seek_callbacks {
    /* A record at or above the position that was asked for, in order; borrowed for the call. KAFKA_HOLD
     * keeps it, and nothing more is read until kafka_seek_to(), which with its offset offers it again
     * without a fetch. May move or stop the seek, also free it; then the answer does not count. */
    enum kafka_intake (*record)(void *arg, const struct record *record);
    /* The end of the partition as it is now: `offset` is the next one to be written. May be called
     * again when there is more and that is read. */
    void (*end)(void *arg, int64_t offset);
    /* What was asked for is not there any more (retention): reading goes on at `first`. That is below
     * `asked` only if the end of the partition was lost (an unclean election). */
    void (*gone)(void *arg, int64_t asked, int64_t first);
};

/* Returns new. The client connects with the first seek. */
struct kafka_seeker *kafka_seeker_new(struct loop *loop, const struct kafka_options *kafka,
    const struct kafka_seeker_options *options);
/* All seeks must have been freed. Not from within a callback. NULL is fine. */
void kafka_seeker_free(struct kafka_seeker *seeker);

/* Returns new, not reading. One per partition at a time; what was asked of an earlier one of the same
 * partition never reaches this one. */
struct kafka_seek *kafka_seek_new(struct kafka_seeker *seeker, const char *topic, int32_t partition,
    const struct kafka_seek_callbacks *callbacks, void *arg);
/* Stops and frees; NULL is fine. */
void kafka_seek_free(struct kafka_seek *seek);

/* Reads on at `offset` (at least 0): by going on if that is at or a little above where it reads, by a
 * fetch of its own otherwise, also where `end` was told. Never calls back from within. */
void kafka_seek_to(struct kafka_seek *seek, int64_t offset);
/* Reads nothing more until the next kafka_seek_to(); drops what is fetched ahead. */
void kafka_seek_stop(struct kafka_seek *seek);
bool kafka_seek_reading(const struct kafka_seek *seek);

#endif
