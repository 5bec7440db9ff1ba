/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge role: takes events, the user's and our own, hands each to a fan-out, and knows when its
 * offset is done. */
#include "bridge/bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/fanout.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "producers/operational_event.h"

#define TICK_MS   250
#define SETTLE_MS 10000
#define CONDITION "bridge: group joined"

struct bridge {
    struct bridge_deps deps;
    struct fanout_context context;
    int64_t waiting; /* records that wait to be sent again */
    struct event_rules *rules;
    struct kafka_consumer *consumer;
    char *dead_letters, *operational; /* topics */
    struct loop_timer *tick_timer;
    bool stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* A partition of an events topic, with the fan-outs under way. */
struct source {
    struct bridge *bridge;
    struct kafka_partition *partition; /* a reference */
    LIST_HEAD(, pending) pending;
    bool operational; /* of our own events */
    bool settling;
    struct loop_timer *deadline;
};

/* An event under way. */
struct pending {
    LIST_ENTRY(pending) link;
    struct source *source;
    struct fanout *fanout;
    int64_t event_ms; /* the record's timestamp; -1 = none */
};

static const char *const fault_names[] = {
    "invalid_event", "event_too_large", "tenant_unresolved", NULL};
static struct metric consumed = METRIC_COUNTER(
    "hookline_events_consumed_total", "Records taken from the events topics.", NULL, NULL);
static struct metric invalid = METRIC_COUNTER("hookline_events_invalid_total",
    "Records that were no events and became dead letters.", "reason", fault_names);
static struct metric unmatched = METRIC_COUNTER(
    "hookline_events_unmatched_total", "Events that no subscription asked for.", NULL, NULL);
static struct metric unknown_types = METRIC_COUNTER(
    "hookline_events_unknown_type_total", "Events of a type that is none of the six.", NULL, NULL);

static struct metric latency = METRIC_HISTOGRAM("hookline_fanout_latency_seconds",
    "From an event's timestamp until all deliveries that it asks for are in Kafka.", NULL, NULL,
    metric_latency_buckets);

static void source_free(struct source *source)
{
    kafka_partition_set_data(source->partition, NULL);
    kafka_partition_unref(source->partition);
    loop_timer_free(source->deadline);
    free(source);
}

static void settle_if_empty(struct source *source)
{
    if (!source->settling || !LIST_EMPTY(&source->pending))
        return;
    struct kafka_partition *partition = kafka_partition_ref(source->partition);
    source_free(source);
    kafka_partition_settled(partition);
    kafka_partition_unref(partition);
}

static void event_done(void *arg, int64_t offset)
{
    struct pending *pending = arg;
    struct source *source = pending->source;
    LIST_REMOVE(pending, link);
    int64_t took_ms = wall_now().ms - pending->event_ms;
    if (pending->event_ms > 0)
        metric_observe(&latency, 0, took_ms > 0 ? (double)took_ms / 1e3 : 0);
    free(pending);
    kafka_partition_done(source->partition, offset);
    settle_if_empty(source);
}

static struct fanout *refuse(struct bridge *bridge, const struct record *record,
    const struct event_refusal *refusal, struct pending *pending)
{
    metric_add(&invalid, refusal->fault, 1);
    return fanout_refused(&bridge->context, record, refusal, event_done, pending);
}

/* An event of our own topic says itself whose it is and what: the user's settings are not asked. */
static struct fanout *begin_operational(
    struct bridge *bridge, const struct record *record, struct pending *pending)
{
    struct operational_decoded decoded;
    struct event_refusal refusal = {.fault = EVENT_INVALID, .error = ERROR_INIT};
    struct event event = {.denied = false};
    if (!operational_event_decode(record, &decoded, &refusal.error))
        return refuse(bridge, record, &refusal, pending);
    snprintf(event.tenant, sizeof event.tenant, "%s", decoded.event.tenant);
    snprintf(event.type, sizeof event.type, "%s", decoded.event.type);
    snprintf(event.order_key, sizeof event.order_key, "%s", decoded.key);
    event.body = decoded.body; /* borrowed */
    struct fanout *fanout = fanout_event(
        &bridge->context, record, &event, decoded.event.subscription, event_done, pending);
    operational_decoded_release(&decoded);
    return fanout;
}

static struct fanout *begin_event(
    struct bridge *bridge, const struct record *record, struct pending *pending)
{
    struct event event;
    struct event_refusal refusal;
    metric_add(&consumed, 0, 1);
    if (!event_decode(bridge->rules, record, &event, &refusal))
        return refuse(bridge, record, &refusal, pending);
    if (!event.type_known)
        metric_add(&unknown_types, 0, 1);
    struct fanout *fanout =
        fanout_event(&bridge->context, record, &event, NULL, event_done, pending);
    event_release(&event);
    if (!fanout)
        metric_add(&unmatched, 0, 1);
    return fanout;
}

static enum kafka_intake take(
    void *arg, struct kafka_partition *partition, const struct record *record)
{
    struct bridge *bridge = arg;
    struct source *source = kafka_partition_data(partition);
    /* While Kafka takes nothing, later events of a call must not get ahead of those that wait. */
    if (bridge->stopping || bridge->waiting || !kafka_producer_has_room(bridge->deps.producer))
        return KAFKA_HOLD;
    struct pending *pending = mem_zalloc(sizeof *pending);
    pending->source = source;
    pending->event_ms = record->timestamp_ms;
    LIST_INSERT_HEAD(&source->pending, pending, link);
    pending->fanout = source->operational ? begin_operational(bridge, record, pending)
                                          : begin_event(bridge, record, pending);
    if (!pending->fanout) /* nobody wants it, so there is nothing to wait for */
        event_done(pending, record->offset);
    return KAFKA_TAKEN;
}

static void assigned(void *arg, struct kafka_partition *partition)
{
    struct bridge *bridge = arg;
    struct source *source = mem_zalloc(sizeof *source);
    source->bridge = bridge;
    source->partition = kafka_partition_ref(partition);
    source->operational = strcmp(kafka_partition_topic(partition), bridge->operational) == 0;
    LIST_INIT(&source->pending);
    kafka_partition_set_data(partition, source);
}

static void abandon(struct source *source)
{
    struct pending *pending = LIST_FIRST(&source->pending), *next;
    LIST_INIT(&source->pending);
    for (; pending; pending = next) {
        next = LIST_NEXT(pending, link);
        fanout_abandon(pending->fanout);
        free(pending);
    }
}

static void deadline_over(void *arg)
{
    struct source *source = arg;
    log_warn("events not acknowledged yet, they will be taken again",
        LOG_STR("topic", kafka_partition_topic(source->partition)),
        LOG_INT("partition", kafka_partition_number(source->partition)));
    abandon(source);
    settle_if_empty(source);
}

static void revoked(void *arg, struct kafka_partition *partition, bool lost)
{
    struct bridge *bridge = arg;
    struct source *source = kafka_partition_data(partition);
    if (!source)
        return; /* settled before it was lost */
    if (lost)
        abandon(source);
    source->settling = true;
    if (!source->deadline)
        source->deadline = loop_timer_new(bridge->deps.loop, deadline_over, source);
    loop_timer_start(source->deadline, SETTLE_MS, 0);
    settle_if_empty(source);
}

static void closed(void *arg)
{
    struct bridge *bridge = arg;
    if (bridge->stopped)
        bridge->stopped(bridge->stopped_arg);
}

static void failed(void *arg, const struct error *error)
{
    struct bridge *bridge = arg;
    log_error("bridge cannot go on", LOG_ERR(error));
    probes_dead(bridge->deps.probes, error->text);
}

static const struct kafka_consumer_callbacks callbacks = {
    .record = take,
    .assigned = assigned,
    .revoked = revoked,
    .closed = closed,
    .failed = failed,
};

void bridge_register_metrics(void)
{
    metric_register(&consumed);
    metric_register(&invalid);
    metric_register(&unmatched);
    metric_register(&unknown_types);
    metric_register(&latency);
    fanout_metrics_register();
}

/* Also offers again what was held back while records waited to be sent again. */
static void tick(void *arg)
{
    struct bridge *bridge = arg;
    bool joined = kafka_consumer_joined(bridge->consumer);
    probes_condition(bridge->deps.probes, CONDITION, joined, joined ? "" : "joining");
    if (!bridge->waiting)
        bridge_go(bridge);
}

struct bridge *bridge_new(
    const struct bridge_deps *deps, const struct bridge_options *options, struct error *error)
{
    struct bridge *bridge = mem_zalloc(sizeof *bridge);
    bridge->deps = *deps;
    bridge->rules = event_rules_new(&options->events, error);
    if (bridge->rules)
        bridge->consumer = kafka_consumer_new(
            deps->loop, deps->kafka, &options->consumer, &callbacks, bridge, "bridge", error);
    if (!bridge->consumer) {
        bridge_free(bridge);
        return NULL;
    }
    bridge_register_metrics();
    bridge->dead_letters = topic_name(deps->topics, TOPIC_DEAD_LETTERS);
    bridge->operational = topic_name(deps->topics, TOPIC_OPERATIONAL_EVENTS);
    bridge->context = (struct fanout_context){
        .loop = deps->loop,
        .topics = deps->topics,
        .producer = deps->producer,
        .store = deps->store,
        .hash = sha256_new(),
        .dead_letters = bridge->dead_letters,
        .waiting = &bridge->waiting,
    };
    bridge->tick_timer = loop_timer_new(deps->loop, tick, bridge);
    probes_condition(deps->probes, CONDITION, false, "waiting for the registry");
    return bridge;
}

/* The events topics and our own. */
static bool subscribe(struct bridge *bridge, struct error *error)
{
    const char *const *events = bridge->deps.topics->events;
    size_t count = 0;
    while (events[count])
        count++;
    const char **topics = mem_array(NULL, count + 1, sizeof *topics);
    memcpy(topics, events, count * sizeof *topics);
    topics[count] = bridge->operational;
    bool good = kafka_consumer_subscribe(bridge->consumer, topics, count + 1, error);
    free(topics);
    if (good)
        log_info("events topics subscribed", LOG_INT("topics", (int64_t)count));
    return good;
}

void bridge_store_ready(struct bridge *bridge)
{
    struct error error = ERROR_INIT;
    if (!subscribe(bridge, &error)) {
        log_error("events topics not subscribed", LOG_ERR(&error));
        probes_dead(bridge->deps.probes, error.text);
        return;
    }
    loop_timer_start(bridge->tick_timer, 0, TICK_MS);
}

void bridge_go(struct bridge *bridge)
{
    if (!bridge->stopping)
        kafka_consumer_go(bridge->consumer);
}

void bridge_stop(struct bridge *bridge, void (*stopped)(void *arg), void *arg)
{
    if (bridge->stopping)
        return;
    bridge->stopping = true;
    bridge->stopped = stopped;
    bridge->stopped_arg = arg;
    log_info("bridge stops");
    kafka_consumer_close(bridge->consumer);
}

void bridge_free(struct bridge *bridge)
{
    if (!bridge)
        return;
    kafka_consumer_free(bridge->consumer);
    event_rules_free(bridge->rules);
    sha256_free(bridge->context.hash);
    loop_timer_free(bridge->tick_timer);
    free(bridge->dead_letters);
    free(bridge->operational);
    free(bridge);
}
