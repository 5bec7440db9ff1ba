/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer role: wires the parts of consumers/ and does nothing else. */
#include "consumers/consumer.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "consumers/engine.h"
#include "consumers/status.h"

/* Each change of the topics is a rebalance of the group, so changes are gathered. */
#define SUBSCRIBE_DELAY_MS        2000
#define CHECK_INTERVAL_MS         250
#define FETCH_PARTITION_MIN       (64 * 1024)
#define SEEK_PARTITION_BYTES      (1024 * 1024)
#define TICK_MS                   1000
#define RESULTS_OUTSTANDING       20000
#define RESULTS_OUTSTANDING_BYTES (16 * 1024 * 1024)
#define RESULTS_FLUSH_MS          1000
#define CONDITION                 "consumer: group joined"

struct consumer {
    struct engine engine;
    struct loop_timer *subscribe_timer, *check_timer;
    char **topics; /* as subscribed, sorted */
    size_t topic_count;
    bool subscribed;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

double engine_random(struct engine *engine)
{
    engine->random = engine->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(engine->random >> 11) / 9007199254740992.0;
}

struct topic_collection {
    struct consumer *consumer;
    int64_t partitions;
    char **topics;
    size_t count;
};

static bool serves(const struct consumer *consumer, const char *tenant)
{
    const char *const *pattern = consumer->engine.options.tenants;
    if (!pattern || !*pattern)
        return true;
    for (; *pattern; pattern++)
        if (text_glob(*pattern, tenant))
            return true;
    return false;
}

static void collect(const struct store_tenant *tenant, void *arg)
{
    struct topic_collection *all = arg;
    if (tenant->partitions < 1 || !serves(all->consumer, tenant->id))
        return;
    all->topics = mem_array(all->topics, all->count + 1, sizeof *all->topics);
    all->partitions += tenant->partitions;
    all->topics[all->count++] = topic_deliveries(all->consumer->engine.deps.topics, tenant->id);
}

static void free_topics(char **topics, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(topics[i]);
    free(topics);
}

static bool same_topics(const struct consumer *consumer, const struct topic_collection *all)
{
    if (consumer->topic_count != all->count)
        return false;
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(consumer->topics[i], all->topics[i]) != 0)
            return false;
    return true;
}

static void closed(void *arg)
{
    struct consumer *consumer = arg;
    if (consumer->stopped)
        consumer->stopped(consumer->stopped_arg);
}

static void overtaken(void *arg, struct kafka_partition *partition, int64_t records)
{
    (void)arg;
    engine_count_lost(records);
    log_error("deliveries lost: the topic did not keep them until they were read",
        LOG_STR("topic", kafka_partition_topic(partition)),
        LOG_INT("partition", kafka_partition_number(partition)), LOG_INT("records", records));
}

static void failed(void *arg, const struct error *error)
{
    struct consumer *consumer = arg;
    log_error("consumer cannot go on", LOG_ERR(error));
    probes_dead(consumer->engine.deps.probes, error->text);
}

static const struct kafka_consumer_callbacks callbacks = {
    .record = intake_record,
    .assigned = ownership_assigned,
    .revoked = ownership_revoked,
    .confirmed = ownership_confirmed,
    .overtaken = overtaken,
    .closed = closed,
    .failed = failed,
};

/* The library counts what it fetches ahead per partition, and keeps to that for the client's life; so
 * the client is made when it is known among how many partitions our share of memory is divided. */
static bool make_client(struct consumer *consumer, int64_t partitions, struct error *error)
{
    struct engine *engine = &consumer->engine;
    struct kafka_consumer_options options = engine->options.consumer;
    options.fetch_partition_bytes = engine->options.fetch_bytes / partitions;
    if (options.fetch_partition_bytes < FETCH_PARTITION_MIN)
        options.fetch_partition_bytes = FETCH_PARTITION_MIN;
    options.fenced = true;
    if (!engine->kafka)
        engine->kafka = kafka_consumer_new(engine->deps.loop, engine->deps.kafka, &options,
            &callbacks, consumer, "consumer", error);
    return engine->kafka != NULL;
}

