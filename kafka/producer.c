/* SPDX-License-Identifier: Apache-2.0 */
/* An idempotent producer on the loop. */
#include "kafka/producer.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/table.h"
#include "kafka/client_internal.h"
#include "kafka/consumer_internal.h"

#define POLL_INTERVAL_MS 1000
#define FLUSH_STEP_MS    50

/* A topic that was written to: one handle each, kept. Producing by name alone finds a new topic's
 * leader only at the library's next scan, up to a second later. */
struct topic {
    UT_hash_handle hh;
    char *name;
    rd_kafka_topic_t *handle;
};

struct kafka_producer {
    rd_kafka_t *client;
    struct topic *topics;
    rd_kafka_queue_t *main;
    struct loop_wakeup *wakeup;
    struct loop_timer *timer;
    struct kafka_log log;
    int64_t max_outstanding, max_outstanding_bytes;
    int64_t outstanding, outstanding_bytes;
    bool was_full; /* somebody may wait for room */
    void (*on_room)(void *arg);
    void *on_room_arg;
    struct mono_time last_ack;
};

/* One record under way that has headers, or of which somebody wants to hear. The others, of which there may be one for
 * each of many requests, have none. */
struct sending {
    kafka_produced *done;
    void *arg;
    int64_t header_bytes;
};

/* What a record counts for. A borrowed value counts too: its owner keeps it in memory for as long. */
static int64_t weight_of(const struct sending *sending, size_t key_len, size_t value_len)
{
    return (int64_t)(key_len + value_len) + 256 + (sending ? sending->header_bytes : 0);
}

static bool below_limits(
    const struct kafka_producer *producer, int64_t numerator, int64_t denominator)
{
    return producer->outstanding < producer->max_outstanding * numerator / denominator &&
           producer->outstanding_bytes < producer->max_outstanding_bytes * numerator / denominator;
}

/* The library's one call for what became of a record. */
static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_producer *producer = opaque;
    struct sending *sending = message->_private;
    struct error error = ERROR_INIT;
    struct kafka_receipt receipt = {.partition = message->partition, .offset = message->offset};

    producer->outstanding--;
    producer->outstanding_bytes -= weight_of(sending, message->key_len, message->len);
    if (message->err) {
        error_set(&error, kafka_error_kind(message->err), "topic %s: %s",
            rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
        receipt.error = &error;
        receipt.too_large = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                            message->err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
        metric_add(&kafka_produce_failures, 0, 1);
    } else {
        producer->last_ack = mono_now();
    }
    if (sending && sending->done)
        sending->done(sending->arg, &receipt);
    free(sending);
}

static void poll_client(struct kafka_producer *producer)
{
    rd_kafka_poll(producer->client, 0);
    if (producer->was_full && below_limits(producer, 3, 4)) {
        producer->was_full = false;
        if (producer->on_room)
            producer->on_room(producer->on_room_arg);
    }
}

static void turn(void *arg)
{
    poll_client(arg);
}

static void woken(rd_kafka_t *client, void *opaque)
{
    (void)client;
    loop_wakeup_send(opaque);
}

static void log_line(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    struct kafka_producer *producer = rd_kafka_opaque(client);
    kafka_log_pass(&producer->log, level, facility, text);
}

static void client_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct kafka_producer *producer = opaque;
    char text[256];
    kafka_log_pass(&producer->log, 3, rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
    if (code != RD_KAFKA_RESP_ERR__FATAL)
        return;
    /* The idempotent producer's sequence is broken and no record can be sent any more. Nothing of
     * what is under way is done, so a new process goes on where this one stops. */
    rd_kafka_resp_err_t fatal_code = rd_kafka_fatal_error(client, text, sizeof text);
    fatal("Kafka producer: %s: %s; restart to go on, nothing is lost",
        rd_kafka_err2name(fatal_code), text);
}

struct kafka_producer *kafka_producer_new(struct loop *loop, const struct kafka_options *kafka,
    const struct kafka_producer_options *options, struct error *error)
{
    struct kafka_producer *producer = mem_zalloc(sizeof *producer);
    struct kafka_conf conf;
    kafka_conf_begin(&conf, kafka);
    kafka_conf_set(&conf, "enable.idempotence", "true");
    kafka_conf_set(&conf, "partitioner", "murmur2_random");
    kafka_conf_set_int(&conf, "linger.ms", options->linger_ms);
    /* Above the largest event and its headers: the limit that counts is the topic's own. */
    kafka_conf_set_int(&conf, "message.max.bytes", 16 * 1024 * 1024);
    kafka_conf_set(&conf, "queue.buffering.max.messages", "1000000");
    kafka_conf_set(&conf, "queue.buffering.max.kbytes", "2097151");
    rd_kafka_conf_set_opaque(conf.conf, producer);
    rd_kafka_conf_set_log_cb(conf.conf, log_line);
    rd_kafka_conf_set_error_cb(conf.conf, client_error);
    rd_kafka_conf_set_dr_msg_cb(conf.conf, delivered);
    producer->client = kafka_conf_finish(&conf, kafka, RD_KAFKA_PRODUCER, error);
    if (!producer->client) {
        free(producer);
        return NULL;
    }
    kafka_register_metrics();
    rd_kafka_set_log_queue(producer->client, NULL);
    producer->log.client = "producer";
    producer->max_outstanding = options->max_outstanding;
    producer->max_outstanding_bytes = options->max_outstanding_bytes;
    producer->wakeup = loop_wakeup_new(loop, turn, producer);
    producer->timer = loop_timer_new(loop, turn, producer);
    producer->last_ack = mono_now();
    loop_timer_start(producer->timer, POLL_INTERVAL_MS, POLL_INTERVAL_MS);
    producer->main = rd_kafka_queue_get_main(producer->client);
    rd_kafka_queue_cb_event_enable(producer->main, woken, producer->wakeup);
    return producer;
}

