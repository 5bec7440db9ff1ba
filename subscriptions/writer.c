/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to the registry, one change at a time.
 *
 * A change: take the transactional id over, which fences every other writer; wait until the store has read
 * what they wrote; decide; write in a transaction; wait until the store has read that. The producer is kept
 * for the next change: as long as its transactions succeed, nobody else has written. */
#include "subscriptions/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/hash.h"
#include "common/memory.h"
#include "kafka/transaction.h"

#define TRIES             5
#define BACK_OFF_FIRST_MS 100
/* A transaction that is begun gets at least this long: when it ends too early, nobody knows how. */
#define WRITE_MIN_MS 1000

struct writer_batch {
    struct kafka_transaction_record *records;
    size_t count, cap;
    size_t written; /* from the front */
};

struct change {
    writer_decide *decide;
    writer_done *done;
    void *arg;
    struct mono_time deadline;
    int tries;
    TAILQ_ENTRY(change) link;
};

/* TAKING_OVER → CATCHING_UP → (decide) → WRITING → READING_BACK; with a producer that is kept, from
 * CATCHING_UP on. When somebody came between: PAUSING, then TAKING_OVER again. */
enum step { IDLE, TAKING_OVER, CATCHING_UP, WRITING, READING_BACK, PAUSING };

/* What a worker does. All but the results is set before, and it alone uses the producer meanwhile. */
struct work {
    bool under_way;
    const struct kafka_transaction_record *records; /* NULL = take over */
    size_t count;
    int64_t timeout_ms;
    bool good, fenced;
    int64_t offset;
    struct error error;
};

struct writer {
    struct loop *loop;
    struct kafka_options kafka;
    struct store *store;
    char *topic, *transactional_id;
    int64_t timeout_ms;
    TAILQ_HEAD(, change) changes; /* the first is carried out, unless IDLE */
    enum step step;
    struct writer_batch batch;
    struct kafka_transaction *producer; /* NULL after a failure */
    bool owner;                         /* the producer has taken the id over */
    struct work work;
    int64_t horizon; /* the store has to be so far before anything is decided */
    struct store_wait wait;
    struct loop_timer *timer;
    bool closed; /* freed, but for what the worker needs */
};

/* The batch. */

void writer_put(struct writer_batch *batch, const char *key, const char *value)
{
    if (batch->count == batch->cap) {
        batch->cap = batch->cap ? 2 * batch->cap : 8;
        batch->records = mem_array(batch->records, batch->cap, sizeof *batch->records);
    }
    batch->records[batch->count++] =
        (struct kafka_transaction_record){mem_strdup(key), mem_strdup(value)};
}

static void batch_clear(struct writer_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free((char *)batch->records[i].key);
        free((char *)batch->records[i].value);
    }
    free(batch->records);
    *batch = (struct writer_batch){NULL};
}