static void subscribe(void *arg)
{
    struct consumer *consumer = arg;
    if (consumer->engine.stopping) { /* before there was anything to close */
        if (!consumer->engine.kafka)
            closed(consumer);
        return;
    }
    struct topic_collection all = {.consumer = consumer};
    struct error error = ERROR_INIT;
    store_each(consumer->engine.deps.store, collect, &all);
    if (same_topics(consumer, &all) || all.count == 0) {
        free_topics(all.topics, all.count);
        return;
    }
    if (!make_client(consumer, all.partitions, &error) ||
        !kafka_consumer_subscribe(
            consumer->engine.kafka, (const char *const *)all.topics, all.count, &error)) {
        log_error("delivery topics not subscribed, trying again", LOG_ERR(&error));
        loop_timer_start(consumer->subscribe_timer, SUBSCRIBE_DELAY_MS, 0);
        free_topics(all.topics, all.count);
        return;
    }
    log_info("delivery topics subscribed", LOG_INT("topics", (int64_t)all.count));
    free_topics(consumer->topics, consumer->topic_count);
    consumer->topics = all.topics;
    consumer->topic_count = all.count;
    consumer->subscribed = true;
}

static void check_joined(void *arg)
{
    struct consumer *consumer = arg;
    bool joined = consumer->engine.kafka && kafka_consumer_joined(consumer->engine.kafka);
    bool idle = store_ready(consumer->engine.deps.store) && consumer->topic_count == 0;
    probes_condition(consumer->engine.deps.probes, CONDITION, joined || idle,
        joined ? ""
        : idle ? "no tenant has subscriptions yet"
               : "joining");
    if (joined)
        loop_timer_stop(consumer->check_timer);
}

/* Once a second: what nothing else would notice. */
static void tick(void *arg)
{
    struct engine *engine = arg;
    struct endpoint *endpoint, *next;
    scheduler_check_clock(engine);
    if (engine->unsure && engine->kafka)
        kafka_consumer_confirm(engine->kafka);
    for (endpoint = engine->endpoints; endpoint; endpoint = next) {
        next = endpoint->hh.next;
        endpoint_tick(endpoint); /* may free it */
    }
}

static void take_options(struct engine *engine, const struct consumer_options *options)
{
    if (options->http.guard.allow_private && !engine->options.http.guard.allow_private)
        log_warn("egress.allow_private is set: requests may reach loopback, private and metadata "
                 "addresses");
    engine->options = *options;
    engine->options.circuit.cohorts = 2;
    engine->options.circuit.min_faults = 5;
}

static void init_engine(
    struct engine *engine, const struct consumer_deps *deps, const struct consumer_options *options)
{
    engine->deps = *deps;
    take_options(engine, options);
    engine->dead_letters = topic_name(deps->topics, TOPIC_DEAD_LETTERS);
    engine->results = topic_name(deps->topics, TOPIC_RESULTS);
    engine->states = topic_name(deps->topics, TOPIC_ENDPOINTS);
    engine->operational = topic_name(deps->topics, TOPIC_OPERATIONAL_EVENTS);
    engine->last_turn = mono_now();
    engine->random = hash_keyed("back-off", 8);
    TAILQ_INIT(&engine->intakes);
    TAILQ_INIT(&engine->turns);
    for (size_t state = 0; state < DELIVERY_STATES; state++)
        TAILQ_INIT(&engine->lists[state]);
}

static bool make_ttl_table(struct engine *engine, struct error *error)
{
    struct ttl_table table;
    if (!ttl_table_init(&table, engine->options.ttl_events,
            ttl_longest(engine->deps.topics->deliveries_retention_ms), error))
        return false;
    table.other_ms = engine->options.ttl_other_ms;
    ttl_table_release(&engine->ttl);
    engine->ttl = table;
    return true;
}

static bool make_parts(struct engine *engine, struct error *error)
{
    static const struct endpoint_store_callbacks store_callbacks = {
        ownership_barrier, ownership_superseded, ownership_outdated};
    const struct consumer_deps *deps = &engine->deps;
    struct kafka_seeker_options seeker = {SEEK_PARTITION_BYTES};
    if (!make_ttl_table(engine, error))
        return false;
    engine->http = http_client_new(deps->loop, &engine->options.http, error);
    if (!engine->http)
        return false;
    struct kafka_producer_options results = {.linger_ms = engine->options.results_linger_ms,
        .max_outstanding = RESULTS_OUTSTANDING,
        .max_outstanding_bytes = RESULTS_OUTSTANDING_BYTES};
    engine->results_producer = kafka_producer_new(deps->loop, deps->kafka, &results, error);
    if (!engine->results_producer)
        return false;
    engine->seeker = kafka_seeker_new(deps->loop, deps->kafka, &seeker);
    engine->store = endpoint_store_new(
        deps->loop, deps->kafka, deps->producer, engine->states, &store_callbacks, engine, error);
    return engine->store != NULL;
}

