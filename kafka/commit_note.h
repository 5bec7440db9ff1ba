/* SPDX-License-Identifier: Apache-2.0 */
/* What a fenced consumer commits beside an offset, in its metadata: "hl1;<epoch>;<ranges>", the ranges
 * being what is done above the offset. Pure. */
#ifndef HOOKLINE_KAFKA_COMMIT_NOTE_H
#define HOOKLINE_KAFKA_COMMIT_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/ranges.h"

/* The highest that can be read. */
#define COMMIT_NOTE_EPOCH_MAX INT64_C(999999999999999999)

/* A broker takes 4096 bytes (offset.metadata.max.bytes) unless told otherwise. */
#define COMMIT_NOTE_BYTES 3000

/* Appends at most COMMIT_NOTE_BYTES; ranges that don't fit are left out, from the top: their records
 * will come again. */
void commit_note_print(
    int64_t epoch, const struct ranges *done, int64_t offset, struct buffer *out);
/* Reads whatever is there: epoch 0 and no ranges where it is not ours, no ranges where only those
 * cannot be read. `ret_done` must be empty. */
void commit_note_parse(
    const char *text, size_t len, int64_t offset, int64_t *ret_epoch, struct ranges *ret_done);

#endif
