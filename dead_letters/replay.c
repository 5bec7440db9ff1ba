/* SPDX-License-Identifier: Apache-2.0 */
/* Puts deliveries that became dead letters back into their tenants' topics.
 *
 * OPENING → MARKS (what was replayed before is read) → SCANNING → CLAIMING → SENDING → MARKING → SCANNING →
 * … → OVER. Where another run came between, or Kafka did not answer: TAKING_OVER, CATCHING_UP, and the step
 * again. One batch is under way at a time, and the scan holds what comes meanwhile. */
#include "dead_letters/replay_parts.h"

#include <stdlib.h>
#include <sys/random.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"

#define TICK_MS     100
#define CALL_MAX_MS 10000
#define RETRY_MS    1000

/* --- The end -------------------------------------------------------------------------------------------- */

static void finish(struct dead_letters_replay *replay, const struct error *error)
{
    if (replay->step == OVER)
        return;
    replay->step = OVER;
    replay->failed = error ? *error : (struct error)ERROR_INIT;
    loop_timer_stop(replay->tick);
    loop_timer_start(replay->soon, 0, 0); /* where it is told, so that it may be freed there */
}

void replay_went_on(struct dead_letters_replay *replay)
{
    replay->progress_at = mono_now();
}

/* --- Marks ---------------------------------------------------------------------------------------------- */

static void marks_reached(struct dead_letters_replay *replay, int64_t offset)
{
    if (offset > replay->marks_read)
        replay->marks_read = offset;
    if (replay->step == MARKS || replay->step == CATCHING_UP)
        loop_timer_start(replay->soon, 0, 0); /* not from within the reader */
}

static void on_mark(void *arg, const struct record *record)
{
    struct dead_letters_replay *replay = arg;
    struct error error = ERROR_INIT;
    replay_went_on(replay);
    /* What is no mark says nothing of any letter. */
    (void)!replay_marks_apply(replay->marks, record, &error);
    marks_reached(replay, record->offset + 1);
}

static void on_marks_end(void *arg, int64_t offset)
{
    struct dead_letters_replay *replay = arg;
    replay->marks_ended = true;
    marks_reached(replay, offset);
}

/* --- The worker ------------------------------------------------------------------------------------------ */

static void do_work(void *arg)
{
    struct dead_letters_replay *replay = arg;
    struct replay_work *work = &replay->work;
    const struct dead_letters_replay_options *options = &replay->options;
    if (work->step == OPENING) {
        work->good = dead_letters_extents(options->kafka, replay->letters_topic, options->since_ms,
            options->until_ms, options->partition, options->offset, work->timeout_ms,
            &replay->extents, &work->error);
        return;
    }
    if (work->step == TAKING_OVER)
        work->good = kafka_transaction_take_over(
            replay->transaction, work->timeout_ms, &work->offset, &work->error);
    else
        work->good = kafka_transaction_write(replay->transaction, work->records, work->count,
            work->timeout_ms, &work->offset, &work->error);
    if (work->good)
        return;
    work->fenced = kafka_transaction_is_fenced(replay->transaction);
    kafka_transaction_free(replay->transaction);
    replay->transaction = NULL;
}

static void release_records(struct replay_work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        free((char *)work->records[i].key);
        free((char *)work->records[i].value);
    }
    free(work->records);
    work->records = NULL;
    work->count = 0;
}

static void opened(struct dead_letters_replay *replay)
{
    static const struct kafka_reader_callbacks callbacks = {.record = on_mark, .end = on_marks_end};
    struct error error = ERROR_INIT;
    replay->reader = kafka_reader_new(replay->loop, replay->options.kafka, replay->marks_topic, 0,
        KAFKA_BEGINNING, &callbacks, replay, &error);
    replay->step = MARKS;
    if (!replay->reader)
        finish(replay, &error);
}

static void work_done(void *arg)
{
    struct dead_letters_replay *replay = arg;
    struct replay_work *work = &replay->work;
    enum replay_step step = work->step;
    work->under_way = false;
    release_records(work);
    if (replay->closed) {
        dead_letters_replay_free(replay);
        return;
    }
    if (replay->step == OVER)
        return;
    if (!work->good) {
        if (step == OPENING || (!work->fenced && work->error.kind != ERROR_RETRY)) {
            finish(replay, &work->error);
            return;
        }
        if (step == CLAIMING || step == MARKING)
            replay->resume = step;
        replay->step = TAKING_OVER;
        /* Two runs that come between each other take turns. */
        loop_timer_start(replay->soon, work->fenced ? RETRY_MS / 10 : RETRY_MS, 0);
        return;
    }
    replay_went_on(replay);
    if (step == OPENING) {
        opened(replay);
    } else if (step == TAKING_OVER) {
        replay->horizon = work->offset;
        replay->step = CATCHING_UP;
        replay_next(replay);
    } else if (step == CLAIMING) {
        replay_batch_send(replay);
    } else {
        replay_batch_done(replay);
    }
}

