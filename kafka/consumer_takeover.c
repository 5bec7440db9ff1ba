/* SPDX-License-Identifier: Apache-2.0 */
/* How a fenced consumer takes partitions over: what the owner before committed is read, and committed
 * again with an epoch that is one higher. Only then is the partition ours, and known to the role.
 *
 * The assignment itself is answered at once, and the library reads the committed offset for itself.
 * That it starts where we think it does needs no more: between the two readings nobody but us may
 * commit, since the generation of who had the partition before is over, and we commit the same offset.
 * (To answer late, with explicit offsets, was rejected: until it is answered 2.0.2 holds back every
 * other event of the group, the revocation that would make the answer wrong among them. And where
 * nothing was committed, the library resets to the beginning as our commit does.) Should it start
 * elsewhere after all, kafka_takeover_first() sees it. */
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "kafka/commit_note.h"
#include "kafka/consumer_internal.h"

#define JOB_DEADLINE_MS 5000
#define RETRY_MS        300

/* One partition that a worker asks about. Of the handle it touches only what never changes. */
struct look {
    struct kafka_partition *partition; /* a reference */
    bool take_over;                    /* else only `low` is wanted */
    bool failed;
    int64_t start, epoch; /* as committed; start is the low watermark where nothing is */
    int64_t low;
    struct ranges done;
};

struct takeover_job {
    struct kafka_consumer *consumer; /* NULL once it was freed */
    rd_kafka_t *client;
    struct look *looks;
    size_t count;
    struct mono_time end;
};

/* --- In the worker -------------------------------------------------------------------------- */

static int remaining_ms(const struct takeover_job *job)
{
    int64_t ms = mono_diff_ms(job->end, mono_now());
    return ms > 1 ? (int)ms : 1;
}

static rd_kafka_topic_partition_t *add_look(
    rd_kafka_topic_partition_list_t *list, const struct look *look)
{
    return rd_kafka_topic_partition_list_add(list, look->partition->topic, look->partition->number);
}

static const rd_kafka_topic_partition_t *find_look(
    const rd_kafka_topic_partition_list_t *list, const struct look *look)
{
    return rd_kafka_topic_partition_list_find(
        list, look->partition->topic, look->partition->number);
}

/* Committed offsets and what stands beside them. */
static void read_committed(struct takeover_job *job)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)job->count);
    for (size_t i = 0; i < job->count; i++)
        if (job->looks[i].take_over)
            add_look(list, &job->looks[i]);
    bool failed = list->cnt > 0 && rd_kafka_committed(job->client, list, remaining_ms(job)) != 0;
    for (size_t i = 0; i < job->count; i++) {
        struct look *look = &job->looks[i];
        if (!look->take_over)
            continue;
        const rd_kafka_topic_partition_t *item = find_look(list, look);
        look->failed = failed || item->err;
        look->start = item->offset;
        if (!look->failed && look->start >= 0)
            commit_note_parse(
                item->metadata, item->metadata_size, look->start, &look->epoch, &look->done);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* Asks for the first or the next offset of each partition, in place; negative where it can't be had.
 * Not by rd_kafka_query_watermark_offsets(), which waits for the socket's time-out and not for ours. */
static void query(
    const struct takeover_job *job, rd_kafka_topic_partition_list_t *list, int64_t what)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = what;
    if (list->cnt == 0 || !rd_kafka_offsets_for_times(job->client, list, remaining_ms(job)) ||
        list->cnt == 1)
        return;
    /* One that has no leader fails them all. */
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *item = &list->elems[i];
        rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(one, item->topic, item->partition)->offset = what;
        bool failed = mono_before(job->end, mono_now()) ||
                      rd_kafka_offsets_for_times(job->client, one, remaining_ms(job)) != 0;
        item->offset = failed || one->elems[0].err ? -1 : one->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(one);
    }
}

static bool wants_low(const struct look *look)
{
    return !look->failed && (!look->take_over || look->start < 0);
}

static void read_lows(struct takeover_job *job)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)job->count);
    for (size_t i = 0; i < job->count; i++)
        if (wants_low(&job->looks[i]))
            add_look(list, &job->looks[i]);
    query(job, list, RD_KAFKA_OFFSET_BEGINNING);
    for (size_t i = 0; i < job->count; i++) {
        struct look *look = &job->looks[i];
        if (!wants_low(look))
            continue;
        const rd_kafka_topic_partition_t *item = find_look(list, look);
        look->low = item->offset;
        look->failed = item->err || item->offset < 0;
        if (look->take_over)
            look->start = look->low;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* Ranges beyond the end of the partition are of records that are lost (an unclean election), or no
 * ranges of ours: others come to these offsets, and must not be taken for done. */
static void check_ranges(struct takeover_job *job)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)job->count);
    for (size_t i = 0; i < job->count; i++)
        if (!job->looks[i].failed && job->looks[i].done.count)
            add_look(list, &job->looks[i]);
    query(job, list, RD_KAFKA_OFFSET_END);
    for (size_t i = 0; i < job->count; i++) {
        struct look *look = &job->looks[i];
        if (look->failed || !look->done.count)
            continue;
        const rd_kafka_topic_partition_t *item = find_look(list, look);
        look->failed = item->err || item->offset < 0;
        if (!look->failed && look->done.items[look->done.count - 1].to > item->offset)
            ranges_release(&look->done);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void job_work(void *arg)
{
    struct takeover_job *job = arg;
    read_committed(job);
    read_lows(job);
    check_ranges(job);
}

/* --- On the loop ---------------------------------------------------------------------------- */

static void job_free(struct takeover_job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        ranges_release(&job->looks[i].done);
        kafka_partition_unref(job->looks[i].partition);
    }
    free(job->looks);
    free(job);
}

