/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a consumer group on the loop: its life, and how its partitions are served. */
#include "kafka/consumer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "kafka/consumer_internal.h"

#define POLL_INTERVAL_MS  1000 /* keeps us in the group: partition queues do not count as polling */
#define SERVE_BUDGET      256  /* records in one turn of the loop */
#define SERVE_SHARE       8    /* records of one partition before the next has its turn */
#define CLOSE_POLL_MS     20
#define CLOSE_DEADLINE_MS 8000

static void serve_again(struct kafka_consumer *consumer)
{
    loop_wakeup_send(consumer->wakeup);
}

/* Takes the offset; false if its record is not to be offered. */
static bool admit(struct kafka_partition *partition, int64_t offset)
{
    if (partition->consumer->fenced && partition->first < 0)
        kafka_takeover_first(partition, offset);
    if (!watermark_take(&partition->mark, offset))
        return false; /* seen already: a fetch that was repeated */
    if (!ranges_contain(&partition->loaded, offset))
        return true;
    watermark_done(&partition->mark, offset);
    partition->position = offset + 1;
    return false;
}

/* Offers one message to the role. Returns false if the role has no room; the message is then kept. */
static bool offer(struct kafka_partition *partition, rd_kafka_message_t *message, bool again)
{
    struct kafka_consumer *consumer = partition->consumer;
    struct record record;
    kafka_message_record(message, &consumer->headers, &record);
    if (!again && !admit(partition, record.offset)) {
        rd_kafka_message_destroy(message);
        return true;
    }
    if (consumer->callbacks.record(consumer->arg, partition, &record) == KAFKA_HOLD) {
        partition->held = message;
        partition->holding = true;
        return false;
    }
    partition->position = record.offset + 1;
    rd_kafka_message_destroy(message);
    return true;
}

static void message_error(struct kafka_partition *partition, rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        partition->end = message->offset;
    else
        kafka_log_pass(&partition->consumer->log, 4, "PARTITION", rd_kafka_message_errstr(message));
    rd_kafka_message_destroy(message);
}

/* Serves up to SERVE_SHARE records; returns how many. */
static int serve_partition(struct kafka_partition *partition)
{
    int served = 0;
    if (partition->held) {
        rd_kafka_message_t *message = partition->held;
        partition->held = NULL;
        served++;
        if (!offer(partition, message, true))
            return served;
    }
    /* Cleared before looking: what arrives from here on sets it again. */
    atomic_store(&partition->ready, false);
    while (served < SERVE_SHARE) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(partition->queue, 0);
        if (!message)
            return served;
        served++;
        if (message->err)
            message_error(partition, message);
        else if (!offer(partition, message, false))
            break;
    }
    atomic_store(&partition->ready, true); /* there may be more, and the queue will not say so */
    return served;
}

static bool servable(const struct kafka_partition *partition)
{
    return partition->active && partition->started && !partition->holding &&
           (partition->held || atomic_load(&partition->ready));
}

static void serve_queues(struct kafka_consumer *consumer)
{
    int budget = SERVE_BUDGET;
    bool more = true;
    while (budget > 0 && more) {
        more = false;
        for (size_t i = 0; i < consumer->partition_count && budget > 0; i++) {
            size_t index = (consumer->turn + i) % consumer->partition_count;
            struct kafka_partition *partition = consumer->partitions[index];
            if (!servable(partition))
                continue;
            budget -= serve_partition(partition);
            more |= servable(partition);
        }
        if (consumer->partition_count)
            consumer->turn = (consumer->turn + 1) % consumer->partition_count;
    }
    if (more)
        serve_again(consumer);
}

static void poll_client(struct kafka_consumer *consumer)
{
    rd_kafka_message_t *message;
    rd_kafka_queue_poll_callback(consumer->commits, 0);
    if (consumer->closing_queue)
        rd_kafka_queue_poll_callback(consumer->closing_queue, 0);
    while ((message = rd_kafka_consumer_poll(consumer->client, 0))) {
        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            kafka_log_pass(&consumer->log, 4, "CONSUMER", rd_kafka_message_errstr(message));
        bug_on(!message->err); /* records come through the partitions' own queues */
        rd_kafka_message_destroy(message);
    }
}

static void finish_close(struct kafka_consumer *consumer)
{
    consumer->closing = false;
    loop_timer_stop(consumer->poll_timer);
    loop_timer_stop(consumer->commit_timer);
    loop_timer_stop(consumer->confirm_timer);
    if (consumer->callbacks.closed)
        consumer->callbacks.closed(consumer->arg);
}

/* Without a broker the library waits for the answers to its last commits until the session is long
 * over. Once nothing is ours any more there is nothing to wait for. */
