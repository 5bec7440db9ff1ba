/* SPDX-License-Identifier: Apache-2.0 */
/* Follows all partitions of the results topic. */
#include "console/attempts_reader.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "kafka/extents.h"
#include "kafka/seeker.h"

#define LOOKUP_TIMEOUT_MS 10000
#define LOOK_AGAIN_MS     3000  /* after one that found nothing, or not everything */
#define LOOK_ANEW_MS      45000 /* for partitions that were added */
#define LOG_INTERVAL_MS   60000
#define FETCH_BYTES       262144
#define RECENT_MIN        100 /* of each partition */

struct followed {
    struct attempts_reader *reader;
    struct kafka_seek *seek; /* NULL = not begun */
    int64_t target;          /* where it ended when it was found */
    bool behind;             /* it has not been read up to there */
};

/* One look at the topic, by a worker; outlives the reader if need be. */
struct lookup {
    struct attempts_reader *reader; /* NULL: gone */
    struct kafka_options kafka;
    char *topic;
    struct kafka_extents extents;
    struct error error;
};

struct attempts_reader {
    struct loop *loop;
    struct kafka_options kafka; /* borrowed texts */
    char *topic;
    int64_t recent;
    struct attempts_reader_callbacks callbacks;
    void *arg;
    struct kafka_seeker *seeker;
    struct followed **partitions; /* by number */
    size_t count, behind;
    bool loaded;
    struct loop_timer *timer; /* for the next look */
    struct lookup *lookup;    /* NULL = none under way */
    struct log_limit trouble_limit;
};

/* --- Records --------------------------------------------------------------------------------- */

static void check_loaded(struct attempts_reader *reader)
{
    if (reader->loaded || reader->behind > 0)
        return;
    reader->loaded = true;
    reader->callbacks.loaded(reader->arg);
}

/* Told by the offset, as the end is not told while there is always more. */
static void read_up_to(struct followed *followed, int64_t offset)
{
    if (!followed->behind || offset < followed->target)
        return;
    followed->behind = false;
    followed->reader->behind--;
    check_loaded(followed->reader);
}

static enum kafka_intake on_record(void *arg, const struct record *record)
{
    struct followed *followed = arg;
    followed->reader->callbacks.record(followed->reader->arg, record);
    read_up_to(followed, record->offset + 1);
    return KAFKA_TAKEN;
}

/* Of records that are lost, it has what there is. */
static void on_end(void *arg, int64_t offset)
{
    (void)offset;
    struct followed *followed = arg;
    read_up_to(followed, followed->target);
}

/* --- Partitions ------------------------------------------------------------------------------ */

static struct followed *add_partition(struct attempts_reader *reader)
{
    struct followed *followed = mem_zalloc(sizeof *followed);
    followed->reader = reader;
    reader->partitions =
        mem_array(reader->partitions, reader->count + 1, sizeof(struct followed *));
    reader->partitions[reader->count++] = followed;
    return followed;
}

static int64_t start_offset(const struct kafka_extent *extent, int64_t recent)
{
    int64_t offset = extent->end - recent;
    return offset > extent->first ? offset : extent->first;
}

static void begin(
    struct followed *followed, int32_t partition, const struct kafka_extent *extent, int64_t recent)
{
    static const struct kafka_seek_callbacks callbacks = {.record = on_record, .end = on_end};
    struct attempts_reader *reader = followed->reader;
    followed->target = extent->end;
    followed->behind = extent->first < extent->end;
    reader->behind += followed->behind;
    followed->seek = kafka_seek_new(reader->seeker, reader->topic, partition, &callbacks, followed);
    kafka_seek_to(followed->seek, start_offset(extent, recent));
}

/* False if there are some that can't be read yet. */
static bool follow(struct attempts_reader *reader, const struct kafka_extents *extents)
{
    bool all = true;
    int64_t recent = reader->recent / (int64_t)extents->count;
    if (recent < RECENT_MIN)
        recent = RECENT_MIN;
    for (size_t i = 0; i < extents->count; i++) {
        struct followed *followed =
            i < reader->count ? reader->partitions[i] : add_partition(reader);
        if (followed->seek)
            continue;
        if (extents->partitions[i].first >= 0)
            begin(followed, (int32_t)i, &extents->partitions[i], recent);
        else
            all = false;
    }
    return all;
}

/* --- Looking --------------------------------------------------------------------------------- */

static void lookup_free(struct lookup *lookup)
{
    kafka_extents_release(&lookup->extents);
    free(lookup->topic);
    free(lookup);
}

static void lookup_work(void *arg)
{
    struct lookup *lookup = arg;
    if (!kafka_extents_read(
            &lookup->kafka, lookup->topic, LOOKUP_TIMEOUT_MS, &lookup->extents, &lookup->error))
        lookup->extents = (struct kafka_extents){NULL, 0};
}

static void trouble(struct attempts_reader *reader, const struct error *error)
{
    if (log_limit_pass(&reader->trouble_limit, LOG_INTERVAL_MS, NULL))
        log_warn("results cannot be read, trying again", LOG_ERR(error));
}

static void lookup_done(void *arg)
{
    struct lookup *lookup = arg;
    struct attempts_reader *reader = lookup->reader;
    bool all = false;
    if (reader) {
        reader->lookup = NULL;
        if (lookup->extents.count > 0) {
            all = follow(reader, &lookup->extents);
            check_loaded(reader);
        } else {
            trouble(reader, &lookup->error);
        }
        loop_timer_start(reader->timer, all ? LOOK_ANEW_MS : LOOK_AGAIN_MS, 0);
    }
    lookup_free(lookup);
}

static void look(void *arg)
{
    struct attempts_reader *reader = arg;
    struct lookup *lookup = mem_zalloc(sizeof *lookup);
    lookup->reader = reader;
    lookup->kafka = reader->kafka;
    lookup->topic = mem_strdup(reader->topic);
    reader->lookup = lookup;
    loop_work(reader->loop, lookup_work, lookup_done, lookup);
}

struct attempts_reader *attempts_reader_new(struct loop *loop, const struct kafka_options *kafka,
    const char *topic, int64_t recent, const struct attempts_reader_callbacks *callbacks, void *arg)
{
    static const struct kafka_seeker_options options = {.fetch_partition_bytes = FETCH_BYTES};
    struct attempts_reader *reader = mem_zalloc(sizeof *reader);
    reader->loop = loop;
    reader->kafka = *kafka;
    reader->topic = mem_strdup(topic);
    reader->recent = recent;
    reader->callbacks = *callbacks;
    reader->arg = arg;
    reader->seeker = kafka_seeker_new(loop, kafka, &options);
    reader->timer = loop_timer_new(loop, look, reader);
    loop_timer_start(reader->timer, 0, 0);
    return reader;
}

void attempts_reader_free(struct attempts_reader *reader)
{
    if (!reader)
        return;
    if (reader->lookup)
        reader->lookup->reader = NULL;
    for (size_t i = 0; i < reader->count; i++) {
        kafka_seek_free(reader->partitions[i]->seek);
        free(reader->partitions[i]);
    }
    free(reader->partitions);
    kafka_seeker_free(reader->seeker);
    loop_timer_free(reader->timer);
    free(reader->topic);
    free(reader);
}
