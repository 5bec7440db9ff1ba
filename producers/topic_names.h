/* SPDX-License-Identifier: Apache-2.0 */
/* The topics that Hookline owns: their names under the prefix, and how they are made. */
#ifndef HOOKLINE_PRODUCERS_TOPIC_NAMES_H
#define HOOKLINE_PRODUCERS_TOPIC_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "kafka/client.h"

struct topic_options {
    const char *prefix;         /* "hookline." */
    const char *const *events;  /* the user's events topics; NULL-terminated */
    int64_t partitions;         /* of results, dead letters, and `topics ensure`'s events topics */
    int64_t tenant_partitions;  /* of a new tenant's delivery topic */
    int64_t replication_factor; /* -1 = the broker's default */
    bool create;                /* whether roles and commands create what is missing */
    /* "name=value" for every topic that we create, but for what Hookline sets itself
     * (cleanup.policy, retention.ms of results, dead letters and deliveries). */
    const char *const *config;
    int64_t deliveries_retention_ms;
    int64_t results_retention_ms;
    int64_t dead_letters_retention_ms;
};

enum topic_kind {
    TOPIC_SUBSCRIPTIONS,
    TOPIC_ENDPOINTS,
    TOPIC_RESULTS,
    TOPIC_DEAD_LETTERS,
    TOPIC_REPLAYS,
    TOPIC_OPERATIONAL_EVENTS,
    TOPIC_KINDS,
};

/* "<prefix>results" and so on. Returns new. */
char *topic_name(const struct topic_options *options, enum topic_kind kind);
/* "<prefix>registry-writer": the transactional id of whoever writes subscriptions. Returns new. */
char *topic_registry_writer(const struct topic_options *options);
/* "<prefix>replays-writer": that of whoever replays dead letters. Returns new. */
char *topic_replays_writer(const struct topic_options *options);
/* "<prefix>deliveries.<tenant>". Returns new. */
char *topic_deliveries(const struct topic_options *options, const char *tenant);
/* The tenant of a delivery topic's name, or NULL if it is none. Borrowed from `topic`. */
const char *topic_deliveries_tenant(const struct topic_options *options, const char *topic);

/* Creates what is missing of the shared topics (all kinds; blocking, see kafka/topics.h). */
must_check bool topics_ensure_shared(const struct topic_options *options,
    const struct kafka_options *kafka, int64_t timeout_ms, struct error *error);
/* Creates the delivery topics of `tenants` (NULL-terminated) where missing. */
must_check bool topics_ensure_tenants(const struct topic_options *options,
    const struct kafka_options *kafka, const char *const *tenants, int64_t timeout_ms,
    struct error *error);
/* Creates the user's events topics where missing: only `topics ensure` and the demo do that. */
must_check bool topics_ensure_events(const struct topic_options *options,
    const struct kafka_options *kafka, int64_t timeout_ms, struct error *error);

#endif