static bool close_is_overdue(struct kafka_consumer *consumer)
{
    if (consumer->partition_count)
        return false;
    if (!consumer->bare_since.us)
        consumer->bare_since = mono_now();
    consumer->close_overdue = mono_diff_ms(mono_now(), consumer->bare_since) > CLOSE_DEADLINE_MS;
    return consumer->close_overdue;
}

static void turn(void *arg)
{
    struct kafka_consumer *consumer = arg;
    consumer->served_at = mono_now();
    poll_client(consumer);
    serve_queues(consumer);
    kafka_confirm_step(consumer);
    if (consumer->closing_queue && consumer->closing && !consumer->job &&
        (rd_kafka_consumer_closed(consumer->client) || close_is_overdue(consumer)))
        finish_close(consumer);
}

static void woken(rd_kafka_t *client, void *opaque)
{
    (void)client;
    loop_wakeup_send(opaque);
}

void kafka_consumer_watch(struct kafka_consumer *consumer, rd_kafka_queue_t *queue)
{
    rd_kafka_queue_cb_event_enable(queue, woken, consumer->wakeup);
}

static void log_line(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    struct kafka_consumer *consumer = rd_kafka_opaque(client);
    kafka_log_pass(&consumer->log, level, facility, text);
}

static void client_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct kafka_consumer *consumer = opaque;
    char text[256];
    kafka_log_pass(&consumer->log, 3, rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
    if (code != RD_KAFKA_RESP_ERR__FATAL || !consumer->callbacks.failed)
        return;
    struct error error = ERROR_INIT;
    rd_kafka_resp_err_t fatal_code = rd_kafka_fatal_error(client, text, sizeof text);
    error_set(
        &error, ERROR_PERMANENT, "Kafka consumer: %s: %s", rd_kafka_err2name(fatal_code), text);
    consumer->callbacks.failed(consumer->arg, &error);
}

/* Cooperative rebalancing loses the assignment at a commit during a rebalance before 2.10 (measured
 * with 2.0.2), and `range` leaves members idle where topics have few partitions. */
static const char *assignment_strategy(const char *wanted)
{
    if (wanted && strcmp(wanted, "auto") != 0)
        return wanted;
    return kafka_library_at_least(2, 10) ? "cooperative-sticky" : "roundrobin";
}

static rd_kafka_t *new_client(const struct kafka_options *kafka,
    const struct kafka_consumer_options *options, struct kafka_consumer *consumer,
    struct error *error)
{
    struct kafka_conf conf;
    kafka_conf_begin(&conf, kafka);
    kafka_conf_set(&conf, "group.id", options->group);
    kafka_conf_set(
        &conf, "partition.assignment.strategy", assignment_strategy(options->assignment));
    kafka_conf_set_int(&conf, "session.timeout.ms", options->session_timeout_ms);
    kafka_conf_set(&conf, "enable.auto.commit", "false");
    kafka_conf_set(&conf, "enable.auto.offset.store", "false");
    kafka_conf_set(&conf, "auto.offset.reset", "earliest");
    kafka_conf_set(&conf, "isolation.level", "read_committed");
    kafka_conf_set(&conf, "enable.partition.eof", "true");
    kafka_conf_set_fetching(&conf, options->fetch_partition_bytes);
    rd_kafka_conf_set_opaque(conf.conf, consumer);
    rd_kafka_conf_set_log_cb(conf.conf, log_line);
    rd_kafka_conf_set_error_cb(conf.conf, client_error);
    rd_kafka_conf_set_rebalance_cb(conf.conf, kafka_rebalance);
    return kafka_conf_finish(&conf, kafka, RD_KAFKA_CONSUMER, error);
}

struct kafka_consumer *kafka_consumer_new(struct loop *loop, const struct kafka_options *kafka,
    const struct kafka_consumer_options *options, const struct kafka_consumer_callbacks *callbacks,
    void *arg, const char *name, struct error *error)
{
    struct kafka_consumer *consumer = mem_zalloc(sizeof *consumer);
    consumer->client = new_client(kafka, options, consumer, error);
    if (!consumer->client) {
        free(consumer);
        return NULL;
    }
    kafka_register_metrics();
    consumer->loop = loop;
    consumer->callbacks = *callbacks;
    consumer->arg = arg;
    consumer->log.client = consumer->name = mem_strdup(name);
    consumer->commit_interval_ms = options->commit_interval_ms;
    consumer->session_timeout_ms = options->session_timeout_ms;
    consumer->fenced = options->fenced;
    kafka_consumer_show(consumer);
    consumer->wakeup = loop_wakeup_new(loop, turn, consumer);
    consumer->poll_timer = loop_timer_new(loop, turn, consumer);
    consumer->commit_timer = loop_timer_new(loop, kafka_commit_due, consumer);
    consumer->rebalance_timer = loop_timer_new(loop, kafka_rebalance_deadline, consumer);
    consumer->retry_timer = loop_timer_new(loop, kafka_takeover_retry, consumer);
    consumer->confirm_timer = loop_timer_new(loop, kafka_confirm_deadline, consumer);
    rd_kafka_poll_set_consumer(consumer->client);
    rd_kafka_set_log_queue(consumer->client, NULL);
    consumer->main = rd_kafka_queue_get_consumer(consumer->client);
    consumer->commits = rd_kafka_queue_new(consumer->client);
    kafka_consumer_watch(consumer, consumer->main);
    kafka_consumer_watch(consumer, consumer->commits);
    loop_timer_start(consumer->poll_timer, POLL_INTERVAL_MS, POLL_INTERVAL_MS);
    loop_timer_start(
        consumer->commit_timer, consumer->commit_interval_ms, consumer->commit_interval_ms);
    return consumer;
}

