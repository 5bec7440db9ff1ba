/* SPDX-License-Identifier: Apache-2.0 */
/* kafka/reader.h and kafka/seeker.h over the vectors. */
#include "kafka/reader.h"

#include <stdlib.h>

#include "common/memory.h"
#include "kafka/seeker.h"
#include "sim.h"
#include "topics.h"
#include "world.h"

#define BATCH     64
#define SKIP_MOST 1000 /* records read and dropped rather than fetched anew */

/* --- The reader -------------------------------------------------------------------------------- */

struct kafka_reader {
    struct loop *loop;
    struct sim_log *log;
    int64_t next;
    struct kafka_reader_callbacks callbacks;
    void *arg;
    struct sim_watch watch;
    struct sim_event *event;
    bool calling;
};

static void reader_turn(void *arg)
{
    struct kafka_reader *reader = arg;
    const struct record *record;
    reader->event = NULL;
    reader->calling = true;
    for (int left = BATCH; left > 0 && (record = sim_log_from(reader->log, reader->next)); left--) {
        reader->next = record->offset + 1;
        reader->callbacks.record(reader->arg, record);
    }
    bool at_end = !sim_log_from(reader->log, reader->next);
    if (at_end && reader->callbacks.end)
        reader->callbacks.end(reader->arg, reader->log->count);
    reader->calling = false;
    if (!at_end && !reader->event)
        reader->event = sim_at(reader->loop, sim_now() + sim_exp(MS), reader_turn, reader);
}

static void reader_more(void *arg)
{
    struct kafka_reader *reader = arg;
    if (!reader->event && !sim_loop_dead(reader->loop))
        reader->event = sim_at(reader->loop,
            sim_now() + sim_exp(sim_chance(0.05) ? 300 * MS : 4 * MS), reader_turn, reader);
}

struct kafka_reader *kafka_reader_new(struct loop *loop, const struct kafka_options *kafka,
    const char *topic, int32_t partition, int64_t offset,
    const struct kafka_reader_callbacks *callbacks, void *arg, struct error *error)
{
    (void)kafka, (void)error;
    struct kafka_reader *reader = mem_zalloc(sizeof *reader);
    reader->loop = loop;
    reader->log = sim_log(topic, partition);
    reader->next = offset >= 0 ? offset : offset == KAFKA_END ? reader->log->count : 0;
    reader->callbacks = *callbacks;
    reader->arg = arg;
    reader->watch = (struct sim_watch){reader_more, reader, NULL};
    sim_log_watch(reader->log, &reader->watch);
    reader_more(reader);
    return reader;
}

void kafka_reader_free(struct kafka_reader *reader)
{
    if (!reader)
        return;
    bug_on(reader->calling);
    sim_log_unwatch(reader->log, &reader->watch);
    sim_cancel(reader->event);
    free(reader);
}

/* --- The seeker -------------------------------------------------------------------------------- */

struct kafka_seeker {
    struct loop *loop;
    struct kafka_seek *seeks;
};

struct kafka_seek {
    struct kafka_seeker *seeker;
    struct sim_log *log;
    int64_t next; /* -1 = not reading */
    bool ended;   /* and the role knows it */
    bool holding; /* the record at `next` was offered, and kept */
    uint64_t moves;
    struct kafka_seek_callbacks callbacks;
    void *arg;
    struct sim_watch watch;
    struct sim_event *event;
    bool *freed; /* set while it is calling back */
    struct kafka_seek *other;
};

struct kafka_seeker *kafka_seeker_new(struct loop *loop, const struct kafka_options *kafka,
    const struct kafka_seeker_options *options)
{
    (void)kafka, (void)options;
    struct kafka_seeker *seeker = mem_zalloc(sizeof *seeker);
    seeker->loop = loop;
    return seeker;
}

void kafka_seeker_free(struct kafka_seeker *seeker)
{
    if (!seeker)
        return;
    bug_on(seeker->seeks);
    free(seeker);
}

static void seek_turn(void *arg);

static void seek_at(struct kafka_seek *seek, int64_t delay_us)
{
    if (!seek->event && seek->next >= 0 && !seek->holding && !sim_loop_dead(seek->seeker->loop))
        seek->event = sim_at(seek->seeker->loop, sim_now() + delay_us, seek_turn, seek);
}

