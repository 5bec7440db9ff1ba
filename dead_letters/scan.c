/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the dead-letter topic. */
#include "dead_letters/scan.h"

#include <stdlib.h>

#include "common/memory.h"
#include "kafka/seeker.h"

#define FETCH_BYTES 4194304

struct partition {
    struct dead_letters_scan *scan;
    struct kafka_seek *seek;
    int64_t first, next, end; /* to be read: [first, end), up to `next` it is */
    int64_t held_at;          /* the offset of a record that is held; -1 = none */
};

struct dead_letters_scan {
    struct kafka_seeker *seeker;
    struct partition *partitions;
    size_t count, behind; /* of them: not read to the end */
    bool follow;
    struct dead_letters_scan_callbacks callbacks;
    void *arg;
    struct loop_timer *begin; /* where there is nothing to read, that is told from the loop */
};

static void narrow(struct kafka_extent *extent, bool here, int64_t offset)
{
    if (here && offset >= extent->first && offset < extent->end)
        *extent = (struct kafka_extent){offset, offset + 1};
    else
        extent->end = extent->first;
}

bool dead_letters_extents(const struct kafka_options *kafka, const char *topic, int64_t since_ms,
    int64_t until_ms, int64_t partition, int64_t offset, int64_t timeout_ms,
    struct kafka_extents *ret_extents, struct error *error)
{
    if (!kafka_extents_read_between(
            kafka, topic, since_ms, until_ms, timeout_ms, ret_extents, error))
        return false;
    for (size_t i = 0; i < ret_extents->count; i++) {
        struct kafka_extent *extent = &ret_extents->partitions[i];
        if (extent->first < 0)
            return error_set(error, ERROR_RETRY,
                "topic %s: partition %zu could not be asked for its offsets", topic, i);
        if (offset >= 0)
            narrow(extent, (int64_t)i == partition, offset);
    }
    return true;
}

static void reach(struct partition *partition, int64_t offset)
{
    struct dead_letters_scan *scan = partition->scan;
    bool behind = partition->next < partition->end;
    if (offset > partition->next)
        partition->next = offset;
    if (!behind || partition->next < partition->end)
        return;
    if (!scan->follow)
        kafka_seek_stop(partition->seek);
    if (--scan->behind == 0)
        scan->callbacks.done(scan->arg);
}

static enum kafka_intake on_record(void *arg, const struct record *record)
{
    struct partition *partition = arg;
    struct dead_letters_scan *scan = partition->scan;
    if ((record->offset < partition->end || scan->follow) &&
        scan->callbacks.record(scan->arg, record) == KAFKA_HOLD) {
        partition->held_at = record->offset;
        return KAFKA_HOLD;
    }
    reach(partition, record->offset + 1);
    return KAFKA_TAKEN;
}

static void on_end(void *arg, int64_t offset)
{
    struct partition *partition = arg;
    (void)offset;
    reach(partition, partition->end);
}

static void begin(void *arg)
{
    struct dead_letters_scan *scan = arg;
    if (dead_letters_scan_total(scan) == 0)
        scan->callbacks.done(scan->arg);
}

static void open_partition(
    struct dead_letters_scan *scan, size_t i, const char *topic, const struct kafka_extent *extent)
{
    static const struct kafka_seek_callbacks callbacks = {.record = on_record, .end = on_end};
    struct partition *partition = &scan->partitions[i];
    *partition = (struct partition){scan, NULL, extent->first, extent->first, extent->end, -1};
    if (extent->first < extent->end)
        scan->behind++;
    else if (!scan->follow)
        return;
    partition->seek = kafka_seek_new(scan->seeker, topic, (int32_t)i, &callbacks, partition);
    kafka_seek_to(partition->seek, extent->first);
}

struct dead_letters_scan *dead_letters_scan_new(struct loop *loop,
    const struct kafka_options *kafka, const char *topic, const struct kafka_extents *extents,
    bool follow, const struct dead_letters_scan_callbacks *callbacks, void *arg)
{
    static const struct kafka_seeker_options options = {.fetch_partition_bytes = FETCH_BYTES};
    struct dead_letters_scan *scan = mem_zalloc(sizeof *scan);
    scan->seeker = kafka_seeker_new(loop, kafka, &options);
    scan->count = extents->count;
    scan->follow = follow;
    scan->callbacks = *callbacks;
    scan->arg = arg;
    scan->partitions = mem_array(NULL, scan->count, sizeof *scan->partitions);
    for (size_t i = 0; i < scan->count; i++)
        open_partition(scan, i, topic, &extents->partitions[i]);
    scan->begin = loop_timer_new(loop, begin, scan);
    loop_timer_start(scan->begin, 0, 0);
    return scan;
}

void dead_letters_scan_free(struct dead_letters_scan *scan)
{
    if (!scan)
        return;
    for (size_t i = 0; i < scan->count; i++)
        kafka_seek_free(scan->partitions[i].seek);
    kafka_seeker_free(scan->seeker);
    loop_timer_free(scan->begin);
    free(scan->partitions);
    free(scan);
}

void dead_letters_scan_go(struct dead_letters_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        struct partition *partition = &scan->partitions[i];
        int64_t offset = partition->held_at;
        partition->held_at = -1;
        if (offset >= 0)
            kafka_seek_to(partition->seek, offset);
    }
}

int64_t dead_letters_scan_total(const struct dead_letters_scan *scan)
{
    int64_t total = 0;
    for (size_t i = 0; i < scan->count; i++)
        total += scan->partitions[i].end - scan->partitions[i].first;
    return total;
}

int64_t dead_letters_scan_read(const struct dead_letters_scan *scan)
{
    int64_t read = 0;
    for (size_t i = 0; i < scan->count; i++)
        read += scan->partitions[i].next - scan->partitions[i].first;
    return read;
}
