/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery topic of a tenant that is new. */
#include "console/tenant_topic.h"

#include <stdlib.h>

#include "kafka/topics.h"
#include "producers/topic_names.h"

#define TIMEOUT_MS 10000

static void find_partitions(struct tenant_topic *topic, const char *name)
{
    struct kafka_topic_list list = {0};
    bool good = kafka_topics_list(topic->deps->kafka, TIMEOUT_MS, &list, &topic->error);
    const struct kafka_topic *found = good ? kafka_topic_find(&list, name) : NULL;
    if (found)
        topic->partitions = found->partitions;
    else if (good)
        error_set(&topic->error, ERROR_CONFIG,
            "topic %s does not exist: create it, or set topics.create", name);
    kafka_topic_list_release(&list);
}

/* In a worker. */
static void ensure(void *arg)
{
    struct tenant_topic *topic = arg;
    const struct console_deps *deps = topic->deps;
    const char *tenants[] = {topic->tenant, NULL};
    char *name = topic_deliveries(deps->topics, topic->tenant);
    if (!deps->topics->create ||
        topics_ensure_tenants(deps->topics, deps->kafka, tenants, TIMEOUT_MS, &topic->error))
        find_partitions(topic, name);
    free(name);
}

static void ensured(void *arg)
{
    struct tenant_topic *topic = arg;
    topic->done(topic->arg);
}

void tenant_topic_ensure(struct tenant_topic *topic)
{
    loop_work(topic->deps->loop, ensure, ensured, topic);
}