static void start_work(struct dead_letters_replay *replay, enum replay_step step)
{
    struct replay_work *work = &replay->work;
    int64_t timeout_ms = replay->options.timeout_ms;
    replay->step = work->step = step;
    work->under_way = true;
    work->good = work->fenced = false;
    work->error = (struct error)ERROR_INIT;
    work->timeout_ms = timeout_ms < CALL_MAX_MS ? timeout_ms : CALL_MAX_MS;
    loop_work(replay->loop, do_work, work_done, replay);
}

void replay_write(struct dead_letters_replay *replay, enum replay_step step,
    struct kafka_transaction_record *records, size_t count)
{
    replay->work.records = records;
    replay->work.count = count;
    start_work(replay, step);
}

static void take_over(struct dead_letters_replay *replay)
{
    struct error error = ERROR_INIT;
    if (!replay->transaction)
        replay->transaction = kafka_transaction_new(
            replay->options.kafka, replay->marks_topic, replay->writer, &error);
    if (replay->transaction)
        start_work(replay, TAKING_OVER);
    else
        finish(replay, &error);
}

/* --- The scan ---------------------------------------------------------------------------------------------- */

static void on_scanned(void *arg)
{
    struct dead_letters_replay *replay = arg;
    replay->scan_over = true;
    loop_timer_start(replay->soon, 0, 0);
}

static void start_scan(struct dead_letters_replay *replay)
{
    static const struct dead_letters_scan_callbacks callbacks = {replay_batch_take, on_scanned};
    replay->step = SCANNING;
    replay->scan = dead_letters_scan_new(replay->loop, replay->options.kafka, replay->letters_topic,
        &replay->extents, false, &callbacks, replay);
    replay->figures.total = dead_letters_scan_total(replay->scan);
}

/* --- Steps -------------------------------------------------------------------------------------------------- */

static void begin(struct dead_letters_replay *replay)
{
    static const struct kafka_producer_options options = {
        .linger_ms = 5, .max_outstanding = 4 * REPLAY_BATCH_MAX, .max_outstanding_bytes = 67108864};
    struct error error = ERROR_INIT;
    if (!replay->options.dry_run) {
        replay->producer =
            kafka_producer_new(replay->loop, replay->options.kafka, &options, &error);
        if (!replay->producer) {
            finish(replay, &error);
            return;
        }
    }
    loop_timer_start(replay->tick, TICK_MS, TICK_MS);
    start_work(replay, OPENING);
}

static bool wants_batch(const struct dead_letters_replay *replay)
{
    return replay->batch_count > 0 && !replay->stopping &&
           !mono_before(mono_now(), replay->batch_at);
}

void replay_next(struct dead_letters_replay *replay)
{
    const bool dry = replay->options.dry_run;
    if (replay->work.under_way)
        return;
    switch (replay->step) {
    case OPENING:
        begin(replay);
        return;
    case MARKS:
        if (!replay->marks_ended)
            return;
        replay->resume = SCANNING;
        if (dry)
            start_scan(replay);
        else
            take_over(replay);
        return;
    case TAKING_OVER:
        take_over(replay);
        return;
    case CATCHING_UP:
        if (replay->marks_read < replay->horizon)
            return;
        if (replay->resume == CLAIMING)
            replay_batch_claim(replay);
        else if (replay->resume == MARKING)
            replay_batch_mark(replay);
        else
            start_scan(replay);
        return;
    case SCANNING:
        if (wants_batch(replay))
            replay_batch_claim(replay);
        else if (replay->stopping || ((replay->scan_over || replay_batch_limit_reached(replay)) &&
                                         replay->batch_count == 0))
            finish(replay, NULL);
        return;
    default:
        return;
    }
}

static void step_due(void *arg)
{
    struct dead_letters_replay *replay = arg;
    if (replay->step != OVER) {
        replay_next(replay);
        return;
    }
    if (replay->scan)
        replay->figures.read = dead_letters_scan_read(replay->scan);
    replay->over(replay->arg, error_is_set(&replay->failed) ? &replay->failed : NULL);
}

