/* SPDX-License-Identifier: Apache-2.0 */
/* The low watermark of one partition: offsets are taken in order and done in any order, and what may
 * be committed is the offset up to which everything taken is done or *covered* (remembered elsewhere).
 * Offsets that never came (control records, compaction) count as done. Pure. */
#ifndef HOOKLINE_KAFKA_WATERMARK_H
#define HOOKLINE_KAFKA_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ranges.h"

/* TAKEN → COVERED → DONE, or TAKEN → DONE; never back. */
enum watermark_state { WATERMARK_TAKEN, WATERMARK_COVERED, WATERMARK_DONE };

struct watermark_entry {
    int64_t offset;
    uint32_t tag; /* whatever the owner said of it; 0 at first */
    enum watermark_state state;
};

/* A ring of what is taken and above the low watermark. */
struct watermark {
    struct watermark_entry *entries;
    size_t cap, first, count;
    int64_t next; /* one above the highest offset taken, or where it starts; -1 = neither yet */
};

void watermark_init(struct watermark *mark);
void watermark_release(struct watermark *mark);
/* Forgets all, and has the low watermark at `offset`: nothing below it is taken. */
void watermark_start(struct watermark *mark, int64_t offset);
/* Takes an offset, which must be above all taken before (else false, and nothing changes). */
bool watermark_take(struct watermark *mark, int64_t offset);
/* An offset that was taken is done. Unknown ones, those done already, and those that the low watermark
 * has passed change nothing: false. */
bool watermark_done(struct watermark *mark, int64_t offset);
/* An offset that was taken and is not done may be passed; else nothing changes: false. */
bool watermark_cover(struct watermark *mark, int64_t offset);
void watermark_tag(struct watermark *mark, int64_t offset, uint32_t tag);
/* The offset to commit: the lowest that is taken and neither done nor covered, or one above the
 * highest taken; -1 as long as nothing was taken. Never falls. */
int64_t watermark_low(const struct watermark *mark);
/* Adds what is done above the low watermark; what never came between two that are done is part of the
 * run. */
void watermark_ranges(const struct watermark *mark, struct ranges *out);
/* Calls `fn` for each offset from `from` on that is taken and above the low watermark, ascending. It
 * must not change the watermark. */
void watermark_each(const struct watermark *mark, int64_t from,
    void (*fn)(void *arg, int64_t offset, uint32_t tag, bool done), void *arg);

#endif
