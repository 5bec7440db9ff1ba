/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge role: events topics, matched with the subscriptions, into the tenants' delivery topics. */
#ifndef HOOKLINE_BRIDGE_BRIDGE_H
#define HOOKLINE_BRIDGE_BRIDGE_H

#include "common/loop.h"
#include "common/probes.h"
#include "events/event.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "producers/topic_names.h"
#include "subscriptions/store.h"

struct bridge;

struct bridge_options {
    struct kafka_consumer_options consumer;
    struct event_options events;
};

/* What the role is given by whoever puts roles together; all borrowed, and outlive it. */
struct bridge_deps {
    struct loop *loop;
    struct probes *probes;
    const struct kafka_options *kafka;
    const struct topic_options *topics;
    struct kafka_producer *producer;
    struct store *store; /* need not be ready: the bridge waits for it */
};

/* Returns new; takes nothing before bridge_store_ready(). */
must_check struct bridge *bridge_new(
    const struct bridge_deps *deps, const struct bridge_options *options, struct error *error);
/* The registry has been read: joins the group. */
void bridge_store_ready(struct bridge *bridge);
/* The producer has room again, or the registry changed: looks at what it held back. */
void bridge_go(struct bridge *bridge);
/* Takes no more, waits for what is under way, commits, leaves the group; then calls `stopped`. */
void bridge_stop(struct bridge *bridge, void (*stopped)(void *arg), void *arg);
void bridge_free(struct bridge *bridge);
/* All of the role's metrics, at 0. */
void bridge_register_metrics(void);

#endif
