/* SPDX-License-Identifier: Apache-2.0 */
/* An embedded broker with a loop, and the little that tests do with topics: put records in, read
 * them back. Topics have to be created before anybody looks for them. */
#ifndef HOOKLINE_TESTS_CLUSTER_H
#define HOOKLINE_TESTS_CLUSTER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "kafka/embedded.h"
#include "kafka/producer.h"
#include "kafka/reader.h"
#include "waiting.h"

struct cluster {
    struct loop *loop;
    struct kafka_embedded *embedded;
    struct kafka_options kafka;
    struct kafka_producer *producer; /* the test's own */
};

/* Without the first each fetch waits for 500 ms, without the second a missing topic is only known to
 * be missing after 30 s. */
static const char *const cluster_properties[] = {"fetch.wait.max.ms=10",
    "topic.metadata.propagation.max.ms=500", "heartbeat.interval.ms=300", NULL};

static const struct kafka_producer_options cluster_producer_options = {
    .linger_ms = 1, .max_outstanding = 10000, .max_outstanding_bytes = 64 << 20};

static inline void cluster_start(struct cluster *cluster)
{
    struct error error = ERROR_INIT;
    alarm(150); /* what a failed test leaves behind keeps the loop from ending */
    log_apply(
        &(struct log_options){.level = getenv("TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR + 1});
    cluster->loop = loop_new();
    cluster->embedded = kafka_embedded_new(1, &error);
    assert_non_null(cluster->embedded);
    cluster->kafka = (struct kafka_options){
        .brokers = kafka_embedded_brokers(cluster->embedded), .properties = cluster_properties};
    cluster->producer =
        kafka_producer_new(cluster->loop, &cluster->kafka, &cluster_producer_options, &error);
    assert_non_null(cluster->producer);
}

static inline void cluster_stop(struct cluster *cluster)
{
    kafka_producer_free(cluster->producer);
    kafka_embedded_free(cluster->embedded);
    loop_free(cluster->loop);
}

static inline void cluster_topic(struct cluster *cluster, const char *topic, int32_t partitions)
{
    struct error error = ERROR_INIT;
    if (!kafka_embedded_create_topic(cluster->embedded, topic, partitions, &error))
        fail_msg("%s", error.text);
}

static inline struct bytes text_bytes(const char *text)
{
    return (struct bytes){text, text ? strlen(text) : 0};
}

/* Sends without waiting; cluster_flush() waits. */
static inline void cluster_send(struct cluster *cluster, const struct record *record)
{
    struct error error = ERROR_INIT;
    if (!kafka_producer_send(cluster->producer, record, false, NULL, NULL, &error))
        fail_msg("%s", error.text);
}

static inline void cluster_put(struct cluster *cluster, const char *topic, int32_t partition,
    const char *key, const char *value)
{
    struct record record = {.topic = topic,
        .partition = partition,
        .timestamp_ms = -1,
        .key = text_bytes(key),
        .value = text_bytes(value)};
    cluster_send(cluster, &record);
}

static inline bool cluster_is_flushed(void *arg)
{
    return kafka_producer_outstanding(((struct cluster *)arg)->producer) == 0;
}

static inline void cluster_flush(struct cluster *cluster)
{
    assert_true(run_until(cluster->loop, cluster_is_flushed, cluster));
}

/* --- What is in a topic --------------------------------------------------------------------- */

#define TAPE_PARTITIONS 8

/* All records of a topic so far, as copies, by a reader per partition. */
struct tape {
    struct cluster *cluster;
    struct kafka_reader *readers[TAPE_PARTITIONS];
    struct record **records;
    size_t count;
};

static inline void tape_record(void *arg, const struct record *record)
{
    struct tape *tape = arg;
    tape->records = mem_array(tape->records, tape->count + 1, sizeof(struct record *));
    tape->records[tape->count++] = record_copy(record);
}

static inline void tape_start(
    struct tape *tape, struct cluster *cluster, const char *topic, int32_t partitions)
{
    static const struct kafka_reader_callbacks callbacks = {.record = tape_record};
    struct error error = ERROR_INIT;
    assert_in_range(partitions, 1, TAPE_PARTITIONS);
    *tape = (struct tape){.cluster = cluster};
    for (int32_t i = 0; i < partitions; i++) {
        tape->readers[i] = kafka_reader_new(
            cluster->loop, &cluster->kafka, topic, i, KAFKA_BEGINNING, &callbacks, tape, &error);
        assert_non_null(tape->readers[i]);
    }
}

static inline void tape_stop(struct tape *tape)
{
    for (size_t i = 0; i < TAPE_PARTITIONS; i++)
        kafka_reader_free(tape->readers[i]);
    for (size_t i = 0; i < tape->count; i++)
        free(tape->records[i]);
    free(tape->records);
    *tape = (struct tape){.cluster = NULL};
}

struct tape_wait {
    struct tape *tape;
    size_t count;
};

static inline bool tape_has(void *arg)
{
    struct tape_wait *wait = arg;
    return wait->tape->count >= wait->count;
}

/* Waits until there are `count` records, of which there may be more. */
static inline void tape_wait(struct tape *tape, size_t count)
{
    struct tape_wait wait = {tape, count};
    if (!run_until(tape->cluster->loop, tape_has, &wait))
        fail_msg("%zu records in place of %zu", tape->count, count);
}

/* The value of a header, or "" */
static inline const char *header_of(const struct record *record, const char *name)
{
    const char *value = record_header_text(record, name);
    return value ? value : "";
}

/* The first record whose header has that value from index *from on, which moves behind it. */
static inline const struct record *tape_find(
    const struct tape *tape, const char *header, const char *value)
{
    for (size_t i = 0; i < tape->count; i++)
        if (strcmp(header_of(tape->records[i], header), value) == 0)
            return tape->records[i];
    return NULL;
}

#endif
