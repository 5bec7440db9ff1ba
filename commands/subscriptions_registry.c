/* SPDX-License-Identifier: Apache-2.0 */
/* The registry, opened for as long as a command runs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands/subscriptions.h"
#include "common/memory.h"
#include "producers/topic_names.h"

/* How often the wait for the store looks whether it is over. */
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
    *registry = (struct registry){.settings = settings};
    registry->deadline = mono_add_ms(mono_now(), timeout_ms);
    registry->loop = loop_new();
    registry->topic = topic_name(&settings->topics, TOPIC_SUBSCRIPTIONS);
    return command_key_ring(settings, &registry->ring, error) && list_topics(registry, error) &&
           read_store(registry, error);
}

void registry_close(struct registry *registry)
{
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

void registry_put(struct writer_batch *batch, const char *tenant, const char *id, const char *value)
{
    char *key = id ? mem_printf("%s/%s", tenant, id) : mem_strdup(tenant);
    writer_put(batch, key, value);
    free(key);
}

struct changing {
    struct registry *registry;
    writer_decide *decide;
    void *arg;
};

static void on_decide(struct writer_batch *batch, void *arg)
{
    struct changing *changing = arg;
    changing->decide(batch, changing->arg);
}

static void on_done(enum writer_outcome outcome, const struct error *error, void *arg)
{
    struct registry *registry = ((struct changing *)arg)->registry;
    registry->outcome = outcome;
    if (error)
        registry->write_error = *error;
    loop_stop(registry->loop);
}

static bool fail_write(const struct registry *registry, struct error *error)
{
    const struct error *cause = &registry->write_error;
    if (cause->kind != ERROR_RETRY)
        return error_set(error, cause->kind, "%s", cause->text);
    return error_set(error, cause->kind,
        "%s%s; to run the same command again is safe and completes it", cause->text,
        registry->outcome == WRITER_FENCED ? ", and others after it" : " (see --timeout)");
}

static struct writer *open_writer(struct registry *registry, struct error *error)
{
    char *id = topic_registry_writer(&registry->settings->topics);
    struct writer_options options = {
        .topic = registry->topic, .transactional_id = id, .timeout_ms = time_left_ms(registry)};
    struct writer *writer =
        writer_new(registry->loop, &registry->settings->kafka, registry->store, &options, error);
    free(id);
    return writer;
}

bool registry_change(
    struct registry *registry, writer_decide *decide, void *arg, struct error *error)
{
    if (!registry->exists) {
        decide(NULL, arg);
        return true;
    }
    struct changing changing = {registry, decide, arg};
    struct writer *writer = open_writer(registry, error);
    if (!writer)
        return false;
    writer_change(writer, on_decide, on_done, &changing);
    loop_run(registry->loop);
    writer_free(writer);
    if (registry->outcome == WRITER_DONE || registry->outcome == WRITER_NOTHING)
        return true;
    return fail_write(registry, error);
}
