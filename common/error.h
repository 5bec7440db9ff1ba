/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values: what went wrong, in a sentence, and what can be done about it. */
#ifndef HOOKLINE_COMMON_ERROR_H
#define HOOKLINE_COMMON_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* The kind answers "what now?". */
enum error_kind {
    ERROR_NONE,
    ERROR_CONFIG,    /* somebody has to change a setting, an argument or an input */
    ERROR_RETRY,     /* the same call may succeed later */
    ERROR_PERMANENT, /* the same call will never succeed */
    ERROR_BUG,       /* our own mistake */
};

struct error {
    enum error_kind kind;
    char text[496];
};

#define ERROR_INIT {ERROR_NONE, ""}

#define must_check __attribute__((warn_unused_result))

/* Fills `error` (which may be NULL) unless it is already filled: the first error wins. Is false, so
 * that a failing function can end with `return error_set(...)`; a macro so that every reader of the
 * code, the analyzer included, sees that. */
#define error_set(...)           \
    ({                           \
        error_fill(__VA_ARGS__); \
        false;                   \
    })
void error_fill(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<format>: " in front of the text, where a caller knows more than the callee. Returns false. */
bool error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool error_is_set(const struct error *error)
{
    return error->kind != ERROR_NONE;
}

/* The environment is broken (no memory, no entropy): says so on standard error, exits with 1. */
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Our own invariant is broken: says where on standard error and aborts, in release builds too. */
#define bug_on(condition)                                        \
    do {                                                         \
        if (__builtin_expect(!!(condition), 0))                  \
            bug_abort(__FILE__, __LINE__, __func__, #condition); \
    } while (0)

_Noreturn void bug_abort(const char *file, int line, const char *function, const char *condition);

#endif