static void again(struct kafka_partition *partition)
{
    partition->takeover = TAKEOVER_TO_READ;
    partition->retry_at = mono_add_ms(mono_now(), RETRY_MS);
}

static int64_t next_epoch(int64_t committed, int64_t least)
{
    int64_t last = committed > least ? committed : least;
    return last < COMMIT_NOTE_EPOCH_MAX ? last + 1 : COMMIT_NOTE_EPOCH_MAX;
}

static void loaded(struct kafka_partition *partition, struct look *look)
{
    if (look->failed) {
        again(partition);
        return;
    }
    partition->takeover = TAKEOVER_TO_COMMIT;
    partition->start = partition->position = look->start;
    partition->epoch = next_epoch(look->epoch, partition->least_epoch);
    ranges_release(&partition->loaded);
    partition->loaded = look->done;
    look->done = (struct ranges)RANGES_INIT;
    watermark_start(&partition->mark, look->start);
}

/* How many of the offsets from the start on, below `low` and below the first record that we got, had
 * not been done. */
static int64_t count_overtaken(const struct kafka_partition *partition, int64_t low)
{
    int64_t end = low < partition->first ? low : partition->first;
    int64_t count = end > partition->start ? end - partition->start : 0;
    for (size_t i = 0; i < partition->loaded.count; i++) { /* none begins below the start */
        struct range item = partition->loaded.items[i];
        if (item.from < end)
            count -= (item.to < end ? item.to : end) - item.from;
    }
    return count;
}

static void low_is_known(struct kafka_partition *partition, const struct look *look)
{
    struct kafka_consumer *consumer = partition->consumer;
    if (look->failed) {
        partition->overtaken = OVERTAKEN_TO_ASK;
        partition->retry_at = mono_add_ms(mono_now(), RETRY_MS);
        return;
    }
    partition->overtaken = OVERTAKEN_KNOWN;
    int64_t records = count_overtaken(partition, look->low);
    if (records == 0)
        return; /* what is missing was compacted, or was no record */
    metric_add(&kafka_records_overtaken, 0, (double)records);
    if (consumer->callbacks.overtaken)
        consumer->callbacks.overtaken(consumer->arg, partition, records);
}

static void job_done(void *arg)
{
    struct takeover_job *job = arg;
    struct kafka_consumer *consumer = job->consumer;
    if (!consumer) {
        job_free(job);
        return;
    }
    consumer->job = NULL;
    for (size_t i = 0; i < job->count; i++) {
        struct look *look = &job->looks[i];
        struct kafka_partition *partition = look->partition;
        if (!partition->consumer || !partition->active)
            continue;
        if (look->take_over)
            loaded(partition, look);
        else
            low_is_known(partition, look);
    }
    job_free(job);
    kafka_takeover_step(consumer);
    loop_wakeup_send(consumer->wakeup); /* a close may have waited */
}

static bool wants_look(const struct kafka_partition *partition)
{
    return partition->active &&
           (partition->takeover == TAKEOVER_TO_READ || partition->overtaken == OVERTAKEN_TO_ASK);
}

static void begin_job(struct kafka_consumer *consumer)
{
    struct mono_time now = mono_now();
    struct takeover_job *job = mem_zalloc(sizeof *job);
    job->looks = mem_array(NULL, consumer->partition_count + 1, sizeof *job->looks);
    for (size_t i = 0; i < consumer->partition_count; i++) {
        struct kafka_partition *partition = consumer->partitions[i];
        if (!wants_look(partition))
            continue;
        if (mono_before(now, partition->retry_at)) {
            kafka_takeover_retry_later(consumer);
            continue;
        }
        bool take_over = partition->takeover == TAKEOVER_TO_READ;
        if (take_over)
            partition->takeover = TAKEOVER_READING;
        else
            partition->overtaken = OVERTAKEN_ASKING;
        job->looks[job->count++] = (struct look){
            .partition = kafka_partition_ref(partition), .take_over = take_over, .start = -1};
    }
    if (!job->count) {
        job_free(job);
        return;
    }
    job->consumer = consumer;
    job->client = consumer->client;
    job->end = mono_add_ms(now, JOB_DEADLINE_MS);
    consumer->job = job;
    loop_work(consumer->loop, job_work, job_done, job);
}