struct consumer *consumer_new(
    const struct consumer_deps *deps, const struct consumer_options *options, struct error *error)
{
    struct consumer *consumer = mem_zalloc(sizeof *consumer);
    struct engine *engine = &consumer->engine;
    init_engine(engine, deps, options);
    engine_metrics_register(engine);
    status_page_add(engine);
    if (!make_parts(engine, error)) {
        consumer_free(consumer);
        return NULL;
    }
    engine->tick_timer = loop_timer_new(deps->loop, tick, engine);
    loop_timer_start(engine->tick_timer, TICK_MS, TICK_MS);
    engine->schedule_timer = loop_timer_new(deps->loop, scheduler_run, engine);
    engine->schedule_prepare = loop_prepare_new(deps->loop, scheduler_before_wait, engine);
    engine->go_timer = intake_go_timer(engine);
    consumer->subscribe_timer = loop_timer_new(deps->loop, subscribe, consumer);
    consumer->check_timer = loop_timer_new(deps->loop, check_joined, consumer);
    probes_condition(deps->probes, CONDITION, false, "waiting for the registry");
    return consumer;
}

void consumer_reload(struct consumer *consumer, const struct consumer_options *options)
{
    struct engine *engine = &consumer->engine;
    struct error error = ERROR_INIT;
    take_options(engine, options);
    bool good =
        make_ttl_table(engine, &error) && http_client_reload(engine->http, &options->http, &error);
    bug_on(!good); /* config/ has looked at each of them */
    intake_go(engine);
    scheduler_soon(engine);
}

void consumer_keys_changed(struct consumer *consumer)
{
    struct endpoint *endpoint, *next;
    for (endpoint = consumer->engine.endpoints; endpoint; endpoint = next) {
        next = endpoint->hh.next;
        if (!endpoint->subscription || endpoint->sender.credentials)
            continue;
        struct subscription *subscription = subscription_ref(endpoint->subscription);
        endpoint_set_subscription(endpoint, subscription);
        subscription_unref(subscription);
    }
}

void consumer_store_ready(struct consumer *consumer)
{
    subscribe(consumer);
    loop_timer_start(consumer->check_timer, 0, CHECK_INTERVAL_MS);
}

void consumer_store_changed(struct consumer *consumer, const char *tenant, const char *id)
{
    struct engine *engine = &consumer->engine;
    if (!id) {
        loop_timer_start(
            consumer->subscribe_timer, consumer->subscribed ? SUBSCRIBE_DELAY_MS : 0, 0);
        return;
    }
    char *key = mem_printf("%s/%s", tenant, id);
    struct endpoint *endpoint = endpoint_find(engine, key, strlen(key));
    free(key);
    if (endpoint)
        endpoint_set_subscription(endpoint, store_find(engine->deps.store, tenant, id));
    intake_go(engine);
}

void consumer_stop(struct consumer *consumer, void (*stopped)(void *arg), void *arg)
{
    struct engine *engine = &consumer->engine;
    if (engine->stopping) {
        ownership_hurry(engine);
        return;
    }
    engine->stopping = true;
    consumer->stopped = stopped;
    consumer->stopped_arg = arg;
    log_info("consumer stops", LOG_INT("in_flight", engine->counts[DELIVERY_IN_FLIGHT]));
    if (engine->kafka)
        kafka_consumer_close(engine->kafka);
    else
        loop_timer_start(consumer->subscribe_timer, 0, 0);
}

void consumer_free(struct consumer *consumer)
{
    if (!consumer)
        return;
    struct engine *engine = &consumer->engine;
    engine_metrics_unregister();
    status_page_remove(engine);
    kafka_consumer_free(engine->kafka); /* takes all partitions away, and all that is of them */
    if (engine->results_producer &&
        !kafka_producer_flush(engine->results_producer, RESULTS_FLUSH_MS))
        log_warn("results were not written at the end");
    kafka_producer_free(engine->results_producer);
    buffer_release(&engine->result_json);
    kafka_seeker_free(engine->seeker);
    endpoint_store_free(engine->store);
    http_client_free(engine->http);
    ttl_table_release(&engine->ttl);
    loop_timer_free(engine->tick_timer);
    loop_timer_free(engine->schedule_timer);
    loop_prepare_free(engine->schedule_prepare);
    loop_timer_free(engine->go_timer);
    loop_timer_free(consumer->subscribe_timer);
    loop_timer_free(consumer->check_timer);
    free_topics(consumer->topics, consumer->topic_count);
    free(engine->dead_letters);
    free(engine->results);
    free(engine->states);
    free(engine->operational);
    free(consumer);
}
