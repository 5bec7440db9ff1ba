/* SPDX-License-Identifier: Apache-2.0 */
/* What the partitions of a topic hold: for who begins a little before their ends. Blocks for up to its
 * timeout; roles call it through loop_work(). */
#ifndef HOOKLINE_KAFKA_EXTENTS_H
#define HOOKLINE_KAFKA_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "kafka/client.h"

struct kafka_extent {
    int64_t first, end; /* the offsets [first, end); first -1: could not be had, for now */
};

struct kafka_extents {
    struct kafka_extent *partitions; /* by number */
    size_t count;
};

/* Fills *ret_extents, by a client of its own. ERROR_RETRY where no broker answers or there is no such
 * topic, which is not made. */
must_check bool kafka_extents_read(const struct kafka_options *kafka, const char *topic,
    int64_t timeout_ms, struct kafka_extents *ret_extents, struct error *error);
/* The same, but of each partition only from the first record on that was written at `since_ms` or later, and up to the
 * first that was written after `until_ms` (Unix milliseconds; -1 = no bound). Kafka's own index of times is asked. */
must_check bool kafka_extents_read_between(const struct kafka_options *kafka, const char *topic,
    int64_t since_ms, int64_t until_ms, int64_t timeout_ms, struct kafka_extents *ret_extents,
    struct error *error);
void kafka_extents_release(struct kafka_extents *extents);

#endif
