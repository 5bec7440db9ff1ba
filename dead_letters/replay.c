/* SPDX-License-Identifier: Apache-2.0 */
/* Puts deliveries that became dead letters back into their tenants' topics.
 *
 * OPENING → MARKS (what was replayed before is read) → SCANNING → CLAIMING → SENDING → MARKING → SCANNING →
 * … → OVER. Where another run came between, or Kafka did not answer: TAKING_OVER, CATCHING_UP, and the step
 * again. One batch is under way at a time, and the scan holds what comes meanwhile. */
#include "dead_letters/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/text.h"
#include "dead_letters/scan.h"
#include "kafka/extents.h"
#include "kafka/producer.h"
#include "kafka/reader.h"
#include "kafka/transaction.h"

#define BATCH_MAX       500
#define BATCH_BYTES_MAX (8 * 1024 * 1024)
#define TICK_MS         100
#define CALL_MAX_MS     10000
#define RETRY_MS        1000

static struct metric replayed = METRIC_COUNTER("hookline_dead_letters_replayed_total",
    "Dead letters that were put back into their tenants' delivery topics.", NULL, NULL);

enum step { OPENING, MARKS, TAKING_OVER, CATCHING_UP, SCANNING, CLAIMING, SENDING, MARKING, OVER };

/* A letter of the batch. */
struct put {
    struct dead_letters_replay *replay;
    struct record *record; /* owned: a copy of the dead letter */
    int64_t reason;
    enum replay_verdict verdict; /* REPLAY_SENT, until something comes between */
};

/* What a worker does, who alone has the transaction meanwhile. */
struct work {
    enum step step;
    bool under_way, good, fenced;
    struct kafka_transaction_record *records; /* owned; of CLAIMING and MARKING */
    size_t count;
    int64_t timeout_ms;
    int64_t offset; /* that the marks have to be read to */
    struct error error;
};

struct dead_letters_replay {
    struct loop *loop;
    struct dead_letters_replay_options options;
    void (*over)(void *arg, const struct error *error);
    void *arg;
    char *letters_topic, *marks_topic, *writer;
    char run[33];
    enum step step;
    enum step resume; /* after CATCHING_UP: CLAIMING, MARKING or SCANNING */
    struct work work;
    struct kafka_extents extents;
    struct kafka_transaction *transaction; /* NULL after a failure */
    struct kafka_reader *reader;           /* of the marks */
    struct replay_marks *marks;
    int64_t marks_read,
        horizon; /* one above the last that was read; to be read before anything is decided */
    bool marks_ended;
    struct dead_letters_scan *scan;
    bool scan_over;
    struct kafka_producer *producer;
    struct put *batch;
    size_t batch_count;
    int64_t batch_bytes;
    size_t outstanding;
    struct loop_timer *tick, *soon;
    struct mono_time batch_at;    /* when the next one may be claimed */
    struct mono_time progress_at; /* something went on */
    int64_t read_before;
    struct dead_letters_replay_figures figures;
    struct error failed;
    bool stopping, closed;
};

void dead_letters_replay_register_metrics(void)
{
    metric_register(&replayed);
}

static void next(struct dead_letters_replay *replay);
static void start_work(struct dead_letters_replay *replay, enum step step);

/* --- The end -------------------------------------------------------------------------------------------- */

static void clear_batch(struct dead_letters_replay *replay)
{
    for (size_t i = 0; i < replay->batch_count; i++)
        free(replay->batch[i].record);
    replay->batch_count = 0;
    replay->batch_bytes = 0;
}

static void finish(struct dead_letters_replay *replay, const struct error *error)
{
    if (replay->step == OVER)
        return;
    replay->step = OVER;
    replay->failed = error ? *error : (struct error)ERROR_INIT;
    loop_timer_stop(replay->tick);
    loop_timer_start(replay->soon, 0, 0); /* where it is told, so that it may be freed there */
}

static void went_on(struct dead_letters_replay *replay)
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
    went_on(replay);
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
    struct work *work = &replay->work;
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

static void release_records(struct work *work)
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

static void batch_done(struct dead_letters_replay *replay);
static void send_batch(struct dead_letters_replay *replay);

static void work_done(void *arg)
{
    struct dead_letters_replay *replay = arg;
    struct work *work = &replay->work;
    enum step step = work->step;
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
    went_on(replay);
    if (step == OPENING) {
        opened(replay);
    } else if (step == TAKING_OVER) {
        replay->horizon = work->offset;
        replay->step = CATCHING_UP;
        next(replay);
    } else if (step == CLAIMING) {
        send_batch(replay);
    } else {
        batch_done(replay);
    }
}