/* NULL where there are none. */
static rd_kafka_headers_t *library_headers(const struct record *record, int64_t *ret_bytes)
{
    *ret_bytes = 0;
    if (!record->header_count)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct header *header = &record->headers[i];
        rd_kafka_header_add(
            headers, header->name, -1, header->value.data, (ssize_t)header->value.len);
        *ret_bytes += (int64_t)(strlen(header->name) + header->value.len);
    }
    return headers;
}

static rd_kafka_topic_t *topic_handle(
    struct kafka_producer *producer, const char *name, struct error *error)
{
    struct topic *topic = NULL;
    HASH_FIND_STR(producer->topics, name, topic);
    if (topic)
        return topic->handle;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer->client, name, NULL);
    if (!handle) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        error_set(error, kafka_error_kind(code), "topic %s: %s", name, rd_kafka_err2str(code));
        return NULL;
    }
    topic = mem_zalloc(sizeof *topic);
    topic->name = mem_strdup(name);
    topic->handle = handle;
    HASH_ADD_KEYPTR(hh, producer->topics, topic->name, strlen(topic->name), topic);
    return handle;
}

static void free_topics(struct kafka_producer *producer)
{
    struct topic *topic = producer->topics, *next;
    HASH_CLEAR(hh, producer->topics); /* the table; the topics stay linked */
    for (; topic; topic = next) {
        next = topic->hh.next;
        rd_kafka_topic_destroy(topic->handle);
        free(topic->name);
        free(topic);
    }
}

bool kafka_producer_send(struct kafka_producer *producer, const struct record *record,
    bool keep_value, kafka_produced *done, void *arg, struct error *error)
{
    rd_kafka_topic_t *topic = topic_handle(producer, record->topic, error);
    if (!topic)
        return false;
    struct sending *sending = NULL;
    int64_t header_bytes;
    rd_kafka_headers_t *headers = library_headers(record, &header_bytes);
    if (headers || done) {
        sending = mem_alloc(sizeof *sending);
        *sending = (struct sending){done, arg, header_bytes};
    }

    rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)record->value.data, record->value.len}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)record->key.data, record->key.len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = keep_value ? 0 : RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = sending},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
            .u.i64 = record->timestamp_ms < 0 ? 0 : record->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers}, /* the last: if there are any */
    };
    size_t count = sizeof fields / sizeof *fields - (headers ? 0 : 1);
    rd_kafka_error_t *failed = rd_kafka_produceva(producer->client, fields, count);
    if (failed) {
        error_set(error, kafka_error_kind(rd_kafka_error_code(failed)), "topic %s: %s",
            record->topic, rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
        if (headers)
            rd_kafka_headers_destroy(headers);
        free(sending);
        return false;
    }
    producer->outstanding++;
    producer->outstanding_bytes += weight_of(sending, record->key.len, record->value.len);
    if (!kafka_producer_has_room(producer))
        producer->was_full = true;
    return true;
}

bool kafka_producer_has_room(const struct kafka_producer *producer)
{
    return below_limits(producer, 1, 1);
}

void kafka_producer_on_room(struct kafka_producer *producer, void (*fn)(void *arg), void *arg)
{
    producer->on_room = fn;
    producer->on_room_arg = arg;
}

size_t kafka_producer_outstanding(const struct kafka_producer *producer)
{
    return (size_t)producer->outstanding;
}

struct mono_time kafka_producer_last_ack(const struct kafka_producer *producer)
{
    return producer->last_ack;
}

bool kafka_producer_flush(struct kafka_producer *producer, int64_t timeout_ms)
{
    struct mono_time end = mono_add_ms(mono_now(), timeout_ms);
    while (producer->outstanding && mono_before(mono_now(), end))
        rd_kafka_poll(producer->client, FLUSH_STEP_MS);
    return producer->outstanding == 0;
}

void kafka_producer_free(struct kafka_producer *producer)
{
    if (!producer)
        return;
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (producer->outstanding)
        rd_kafka_poll(producer->client, FLUSH_STEP_MS);
    rd_kafka_queue_cb_event_enable(producer->main, NULL, NULL);
    rd_kafka_queue_destroy(producer->main);
    free_topics(producer);
    rd_kafka_destroy(producer->client);
    loop_wakeup_free(producer->wakeup);
    loop_timer_free(producer->timer);
    free(producer);
}

/* MurmurHash2 as Kafka's clients compute it (org.apache.kafka.common.utils.Utils.murmur2). */
static uint32_t murmur2(const uint8_t *data, size_t len)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28c ^ (uint32_t)len;
    size_t whole = len / 4 * 4;
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t k = (uint32_t)data[i] | (uint32_t)data[i + 1] << 8 | (uint32_t)data[i + 2] << 16 |
                     (uint32_t)data[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    for (size_t i = len; i > whole; i--)
        h ^= (uint32_t)data[i - 1] << (8 * (i - 1 - whole));
    if (len > whole)
        h *= m;
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h;
}

int32_t kafka_partition_of(const void *key, size_t len, int32_t partitions)
{
    bug_on(partitions < 1);
    return (int32_t)((murmur2(key, len) & 0x7fffffff) % (uint32_t)partitions);
}
