/* SPDX-License-Identifier: Apache-2.0 */
/* The topics that Hookline owns. */
#include "producers/topic_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "kafka/topics.h"

#define DELIVERIES "deliveries."
#define COMPACT    "cleanup.policy=compact"

/* How a topic of each kind is made. The compacted ones have one partition because their readers
 * read all of it anyway and need one order; operational events are few. */
static const struct kind {
    const char *name;
    bool compact;
    size_t retention;   /* offset into struct topic_options of a retention; 0 = none of it */
    const char *config; /* one more, or NULL */
    bool single;        /* one partition, though it is not compacted */
} kinds[TOPIC_KINDS] = {
    [TOPIC_SUBSCRIPTIONS] = {"subscriptions", true},
    /* An owner must see a stopped owner's late state, before compaction drops its own under it. */
    [TOPIC_ENDPOINTS] = {"endpoints", true, .config = "min.compaction.lag.ms=60000"},
    [TOPIC_RESULTS] = {"results", false, offsetof(struct topic_options, results_retention_ms)},
    [TOPIC_DEAD_LETTERS] = {"dead-letters", false,
        offsetof(struct topic_options, dead_letters_retention_ms)},
    [TOPIC_REPLAYS] = {"replays", true},
    [TOPIC_OPERATIONAL_EVENTS] = {"operational-events", false, .config = "retention.ms=604800000",
        .single = true},
};

char *topic_name(const struct topic_options *options, enum topic_kind kind)
{
    return mem_printf("%s%s", options->prefix, kinds[kind].name);
}

char *topic_registry_writer(const struct topic_options *options)
{
    return mem_printf("%sregistry-writer", options->prefix);
}

char *topic_replays_writer(const struct topic_options *options)
{
    return mem_printf("%sreplays-writer", options->prefix);
}

char *topic_deliveries(const struct topic_options *options, const char *tenant)
{
    return mem_printf("%s" DELIVERIES "%s", options->prefix, tenant);
}

const char *topic_deliveries_tenant(const struct topic_options *options, const char *topic)
{
    size_t prefix_len = strlen(options->prefix);
    if (strncmp(topic, options->prefix, prefix_len) != 0)
        return NULL;
    const char *rest = topic + prefix_len;
    size_t len = strlen(DELIVERIES);
    return strncmp(rest, DELIVERIES, len) == 0 && rest[len] ? rest + len : NULL;
}

/* Topics to be made, with the memory that their specs point to. */
struct plan {
    struct kafka_topic_spec *specs;
    size_t count;
};

static size_t list_length(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static bool same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return len == strcspn(b, "=") && strncmp(a, b, len) == 0;
}

/* Ours first (owned by the plan from here on), then the user's but for what ours already say: a
 * registry that is not compacted would forget. */
static const char *const *make_config(char *const *ours, const char *const *users)
{
    size_t own = 0;
    while (ours[own])
        own++;
    char **config = mem_array(NULL, own + list_length(users) + 1, sizeof *config);
    size_t n = 0;
    for (size_t i = 0; i < own; i++)
        config[n++] = ours[i];
    for (size_t u = 0; users && users[u]; u++) {
        bool taken = false;
        for (size_t i = 0; i < own; i++)
            taken = taken || same_name(ours[i], users[u]);
        if (!taken)
            config[n++] = mem_strdup(users[u]);
    }
    config[n] = NULL;
    return (const char *const *)config;
}

/* Takes `name`. `retention_ms` 0 = leave it to the broker; `extra` may be NULL. */
static void plan_add(struct plan *plan, const struct topic_options *options, char *name,
    int64_t partitions, bool compact, int64_t retention_ms, const char *extra)
{
    char *ours[4] = {NULL};
    size_t n = 0;
    if (compact)
        ours[n++] = mem_strdup(COMPACT);
    if (retention_ms)
        ours[n++] = mem_printf("retention.ms=%" PRId64, retention_ms);
    if (extra)
        ours[n++] = mem_strdup(extra);
    plan->specs = mem_array(plan->specs, plan->count + 1, sizeof *plan->specs);
    plan->specs[plan->count++] = (struct kafka_topic_spec){
        .name = name,
        .partitions = (int32_t)partitions,
        .replication_factor = (int32_t)options->replication_factor,
        .config = make_config(ours, options->config),
    };
}

static bool plan_carry_out(
    struct plan *plan, const struct kafka_options *kafka, int64_t timeout_ms, struct error *error)
{
    bool good = plan->count == 0 ||
                kafka_topics_ensure(kafka, plan->specs, plan->count, timeout_ms, NULL, error);
    for (size_t i = 0; i < plan->count; i++) {
        char **config = (char **)plan->specs[i].config;
        for (char **entry = config; *entry; entry++)
            free(*entry);
        free(config);
        free((char *)plan->specs[i].name);
    }
    free(plan->specs);
    return good;
}

bool topics_ensure_shared(const struct topic_options *options, const struct kafka_options *kafka,
    int64_t timeout_ms, struct error *error)
{
    struct plan plan = {NULL, 0};
    for (int i = 0; i < TOPIC_KINDS; i++) {
        const struct kind *kind = &kinds[i];
        int64_t retention_ms =
            kind->retention ? *(const int64_t *)((const char *)options + kind->retention) : 0;
        plan_add(&plan, options, topic_name(options, (enum topic_kind)i),
            kind->compact || kind->single ? 1 : options->partitions, kind->compact, retention_ms,
            kind->config);
    }
    return plan_carry_out(&plan, kafka, timeout_ms, error);
}

bool topics_ensure_tenants(const struct topic_options *options, const struct kafka_options *kafka,
    const char *const *tenants, int64_t timeout_ms, struct error *error)
{
    struct plan plan = {NULL, 0};
    for (size_t i = 0; tenants[i]; i++)
        plan_add(&plan, options, topic_deliveries(options, tenants[i]), options->tenant_partitions,
            false, options->deliveries_retention_ms, NULL);
    return plan_carry_out(&plan, kafka, timeout_ms, error);
}

bool topics_ensure_events(const struct topic_options *options, const struct kafka_options *kafka,
    int64_t timeout_ms, struct error *error)
{
    struct plan plan = {NULL, 0};
    for (size_t i = 0; options->events && options->events[i]; i++)
        plan_add(
            &plan, options, mem_strdup(options->events[i]), options->partitions, false, 0, NULL);
    return plan_carry_out(&plan, kafka, timeout_ms, error);
}
