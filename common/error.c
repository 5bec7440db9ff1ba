/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values, and the two ways to give up. */
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void error_fill(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (!error || error->kind != ERROR_NONE)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    error->kind = kind;
}

bool error_prefix(struct error *error, const char *format, ...)
{
    if (!error || error->kind == ERROR_NONE)
        return false;
    char text[sizeof error->text];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    /* What no longer fits is cut at the end, where the least is lost. */
    int room = (int)(sizeof text - used) - 3;
    if (room > 0)
        snprintf(text + used, sizeof text - used, ": %.*s", room, error->text);
    memcpy(error->text, text, sizeof text);
    return false;
}

void fatal(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("hookline: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void bug_abort(const char *file, int line, const char *function, const char *condition)
{
    fprintf(stderr, "hookline: bug at %s:%d in %s: %s\n", file, line, function, condition);
    abort();
}
