/* SPDX-License-Identifier: Apache-2.0 */
/* Reads any partitions from wherever it is told, without a group.
 *
 * A seek moves by stop and start, both of which the library has done when the call returns (at once:
 * they wait for no broker); its messages then carry another version, and those of an older one never
 * come out of a queue. rd_kafka_seek() can do no more, and would not say when it failed.
 *
 * The client's auto.offset.reset is "error", so that the library tells when an offset is out of range
 * in place of silently beginning elsewhere. Then we begin at the beginning and see where that is. Gaps
 * of compaction and transactions are not mistaken for it. */
#include "kafka/seeker.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "kafka/client_internal.h"

#define TICK_MS      1000
#define SERVE_BUDGET 256   /* records in one turn of the loop */
#define SERVE_SHARE  16    /* records of one seek before the next has its turn */
#define SKIP_MAX     1000  /* records read and dropped rather than fetched anew */
#define RETRY_MS     300   /* before the beginning is looked for once more */
#define SILENCE_MS   10000 /* neither records nor an end: begin anew */

struct kafka_seek {
    struct kafka_seeker *seeker;
    struct kafka_seek_callbacks callbacks;
    void *arg;
    char *name;
    int32_t partition;
    rd_kafka_topic_t *topic; /* NULL before the first kafka_seek_to() */
    rd_kafka_queue_t *queue;
    atomic_bool ready;        /* the queue said that it is not empty; set by librdkafka's threads */
    rd_kafka_message_t *held; /* offered and not taken yet */
    bool holding;             /* waits for kafka_seek_to() */
    bool reading, at_end;
    int64_t wanted; /* records below are dropped */
    int64_t at;     /* the next offset that the library gives; -1 = the beginning, wherever it is */
    unsigned starts, moves; /* how often the library was, and how often we were, told to */
    struct mono_time heard; /* from the library, or since when we wait for it */
    struct mono_time retry; /* 0 = no; when to begin at the beginning once more */
};

struct kafka_seeker {
    struct loop *loop;
    struct kafka_options kafka; /* borrowed texts */
    struct kafka_seeker_options options;
    rd_kafka_t *client; /* NULL before the first kafka_seek_to() */
    rd_kafka_queue_t *main;
    struct loop_wakeup *wakeup;
    struct loop_timer *timer;
    struct kafka_seek **seeks;
    size_t count, cap;
    size_t turn;                /* which seek is served next */
    struct kafka_seek *serving; /* NULL as soon as it is freed */
    struct kafka_log log;
    struct kafka_headers headers;
};

/* --- Starting and stopping ------------------------------------------------------------------- */

static void seek_woken(rd_kafka_t *client, void *opaque)
{
    (void)client;
    struct kafka_seek *seek = opaque;
    atomic_store(&seek->ready, true);
    loop_wakeup_send(seek->seeker->wakeup);
}

static void drop_held(struct kafka_seek *seek)
{
    if (seek->held)
        rd_kafka_message_destroy(seek->held);
    seek->held = NULL;
    seek->holding = false;
}

static void stop(struct kafka_seek *seek)
{
    rd_kafka_message_t *message;
    drop_held(seek);
    if (!seek->reading)
        return;
    seek->reading = seek->at_end = false;
    seek->starts++;
    seek->retry.us = 0;
    rd_kafka_consume_stop(seek->topic, seek->partition);
    /* What is fetched ahead is outdated now: to ask for it drops it. */
    while ((message = rd_kafka_consume_queue(seek->queue, 0)))
        rd_kafka_message_destroy(message);
}

/* At `offset`, or at the beginning (-1). */
static void start(struct kafka_seek *seek, int64_t offset)
{
    stop(seek);
    seek->at = offset;
    seek->heard = mono_now();
    if (rd_kafka_consume_start_queue(seek->topic, seek->partition,
            offset < 0 ? RD_KAFKA_OFFSET_BEGINNING : offset, seek->queue)) {
        kafka_log_pass(&seek->seeker->log, 3, "START", rd_kafka_err2str(rd_kafka_last_error()));
        return;
    }
    seek->reading = true;
    atomic_store(&seek->ready, true);
    loop_wakeup_send(seek->seeker->wakeup);
}

