/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the dead-letter topic, without a group, from where a time begins to where it ends. On the loop. */
#ifndef HOOKLINE_DEAD_LETTERS_SCAN_H
#define HOOKLINE_DEAD_LETTERS_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/loop.h"
#include "common/record.h"
#include "kafka/client.h"
#include "kafka/consumer.h"
#include "kafka/extents.h"

/* What of the topic is to be read, as kafka_extents_read_between() has it: all of it known, and with an `offset` of 0 or
 * more that one record of `partition` only, if it is there. Blocks for up to `timeout_ms`. */
must_check bool dead_letters_extents(const struct kafka_options *kafka, const char *topic,
    int64_t since_ms, int64_t until_ms, int64_t partition, int64_t offset, int64_t timeout_ms,
    struct kafka_extents *ret_extents, struct error *error);

struct dead_letters_scan;

struct dead_letters_scan_callbacks {
    /* A record, in the order of its partition; borrowed for the call. KAFKA_HOLD keeps it for
     * dead_letters_scan_go(), and the rest of its partition with it. */
    enum kafka_intake (*record)(void *arg, const struct record *record);
    /* All partitions have been read to their ends as they were; called once. */
    void (*done)(void *arg);
};

/* Returns new, reading what `extents` say, which must all be known; and with `follow` whatever comes after. */
struct dead_letters_scan *dead_letters_scan_new(struct loop *loop,
    const struct kafka_options *kafka, const char *topic, const struct kafka_extents *extents,
    bool follow, const struct dead_letters_scan_callbacks *callbacks, void *arg);
/* Not from within its callbacks. NULL is fine. */
void dead_letters_scan_free(struct dead_letters_scan *scan);

/* Offers what was held again. */
void dead_letters_scan_go(struct dead_letters_scan *scan);

/* Records, by offsets: how many there are, and how many have been read. */
int64_t dead_letters_scan_total(const struct dead_letters_scan *scan);
int64_t dead_letters_scan_read(const struct dead_letters_scan *scan);

#endif