static void start_work(struct dead_letters_replay *replay, enum step step)
{
    struct work *work = &replay->work;
    int64_t timeout_ms = replay->options.timeout_ms;
    replay->step = work->step = step;
    work->under_way = true;
    work->good = work->fenced = false;
    work->error = (struct error)ERROR_INIT;
    work->timeout_ms = timeout_ms < CALL_MAX_MS ? timeout_ms : CALL_MAX_MS;
    loop_work(replay->loop, do_work, work_done, replay);
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

/* --- A batch ---------------------------------------------------------------------------------------------- */

static enum replay_verdict judge(const struct dead_letters_replay *replay,
    const struct dead_letter_item *item, struct delivery_decoded *delivery, int32_t *ret_partition)
{
    const struct replay_rules rules = {
        .store = replay->options.store,
        .ttl = replay->options.ttl,
        .ttl_from_acceptance = replay->options.ttl_from_acceptance,
        .ignore_ttl = replay->options.ignore_ttl,
        .marks = replay->marks,
        .run = replay->run,
    };
    return replay_judge(&rules, item, wall_now(), delivery, ret_partition);
}

static enum replay_verdict judge_record(const struct dead_letters_replay *replay,
    const struct record *record, struct dead_letter_item *item, struct delivery_decoded *delivery,
    int32_t *ret_partition)
{
    struct error error = ERROR_INIT;
    if (!dead_letter_item_read(record, item, &error))
        return REPLAY_NO_DELIVERY;
    return judge(replay, item, delivery, ret_partition);
}

static void count(struct dead_letters_replay *replay, enum replay_verdict verdict, int64_t reason)
{
    replay->figures.matched++;
    replay->figures.verdicts[verdict]++;
    if (verdict == REPLAY_SENT)
        replay->figures.reasons[reason]++;
    if (verdict == REPLAY_SENT && !replay->options.dry_run)
        metric_add(&replayed, 0, 1);
}

/* The marks may have come in between: what others claimed or sent is left to them. */
static void judge_again(struct dead_letters_replay *replay)
{
    size_t kept = 0;
    for (size_t i = 0; i < replay->batch_count; i++) {
        struct put *put = &replay->batch[i];
        struct dead_letter_item item;
        struct delivery_decoded delivery;
        int32_t partition;
        put->verdict = judge_record(replay, put->record, &item, &delivery, &partition);
        if (put->verdict == REPLAY_SENT) {
            replay->batch[kept++] = *put;
            continue;
        }
        count(replay, put->verdict, put->reason);
        free(put->record);
    }
    replay->batch_count = kept;
}

/* What was not sent is nobody's any more. */
static void write_marks(struct dead_letters_replay *replay, enum step step)
{
    struct work *work = &replay->work;
    work->records = mem_array(NULL, replay->batch_count, sizeof *work->records);
    for (size_t i = 0; i < replay->batch_count; i++) {
        const struct put *put = &replay->batch[i];
        struct replay_mark mark = {
            .partition = put->record->partition,
            .offset = put->record->offset,
            .id = record_header_text(put->record, "hookline-id"),
            .state = step == CLAIMING ? REPLAY_BEGUN : REPLAY_DONE,
            .at = wall_now(),
            .by = replay->options.by,
            .run = replay->run,
        };
        char *value = put->verdict == REPLAY_SENT ? replay_mark_value(&mark) : NULL;
        work->records[work->count++] =
            (struct kafka_transaction_record){replay_mark_key(&mark), value};
    }
    start_work(replay, step);
}

static void claim(struct dead_letters_replay *replay)
{
    judge_again(replay);
    if (replay->batch_count)
        write_marks(replay, CLAIMING);
    else
        batch_done(replay);
}

static void put_sent(void *arg, const struct kafka_receipt *receipt);

/* Sets its verdict, and says whether that is still REPLAY_SENT. */
static bool send_put(struct put *put)
{
    struct dead_letters_replay *replay = put->replay;
    struct dead_letter_item item;
    struct delivery_decoded delivery;
    struct delivery_encoded encoded;
    struct error error = ERROR_INIT;
    int32_t partition;
    put->verdict = judge_record(replay, put->record, &item, &delivery, &partition);
    if (put->verdict != REPLAY_SENT)
        return false;
    delivery_encode(&delivery.delivery, &encoded);
    char *topic = topic_deliveries(replay->options.topics, delivery.tenant);
    encoded.record.topic = topic;
    encoded.record.partition = partition;
    if (!kafka_producer_send(replay->producer, &encoded.record, true, put_sent, put, &error))
        put->verdict = REPLAY_REFUSED;
    free(topic);
    return put->verdict == REPLAY_SENT;
}

static void put_over(struct dead_letters_replay *replay)
{
    if (--replay->outstanding == 0 && replay->step == SENDING)
        write_marks(replay, MARKING);
}

static void put_sent(void *arg, const struct kafka_receipt *receipt)
{
    struct put *put = arg;
    struct dead_letters_replay *replay = put->replay;
    if (replay->step == OVER)
        return;
    if (receipt->error && receipt->error->kind == ERROR_PERMANENT)
        put->verdict = REPLAY_REFUSED;
    else if (receipt->error && send_put(put))
        return;
    went_on(replay);
    put_over(replay);
}

static void send_batch(struct dead_letters_replay *replay)
{
    replay->step = SENDING;
    replay->outstanding = replay->batch_count + 1;
    for (size_t i = 0; i < replay->batch_count; i++)
        if (!send_put(&replay->batch[i]))
            replay->outstanding--;
    put_over(replay);
}

static void batch_done(struct dead_letters_replay *replay)
{
    int64_t rate = replay->options.per_second;
    for (size_t i = 0; i < replay->batch_count; i++)
        count(replay, replay->batch[i].verdict, replay->batch[i].reason);
    if (rate > 0)
        replay->batch_at = mono_add_ms(mono_now(), (int64_t)replay->batch_count * 1000 / rate);
    clear_batch(replay);
    replay->step = SCANNING;
    next(replay);
    if (replay->step == SCANNING && replay->scan)
        dead_letters_scan_go(replay->scan);
}

/* --- The scan ---------------------------------------------------------------------------------------------- */

static int64_t batch_max(const struct dead_letters_replay *replay)
{
    int64_t max = BATCH_MAX, rate = replay->options.per_second;
    if (rate > 0 && rate / 5 < max) /* five of them in a second */
        max = rate / 5 > 0 ? rate / 5 : 1;
    return max;
}

static int64_t sent_or_about_to(const struct dead_letters_replay *replay)
{
    return replay->figures.verdicts[REPLAY_SENT] + (int64_t)replay->batch_count;
}

static bool limit_reached(const struct dead_letters_replay *replay)
{
    return replay->options.limit > 0 && sent_or_about_to(replay) >= replay->options.limit;
}

static bool batch_full(const struct dead_letters_replay *replay)
{
    return (int64_t)replay->batch_count >= batch_max(replay) ||
           replay->batch_bytes >= BATCH_BYTES_MAX;
}

static void add(struct dead_letters_replay *replay, const struct dead_letter_item *item)
{
    struct put *put = &replay->batch[replay->batch_count++];
    *put = (struct put){
        .replay = replay, .record = record_copy(item->record), .reason = item->letter.reason};
    replay->batch_bytes += (int64_t)record_size(item->record);
}

static enum kafka_intake on_letter(void *arg, const struct record *record)
{
    struct dead_letters_replay *replay = arg;
    struct dead_letter_item item;
    struct delivery_decoded delivery;
    struct error error = ERROR_INIT;
    int32_t partition;
    if (replay->step != SCANNING || batch_full(replay) || limit_reached(replay))
        return KAFKA_HOLD;
    if (!dead_letter_item_read(record, &item, &error) ||
        !dead_letter_filter_matches(&replay->options.filter, &item))
        return KAFKA_TAKEN;
    enum replay_verdict verdict = judge(replay, &item, &delivery, &partition);
    if (verdict != REPLAY_SENT || replay->options.dry_run)
        count(replay, verdict, item.letter.reason);
    else
        add(replay, &item);
    return KAFKA_TAKEN;
}

static void on_scanned(void *arg)
{
    struct dead_letters_replay *replay = arg;
    replay->scan_over = true;
    loop_timer_start(replay->soon, 0, 0);
}

static void start_scan(struct dead_letters_replay *replay)
{
    static const struct dead_letters_scan_callbacks callbacks = {on_letter, on_scanned};
    replay->step = SCANNING;
    replay->scan = dead_letters_scan_new(replay->loop, replay->options.kafka, replay->letters_topic,
        &replay->extents, false, &callbacks, replay);
    replay->figures.total = dead_letters_scan_total(replay->scan);
}

/* --- Steps -------------------------------------------------------------------------------------------------- */

static void begin(struct dead_letters_replay *replay)
{
    static const struct kafka_producer_options options = {
        .linger_ms = 5, .max_outstanding = 4 * BATCH_MAX, .max_outstanding_bytes = 67108864};
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

static void next(struct dead_letters_replay *replay)
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
            claim(replay);
        else if (replay->resume == MARKING)
            write_marks(replay, MARKING);
        else
            start_scan(replay);
        return;
    case SCANNING:
        if (wants_batch(replay))
            claim(replay);
        else if (replay->stopping ||
                 ((replay->scan_over || limit_reached(replay)) && replay->batch_count == 0))
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
        next(replay);
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
            went_on(replay);
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
        next(replay);
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
    replay->batch = mem_array(NULL, BATCH_MAX, sizeof *replay->batch);
    replay->figures.total = replay->figures.read = -1;
    replay->tick = loop_timer_new(loop, tick, replay);
    name_run(replay);
    went_on(replay);
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
    clear_batch(replay);
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
