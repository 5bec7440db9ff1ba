/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer with a registry, a broker and a receiver in one process, and what tests do with them. */
#ifndef HOOKLINE_TESTS_RECEIVER_H
#define HOOKLINE_TESTS_RECEIVER_H

#include "../roles.h"
#include "common/http_server.h"
#include "consumers/consumer.h"
#include "producers/delivery_record.h"

#define HITS_MAX 2000

/* One request that arrived. */
struct hit {
    char path[64];
    char id[65];
    char body[64];
    char headers[2048];
    int attempt;
    struct mono_time at;
};

/* The status to answer with, or PARK: answered later. */
#define PARK 0
typedef int answer_rule(const struct hit *hit);

static struct receiver {
    struct http_server *server;
    char url[64]; /* "http://127.0.0.1:43210" */
    struct hit hits[HITS_MAX];
    int count;
    answer_rule *rule;
    const char *retry_after; /* with each answer; NULL = none */
    struct http_exchange *parked[100];
    int parked_count, parked_most;
} receiver;

static struct roles_fixture fixture;
static int64_t registry_count;

static inline void receiver_header(const char *name, const char *value, void *arg)
{
    struct hit *hit = arg;
    size_t len = strlen(hit->headers);
    snprintf(hit->headers + len, sizeof hit->headers - len, "%s=%s\n", name, value);
}

static inline void receiver_answer(struct http_exchange *exchange, int status)
{
    if (receiver.retry_after)
        http_exchange_add_header(exchange, "retry-after", receiver.retry_after);
    http_exchange_answer(exchange, status, "text/plain", "thank you", 9);
}

static inline void receiver_serve(struct http_exchange *exchange, void *arg)
{
    (void)arg;
    if (receiver.count == HITS_MAX) {
        receiver_answer(exchange, 500);
        return;
    }
    struct hit *hit = &receiver.hits[receiver.count++];
    size_t len;
    const char *body = http_exchange_body(exchange, &len);
    const char *id = http_exchange_header(exchange, "webhook-id");
    const char *attempt = http_exchange_header(exchange, "hookline-attempt");
    *hit = (struct hit){.at = mono_now()};
    snprintf(hit->path, sizeof hit->path, "%s", http_exchange_path(exchange));
    snprintf(hit->id, sizeof hit->id, "%s", id ? id : "");
    snprintf(hit->body, sizeof hit->body, "%.*s", (int)len, body);
    hit->attempt = attempt ? (int)strtol(attempt, NULL, 10) : 0;
    http_exchange_headers(exchange, receiver_header, hit);
    int status = receiver.rule ? receiver.rule(hit) : 200;
    if (status == PARK && receiver.parked_count < 100) {
        receiver.parked[receiver.parked_count++] = exchange;
        if (receiver.parked_count > receiver.parked_most)
            receiver.parked_most = receiver.parked_count;
    } else {
        receiver_answer(exchange, status == PARK ? 500 : status);
    }
}

/* Answers what is parked, the oldest first. */
static inline void receiver_release(int count, int status)
{
    if (count > receiver.parked_count)
        count = receiver.parked_count;
    for (int i = 0; i < count; i++)
        receiver_answer(receiver.parked[i], status);
    receiver.parked_count -= count;
    memmove(receiver.parked, receiver.parked + count,
        (size_t)receiver.parked_count * sizeof(struct http_exchange *));
}

static inline void receiver_reset(answer_rule *rule)
{
    receiver_release(100, 200);
    receiver.count = receiver.parked_most = 0;
    receiver.rule = rule;
    receiver.retry_after = NULL;
}

static inline int hits_of(const char *body)
{
    int count = 0;
    for (int i = 0; i < receiver.count; i++)
        count += strcmp(receiver.hits[i].body, body) == 0;
    return count;
}

static inline const struct hit *hit_of(const char *body)
{
    for (int i = 0; i < receiver.count; i++)
        if (strcmp(receiver.hits[i].body, body) == 0)
            return &receiver.hits[i];
    return NULL;
}

static inline bool has_hits(void *arg)
{
    return receiver.count >= *(int *)arg;
}

static inline void wait_hits(int count)
{
    if (!run_until(fixture.cluster.loop, has_hits, &count))
        fail_msg("%d requests in place of %d", receiver.count, count);
}

static inline bool has_parked(void *arg)
{
    return receiver.parked_count >= *(int *)arg;
}

static inline void wait_parked(int count)
{
    if (!run_until(fixture.cluster.loop, has_parked, &count))
        fail_msg("%d requests are open in place of %d", receiver.parked_count, count);
}

/* --- The consumer --------------------------------------------------------------------------- */

static const struct consumer_options base_options = {
    .consumer =
        {
            .group = "consumer",
            .assignment = "auto",
            .commit_interval_ms = 50,
            .session_timeout_ms = 6000,
        },
    .fetch_bytes = 16 << 20,
    .http = {.max_answer_bytes = 65536, .guard = {.allow_http = true, .allow_private = true}},
    .drain_timeout_ms = 30000,
    .max_held = 1000,
    .max_held_bytes = 16 << 20,
    .max_in_flight = 64,
    .endpoint_window = 8,
    .window_first = 4,
    .circuit = {.open_first_ms = 5000, .open_max_ms = 300000, .disable_after_ms = 86400000},
    .notice_after_ms = 600000,
    .timeout_ms = 30000,
    .connect_timeout_ms = 5000,
    .max_attempts = 100,
    .retry_4xx = 3,
    .retry_horizon_ms = 10000,
    .retry_after_max_ms = 3600000,
    .ttl_events = (const char *const[]){"*=24h", NULL},
    .backoff_first_ms = 20,
    .backoff_max_ms = 100,
    .results = CONSUMER_RESULTS_ALL,
};

