/* SPDX-License-Identifier: Apache-2.0 */
/* A broker inside this process, for the demo and for tests: librdkafka's mock cluster. It keeps the
 * newest 5 MiB of each partition in memory and knows no admin calls. Transactions go through and are never
 * undone: what was aborted can be read, and nobody is fenced but by kafka_embedded_fence(). */
#ifndef HOOKLINE_KAFKA_EMBEDDED_H
#define HOOKLINE_KAFKA_EMBEDDED_H

#include <stdint.h>

#include "common/error.h"

struct kafka_embedded;

/* Returns new, listening on a loopback port of the system's choice. */
must_check struct kafka_embedded *kafka_embedded_new(int brokers, struct error *error);
void kafka_embedded_free(struct kafka_embedded *embedded);
/* "127.0.0.1:43210". Borrowed. */
const char *kafka_embedded_brokers(const struct kafka_embedded *embedded);
must_check bool kafka_embedded_create_topic(
    struct kafka_embedded *embedded, const char *topic, int32_t partitions, struct error *error);
/* For tests of faults: makes the brokers unreachable and reachable again. */
void kafka_embedded_set_down(struct kafka_embedded *embedded, bool down);
/* The same: the next `count` offset commits are refused, as one of a stranger to the group (`outside`)
 * or for a reason that may pass. */
void kafka_embedded_refuse_commits(struct kafka_embedded *embedded, int count, bool outside);
/* The same: the next `count` transactions fail, as if another writer had come between. */
void kafka_embedded_fence(struct kafka_embedded *embedded, int count);
/* The same: there is no such topic for anybody who asks (else one that is asked for is made), or
 * there is again. */
void kafka_embedded_set_missing(struct kafka_embedded *embedded, const char *topic, bool missing);

#endif
