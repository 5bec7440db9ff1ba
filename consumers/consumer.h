/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer role: delivery topics, POSTed to the tenants' endpoints; outcomes to the results and
 * dead-letter topics. This file wires the parts of consumers/ and does nothing else. */
#ifndef HOOKLINE_CONSUMERS_CONSUMER_H
#define HOOKLINE_CONSUMERS_CONSUMER_H

#include "common/loop.h"
#include "common/probes.h"
#include "consumers/policy/circuit.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "producers/topic_names.h"
#include "subscriptions/seal.h"
#include "subscriptions/store.h"
#include "webhook/http_client.h"

struct consumer;

enum consumer_results { CONSUMER_RESULTS_ALL, CONSUMER_RESULTS_FAILURES, CONSUMER_RESULTS_NONE };

struct consumer_options {
    struct kafka_consumer_options consumer;
    struct http_client_options http;
    int64_t fetch_bytes;        /* fetched ahead, over all partitions */
    const char *const *tenants; /* patterns with `*`; NULL-terminated; none = all */
    int64_t tenant_metrics;     /* tenants that are counted apart */
    int64_t drain_timeout_ms;
    int64_t max_held; /* deliveries in memory */
    int64_t max_held_bytes;
    int64_t max_in_flight;   /* requests of the process */
    int64_t endpoint_window; /* requests of one endpoint, at most */
    int64_t window_first;    /* and at first */
    struct circuit_limits circuit;
    int64_t notice_after_ms; /* an endpoint that has failed for so long is told of */
    int64_t timeout_ms;      /* defaults where the subscription says nothing */
    int64_t connect_timeout_ms;
    int64_t max_attempts;
    int64_t retry_4xx;
    int64_t retry_horizon_ms; /* what is due later than that is not kept in memory */
    int64_t retry_max_age_ms; /* no attempt starts later than this after the first; 0 = no limit */
    int64_t retry_after_max_ms; /* how long a Retry-After may pause an endpoint */
    int64_t backoff_first_ms;
    int64_t backoff_max_ms;
    const char *const *ttl_events; /* "call.ringing=30s"; NULL-terminated */
    int64_t ttl_other_ms;          /* of all other types */
    bool ttl_from_acceptance;
    enum consumer_results results;
    int64_t results_linger_ms; /* how long a result waits for others */
};

/* What the role is given by whoever puts roles together; all borrowed, and outlive it. */
struct consumer_deps {
    struct loop *loop;
    struct probes *probes;
    const struct kafka_options *kafka;
    const struct topic_options *topics;
    struct kafka_producer *producer;
    struct store *store;
    const struct seal_ring *ring; /* opens sealed secrets; NULL = no key */
};

must_check struct consumer *consumer_new(
    const struct consumer_deps *deps, const struct consumer_options *options, struct error *error);
/* Takes over those of `options` that the table of settings has as reloadable; the others are as they were. What is under
 * way goes on as it began, and deliveries in memory keep their deadlines. */
void consumer_reload(struct consumer *consumer, const struct consumer_options *options);
/* deps->ring has other keys: tries them where secrets did not open. */
void consumer_keys_changed(struct consumer *consumer);
/* The registry has been read: joins the group for the tenants' topics. */
void consumer_store_ready(struct consumer *consumer);
/* A subscription or tenant changed; `id` may be NULL. */
void consumer_store_changed(struct consumer *consumer, const char *tenant, const char *id);
/* Starts nothing new, gives what is in flight `drain_timeout_ms`, commits, leaves the group; then
 * calls `stopped`. A second call gives up what is in flight at once. */
void consumer_stop(struct consumer *consumer, void (*stopped)(void *arg), void *arg);
void consumer_free(struct consumer *consumer);
/* All of the role's metrics, at 0. */
void consumer_register_metrics(void);

#endif
