/* SPDX-License-Identifier: Apache-2.0 */
/* Puts roles together on one loop. */
#include "commands/roles.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/bridge.h"
#include "commands/command.h"
#include "commands/reload.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/probes.h"
#include "console/console.h"
#include "consumers/consumer.h"
#include "kafka/topics.h"
#include "subscriptions/secret.h"
#include "subscriptions/store.h"

#define ENSURE_TIMEOUT_MS 10000
#define ENSURE_AGAIN_MS   1000
#define TOPICS            "topics"
#define REGISTRY          "registry read"

struct roles {
    struct loop *loop;
    const struct settings *settings;
    int which;
    struct probes *probes;
    struct kafka_producer *producer;
    struct store *store;
    struct seal_ring *ring;                 /* NULL = no key file */
    struct buffer certificate, private_key; /* of the console; empty = no TLS */
    char *registry;                         /* topic */
    struct bridge *bridge;
    struct consumer *consumer;
    struct console *console;
    struct loop_timer *ensure_timer;
    bool ensuring; /* a worker has `ensure_error` and the settings in its hands */
    bool ensured;
    struct error ensure_error;
    int running;
    bool stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

static void store_is_ready(void *arg)
{
    struct roles *roles = arg;
    log_info("registry read", LOG_INT("offset", store_offset(roles->store)));
    probes_condition(roles->probes, REGISTRY, true, "");
    if (roles->stopping)
        return;
    if (roles->bridge)
        bridge_store_ready(roles->bridge);
    if (roles->consumer)
        consumer_store_ready(roles->consumer);
    if (roles->console)
        console_store_ready(roles->console);
}

static void store_has_changed(void *arg, const char *tenant, const char *id)
{
    struct roles *roles = arg;
    if (roles->consumer)
        consumer_store_changed(roles->consumer, tenant, id);
}

static void producer_has_room(void *arg)
{
    struct roles *roles = arg;
    if (roles->bridge)
        bridge_go(roles->bridge);
}

static bool start_store(struct roles *roles, struct error *error)
{
    struct store_options options = {roles->registry, roles->settings->subscriptions_max_per_tenant};
    struct store_callbacks callbacks = {.ready = store_is_ready, .changed = store_has_changed};
    probes_condition(roles->probes, REGISTRY, false, "reading");
    roles->store =
        store_new(roles->loop, &roles->settings->kafka, &options, &callbacks, roles, error);
    return roles->store != NULL;
}

static bool start_bridge(struct roles *roles, struct error *error)
{
    struct bridge_deps deps = {roles->loop, roles->probes, &roles->settings->kafka,
        &roles->settings->topics, roles->producer, roles->store};
    roles->bridge = bridge_new(&deps, &roles->settings->bridge, error);
    return roles->bridge != NULL;
}

static bool start_consumer(struct roles *roles, struct error *error)
{
    struct consumer_deps deps = {roles->loop, roles->probes, &roles->settings->kafka,
        &roles->settings->topics, roles->producer, roles->store, roles->ring};
    roles->consumer = consumer_new(&deps, &roles->settings->consumer, error);
    return roles->consumer != NULL;
}

static void print_settings(void *arg, struct buffer *out)
{
    const struct roles *roles = arg;
    settings_print_json(roles->settings, out);
}

static struct console_deps console_deps(struct roles *roles)
{
    const struct settings *settings = roles->settings;
    return (struct console_deps){
        .loop = roles->loop,
        .probes = roles->probes,
        .kafka = &settings->kafka,
        .topics = &settings->topics,
        .producer = roles->producer,
        .store = roles->store,
        .ring = roles->ring,
        .certificate = roles->certificate.len ? buffer_text(&roles->certificate) : NULL,
        .private_key = buffer_text(&roles->private_key),
        .http = &settings->consumer.http,
        .connect_timeout_ms = settings->consumer.connect_timeout_ms,
        .timeout_ms = settings->consumer.timeout_ms,
        .events = &settings->bridge.events,
        .ttl_events = settings->consumer.ttl_events,
        .ttl_other_ms = settings->consumer.ttl_other_ms,
        .ttl_from_acceptance = settings->consumer.ttl_from_acceptance,
        .max_per_tenant = settings->subscriptions_max_per_tenant,
        .max_fan_out = settings->subscriptions_max_fan_out,
        .print_settings = print_settings,
        .settings_arg = roles,
    };
}

static bool start_console(struct roles *roles, struct error *error)
{
    struct console_deps deps = console_deps(roles);
    roles->console = console_new(&deps, &roles->settings->console, error);
    return roles->console != NULL;
}

/* The topics are there; everything else can begin. */
static void start(struct roles *roles)
{
    struct error error = ERROR_INIT;
    probes_condition(roles->probes, TOPICS, true, "");
    roles->ensured = true;
    if (!start_store(roles, &error) ||
        ((roles->which & ROLE_BRIDGE) && !start_bridge(roles, &error)) ||
        ((roles->which & ROLE_CONSUMER) && !start_consumer(roles, &error)) ||
        ((roles->which & ROLE_CONSOLE) && !start_console(roles, &error)))
        fatal("%s", error.text);
}

static void ensure_work(void *arg)
{
    struct roles *roles = arg;
    roles->ensure_error = (struct error)ERROR_INIT;
    bool ok = topics_ensure_shared(
        &roles->settings->topics, &roles->settings->kafka, ENSURE_TIMEOUT_MS, &roles->ensure_error);
    bug_on(!ok && !error_is_set(&roles->ensure_error));
}

static void finish_stop(struct roles *roles)
{
    if (roles->stopped && !roles->running && !roles->ensuring)
        roles->stopped(roles->stopped_arg);
}

static void ensure_done(void *arg)
{
    struct roles *roles = arg;
    roles->ensuring = false;
    if (roles->stopping) {
        finish_stop(roles);
    } else if (error_is_set(&roles->ensure_error)) {
        log_warn("topics not ready, trying again",
            LOG_STR("brokers", roles->settings->kafka.brokers), LOG_ERR(&roles->ensure_error));
        probes_condition(roles->probes, TOPICS, false, roles->ensure_error.text);
        loop_timer_start(roles->ensure_timer, ENSURE_AGAIN_MS, 0);
    } else {
        start(roles);
    }
}

static void ensure(void *arg)
{
    struct roles *roles = arg;
    if (roles->stopping)
        return;
    if (!roles->settings->topics.create) {
        start(roles);
        return;
    }
    roles->ensuring = true;
    loop_work(roles->loop, ensure_work, ensure_done, roles);
}

/* Before Kafka has answered, so that no count begins in the middle. */
static void register_metrics(int which)
{
    kafka_register_metrics();
    store_register_metrics();
    if (which & ROLE_BRIDGE)
        bridge_register_metrics();
    if (which & ROLE_CONSUMER)
        consumer_register_metrics();
    if (which & ROLE_CONSOLE)
        console_register_metrics();
}

struct roles *roles_new(
    struct loop *loop, const struct settings *settings, int which, struct error *error)
{
    struct roles *roles = mem_zalloc(sizeof *roles);
    roles->loop = loop;
    roles->settings = settings;
    roles->which = which;
    roles->registry = topic_name(&settings->topics, TOPIC_SUBSCRIPTIONS);
    if (command_key_ring(settings, &roles->ring, error) &&
        (!(which & ROLE_CONSOLE) ||
            command_certificate(settings, &roles->certificate, &roles->private_key, error)))
        roles->probes = probes_new(loop, &settings->probes, error);
    register_metrics(which);
    if (roles->probes)
        roles->producer = kafka_producer_new(loop, &settings->kafka, &settings->producer, error);
    if (!roles->producer) {
        roles_free(roles);
        return NULL;
    }
    kafka_producer_on_room(roles->producer, producer_has_room, roles);
    probes_condition(roles->probes, TOPICS, false, "waiting for Kafka");
    roles->ensure_timer = loop_timer_new(loop, ensure, roles);
    loop_timer_start(roles->ensure_timer, 0, 0);
    return roles;
}

static bool take_keys(struct roles *roles, struct seal_ring *ring)
{
    if (!ring || seal_ring_equal(roles->ring, ring)) {
        seal_ring_free(ring);
        return false;
    }
    seal_ring_replace(roles->ring, ring);
    return true;
}

bool roles_reload(struct roles *roles, struct seal_ring *ring)
{
    bool other_keys = take_keys(roles, ring);
    if (roles->consumer)
        consumer_reload(roles->consumer, &roles->settings->consumer);
    if (roles->consumer && other_keys)
        consumer_keys_changed(roles->consumer);
    if (roles->console) {
        struct console_deps deps = console_deps(roles);
        console_reload(roles->console, &deps);
    }
    return other_keys;
}

bool roles_ready(const struct roles *roles)
{
    return roles->ensured && probes_ready(roles->probes);
}

const char *roles_probes_address(const struct roles *roles)
{
    return probes_address(roles->probes);
}

static void one_stopped(void *arg)
{
    struct roles *roles = arg;
    roles->running--;
    finish_stop(roles);
}

void roles_stop(struct roles *roles, void (*stopped)(void *arg), void *arg)
{
    bool again = roles->stopping;
    roles->stopping = true;
    roles->stopped = stopped;
    roles->stopped_arg = arg;
    if (!again)
        roles->running =
            (roles->bridge != NULL) + (roles->consumer != NULL) + (roles->console != NULL);
    if (roles->bridge)
        bridge_stop(roles->bridge, one_stopped, roles);
    if (roles->consumer)
        consumer_stop(roles->consumer, one_stopped, roles);
    if (roles->console)
        console_stop(roles->console, one_stopped, roles);
    if (!again)
        finish_stop(roles);
}

void roles_free(struct roles *roles)
{
    if (!roles)
        return;
    bug_on(roles->ensuring);
    bridge_free(roles->bridge);
    consumer_free(roles->consumer);
    console_free(roles->console);
    kafka_producer_free(roles->producer);
    store_free(roles->store);
    seal_ring_free(roles->ring);
    loop_timer_free(roles->ensure_timer);
    probes_free(roles->probes);
    buffer_release(&roles->certificate);
    secret_wipe(&roles->private_key);
    free(roles->registry);
    free(roles);
}

struct runner {
    struct loop *loop;
    struct roles *roles;
    int signals;
};

static void runner_stopped(void *arg)
{
    struct runner *runner = arg;
    loop_stop(runner->loop);
}

static void runner_signalled(void *arg)
{
    struct runner *runner = arg;
    runner->signals++;
    log_info(runner->signals == 1 ? "stopping; a second signal cancels what is in flight"
                                  : "stopping at once");
    if (runner->signals > 2) /* whatever hangs: nothing is lost, only repeated */
        _exit(EXIT_FAILED);
    roles_stop(runner->roles, runner_stopped, runner);
}

int roles_run(struct settings *settings, int which, const char *name)
{
    struct error error = ERROR_INIT;
    struct runner runner = {.loop = loop_new()};
    log_set_role(name);
    log_info("hookline starts", LOG_STR("version", HOOKLINE_VERSION),
        LOG_STR("librdkafka", kafka_library_version()),
        LOG_STR("brokers", settings->kafka.brokers));
    runner.roles = roles_new(runner.loop, settings, which, &error);
    if (!runner.roles) {
        loop_free(runner.loop);
        return command_fail(&error);
    }
    struct reload *reload = reload_new(runner.loop, settings, runner.roles);
    struct loop_signal *term = loop_signal_new(runner.loop, SIGTERM, runner_signalled, &runner);
    struct loop_signal *interrupt = loop_signal_new(runner.loop, SIGINT, runner_signalled, &runner);
    loop_run(runner.loop);
    reload_free(reload);
    roles_free(runner.roles);
    loop_signal_free(term); /* last: a late signal must not end us with its default action */
    loop_signal_free(interrupt);
    loop_free(runner.loop);
    log_info("hookline stopped");
    return EXIT_DONE;
}
