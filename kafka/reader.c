/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one partition without a group. */
#include "kafka/reader.h"

#include <stdlib.h>

#include "common/memory.h"
#include "kafka/client_internal.h"

#define POLL_INTERVAL_MS 1000
#define SERVE_BUDGET     1000

struct kafka_reader {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue, *main;
    int32_t partition;
    struct loop_wakeup *wakeup;
    struct loop_timer *timer;
    struct kafka_reader_callbacks callbacks;
    void *arg;
    struct kafka_log log;
    struct kafka_headers headers;
};

static void serve(struct kafka_reader *reader, rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (reader->callbacks.end)
            reader->callbacks.end(reader->arg, message->offset);
    } else if (message->err) {
        struct error error = ERROR_INIT;
        error_set(&error, ERROR_RETRY, "topic %s: %s", rd_kafka_topic_name(reader->topic),
            rd_kafka_message_errstr(message));
        if (reader->callbacks.trouble)
            reader->callbacks.trouble(reader->arg, &error);
    } else {
        struct record record;
        kafka_message_record(message, &reader->headers, &record);
        reader->callbacks.record(reader->arg, &record);
    }
    rd_kafka_message_destroy(message);
}

static void turn(void *arg)
{
    struct kafka_reader *reader = arg;
    rd_kafka_poll(reader->client, 0);
    for (int i = 0; i < SERVE_BUDGET; i++) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(reader->queue, 0);
        if (!message)
            return;
        serve(reader, message);
    }
    loop_wakeup_send(reader->wakeup); /* there may be more, and the queue will not say so */
}

static void woken(rd_kafka_t *client, void *opaque)
{
    (void)client;
    loop_wakeup_send(opaque);
}

static void log_line(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    struct kafka_reader *reader = rd_kafka_opaque(client);
    kafka_log_pass(&reader->log, level, facility, text);
}

/* Also how the library says that there is no such topic. */
static void client_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    struct kafka_reader *reader = opaque;
    if (kafka_error_kind((rd_kafka_resp_err_t)code) == ERROR_PERMANENT &&
        reader->callbacks.trouble) {
        struct error error = ERROR_INIT;
        error_set(&error, ERROR_RETRY, "topic %s: %s", rd_kafka_topic_name(reader->topic), reason);
        reader->callbacks.trouble(reader->arg, &error);
        return;
    }
    kafka_log_pass(&reader->log, 3, rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

static rd_kafka_t *new_client(
    const struct kafka_options *kafka, struct kafka_reader *reader, struct error *error)
{
    struct kafka_conf conf;
    kafka_conf_begin(&conf, kafka);
    kafka_conf_set(&conf, "enable.auto.commit", "false");
    kafka_conf_set(&conf, "auto.offset.reset", "earliest");
    kafka_conf_set(&conf, "isolation.level", "read_committed");
    kafka_conf_set(&conf, "enable.partition.eof", "true");
    /* The end of a partition is told only when a fetch has waited this long in vain. */
    kafka_conf_set(&conf, "fetch.wait.max.ms", "50");
    kafka_conf_set(&conf, "queued.max.messages.kbytes", "16384");
    rd_kafka_conf_set_opaque(conf.conf, reader);
    rd_kafka_conf_set_log_cb(conf.conf, log_line);
    rd_kafka_conf_set_error_cb(conf.conf, client_error);
    return kafka_conf_finish(&conf, kafka, RD_KAFKA_CONSUMER, error);
}

static void close_client(struct kafka_reader *reader)
{
    rd_kafka_queue_cb_event_enable(reader->main, NULL, NULL);
    rd_kafka_queue_cb_event_enable(reader->queue, NULL, NULL);
    rd_kafka_queue_destroy(reader->main);
    rd_kafka_queue_destroy(reader->queue);
    rd_kafka_topic_destroy(reader->topic);
    rd_kafka_destroy(reader->client);
}

static bool start(
    struct kafka_reader *reader, const char *topic, int64_t offset, struct error *error)
{
    reader->topic = rd_kafka_topic_new(reader->client, topic, NULL);
    if (!reader->topic)
        return error_set(
            error, ERROR_CONFIG, "topic %s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
    reader->queue = rd_kafka_queue_new(reader->client);
    reader->main = rd_kafka_queue_get_main(reader->client);
    rd_kafka_queue_cb_event_enable(reader->queue, woken, reader->wakeup);
    rd_kafka_queue_cb_event_enable(reader->main, woken, reader->wakeup);
    if (rd_kafka_consume_start_queue(reader->topic, reader->partition, offset, reader->queue)) {
        error_set(
            error, ERROR_CONFIG, "topic %s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
        close_client(reader);
        return false;
    }
    return true;
}

struct kafka_reader *kafka_reader_new(struct loop *loop, const struct kafka_options *kafka,
    const char *topic, int32_t partition, int64_t offset,
    const struct kafka_reader_callbacks *callbacks, void *arg, struct error *error)
{
    struct kafka_reader *reader = mem_zalloc(sizeof *reader);
    reader->client = new_client(kafka, reader, error);
    if (!reader->client) {
        free(reader);
        return NULL;
    }
    rd_kafka_set_log_queue(reader->client, NULL);
    reader->log.client = "reader";
    reader->partition = partition;
    reader->callbacks = *callbacks;
    reader->arg = arg;
    reader->wakeup = loop_wakeup_new(loop, turn, reader);
    reader->timer = loop_timer_new(loop, turn, reader);
    if (!start(reader, topic, offset, error)) {
        loop_wakeup_free(reader->wakeup);
        loop_timer_free(reader->timer);
        free(reader);
        return NULL;
    }
    loop_timer_start(reader->timer, POLL_INTERVAL_MS, POLL_INTERVAL_MS);
    return reader;
}

void kafka_reader_free(struct kafka_reader *reader)
{
    if (!reader)
        return;
    rd_kafka_consume_stop(reader->topic, reader->partition);
    close_client(reader);
    loop_wakeup_free(reader->wakeup);
    loop_timer_free(reader->timer);
    free(reader->headers.items);
    free(reader);
}