/* --- What the library says ------------------------------------------------------------------- */

/* The first offset after what was asked for was out of range. False if the role is elsewhere then. */
static bool found_beginning(struct kafka_seek *seek, int64_t first)
{
    struct kafka_seeker *seeker = seek->seeker;
    int64_t asked = seek->wanted;
    unsigned starts = seek->starts;
    seek->at = first;
    if (first == asked)
        return true;
    seek->wanted = first;
    if (seek->callbacks.gone)
        seek->callbacks.gone(seek->arg, asked, first);
    return seeker->serving == seek && seek->reading && seek->starts == starts;
}

/* Takes the message. */
static void offer(struct kafka_seek *seek, rd_kafka_message_t *message)
{
    struct kafka_seeker *seeker = seek->seeker;
    unsigned moves = seek->moves;
    struct record record;
    seek->wanted = message->offset + 1;
    kafka_message_record(message, &seeker->headers, &record);
    enum kafka_intake answer = seek->callbacks.record(seek->arg, &record);
    /* Of one that was moved, stopped or freed the answer does not count. */
    if (answer == KAFKA_HOLD && seeker->serving == seek && seek->moves == moves) {
        seek->held = message;
        seek->holding = true;
    } else {
        rd_kafka_message_destroy(message);
    }
}

/* Takes the message. */
static void take_record(struct kafka_seek *seek, rd_kafka_message_t *message)
{
    bool here = seek->at >= 0 || found_beginning(seek, message->offset);
    if (here) {
        seek->at = message->offset + 1;
        seek->at_end = false;
    }
    if (here && message->offset >= seek->wanted)
        offer(seek, message);
    else
        rd_kafka_message_destroy(message);
}

static void take_end(struct kafka_seek *seek, int64_t offset)
{
    if (seek->at < 0 && !found_beginning(seek, offset))
        return;
    seek->at = offset; /* behind what is no record */
    seek->at_end = true;
    if (seek->callbacks.end)
        seek->callbacks.end(seek->arg, offset);
}

static void out_of_range(struct kafka_seek *seek, int64_t offset)
{
    if (offset >= 0 && offset != seek->at)
        return;       /* of an earlier start: this one has no version */
    if (seek->at < 0) /* there is no beginning either, for now */
        seek->retry = mono_add_ms(mono_now(), RETRY_MS);
    else if (seek->wanted > seek->at) /* what was to be skipped is gone, which harms nobody */
        start(seek, seek->wanted);
    else
        start(seek, -1);
}

/* Takes the message. */
static void take(struct kafka_seek *seek, rd_kafka_message_t *message)
{
    seek->heard = mono_now();
    if (!message->err) {
        take_record(seek, message);
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        take_end(seek, message->offset);
    else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        out_of_range(seek, message->offset);
    else
        kafka_log_pass(&seek->seeker->log, 4, "PARTITION", rd_kafka_message_errstr(message));
    rd_kafka_message_destroy(message);
}

/* --- Serving --------------------------------------------------------------------------------- */

static bool servable(const struct kafka_seek *seek)
{
    return seek->reading && !seek->holding && (seek->held || atomic_load(&seek->ready));
}

/* Takes the message. */
static void take_held(struct kafka_seek *seek, rd_kafka_message_t *message)
{
    seek->heard = mono_now();
    if (message->offset >= seek->wanted)
        offer(seek, message);
    else
        rd_kafka_message_destroy(message);
}

/* Serves up to SERVE_SHARE records; returns how many. */
static int serve_seek(struct kafka_seeker *seeker, struct kafka_seek *seek)
{
    int served = 0;
    seeker->serving = seek;
    if (seek->held) {
        rd_kafka_message_t *message = seek->held;
        seek->held = NULL;
        served++;
        take_held(seek, message);
        if (seeker->serving != seek || !seek->reading || seek->holding)
            return served;
    }
    /* Cleared before looking: what arrives from here on sets it again. */
    atomic_store(&seek->ready, false);
    while (served < SERVE_SHARE) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(seek->queue, 0);
        if (!message)
            return served;
        served++;
        take(seek, message);
        if (seeker->serving != seek || !seek->reading)
            return served;
        if (seek->holding)
            break;
    }
    atomic_store(&seek->ready, true); /* there may be more, and the queue will not say so */
    return served;
}

