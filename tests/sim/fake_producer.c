/* SPDX-License-Identifier: Apache-2.0 */
/* kafka/producer.h over the vectors. Records of a partition are appended in the order of their
 * sending; each is acknowledged after a while, or fails, having been appended or not. What a process
 * that died had sent may be appended late. */
#include "kafka/producer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/memory.h"
#include "ledger.h"
#include "process.h"
#include "topics.h"
#include "world.h"

#define SLOW_ACK (SECOND)

enum fate { FATE_GOOD, FATE_LOST, FATE_UNSURE /* appended, and yet it fails */ };

struct sending {
    TAILQ_ENTRY(sending) link;
    struct kafka_producer *producer; /* NULL: the process is dead, or has gone without it */
    struct loop *loop;
    struct record *record; /* a copy; of a borrowed value only the pointer */
    const void *borrowed;
    size_t borrowed_len;
    kafka_produced *done;
    void *arg;
    struct sim_ownership *sender;
    int64_t bytes, sent_us;
    enum fate fate;
    int64_t offset; /* -1 = not appended (yet) */
    struct sim_event *event;
};

/* The last times of one partition, so that order is kept. */
struct route {
    struct sim_log *log;
    int64_t append_us, ack_us;
    struct route *next;
};

struct kafka_producer {
    struct loop *loop;
    struct kafka_producer_options options;
    TAILQ_HEAD(, sending) sendings;
    struct route *routes;
    int64_t outstanding, outstanding_bytes;
    bool was_full;
    void (*on_room)(void *arg);
    void *on_room_arg;
    struct mono_time last_ack;
};

struct kafka_producer *kafka_producer_new(struct loop *loop, const struct kafka_options *kafka,
    const struct kafka_producer_options *options, struct error *error)
{
    (void)kafka, (void)error;
    struct kafka_producer *producer = mem_zalloc(sizeof *producer);
    producer->loop = loop;
    producer->options = *options;
    producer->last_ack = mono_now();
    TAILQ_INIT(&producer->sendings);
    return producer;
}

int32_t kafka_partition_of(const void *key, size_t len, int32_t partitions)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ ((const unsigned char *)key)[i]) * 16777619u;
    return (int32_t)(h % (uint32_t)partitions);
}

static struct route *route_of(struct kafka_producer *producer, struct sim_log *log)
{
    for (struct route *route = producer->routes; route; route = route->next)
        if (route->log == log)
            return route;
    struct route *route = mem_zalloc(sizeof *route);
    route->log = log;
    route->next = producer->routes;
    producer->routes = route;
    return route;
}

static void sending_free(void *arg)
{
    struct sending *sending = arg;
    free(sending->record);
    free(sending);
}

static bool below(const struct kafka_producer *producer, int64_t quarters)
{
    return producer->outstanding < producer->options.max_outstanding * quarters / 4 &&
           producer->outstanding_bytes < producer->options.max_outstanding_bytes * quarters / 4;
}

/* --- The append, at the broker ----------------------------------------------------------------- */

static struct sim_log *log_of(const struct record *record)
{
    return sim_log(record->topic, record->partition);
}

static void append(struct sending *sending)
{
    struct record record = *sending->record;
    if (sending->borrowed)
        record.value = (struct bytes){sending->borrowed, sending->borrowed_len};
    const struct record *written = sim_log_append(log_of(&record), &record);
    sending->offset = written->offset;
    ledger_written(sending->producer ? sending->loop : NULL, sending->sender, written);
}

static void answered(void *arg);

static void arrives(void *arg)
{
    struct sending *sending = arg;
    struct kafka_producer *producer = sending->producer;
    if (sim_loop_frozen(sending->loop) && process_of(sending->loop)->whole) {
        sending->event = sim_at(NULL, sim_loop_thawed_at(sending->loop), arrives, sending);
        return;
    }
    if (sending->fate != FATE_LOST)
        append(sending);
    struct route *route = route_of(producer, log_of(sending->record));
    int64_t at = sim_now() + sim_exp(sending->fate == FATE_GOOD ? 3 * MS : SECOND);
    if (!sim_may(CHAOS_ACKS) && at < route->ack_us)
        at = route->ack_us;
    route->ack_us = at;
    sending->event = sim_at(sending->loop, at, answered, sending);
}

/* --- The answer, in the process ---------------------------------------------------------------- */

static void take_off(struct sending *sending)
{
    struct kafka_producer *producer = sending->producer;
    TAILQ_REMOVE(&producer->sendings, sending, link);
    producer->outstanding--;
    producer->outstanding_bytes -= sending->bytes;
}

static void finish(struct sending *sending, bool good)
{
    struct error error = ERROR_INIT;
    struct kafka_receipt receipt = {
        .partition = sending->record->partition, .offset = sending->offset};
    if (!good) {
        error_set(&error, ERROR_RETRY, "topic %s: simulated failure", sending->record->topic);
        receipt.error = &error;
    }
    if (sending->done)
        sending->done(sending->arg, &receipt);
}

