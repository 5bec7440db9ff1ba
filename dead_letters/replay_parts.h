/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a replay share. */
#ifndef HOOKLINE_DEAD_LETTERS_REPLAY_PARTS_H
#define HOOKLINE_DEAD_LETTERS_REPLAY_PARTS_H

#include "dead_letters/replay.h"
#include "dead_letters/replay_mark.h"
#include "dead_letters/scan.h"
#include "kafka/extents.h"
#include "kafka/producer.h"
#include "kafka/reader.h"
#include "kafka/transaction.h"

#define REPLAY_BATCH_MAX 500

/* Their order stands in replay.c. */
enum replay_step {
    OPENING,
    MARKS,
    TAKING_OVER,
    CATCHING_UP,
    SCANNING,
    CLAIMING,
    SENDING,
    MARKING,
    OVER
};

/* A letter of the batch. */
struct replay_put {
    struct dead_letters_replay *replay;
    struct record *record; /* owned: a copy of the dead letter */
    int64_t reason;
    enum replay_verdict verdict; /* REPLAY_SENT, until something comes between */
};

/* What a worker does, who alone has the transaction meanwhile. */
struct replay_work {
    enum replay_step step;
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
    enum replay_step step;
    enum replay_step resume; /* after CATCHING_UP: CLAIMING, MARKING or SCANNING */
    struct replay_work work;
    struct kafka_extents extents;
    struct kafka_transaction *transaction; /* NULL after a failure */
    struct kafka_reader *reader;           /* of the marks */
    struct replay_marks *marks;
    int64_t marks_read; /* one above the last that was read */
    int64_t horizon;    /* the same, to be read before anything is decided */
    bool marks_ended;
    struct dead_letters_scan *scan;
    bool scan_over;
    struct kafka_producer *producer;
    struct replay_put *batch;
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

/* --- replay.c: the steps --- */

/* Looks what is to be done next. */
void replay_next(struct dead_letters_replay *replay);
/* Goes to `step`, CLAIMING or MARKING, which a worker does: it writes `records`, which it owns from here on. */
void replay_write(struct dead_letters_replay *replay, enum replay_step step,
    struct kafka_transaction_record *records, size_t count);
/* So that it is not given up for having stood still. */
void replay_went_on(struct dead_letters_replay *replay);

/* --- replay_batch.c: what is put back together --- */

/* The scan's callback: takes a letter for the batch, or counts it. */
enum kafka_intake replay_batch_take(void *arg, const struct record *record);
/* No more is wanted. */
bool replay_batch_limit_reached(const struct dead_letters_replay *replay);
/* In this order: writes that it is ours, sends it, writes that it is sent, and counts it. */
void replay_batch_claim(struct dead_letters_replay *replay);
void replay_batch_send(struct dead_letters_replay *replay);
void replay_batch_mark(struct dead_letters_replay *replay);
void replay_batch_done(struct dead_letters_replay *replay);
void replay_batch_clear(struct dead_letters_replay *replay);

#endif