/* How many of those not written yet go into one transaction. */
static size_t batch_next(const struct writer_batch *batch)
{
    size_t count = 0, bytes = 0;
    for (size_t i = batch->written; i < batch->count && count < WRITER_RECORDS_MAX; i++) {
        const struct kafka_transaction_record *record = &batch->records[i];
        bytes += strlen(record->key) + (record->value ? strlen(record->value) : 0);
        if (count && bytes > WRITER_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

/* The end of a change. */

static void finish(struct writer *writer, enum writer_outcome outcome, const struct error *error)
{
    struct change *change = TAILQ_FIRST(&writer->changes);
    TAILQ_REMOVE(&writer->changes, change, link);
    batch_clear(&writer->batch);
    writer->step = IDLE;
    loop_timer_stop(writer->timer);
    if (!TAILQ_EMPTY(&writer->changes))
        loop_timer_start(writer->timer, 0, 0);
    change->done(outcome, error, change->arg);
    free(change);
}

static void finish_failed(struct writer *writer, enum writer_outcome outcome, struct error *error)
{
    const struct writer_batch *batch = &writer->batch;
    if (batch->written)
        error_prefix(error, "%zu of %zu records were written", batch->written, batch->count);
    finish(writer, outcome, error);
}

static void finish_late(struct writer *writer, const char *what)
{
    struct error error = ERROR_INIT;
    error_set(&error, ERROR_RETRY, "topic %s: %s in time", writer->topic, what);
    finish_failed(writer, WRITER_FAILED, &error);
}

static int64_t left_ms(const struct writer *writer)
{
    return mono_diff_ms(TAILQ_FIRST(&writer->changes)->deadline, mono_now());
}

/* The worker. */

static void do_work(void *arg)
{
    struct writer *writer = arg;
    struct work *work = &writer->work;
    if (work->records)
        work->good = kafka_transaction_write(writer->producer, work->records, work->count,
            work->timeout_ms, &work->offset, &work->error);
    else
        work->good = kafka_transaction_take_over(
            writer->producer, work->timeout_ms, &work->offset, &work->error);
    if (work->good)
        return;
    work->fenced = kafka_transaction_is_fenced(writer->producer);
    kafka_transaction_free(writer->producer);
    writer->producer = NULL;
    writer->owner = false;
}

static void work_done(void *arg);

static void start_work(
    struct writer *writer, const struct kafka_transaction_record *records, size_t count)
{
    writer->step = records ? WRITING : TAKING_OVER;
    writer->work = (struct work){
        .under_way = true, .records = records, .count = count, .timeout_ms = left_ms(writer)};
    loop_work(writer->loop, do_work, work_done, writer);
}

/* The steps. */

static void take_over(struct writer *writer)
{
    struct error error = ERROR_INIT;
    if (!writer->producer)
        writer->producer =
            kafka_transaction_new(&writer->kafka, writer->topic, writer->transactional_id, &error);
    if (writer->producer)
        start_work(writer, NULL, 0);
    else
        finish_failed(writer, WRITER_FAILED, &error);
}

static void write_next(struct writer *writer)
{
    struct writer_batch *batch = &writer->batch;
    struct change *change = TAILQ_FIRST(&writer->changes);
    struct mono_time soonest = mono_add_ms(mono_now(), WRITE_MIN_MS);
    if (batch->written == 0 && mono_before(change->deadline, soonest))
        change->deadline = soonest;
    if (left_ms(writer) > 0)
        start_work(writer, &batch->records[batch->written], batch_next(batch));
    else
        finish_late(writer, "the rest was not written");
}

static void ask(struct writer *writer)
{
    struct change *change = TAILQ_FIRST(&writer->changes);
    batch_clear(&writer->batch);
    change->decide(&writer->batch, change->arg);
    if (writer->batch.count)
        write_next(writer);
    else
        finish(writer, WRITER_NOTHING, NULL);
}

static void read_far_enough(struct writer *writer)
{
    if (writer->step == CATCHING_UP)
        ask(writer);
    else
        finish(writer, WRITER_DONE, NULL);
}

/* In the middle of the store's work: it goes on in a turn of its own. */
static void store_has_read(void *arg)
{
    struct writer *writer = arg;
    loop_timer_start(writer->timer, 0, 0);
}

static void await_store(struct writer *writer, enum step step)
{
    writer->step = step;
    if (store_await(writer->store, &writer->wait, writer->horizon, store_has_read, writer))
        read_far_enough(writer);
    else
        loop_timer_start(writer->timer, left_ms(writer), 0);
}

static void wait_is_over(struct writer *writer)
{
    store_await_stop(&writer->wait);
    if (store_offset(writer->store) >= writer->horizon)
        read_far_enough(writer);
    else if (writer->step == CATCHING_UP)
        finish_late(writer, "nothing was written, as it could not be read to its end");
    else
        finish_late(writer, "all was written, but not read back");
}

/* Longer each time, and different in each process: of two who fence each other, one gets through. */
static int64_t pause_ms(int tries)
{
    struct mono_time now = mono_now();
    int64_t length = (int64_t)BACK_OFF_FIRST_MS << tries;
    return length / 2 + (int64_t)(hash_keyed(&now, sizeof now) % (uint64_t)length);
}

static void work_failed(struct writer *writer)
{
    struct work *work = &writer->work;
    struct change *change = TAILQ_FIRST(&writer->changes);
    int64_t pause = pause_ms(change->tries);
    if (work->error.kind == ERROR_RETRY && ++change->tries < TRIES && pause < left_ms(writer)) {
        writer->step = PAUSING;
        loop_timer_start(writer->timer, pause, 0);
    } else {
        finish_failed(writer, work->fenced ? WRITER_FENCED : WRITER_FAILED, &work->error);
    }
}

static void work_went_well(struct writer *writer)
{
    struct writer_batch *batch = &writer->batch;
    writer->horizon = writer->work.offset;
    if (writer->step == TAKING_OVER) {
        writer->owner = true;
        await_store(writer, CATCHING_UP);
        return;
    }
    batch->written += writer->work.count;
    if (batch->written < batch->count)
        write_next(writer);
    else
        await_store(writer, READING_BACK);
}

static void release(struct writer *writer)
{
    batch_clear(&writer->batch);
    kafka_transaction_free(writer->producer);
    free(writer->topic);
    free(writer->transactional_id);
    free(writer);
}

static void work_done(void *arg)
{
    struct writer *writer = arg;
    writer->work.under_way = false;
    if (writer->closed)
        release(writer);
    else if (writer->work.good)
        work_went_well(writer);
    else
        work_failed(writer);
}

static void begin(struct writer *writer)
{
    if (left_ms(writer) <= 0)
        finish_late(writer, "nothing was written, as others came first and did not end");
    else if (writer->owner)
        await_store(writer, CATCHING_UP);
    else
        take_over(writer);
}

static void turn(void *arg)
{
    struct writer *writer = arg;
    switch (writer->step) {
    case IDLE:
        begin(writer);
        break;
    case PAUSING:
        take_over(writer);
        break;
    case CATCHING_UP:
    case READING_BACK:
        wait_is_over(writer);
        break;
    case TAKING_OVER:
    case WRITING:
        break;
    }
}

void writer_change(struct writer *writer, writer_decide *decide, writer_done *done, void *arg)
{
    struct change *change = mem_zalloc(sizeof *change);
    change->decide = decide;
    change->done = done;
    change->arg = arg;
    change->deadline = mono_add_ms(mono_now(), writer->timeout_ms);
    TAILQ_INSERT_TAIL(&writer->changes, change, link);
    if (writer->step == IDLE)
        loop_timer_start(writer->timer, 0, 0);
}

struct writer *writer_new(struct loop *loop, const struct kafka_options *kafka, struct store *store,
    const struct writer_options *options, struct error *error)
{
    struct kafka_transaction *producer =
        kafka_transaction_new(kafka, options->topic, options->transactional_id, error);
    if (!producer)
        return NULL;
    struct writer *writer = mem_zalloc(sizeof *writer);
    writer->loop = loop;
    writer->kafka = *kafka;
    writer->store = store;
    writer->topic = mem_strdup(options->topic);
    writer->transactional_id = mem_strdup(options->transactional_id);
    writer->timeout_ms = options->timeout_ms;
    writer->producer = producer;
    writer->timer = loop_timer_new(loop, turn, writer);
    TAILQ_INIT(&writer->changes);
    return writer;
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    struct error error = ERROR_INIT;
    error_set(&error, ERROR_RETRY, "topic %s: the writer ends", writer->topic);
    store_await_stop(&writer->wait);
    while (!TAILQ_EMPTY(&writer->changes)) {
        struct change *change = TAILQ_FIRST(&writer->changes);
        TAILQ_REMOVE(&writer->changes, change, link);
        change->done(WRITER_FAILED, &error, change->arg);
        free(change);
    }
    loop_timer_free(writer->timer);
    writer->closed = true;
    if (!writer->work.under_way)
        release(writer);
}
