/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a stream of bytes. */
#include "commands/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"

#define READ_BYTES 65536

/* The line is whole: what was kept of it, and these bytes. */
static bool end_line(struct lines *lines, const char *data, size_t len)
{
    size_t total = lines->skipped + lines->rest.len + len;
    bool too_long = total > lines->max_bytes, go_on = true;

    lines->number++;
    if (too_long) {
        go_on = lines->line(lines->arg, lines->number, NULL, total, true);
    } else if (lines->rest.len) {
        buffer_add(&lines->rest, data, len);
        go_on = lines->line(lines->arg, lines->number, lines->rest.data, total, false);
    } else if (len) {
        go_on = lines->line(lines->arg, lines->number, data, len, false);
    }
    buffer_clear(&lines->rest);
    lines->skipped = 0;
    return go_on;
}

static void keep(struct lines *lines, const char *data, size_t len)
{
    if (lines->skipped || lines->rest.len + len > lines->max_bytes) {
        lines->skipped += lines->rest.len + len;
        buffer_clear(&lines->rest);
        return;
    }
    buffer_add(&lines->rest, data, len);
}

bool lines_feed(struct lines *lines, const char *data, size_t len)
{
    while (len) {
        const char *end = memchr(data, '\n', len);
        if (!end) {
            keep(lines, data, len);
            return true;
        }
        size_t size = (size_t)(end - data);
        if (!end_line(lines, data, size))
            return false;
        data += size + 1;
        len -= size + 1;
    }
    return true;
}

bool lines_finish(struct lines *lines)
{
    return lines->rest.len || lines->skipped ? end_line(lines, "", 0) : true;
}

static ssize_t read_piece(int fd, char *piece)
{
    ssize_t n;
    do
        n = read(fd, piece, READ_BYTES);
    while (n < 0 && errno == EINTR);
    return n;
}

static bool read_all(struct lines *lines, int fd)
{
    char *piece = mem_alloc(READ_BYTES);
    bool going = true;
    ssize_t n;
    do {
        n = read_piece(fd, piece);
        if (n > 0)
            going = lines_feed(lines, piece, (size_t)n);
        else if (n == 0)
            going = lines_finish(lines);
        if (lines->idle)
            lines->idle(lines->arg);
    } while (going && n > 0);
    free(piece);
    return n >= 0;
}

const char *lines_name(const char *name)
{
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

bool lines_read(struct lines *lines, const char *name, struct error *error)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && read_all(lines, fd);
    if (!good)
        error_set(error, ERROR_CONFIG, "%s: %s", lines_name(name), strerror(errno));
    if (!standard && fd >= 0)
        close(fd);
    return good;
}

void lines_release(struct lines *lines)
{
    buffer_release(&lines->rest);
}