static inline bool fixture_is_ready(void *arg)
{
    (void)arg;
    return probes_ready(fixture.probes);
}

static inline struct consumer *new_consumer(const struct consumer_options *options)
{
    struct error error = ERROR_INIT;
    struct consumer_deps deps = {fixture.cluster.loop, fixture.probes, &fixture.cluster.kafka,
        &fixture.topics, fixture.producer, fixture.store, NULL};
    struct consumer *consumer = consumer_new(&deps, options, &error);
    if (!consumer)
        fail_msg("%s", error.text);
    consumer_store_ready(consumer);
    return consumer;
}

static inline struct consumer *start_consumer(const struct consumer_options *options)
{
    struct consumer *consumer = new_consumer(options);
    assert_true(run_until(fixture.cluster.loop, fixture_is_ready, NULL));
    return consumer;
}

static inline void set_true(void *arg)
{
    *(bool *)arg = true;
}

static inline bool is_true(void *arg)
{
    return *(bool *)arg;
}

/* Everything but consumer and tenants. */
static inline void fixture_start(void)
{
    struct error error = ERROR_INIT;
    roles_start(&fixture);
    registry_count = 0;
    struct http_server_options options = {.listen = "127.0.0.1:0", .max_body_bytes = 1 << 20};
    memset(&receiver, 0, sizeof receiver);
    receiver.server = http_server_new(fixture.cluster.loop, &options, receiver_serve, NULL, &error);
    assert_non_null(receiver.server);
    snprintf(receiver.url, sizeof receiver.url, "http://%s", http_server_address(receiver.server));
}

static inline void fixture_stop(void)
{
    receiver_release(100, 200);
    http_server_free(receiver.server);
    roles_stop(&fixture);
}

static inline void tenant(const char *id, int32_t partitions)
{
    roles_tenant(&fixture, id, partitions);
    registry_count++;
}

/* A subscription "<tenant>/crm" at "<receiver>/<tenant>"; returns when the store has it. */
static inline void subscribe(const char *tenant_id, const char *more)
{
    char *url = mem_printf("%s/%s", receiver.url, tenant_id);
    roles_subscription(&fixture, tenant_id, "crm", url, more);
    free(url);
    registry_count++;
    if (fixture.store)
        roles_wait_registry(&fixture, registry_count);
}

static inline void unsubscribe(const char *tenant_id)
{
    roles_subscription(&fixture, tenant_id, "crm", NULL, "");
    registry_count++;
    roles_wait_registry(&fixture, registry_count);
}

/* A delivery of "<tenant>/crm" in a topic of 1 partition (or in `partition`). */
struct deliver {
    const char *tenant, *order_key, *body;
    const char *topic_tenant; /* NULL = tenant */
    int32_t partition;
    int64_t registry;
    const struct header *headers; /* passed on: traceparent */
    size_t header_count;
    int64_t attempts; /* made before */
    bool test;
    int64_t age_ms; /* since it was accepted */
};

static inline void deliver_with(const struct deliver *what)
{
    static struct delivery_encoded encoded;
    static int serial;
    char id[DELIVERY_ID_SIZE];
    snprintf(id, sizeof id, "msg_%032d", ++serial);
    struct delivery_record delivery = {
        .id = id,
        .tenant = what->tenant,
        .subscription = "crm",
        .event = "call.ringing",
        .event_at = wall_now(),
        .order_key = what->order_key,
        .source = "calls/0/1",
        .accepted_at = {wall_now().ms - what->age_ms},
        .registry = what->registry,
        .test = what->test,
        .attempts = what->attempts,
        .replay = what->attempts ? 1 : 0,
        .first_attempt_at = {-1},
        .passed = what->headers,
        .passed_count = what->header_count,
        .body = text_bytes(what->body),
    };
    delivery_encode(&delivery, &encoded);
    char *topic =
        topic_deliveries(&fixture.topics, what->topic_tenant ? what->topic_tenant : what->tenant);
    encoded.record.topic = topic;
    encoded.record.partition = what->partition;
    encoded.record.timestamp_ms = -1;
    cluster_send(&fixture.cluster, &encoded.record);
    free(topic);
}

static inline void deliver_test(const char *tenant_id, const char *body)
{
    deliver_with(&(struct deliver){.tenant = tenant_id, .body = body, .test = true});
}

static inline void deliver(const char *tenant_id, const char *order_key, const char *body)
{
    deliver_with(&(struct deliver){.tenant = tenant_id, .order_key = order_key, .body = body});
}

/* "<prefix><n>", in one of a few buffers. */
static inline const char *numbered(const char *prefix, int n)
{
    static char texts[8][32];
    static unsigned turn;
    char *text = texts[turn++ % 8];
    snprintf(text, sizeof texts[0], "%s%d", prefix, n);
    return text;
}

#endif