bool kafka_consumer_subscribe(
    struct kafka_consumer *consumer, const char *const *topics, size_t count, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count + 1);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return error_set(
            error, ERROR_RETRY, "Kafka consumer: subscribe: %s", rd_kafka_err2str(code));
    return true;
}

bool kafka_consumer_joined(const struct kafka_consumer *consumer)
{
    return consumer->joined;
}

void kafka_partition_go(struct kafka_partition *partition)
{
    if (!partition->active || !partition->holding)
        return;
    partition->holding = false;
    serve_again(partition->consumer);
}

void kafka_consumer_go(struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->partition_count; i++)
        kafka_partition_go(consumer->partitions[i]);
}

void kafka_partition_done(struct kafka_partition *partition, int64_t offset)
{
    if (partition->consumer && watermark_done(&partition->mark, offset))
        partition->changes++;
}

bool kafka_partition_active(const struct kafka_partition *partition)
{
    return partition->active;
}

const char *kafka_partition_topic(const struct kafka_partition *partition)
{
    return partition->topic;
}

int32_t kafka_partition_number(const struct kafka_partition *partition)
{
    return partition->number;
}

struct kafka_partition *kafka_partition_ref(struct kafka_partition *partition)
{
    partition->refs++;
    return partition;
}

void kafka_partition_unref(struct kafka_partition *partition)
{
    if (!partition || --partition->refs > 0)
        return;
    bug_on(partition->consumer);
    watermark_release(&partition->mark);
    ranges_release(&partition->loaded);
    free(partition->topic);
    free(partition);
}

void kafka_partition_set_data(struct kafka_partition *partition, void *data)
{
    partition->data = data;
}

void *kafka_partition_data(const struct kafka_partition *partition)
{
    return partition->data;
}

void kafka_consumer_close(struct kafka_consumer *consumer)
{
    if (consumer->closing)
        return;
    consumer->closing = true;
    /* A revocation that is not answered is given up by the library (2.0.2) when it closes. */
    if (consumer->rebalance == REBALANCE_NONE)
        kafka_rebalance_leave(consumer);
}

void kafka_consumer_close_begin(struct kafka_consumer *consumer)
{
    consumer->closing_queue = rd_kafka_queue_new(consumer->client);
    kafka_consumer_watch(consumer, consumer->closing_queue);
    rd_kafka_error_t *failed =
        rd_kafka_consumer_close_queue(consumer->client, consumer->closing_queue);
    if (failed) {
        kafka_log_pass(&consumer->log, 4, "CLOSE", rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
    }
    /* That the consumer is closed is not announced on any queue. */
    loop_timer_start(consumer->poll_timer, CLOSE_POLL_MS, CLOSE_POLL_MS);
}

static void free_queue(rd_kafka_queue_t *queue)
{
    if (!queue)
        return;
    rd_kafka_queue_cb_event_enable(queue, NULL, NULL);
    rd_kafka_queue_destroy(queue);
}

void kafka_consumer_free(struct kafka_consumer *consumer)
{
    if (!consumer)
        return;
    bool closing = consumer->closing && consumer->closing_queue;
    kafka_consumer_hide(consumer);
    bool working = kafka_takeover_abandon(consumer);
    kafka_rebalance_abandon(consumer);
    free_queue(consumer->main);
    free_queue(consumer->commits);
    free_queue(consumer->closing_queue);
    /* One whose close did not come to its end may hold us up here, busily, until its session is over
     * (2.0.2). It is left to the end of the process, which is what comes next; so is one that a worker
     * still asks something. */
    if (!consumer->close_overdue && !closing && !working)
        rd_kafka_destroy_flags(consumer->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    loop_wakeup_free(consumer->wakeup);
    loop_timer_free(consumer->poll_timer);
    loop_timer_free(consumer->commit_timer);
    loop_timer_free(consumer->rebalance_timer);
    loop_timer_free(consumer->retry_timer);
    loop_timer_free(consumer->confirm_timer);
    free(consumer->headers.items);
    free(consumer->partitions);
    free(consumer->name);
    free(consumer);
}
