/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's cast. */
#include "commands/demo_endpoints.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "subscriptions/store.h"

#define REGISTER_MS 10000

const struct demo_endpoint demo_endpoints[] = {
    {"acme", "crm", {"call.*"}, 204, 0, 0},
    {"acme", "wallboard", {"agent.*", "call.answered"}, 204, 0, 0},
    {"globex", "screen-pop", {"call.ringing"}, 204, 0, 0},
    {"globex", "slow-crm", {"call.*"}, 204, 300, 0},
    {"initech", "crm", {"*"}, 204, 0, 0},
    {"initech", "broken", {"call.answered"}, 500, 0, 3},
    {"initech", "moved-away", {"agent.*"}, 404, 0, 0},
    {.tenant = NULL},
};

const char *const demo_tenants[] = {"acme", "globex", "initech", NULL};

static size_t count_endpoints(void)
{
    size_t count = 0;
    while (demo_endpoints[count].tenant)
        count++;
    return count;
}

struct receiver_rule *demo_rules_new(void)
{
    size_t count = count_endpoints();
    struct receiver_rule *rules = mem_array(NULL, count + 1, sizeof *rules);
    for (size_t i = 0; i < count; i++) {
        const struct demo_endpoint *endpoint = &demo_endpoints[i];
        rules[i] = (struct receiver_rule){
            .path = mem_printf("/%s/%s", endpoint->tenant, endpoint->id),
            .status = endpoint->status,
            .delay_ms = endpoint->delay_ms,
        };
    }
    rules[count] = (struct receiver_rule){.path = NULL};
    return rules;
}

void demo_rules_free(struct receiver_rule *rules)
{
    for (size_t i = 0; rules && rules[i].path; i++)
        free((char *)rules[i].path);
    free(rules);
}

/* --- Topics --------------------------------------------------------------------------------- */

/* Takes `name`. */
static bool create(
    struct kafka_embedded *embedded, char *name, int32_t partitions, struct error *error)
{
    bool good = kafka_embedded_create_topic(embedded, name, partitions, error);
    free(name);
    return good;
}

bool demo_create_topics(
    struct kafka_embedded *embedded, const struct topic_options *topics, struct error *error)
{
    bool good = create(embedded, mem_strdup(DEMO_EVENTS_TOPIC), 4, error);
    for (int kind = 0; good && kind < TOPIC_KINDS; kind++)
        good = create(embedded, topic_name(topics, (enum topic_kind)kind), 1, error);
    for (size_t i = 0; good && demo_tenants[i]; i++)
        good = create(embedded, topic_deliveries(topics, demo_tenants[i]), 1, error);
    return good;
}

/* --- The registry --------------------------------------------------------------------------- */

static void registered(void *arg, const struct kafka_receipt *receipt)
{
    struct error *failure = arg;
    if (receipt->error)
        error_set(failure, receipt->error->kind, "%s", receipt->error->text);
}

/* Takes key and value. */
static bool send(struct kafka_producer *producer, const char *topic, char *key, char *value,
    struct error *failure)
{
    const struct record record = {
        .topic = topic,
        .partition = 0,
        .timestamp_ms = -1,
        .key = {key, strlen(key)},
        .value = {value, strlen(value)},
    };
    bool good = kafka_producer_send(producer, &record, false, registered, failure, failure);
    free(key);
    free(value);
    return good;
}

static char *endpoint_subscription(const struct demo_endpoint *endpoint, const char *receiver_url)
{
    char now[RFC3339_SIZE];
    wall_format(wall_now(), now);
    char *url = mem_printf("%s/%s/%s", receiver_url, endpoint->tenant, endpoint->id);
    json_t *events = json_array();
    for (size_t i = 0; endpoint->events[i]; i++)
        json_array_append_new(events, json_string(endpoint->events[i]));
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:i, s:s, s:s}", "id", endpoint->id,
        "tenant", endpoint->tenant, "name", endpoint->id, "url", url, "events", events, "enabled",
        1, "version", 1, "created_at", now, "updated_at", now);
    if (endpoint->max_attempts)
        json_object_set_new(
            json, "retry", json_pack("{s:I}", "max_attempts", (json_int_t)endpoint->max_attempts));
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    free(url);
    return text;
}

bool demo_register(struct kafka_producer *producer, const struct topic_options *topics,
    const char *receiver_url, struct error *error)
{
    char *topic = topic_name(topics, TOPIC_SUBSCRIPTIONS);
    bool good = true;
    for (size_t i = 0; good && demo_tenants[i]; i++)
        good = send(producer, topic, mem_strdup(demo_tenants[i]),
            store_tenant_record(demo_tenants[i], 1), error);
    for (const struct demo_endpoint *e = demo_endpoints; good && e->tenant; e++)
        good = send(producer, topic, mem_printf("%s/%s", e->tenant, e->id),
            endpoint_subscription(e, receiver_url), error);
    /* Also on failure: the receipts write to `error`. */
    if (!kafka_producer_flush(producer, REGISTER_MS))
        fatal("the embedded broker does not answer");
    free(topic);
    return good && !error_is_set(error);
}
