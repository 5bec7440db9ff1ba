/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a stream of bytes. */
#include "commands/lines.h"

#include <string.h>

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

void lines_release(struct lines *lines)
{
    buffer_release(&lines->rest);
}
