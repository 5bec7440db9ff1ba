/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: which exist, and creating those that do not. These calls block for up to their timeout:
 * commands call them directly, roles through loop_work(). */
#ifndef HOOKLINE_KAFKA_TOPICS_H
#define HOOKLINE_KAFKA_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "kafka/client.h"

struct kafka_topic_spec {
    const char *name;
    int32_t partitions;
    int32_t replication_factor; /* -1 = the broker's default */
    const char *const *config;  /* "name=value", NULL-terminated; NULL = none */
};

struct kafka_topic {
    char *name;
    int32_t partitions;
};

struct kafka_topic_list {
    struct kafka_topic *topics; /* by name */
    size_t count;
};

/* Fills *ret_list with all topics of the cluster. ERROR_RETRY when no broker answers. */
must_check bool kafka_topics_list(const struct kafka_options *kafka, int64_t timeout_ms,
    struct kafka_topic_list *ret_list, struct error *error);
void kafka_topic_list_release(struct kafka_topic_list *list);
/* NULL where there is none of that name. Borrowed. */
const struct kafka_topic *kafka_topic_find(const struct kafka_topic_list *list, const char *name);

/* Creates those of `specs` that do not exist and returns when all are there. Existing ones are left
 * as they are. `ret_created` (may be NULL) has one bool per spec. ERROR_RETRY when no broker
 * answers, else the first topic that the cluster refused, with its reason. */
must_check bool kafka_topics_ensure(const struct kafka_options *kafka,
    const struct kafka_topic_spec *specs, size_t count, int64_t timeout_ms, bool *ret_created,
    struct error *error);

#endif