static void serve(struct kafka_seeker *seeker)
{
    int budget = SERVE_BUDGET;
    size_t idle = 0; /* seeks in a row that had nothing */
    while (budget > 0 && idle < seeker->count) {
        seeker->turn = (seeker->turn + 1) % seeker->count;
        struct kafka_seek *seek = seeker->seeks[seeker->turn];
        if (servable(seek)) {
            budget -= serve_seek(seeker, seek);
            idle = 0;
        } else {
            idle++;
        }
    }
    seeker->serving = NULL;
    if (budget <= 0)
        loop_wakeup_send(seeker->wakeup);
}

static void turn(void *arg)
{
    struct kafka_seeker *seeker = arg;
    if (!seeker->client)
        return;
    rd_kafka_poll(seeker->client, 0);
    serve(seeker);
}

static void look_after(struct kafka_seek *seek, struct mono_time now)
{
    if (!seek->reading)
        return;
    bool due = seek->retry.us && !mono_before(now, seek->retry);
    /* An answer that crosses a stop and a start in the library (2.0.2) can leave a partition standing. */
    bool silent = !seek->at_end && !seek->held && mono_diff_ms(now, seek->heard) >= SILENCE_MS;
    if (due || silent)
        start(seek, seek->at < seek->wanted && seek->at >= 0 ? seek->wanted : seek->at);
}

static void tick(void *arg)
{
    struct kafka_seeker *seeker = arg;
    struct mono_time now = mono_now();
    for (size_t i = 0; i < seeker->count; i++)
        look_after(seeker->seeks[i], now);
    turn(seeker);
}

/* --- The client ------------------------------------------------------------------------------ */

static void woken(rd_kafka_t *client, void *opaque)
{
    (void)client;
    loop_wakeup_send(opaque);
}

static void log_line(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    struct kafka_seeker *seeker = rd_kafka_opaque(client);
    kafka_log_pass(&seeker->log, level, facility, text);
}

