/* SPDX-License-Identifier: Apache-2.0 */
/* What a role needs around it: a cluster with Hookline's topics, a registry, a producer. */
#ifndef HOOKLINE_TESTS_ROLES_H
#define HOOKLINE_TESTS_ROLES_H

#include "cluster.h"
#include "common/metrics.h"
#include "common/probes.h"
#include "producers/topic_names.h"
#include "subscriptions/store.h"

#define REGISTRY     "hookline.subscriptions"
#define RESULTS      "hookline.results"
#define DEAD_LETTERS "hookline.dead-letters"
#define OPERATIONAL  "hookline.operational-events"
#define ENDPOINTS    "hookline.endpoints"

struct roles_fixture {
    struct cluster cluster;
    struct topic_options topics;
    struct probes *probes;
    struct kafka_producer *producer; /* the role's */
    struct store *store;
    bool store_is_ready;
    /* Told of changes of the registry. */
    void (*changed)(const char *tenant, const char *id);
};

static const char *const roles_events[] = {"calls", NULL};

static inline void roles_ready(void *arg)
{
    ((struct roles_fixture *)arg)->store_is_ready = true;
}

static inline void roles_changed(void *arg, const char *tenant, const char *id)
{
    struct roles_fixture *fixture = arg;
    if (fixture->changed)
        fixture->changed(tenant, id);
}

static inline bool roles_store_ready(void *arg)
{
    return ((struct roles_fixture *)arg)->store_is_ready;
}

/* Everything but the role; registry records may be put before roles_read_registry(). */
static inline void roles_start(struct roles_fixture *fixture)
{
    struct error error = ERROR_INIT;
    *fixture = (struct roles_fixture){.store_is_ready = false};
    cluster_start(&fixture->cluster);
    fixture->topics = (struct topic_options){.prefix = "hookline.",
        .events = roles_events,
        .partitions = 1,
        .tenant_partitions = 1,
        .replication_factor = 1};
    cluster_topic(&fixture->cluster, REGISTRY, 1);
    cluster_topic(&fixture->cluster, RESULTS, 1);
    cluster_topic(&fixture->cluster, DEAD_LETTERS, 1);
    cluster_topic(&fixture->cluster, OPERATIONAL, 1);
    cluster_topic(&fixture->cluster, ENDPOINTS, 1);
    cluster_topic(&fixture->cluster, "calls", 2);
    struct probes_options probes = {.listen = ""};
    fixture->probes = probes_new(fixture->cluster.loop, &probes, &error);
    assert_non_null(fixture->probes);
    fixture->producer = kafka_producer_new(
        fixture->cluster.loop, &fixture->cluster.kafka, &cluster_producer_options, &error);
    assert_non_null(fixture->producer);
}

static inline void roles_read_registry(struct roles_fixture *fixture)
{
    struct error error = ERROR_INIT;
    struct store_options options = {REGISTRY, 1000};
    struct store_callbacks callbacks = {.ready = roles_ready, .changed = roles_changed};
    cluster_flush(&fixture->cluster);
    fixture->store = store_new(
        fixture->cluster.loop, &fixture->cluster.kafka, &options, &callbacks, fixture, &error);
    assert_non_null(fixture->store);
    assert_true(run_until(fixture->cluster.loop, roles_store_ready, fixture));
}

static inline void roles_stop(struct roles_fixture *fixture)
{
    store_free(fixture->store);
    kafka_producer_free(fixture->producer);
    probes_free(fixture->probes);
    cluster_stop(&fixture->cluster);
}

/* A tenant with its delivery topic. */
static inline void roles_tenant(
    struct roles_fixture *fixture, const char *tenant, int32_t partitions)
{
    char *topic = topic_deliveries(&fixture->topics, tenant);
    char *record = store_tenant_record(tenant, partitions);
    cluster_topic(&fixture->cluster, topic, partitions);
    cluster_put(&fixture->cluster, REGISTRY, 0, tenant, record);
    free(topic);
    free(record);
}

/* Puts a subscription with `more` fields (",\"enabled\":false"); `url` NULL deletes it. */
static inline void roles_subscription(struct roles_fixture *fixture, const char *tenant,
    const char *id, const char *url, const char *more)
{
    char *key = mem_printf("%s/%s", tenant, id);
    char *value = url ? mem_printf("{\"tenant\":\"%s\",\"id\":\"%s\",\"url\":\"%s\"%s%s}", tenant,
                            id, url, strstr(more, "\"events\"") ? "" : ",\"events\":[\"*\"]", more)
                      : NULL;
    cluster_put(&fixture->cluster, REGISTRY, 0, key, value);
    free(key);
    free(value);
}

struct roles_registry_wait {
    struct store *store;
    int64_t offset;
};

static inline bool roles_has_read(void *arg)
{
    const struct roles_registry_wait *wait = arg;
    return store_offset(wait->store) >= wait->offset;
}

/* Waits until the store has read everything that was put; `total` records so far. */
static inline void roles_wait_registry(struct roles_fixture *fixture, int64_t total)
{
    struct roles_registry_wait wait = {fixture->store, total};
    cluster_flush(&fixture->cluster);
    assert_true(run_until(fixture->cluster.loop, roles_has_read, &wait));
}

/* A sample of the exposition: roles_metric("hookline_events_unmatched_total"), with labels as they
 * are printed. -1 where there is none. */
static inline double roles_metric(const char *sample)
{
    struct buffer text = BUFFER_INIT;
    double value = -1;
    metrics_print(&text);
    for (const char *line = buffer_text(&text); line; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t len = strlen(sample);
        if (strncmp(line, sample, len) == 0 && line[len] == ' ')
            value = strtod(line + len, NULL);
        if (!*line)
            break;
    }
    buffer_release(&text);
    return value;
}

#endif
