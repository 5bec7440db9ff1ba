/* SPDX-License-Identifier: Apache-2.0 */
/* The low watermark of one partition: offsets are taken in order and done in any order, and what may
 * be committed is the offset up to which everything taken is done. Offsets that never came (control
 * records, compaction) count as done. Pure. */
#ifndef HOOKLINE_KAFKA_WATERMARK_H
#define HOOKLINE_KAFKA_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watermark_entry {
    int64_t offset;
    bool done;
};

/* A ring of what is taken and above the low watermark. */
struct watermark {
    struct watermark_entry *entries;
    size_t cap, first, count;
    int64_t next; /* one above the highest offset taken; -1 = nothing taken yet */
};

void watermark_init(struct watermark *mark);
void watermark_release(struct watermark *mark);
/* Takes an offset, which must be above all taken before (else false, and nothing changes). */
bool watermark_take(struct watermark *mark, int64_t offset);
/* An offset that was taken is done; an unknown or already done one changes nothing. */
void watermark_done(struct watermark *mark, int64_t offset);
/* The offset to commit: the lowest that is taken and not done, or one above the highest taken; -1 as
 * long as nothing was taken. Never falls. */
int64_t watermark_low(const struct watermark *mark);
/* How many are taken and not done. */
size_t watermark_pending(const struct watermark *mark);

#endif