static void client_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    struct kafka_seeker *seeker = opaque;
    kafka_log_pass(&seeker->log, 3, rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

static rd_kafka_t *new_client(struct kafka_seeker *seeker, struct error *error)
{
    struct kafka_conf conf;
    kafka_conf_begin(&conf, &seeker->kafka);
    kafka_conf_set(&conf, "enable.auto.commit", "false");
    kafka_conf_set(&conf, "auto.offset.reset", "error");
    kafka_conf_set(&conf, "isolation.level", "read_committed");
    kafka_conf_set(&conf, "enable.partition.eof", "true");
    /* The end of a partition is told only when a fetch has waited this long in vain. */
    kafka_conf_set(&conf, "fetch.wait.max.ms", "50");
    /* An offset out of range counts as an error, and what comes next would wait for 500 ms. */
    kafka_conf_set(&conf, "fetch.error.backoff.ms", "100");
    kafka_conf_set_fetching(&conf, seeker->options.fetch_partition_bytes);
    rd_kafka_conf_set_opaque(conf.conf, seeker);
    rd_kafka_conf_set_log_cb(conf.conf, log_line);
    rd_kafka_conf_set_error_cb(conf.conf, client_error);
    return kafka_conf_finish(&conf, &seeker->kafka, RD_KAFKA_CONSUMER, error);
}

static bool connect_client(struct kafka_seeker *seeker)
{
    struct error error = ERROR_INIT;
    if (seeker->client)
        return true;
    seeker->client = new_client(seeker, &error);
    if (!seeker->client) {
        kafka_log_pass(&seeker->log, 3, "CLIENT", error.text);
        return false;
    }
    rd_kafka_set_log_queue(seeker->client, NULL);
    seeker->main = rd_kafka_queue_get_main(seeker->client);
    rd_kafka_queue_cb_event_enable(seeker->main, woken, seeker->wakeup);
    loop_timer_start(seeker->timer, TICK_MS, TICK_MS);
    return true;
}

struct kafka_seeker *kafka_seeker_new(struct loop *loop, const struct kafka_options *kafka,
    const struct kafka_seeker_options *options)
{
    struct kafka_seeker *seeker = mem_zalloc(sizeof *seeker);
    seeker->loop = loop;
    seeker->kafka = *kafka;
    seeker->options = *options;
    seeker->log.client = "seeker";
    seeker->wakeup = loop_wakeup_new(loop, turn, seeker);
    seeker->timer = loop_timer_new(loop, tick, seeker);
    return seeker;
}

void kafka_seeker_free(struct kafka_seeker *seeker)
{
    if (!seeker)
        return;
    bug_on(seeker->count > 0);
    if (seeker->client) {
        rd_kafka_queue_cb_event_enable(seeker->main, NULL, NULL);
        rd_kafka_queue_destroy(seeker->main);
        rd_kafka_destroy(seeker->client);
    }
    loop_wakeup_free(seeker->wakeup);
    loop_timer_free(seeker->timer);
    free(seeker->headers.items);
    free(seeker->seeks);
    free(seeker);
}

/* --- Seeks ----------------------------------------------------------------------------------- */

struct kafka_seek *kafka_seek_new(struct kafka_seeker *seeker, const char *topic, int32_t partition,
    const struct kafka_seek_callbacks *callbacks, void *arg)
{
    struct kafka_seek *seek = mem_zalloc(sizeof *seek);
    seek->seeker = seeker;
    seek->callbacks = *callbacks;
    seek->arg = arg;
    seek->name = mem_strdup(topic);
    seek->partition = partition;
    if (seeker->count == seeker->cap) {
        seeker->cap = seeker->cap ? 2 * seeker->cap : 16;
        seeker->seeks = mem_array(seeker->seeks, seeker->cap, sizeof(struct kafka_seek *));
    }
    seeker->seeks[seeker->count++] = seek;
    return seek;
}

void kafka_seek_free(struct kafka_seek *seek)
{
    if (!seek)
        return;
    struct kafka_seeker *seeker = seek->seeker;
    stop(seek);
    if (seeker->serving == seek)
        seeker->serving = NULL;
    for (size_t i = 0; i < seeker->count; i++)
        if (seeker->seeks[i] == seek) {
            seeker->seeks[i] = seeker->seeks[--seeker->count];
            break;
        }
    if (seek->topic) {
        rd_kafka_queue_cb_event_enable(seek->queue, NULL, NULL);
        rd_kafka_queue_destroy(seek->queue);
        rd_kafka_topic_destroy(seek->topic);
    }
    free(seek->name);
    free(seek);
}

static bool open_topic(struct kafka_seek *seek)
{
    struct kafka_seeker *seeker = seek->seeker;
    if (seek->topic)
        return true;
    if (!connect_client(seeker))
        return false;
    seek->topic = rd_kafka_topic_new(seeker->client, seek->name, NULL);
    if (!seek->topic) {
        kafka_log_pass(&seeker->log, 3, "TOPIC", rd_kafka_err2str(rd_kafka_last_error()));
        return false;
    }
    seek->queue = rd_kafka_queue_new(seeker->client);
    rd_kafka_queue_cb_event_enable(seek->queue, seek_woken, seek);
    return true;
}

static bool goes_on_to(const struct kafka_seek *seek, int64_t offset)
{
    int64_t next = seek->held ? seek->held->offset : seek->at;
    /* At the end it would go on, too, but not say again that this is the end. */
    return seek->reading && !seek->at_end && next >= 0 && offset >= next &&
           offset - next <= SKIP_MAX;
}

void kafka_seek_to(struct kafka_seek *seek, int64_t offset)
{
    bug_on(offset < 0);
    if (!open_topic(seek))
        return;
    seek->moves++;
    seek->wanted = offset;
    if (!goes_on_to(seek, offset)) {
        start(seek, offset);
    } else if (seek->holding) {
        seek->holding = false;
        seek->heard = mono_now();
        loop_wakeup_send(seek->seeker->wakeup);
    }
}

void kafka_seek_stop(struct kafka_seek *seek)
{
    seek->moves++;
    stop(seek);
}

bool kafka_seek_reading(const struct kafka_seek *seek)
{
    return seek->reading;
}