void kafka_takeover_step(struct kafka_consumer *consumer)
{
    bool look = false, commit = false;
    if (!consumer->fenced || consumer->closing)
        return;
    for (size_t i = 0; i < consumer->partition_count; i++) {
        look |= wants_look(consumer->partitions[i]);
        commit |= consumer->partitions[i]->takeover == TAKEOVER_TO_COMMIT;
    }
    if (look && !consumer->job)
        begin_job(consumer);
    /* Not during a revocation: the commit could cost us the rest of the assignment (2.0.2). */
    if (commit && !consumer->commit_running && consumer->rebalance == REBALANCE_NONE)
        kafka_consumer_commit_begin(consumer, false);
}

void kafka_takeover_retry_later(struct kafka_consumer *consumer)
{
    loop_timer_start(consumer->retry_timer, RETRY_MS, 0);
}

void kafka_takeover_retry(void *arg)
{
    struct kafka_consumer *consumer = arg;
    kafka_takeover_step(consumer);
    kafka_confirm_step(consumer);
}

void kafka_takeover_commit_answered(struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i]->takeover == TAKEOVER_COMMITTING)
            again(consumer->partitions[i]);
}

static struct kafka_partition *next_to_tell(const struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->partition_count; i++) {
        struct kafka_partition *partition = consumer->partitions[i];
        if (partition->takeover == TAKEOVER_OWNED && partition->to_tell && partition->active)
            return partition;
    }
    return NULL;
}

void kafka_takeover_tell(struct kafka_consumer *consumer)
{
    struct kafka_partition *partition;
    while ((partition = next_to_tell(consumer))) { /* what is told may change the list */
        partition->to_tell = false;
        partition->told = true;
        log_info("partition taken over", LOG_STR("consumer", consumer->name),
            LOG_STR("topic", partition->topic), LOG_INT("partition", partition->number),
            LOG_INT("offset", partition->start), LOG_INT("epoch", partition->epoch));
        if (consumer->callbacks.assigned)
            consumer->callbacks.assigned(consumer->arg, partition);
    }
}

void kafka_takeover_first(struct kafka_partition *partition, int64_t offset)
{
    struct kafka_consumer *consumer = partition->consumer;
    partition->first = offset;
    if (offset > partition->start) {
        partition->overtaken = OVERTAKEN_TO_ASK;
        kafka_takeover_step(consumer);
    } else if (offset < partition->start) {
        /* What was committed lies beyond the end: records were lost, and the library began anew. What
         * comes now at these offsets is not what was done. */
        log_warn("records lie below the committed offset: read from their beginning",
            LOG_STR("consumer", consumer->name), LOG_STR("topic", partition->topic),
            LOG_INT("partition", partition->number), LOG_INT("committed", partition->start),
            LOG_INT("offset", offset));
        ranges_release(&partition->loaded);
        watermark_start(&partition->mark, offset);
        partition->position = offset;
    }
}

bool kafka_takeover_abandon(struct kafka_consumer *consumer)
{
    if (!consumer->job)
        return false;
    consumer->job->consumer = NULL;
    consumer->job = NULL;
    return true;
}

/* --- What a fenced consumer's role asks and says -------------------------------------------- */

void kafka_partition_start(struct kafka_partition *partition)
{
    if (partition->takeover != TAKEOVER_OWNED)
        return; /* it is being taken over anew */
    partition->started = true;
    if (partition->consumer)
        loop_wakeup_send(partition->consumer->wakeup);
}

void kafka_partition_retake(struct kafka_partition *partition, int64_t seen)
{
    bug_on(partition->started);
    if (!partition->active || partition->takeover != TAKEOVER_OWNED)
        return;
    partition->epoch = 0; /* whoever still goes by the old one must not */
    partition->least_epoch = seen;
    partition->to_tell = true;
    partition->takeover = TAKEOVER_TO_READ;
    kafka_takeover_step(partition->consumer);
}

int64_t kafka_partition_epoch(const struct kafka_partition *partition)
{
    return partition->epoch;
}

int64_t kafka_partition_position(const struct kafka_partition *partition)
{
    return partition->position;
}

bool kafka_partition_was_done(const struct kafka_partition *partition, int64_t offset)
{
    return ranges_contain(&partition->loaded, offset);
}

const struct ranges *kafka_partition_done_before(const struct kafka_partition *partition)
{
    return &partition->loaded;
}

void kafka_partition_tag(struct kafka_partition *partition, uint32_t tag)
{
    /* The record that is being offered is the last that was taken. */
    watermark_tag(&partition->mark, partition->mark.next - 1, tag);
}

void kafka_partition_covered(struct kafka_partition *partition, int64_t offset)
{
    if (partition->consumer)
        watermark_cover(&partition->mark, offset);
}

struct each {
    void (*fn)(void *arg, int64_t offset, uint32_t tag, bool done);
    void *arg;
    int64_t held; /* -1 = none */
};

static void each_taken(void *arg, int64_t offset, uint32_t tag, bool done)
{
    const struct each *each = arg;
    if (offset != each->held)
        each->fn(each->arg, offset, tag, done);
}

void kafka_partition_each(const struct kafka_partition *partition, int64_t from,
    void (*fn)(void *arg, int64_t offset, uint32_t tag, bool done), void *arg)
{
    struct each each = {fn, arg, partition->held ? partition->held->offset : -1};
    watermark_each(&partition->mark, from, each_taken, &each);
}