static void answered(void *arg)
{
    struct sending *sending = arg;
    struct kafka_producer *producer = sending->producer;
    bool good = sending->fate == FATE_GOOD;
    sending->event = NULL;
    take_off(sending);
    if (good)
        producer->last_ack = mono_now();
    if (!good || sim_now() - sending->sent_us > SLOW_ACK)
        process_note_trouble(producer->loop);
    stats.failed_writes += !good;
    if (good)
        ledger_acknowledged(sending->sender, sending->record);
    finish(sending, good);
    sending_free(sending);
    if (!producer->was_full || !below(producer, 3))
        return;
    producer->was_full = false;
    if (producer->on_room)
        producer->on_room(producer->on_room_arg);
}

/* --- Sending ----------------------------------------------------------------------------------- */

static enum fate choose_fate(const struct kafka_producer *producer)
{
    double bad = world_write_failures();
    (void)producer;
    if (!sim_chance(bad))
        return FATE_GOOD;
    return sim_chance(0.5) ? FATE_LOST : FATE_UNSURE;
}

static struct sending *new_sending(struct kafka_producer *producer, const struct record *record,
    bool keep_value, kafka_produced *done, void *arg)
{
    struct sending *sending = mem_zalloc(sizeof *sending);
    struct record copied = *record;
    if (keep_value && record->value.data) {
        sending->borrowed = record->value.data;
        sending->borrowed_len = record->value.len;
        copied.value = (struct bytes){NULL, 0};
    }
    if (copied.partition < 0)
        copied.partition = 0;
    sending->record = record_copy(&copied);
    sending->producer = producer;
    sending->loop = producer->loop;
    sending->sender = ledger_sender(producer->loop, sending->record);
    sending->done = done;
    sending->arg = arg;
    sending->bytes = (int64_t)(record->key.len + record->value.len) + 256;
    sending->sent_us = sim_now();
    sending->offset = -1;
    return sending;
}

bool kafka_producer_send(struct kafka_producer *producer, const struct record *record,
    bool keep_value, kafka_produced *done, void *arg, struct error *error)
{
    if (sim_loop_dead(producer->loop))
        return error_set(error, ERROR_RETRY, "the process is dead");
    struct sending *sending = new_sending(producer, record, keep_value, done, arg);
    struct route *route = route_of(producer, log_of(sending->record));
    sending->fate = choose_fate(producer);
    ledger_sent(record);
    int64_t at = sim_now() + 5 * MS + sim_exp(3 * MS);
    if (at < world_outage_until())
        at = world_outage_until() + sim_exp(10 * MS);
    if (at < route->append_us)
        at = route->append_us;
    route->append_us = at;
    TAILQ_INSERT_TAIL(&producer->sendings, sending, link);
    producer->outstanding++;
    producer->outstanding_bytes += sending->bytes;
    if (!kafka_producer_has_room(producer))
        producer->was_full = true;
    sending->event = sim_at(NULL, at, arrives, sending);
    return true;
}

bool kafka_producer_has_room(const struct kafka_producer *producer)
{
    return below(producer, 4);
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
    (void)timeout_ms;
    return producer->outstanding == 0;
}

/* --- The end ----------------------------------------------------------------------------------- */

static void late_append(void *arg)
{
    struct sending *sending = arg;
    if (sim_now() < world_outage_until()) {
        sim_at_own(NULL, world_outage_until(), late_append, sending, sending_free);
        return;
    }
    stats.late_writes++;
    sim_say(
        "p%d: late write to %s arrives", sim_loop_number(sending->loop), sending->record->topic);
    append(sending);
    sending_free(sending);
}

/* What is not appended yet either never will be, or some time later, on its own. In one partition
 * nothing is appended after something that was not. */
static void leave_behind(struct sending *sending, struct route *route)
{
    bool written = sending->offset >= 0;
    sending->producer = NULL;
    if (written || sending->fate == FATE_LOST || route->append_us < 0 || sim_chance(0.25)) {
        if (!written)
            route->append_us = -1;
        sending_free(sending);
        return;
    }
    if (sending->borrowed) { /* its owner frees it now */
        struct record whole = *sending->record, *old = sending->record;
        whole.value = (struct bytes){sending->borrowed, sending->borrowed_len};
        sending->record = record_copy(&whole);
        sending->borrowed = NULL;
        free(old);
    }
    int64_t at = sim_now() + sim_exp(sim_chance(0.3) ? 5 * SECOND : 20 * MS);
    if (at < route->append_us)
        at = route->append_us;
    route->append_us = at;
    sim_at_own(NULL, at, late_append, sending, sending_free);
}

void kafka_producer_free(struct kafka_producer *producer)
{
    if (!producer)
        return;
    for (struct route *route = producer->routes; route; route = route->next)
        route->append_us = 0;
    struct sending *sending;
    while ((sending = TAILQ_FIRST(&producer->sendings))) {
        sim_cancel(sending->event);
        take_off(sending);
        /* Its copy is made before the role frees what was borrowed. */
        kafka_produced *done = sending->done;
        void *arg = sending->arg;
        struct error error = ERROR_INIT;
        error_set(&error, ERROR_RETRY, "the process ends");
        struct kafka_receipt receipt = {.error = &error};
        leave_behind(sending, route_of(producer, log_of(sending->record)));
        if (done)
            done(arg, &receipt);
    }
    while (producer->routes) {
        struct route *route = producer->routes;
        producer->routes = route->next;
        free(route);
    }
    free(producer);
}
