/* SPDX-License-Identifier: Apache-2.0 */
/* The registry, opened for as long as a command runs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands/subscriptions.h"
#include "common/memory.h"
#include "producers/topic_names.h"

/* How often a wait looks whether it is over: no event of the store says "read up to here". */
#define WAIT_STEP_MS 5

static int64_t time_left_ms(const struct registry *registry)
{
    int64_t left = mono_diff_ms(registry->deadline, mono_now());
    return left > 1 ? left : 1;
}

/* Waiting. */

struct wait {
    const struct registry *registry;
    bool (*over)(const struct registry *registry);
    bool done;
};

static void look(void *arg)
{
    struct wait *wait = arg;
    wait->done = wait->over(wait->registry);
    if (wait->done || !mono_before(mono_now(), wait->registry->deadline))
        loop_stop(wait->registry->loop);
}

/* Runs the loop until `over` says yes; false at the deadline. */
static bool wait_until(const struct registry *registry, bool (*over)(const struct registry *))
{
    struct wait wait = {.registry = registry, .over = over};
    struct loop_timer *timer = loop_timer_new(registry->loop, look, &wait);
    loop_timer_start(timer, 0, WAIT_STEP_MS);
    loop_run(registry->loop);
    loop_timer_free(timer);
    return wait.done;
}

static bool is_ready(const struct registry *registry)
{
    return store_ready(registry->store);
}

static bool has_room(const struct registry *registry)
{
    return kafka_producer_has_room(registry->producer);
}

static bool is_acknowledged(const struct registry *registry)
{
    return registry->acknowledged == registry->sent || error_is_set(&registry->write_error);
}

static bool is_read_back(const struct registry *registry)
{
    return store_offset(registry->store) > registry->last_offset;
}

/* Reading. */

static void on_trouble(void *arg, const struct error *error)
{
    struct registry *registry = arg;
    registry->read_error = *error;
}

static bool fail_read(const struct registry *registry, struct error *error)
{
    const struct error *trouble = &registry->read_error;
    return error_set(error, ERROR_RETRY,
        "topic %s could not be read to its end in time%s%s "
        "(kafka.brokers = %s; see --timeout)",
        registry->topic, error_is_set(trouble) ? ": " : "", trouble->text,
        registry->settings->kafka.brokers);
}

static bool read_store(struct registry *registry, struct error *error)
{
    struct store_options options = {.topic = registry->topic,
        .max_per_tenant = registry->settings->subscriptions_max_per_tenant};
    struct store_callbacks callbacks = {.trouble = on_trouble};
    store_free(registry->store);
    if (!registry->exists) {
        registry->store = store_new_detached(&options);
        return true;
    }
    registry->store = store_new(
        registry->loop, &registry->settings->kafka, &options, &callbacks, registry, error);
    if (!registry->store)
        return false;
    return wait_until(registry, is_ready) || fail_read(registry, error);
}

static bool list_topics(struct registry *registry, struct error *error)
{
    kafka_topic_list_release(&registry->topics);
    if (!kafka_topics_list(
            &registry->settings->kafka, time_left_ms(registry), &registry->topics, error))
        return false;
    registry->exists = kafka_topic_find(&registry->topics, registry->topic) != NULL;
    return true;
}

bool registry_open(struct registry *registry, const struct settings *settings, int64_t timeout_ms,
    struct error *error)
{
    *registry = (struct registry){.settings = settings, .last_offset = -1};
    registry->deadline = mono_add_ms(mono_now(), timeout_ms);
    registry->loop = loop_new();
    registry->topic = topic_name(&settings->topics, TOPIC_SUBSCRIPTIONS);
    return command_key_ring(settings, &registry->ring, error) && list_topics(registry, error) &&
           read_store(registry, error);
}