/* One record; false where the seek is gone, goes elsewhere now, or waits. */
static bool seek_record(struct kafka_seek *seek, const struct record *record)
{
    bool freed = false;
    uint64_t moves = seek->moves;
    seek->next = record->offset + 1;
    seek->freed = &freed;
    stats.seek_reads++;
    enum kafka_intake taken = seek->callbacks.record(seek->arg, record);
    if (freed)
        return false;
    seek->freed = NULL;
    if (seek->moves != moves)
        return false;
    if (taken == KAFKA_TAKEN)
        return true;
    seek->next = record->offset;
    seek->holding = true;
    sim_say("p%d: seek of %s/%d holds %lld", sim_loop_number(seek->seeker->loop), seek->log->topic,
        (int)seek->log->number, (long long)record->offset);
    return false;
}

static void seek_turn(void *arg)
{
    struct kafka_seek *seek = arg;
    const struct record *record = NULL;
    seek->event = NULL;
    for (int64_t left = sim_between(1, BATCH); left > 0; left--) {
        record = sim_log_from(seek->log, seek->next);
        if (!record)
            break;
        seek->ended = false;
        if (!seek_record(seek, record))
            return;
    }
    if (record) {
        seek_at(seek, sim_exp(world.seek_us));
    } else if (!seek->ended) {
        seek->ended = true;
        sim_say("p%d: seek of %s/%d is at the end, %lld", sim_loop_number(seek->seeker->loop),
            seek->log->topic, (int)seek->log->number, (long long)seek->log->count);
        seek->callbacks.end(seek->arg, seek->log->count);
    }
}

static void seek_more(void *arg)
{
    seek_at(arg, sim_exp(5 * MS));
}

struct kafka_seek *kafka_seek_new(struct kafka_seeker *seeker, const char *topic, int32_t partition,
    const struct kafka_seek_callbacks *callbacks, void *arg)
{
    struct kafka_seek *seek = mem_zalloc(sizeof *seek);
    seek->seeker = seeker;
    seek->log = sim_log(topic, partition);
    seek->next = -1;
    seek->callbacks = *callbacks;
    seek->arg = arg;
    for (const struct kafka_seek *each = seeker->seeks; each; each = each->other)
        bug_on(each->log == seek->log); /* one per partition at a time */
    seek->other = seeker->seeks;
    seeker->seeks = seek;
    seek->watch = (struct sim_watch){seek_more, seek, NULL};
    sim_log_watch(seek->log, &seek->watch);
    return seek;
}

void kafka_seek_free(struct kafka_seek *seek)
{
    if (!seek)
        return;
    if (seek->freed)
        *seek->freed = true;
    struct kafka_seek **at = &seek->seeker->seeks;
    while (*at != seek)
        at = &(*at)->other;
    *at = seek->other;
    sim_log_unwatch(seek->log, &seek->watch);
    sim_cancel(seek->event);
    free(seek);
}

void kafka_seek_to(struct kafka_seek *seek, int64_t offset)
{
    bug_on(offset < 0);
    sim_say("p%d: seek of %s/%d goes to %lld", sim_loop_number(seek->seeker->loop),
        seek->log->topic, (int)seek->log->number, (long long)offset);
    /* A little ahead is met by going on; anything else is a fetch of its own. */
    bool near =
        seek->next >= 0 && !seek->ended && offset >= seek->next && offset - seek->next <= SKIP_MOST;
    if (near)
        stats.seek_skips += offset - seek->next;
    seek->moves++;
    seek->next = offset;
    seek->ended = seek->holding = false;
    sim_cancel(seek->event);
    seek->event = NULL;
    seek_at(seek, near ? sim_exp(MS / 2) : sim_exp(15 * MS));
}

void kafka_seek_stop(struct kafka_seek *seek)
{
    sim_say("p%d: seek of %s/%d stops at %lld", sim_loop_number(seek->seeker->loop),
        seek->log->topic, (int)seek->log->number, (long long)seek->next);
    seek->moves++;
    seek->next = -1;
    seek->holding = false;
    sim_cancel(seek->event);
    seek->event = NULL;
}

bool kafka_seek_reading(const struct kafka_seek *seek)
{
    return seek->next >= 0;
}
