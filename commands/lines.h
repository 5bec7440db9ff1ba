/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a stream of bytes that comes in pieces. Pure. */
#ifndef HOOKLINE_COMMANDS_LINES_H
#define HOOKLINE_COMMANDS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

struct lines {
    size_t max_bytes; /* of a line, without its LF */
    /* Called for each line, without its LF and otherwise as it is (a CR before the LF stays); empty
     * ones are left out. `too_long`: the line had more than max_bytes and `len` is what there was
     * of it; no data. Returning false ends the feeding. */
    bool (*line)(void *arg, int64_t number, const char *data, size_t len, bool too_long);
    /* NULL, or called whenever there is nothing more to read for now. */
    void (*idle)(void *arg);
    void *arg;
    /* Private: zero them. */
    struct buffer rest; /* the beginning of a line whose end is yet to come */
    size_t skipped;     /* bytes of a line that is too long */
    int64_t number;
};

/* Takes the next piece. False when `line` said so. */
bool lines_feed(struct lines *lines, const char *data, size_t len);
/* The stream has ended: the last line need not have an LF. False when `line` said so. */
bool lines_finish(struct lines *lines);
/* Feeds all of file `name`, "-" being standard input, as it comes, and finishes. False (ERROR_CONFIG, with the
 * name) if it cannot be read. */
must_check bool lines_read(struct lines *lines, const char *name, struct error *error);
/* "standard input" for "-". */
const char *lines_name(const char *name);
void lines_release(struct lines *lines);

#endif