void registry_close(struct registry *registry)
{
    kafka_producer_free(registry->producer);
    store_free(registry->store);
    seal_ring_free(registry->ring);
    kafka_topic_list_release(&registry->topics);
    loop_free(registry->loop);
    free(registry->topic);
}

/* Topics. */

static bool ensure_topics(
    struct registry *registry, const char *const *tenants, struct error *error)
{
    const struct settings *settings = registry->settings;
    if (!settings->topics.create)
        return true;
    return topics_ensure_shared(
               &settings->topics, &settings->kafka, time_left_ms(registry), error) &&
           topics_ensure_tenants(
               &settings->topics, &settings->kafka, tenants, time_left_ms(registry), error);
}

static bool check_topic(const struct registry *registry, const char *topic, struct error *error)
{
    if (kafka_topic_find(&registry->topics, topic))
        return true;
    return error_set(
        error, ERROR_CONFIG, "topic %s does not exist: create it, or set topics.create", topic);
}

static bool check_topics(
    const struct registry *registry, const char *const *tenants, struct error *error)
{
    bool good = check_topic(registry, registry->topic, error);
    for (size_t i = 0; good && tenants[i]; i++) {
        char *topic = topic_deliveries(&registry->settings->topics, tenants[i]);
        good = check_topic(registry, topic, error);
        free(topic);
    }
    return good;
}

bool registry_make_topics(
    struct registry *registry, const char *const *tenants, struct error *error)
{
    bool existed = registry->exists;
    if (!ensure_topics(registry, tenants, error) || !list_topics(registry, error) ||
        !check_topics(registry, tenants, error))
        return false;
    return existed || read_store(registry, error);
}

/* Writing. */

static void on_produced(void *arg, const struct kafka_receipt *receipt)
{
    struct registry *registry = arg;
    if (receipt->error) {
        error_set(&registry->write_error, receipt->error->kind, "%s", receipt->error->text);
        return;
    }
    registry->acknowledged++;
    if (receipt->offset > registry->last_offset)
        registry->last_offset = receipt->offset;
}

static bool fail_write(const struct registry *registry, struct error *error)
{
    const struct error *cause = &registry->write_error;
    return error_set(error, error_is_set(cause) ? cause->kind : ERROR_RETRY,
        "%zu of %zu records were written to topic %s, the rest not%s%s; to run the "
        "same command again is safe and completes it",
        registry->acknowledged, registry->sent, registry->topic,
        error_is_set(cause) ? ": " : " in time", cause->text);
}

static bool open_producer(struct registry *registry, struct error *error)
{
    if (!registry->producer)
        registry->producer = kafka_producer_new(
            registry->loop, &registry->settings->kafka, &registry->settings->producer, error);
    return registry->producer != NULL;
}

bool registry_send(struct registry *registry, const char *tenant, const char *id, const char *value,
    struct error *error)
{
    if (!open_producer(registry, error))
        return false;
    if (!kafka_producer_has_room(registry->producer) && !wait_until(registry, has_room))
        return fail_write(registry, error);
    char *key = id ? mem_printf("%s/%s", tenant, id) : mem_strdup(tenant);
    struct record record = {
        .topic = registry->topic,
        .partition = 0, /* its only one, which keeps the order */
        .timestamp_ms = -1,
        .key = {key, strlen(key)},
        .value = {value, value ? strlen(value) : 0},
    };
    bool sent =
        kafka_producer_send(registry->producer, &record, false, on_produced, registry, error);
    registry->sent += sent;
    free(key);
    return sent;
}

bool registry_settle(struct registry *registry, struct error *error)
{
    if (registry->sent == 0)
        return true;
    if (!wait_until(registry, is_acknowledged) || error_is_set(&registry->write_error))
        return fail_write(registry, error);
    if (wait_until(registry, is_read_back))
        return true;
    return error_set(error, ERROR_RETRY,
        "all %zu records were written to topic %s, but not read back in time (see "
        "--timeout)",
        registry->sent, registry->topic);
}