/* What has come together is sent every so often, were it ever so little; what waits for its turn in the rate,
 * when that comes. */
static void tick(void *arg)
{
    struct dead_letters_replay *replay = arg;
    struct error error = ERROR_INIT;
    if (replay->scan) {
        replay->figures.read = dead_letters_scan_read(replay->scan);
        if (replay->figures.read != replay->read_before ||
            (replay->step == SCANNING && mono_before(mono_now(), replay->batch_at)))
            replay_went_on(replay);
        replay->read_before = replay->figures.read;
    }
    if (mono_diff_ms(mono_now(), replay->progress_at) > replay->options.timeout_ms) {
        error_set(&error, ERROR_RETRY, "Kafka brought nothing for long (kafka.brokers = %s)%s%s",
            replay->options.kafka->brokers, error_is_set(&replay->work.error) ? ": " : "",
            replay->work.error.text);
        finish(replay, &error);
        return;
    }
    if (replay->step == SCANNING)
        replay_next(replay);
}

/* --- The whole ------------------------------------------------------------------------------------------------ */

static void name_run(struct dead_letters_replay *replay)
{
    uint8_t bytes[16];
    bug_on(getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes);
    text_hex(bytes, sizeof bytes, replay->run);
}

struct dead_letters_replay *dead_letters_replay_new(struct loop *loop,
    const struct dead_letters_replay_options *options,
    void (*over)(void *arg, const struct error *error), void *arg)
{
    struct dead_letters_replay *replay = mem_zalloc(sizeof *replay);
    replay->loop = loop;
    replay->options = *options;
    replay->over = over;
    replay->arg = arg;
    replay->letters_topic = topic_name(options->topics, TOPIC_DEAD_LETTERS);
    replay->marks_topic = topic_name(options->topics, TOPIC_REPLAYS);
    replay->writer = topic_replays_writer(options->topics);
    replay->marks = replay_marks_new();
    replay->batch = mem_array(NULL, REPLAY_BATCH_MAX, sizeof *replay->batch);
    replay->figures.total = replay->figures.read = -1;
    replay->tick = loop_timer_new(loop, tick, replay);
    name_run(replay);
    replay_went_on(replay);
    replay->soon = loop_timer_new(loop, step_due, replay);
    loop_timer_start(replay->soon, 0, 0);
    return replay;
}

void dead_letters_replay_stop(struct dead_letters_replay *replay)
{
    replay->stopping = true;
    if (replay->step == SCANNING || replay->step == MARKS)
        loop_timer_start(replay->soon, 0, 0);
}

void dead_letters_replay_free(struct dead_letters_replay *replay)
{
    if (!replay)
        return;
    replay->step = OVER;
    loop_timer_stop(replay->tick);
    loop_timer_stop(replay->soon);
    replay->closed = true;
    if (replay->work.under_way) /* it comes back here */
        return;
    dead_letters_scan_free(replay->scan);
    kafka_reader_free(replay->reader);
    kafka_producer_free(replay->producer);
    kafka_transaction_free(replay->transaction);
    kafka_extents_release(&replay->extents);
    replay_marks_free(replay->marks);
    replay_batch_clear(replay);
    loop_timer_free(replay->tick);
    loop_timer_free(replay->soon);
    free(replay->batch);
    free(replay->letters_topic);
    free(replay->marks_topic);
    free(replay->writer);
    free(replay);
}

const struct dead_letters_replay_figures *dead_letters_replay_figures(
    const struct dead_letters_replay *replay)
{
    return &replay->figures;
}

static json_t *counts(const int64_t *values, const char *const *names, size_t count)
{
    json_t *object = json_or_fatal(json_object());
    for (size_t i = 0; i < count; i++)
        if (values[i])
            json_set_or_fatal(object, names[i], json_integer(values[i]));
    return object;
}

json_t *dead_letters_replay_json(const struct dead_letters_replay_figures *figures)
{
    json_t *object = json_or_fatal(json_pack("{sI}", "matched", (json_int_t)figures->matched));
    if (figures->total >= 0) {
        json_set_or_fatal(object, "read", json_integer(figures->read));
        json_set_or_fatal(object, "total", json_integer(figures->total));
    }
    json_set_or_fatal(
        object, "verdicts", counts(figures->verdicts, replay_verdicts, REPLAY_VERDICTS));
    json_set_or_fatal(
        object, "reasons", counts(figures->reasons, dead_letter_reasons, DEAD_REASONS));
    return object;
}
