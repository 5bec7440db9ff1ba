/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata of a fenced consumer's commits. */
#include "kafka/commit_note.h"

#include <inttypes.h>
#include <string.h>

#define MARK         "hl1;"
#define EPOCH_DIGITS 18

void commit_note_print(int64_t epoch, const struct ranges *done, int64_t offset, struct buffer *out)
{
    size_t before = out->len;
    buffer_printf(out, MARK "%" PRId64 ";", epoch);
    ranges_print(done, offset, COMMIT_NOTE_BYTES - (out->len - before), out);
}

void commit_note_parse(
    const char *text, size_t len, int64_t offset, int64_t *ret_epoch, struct ranges *ret_done)
{
    size_t at = strlen(MARK), first = at;
    int64_t epoch = 0;
    *ret_epoch = 0;
    if (len < at || memcmp(text, MARK, at) != 0)
        return;
    for (; at < len && at - first < EPOCH_DIGITS && text[at] >= '0' && text[at] <= '9'; at++)
        epoch = 10 * epoch + (text[at] - '0');
    if (at == first || at == len || text[at] != ';')
        return;
    *ret_epoch = epoch;
    /* Ranges that cannot be read are none, and what they held is delivered once more. */
    if (!ranges_parse(ret_done, offset, text + at + 1, len - at - 1))
        ranges_release(ret_done);
}
