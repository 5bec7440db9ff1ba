/* SPDX-License-Identifier: Apache-2.0 */
/* The dead letters that a replay puts back together: claimed, sent, and marked as sent. */
#include <stdlib.h>

#include "common/memory.h"
#include "common/metrics.h"
#include "dead_letters/replay_parts.h"

#define BATCH_BYTES_MAX (8 * 1024 * 1024)

static struct metric replayed = METRIC_COUNTER("hookline_dead_letters_replayed_total",
    "Dead letters that were put back into their tenants' delivery topics.", NULL, NULL);

void dead_letters_replay_register_metrics(void)
{
    metric_register(&replayed);
}

void replay_batch_clear(struct dead_letters_replay *replay)
{
    for (size_t i = 0; i < replay->batch_count; i++)
        free(replay->batch[i].record);
    replay->batch_count = 0;
    replay->batch_bytes = 0;
}

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
        struct replay_put *put = &replay->batch[i];
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
static void write_marks(struct dead_letters_replay *replay, enum replay_step step)
{
    size_t count = replay->batch_count;
    struct kafka_transaction_record *records = mem_array(NULL, count, sizeof *records);
    for (size_t i = 0; i < count; i++) {
        const struct replay_put *put = &replay->batch[i];
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
        records[i] = (struct kafka_transaction_record){replay_mark_key(&mark), value};
    }
    replay_write(replay, step, records, count);
}

void replay_batch_mark(struct dead_letters_replay *replay)
{
    write_marks(replay, MARKING);
}

void replay_batch_claim(struct dead_letters_replay *replay)
{
    judge_again(replay);
    if (replay->batch_count)
        write_marks(replay, CLAIMING);
    else
        replay_batch_done(replay);
}

static void put_sent(void *arg, const struct kafka_receipt *receipt);

/* Sets its verdict, and says whether that is still REPLAY_SENT. */
static bool send_put(struct replay_put *put)
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
        replay_batch_mark(replay);
}

static void put_sent(void *arg, const struct kafka_receipt *receipt)
{
    struct replay_put *put = arg;
    struct dead_letters_replay *replay = put->replay;
    if (replay->step == OVER)
        return;
    if (receipt->error && receipt->error->kind == ERROR_PERMANENT)
        put->verdict = REPLAY_REFUSED;
    else if (receipt->error && send_put(put))
        return;
    replay_went_on(replay);
    put_over(replay);
}

void replay_batch_send(struct dead_letters_replay *replay)
{
    replay->step = SENDING;
    replay->outstanding = replay->batch_count + 1;
    for (size_t i = 0; i < replay->batch_count; i++)
        if (!send_put(&replay->batch[i]))
            replay->outstanding--;
    put_over(replay);
}

void replay_batch_done(struct dead_letters_replay *replay)
{
    int64_t rate = replay->options.per_second;
    for (size_t i = 0; i < replay->batch_count; i++)
        count(replay, replay->batch[i].verdict, replay->batch[i].reason);
    if (rate > 0)
        replay->batch_at = mono_add_ms(mono_now(), (int64_t)replay->batch_count * 1000 / rate);
    replay_batch_clear(replay);
    replay->step = SCANNING;
    replay_next(replay);
    if (replay->step == SCANNING && replay->scan)
        dead_letters_scan_go(replay->scan);
}

/* --- What comes from the scan ------------------------------------------------------------------------------ */

static int64_t batch_max(const struct dead_letters_replay *replay)
{
    int64_t max = REPLAY_BATCH_MAX, rate = replay->options.per_second;
    if (rate > 0 && rate / 5 < max) /* five of them in a second */
        max = rate / 5 > 0 ? rate / 5 : 1;
    return max;
}

static int64_t sent_or_about_to(const struct dead_letters_replay *replay)
{
    return replay->figures.verdicts[REPLAY_SENT] + (int64_t)replay->batch_count;
}

bool replay_batch_limit_reached(const struct dead_letters_replay *replay)
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
    struct replay_put *put = &replay->batch[replay->batch_count++];
    *put = (struct replay_put){
        .replay = replay, .record = record_copy(item->record), .reason = item->letter.reason};
    replay->batch_bytes += (int64_t)record_size(item->record);
}

enum kafka_intake replay_batch_take(void *arg, const struct record *record)
{
    struct dead_letters_replay *replay = arg;
    struct dead_letter_item item;
    struct delivery_decoded delivery;
    struct error error = ERROR_INIT;
    int32_t partition;
    if (replay->step != SCANNING || batch_full(replay) || replay_batch_limit_reached(replay))
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
