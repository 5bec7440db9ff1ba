/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on standard error, logfmt or JSON: a time, a level, a message that is always the same for
 * the same thing, and fields for what varies. Secrets and bodies never.
 *
 *     log_warn("producer cannot reach Kafka", LOG_STR("brokers", brokers), LOG_INT("queued", n));
 *
 * Roles log; libraries return errors (kafka/ also passes on what librdkafka says). */
#ifndef HOOKLINE_COMMON_LOG_H
#define HOOKLINE_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_options {
    enum log_level level;
    enum log_format format;
};

struct log_field {
    const char *name; /* NULL ends the list */
    enum { LOG_FIELD_STRING, LOG_FIELD_INT, LOG_FIELD_DOUBLE, LOG_FIELD_BOOL } type;
    const char *string; /* NULL leaves the field out */
    int64_t integer;
    double real;
};

#define LOG_STR(n, v)  ((struct log_field){.name = (n), .type = LOG_FIELD_STRING, .string = (v)})
#define LOG_INT(n, v)  ((struct log_field){.name = (n), .type = LOG_FIELD_INT, .integer = (v)})
#define LOG_DBL(n, v)  ((struct log_field){.name = (n), .type = LOG_FIELD_DOUBLE, .real = (v)})
#define LOG_BOOL(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_BOOL, .integer = (v)})
#define LOG_ERR(e)     LOG_STR("error", (e)->text)

#define log_at(level, message, ...) \
    log_write(                      \
        (level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.name = NULL}})
#define log_debug(message, ...) log_at(LOG_LEVEL_DEBUG, message __VA_OPT__(, ) __VA_ARGS__)
#define log_info(message, ...)  log_at(LOG_LEVEL_INFO, message __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(message, ...)  log_at(LOG_LEVEL_WARN, message __VA_OPT__(, ) __VA_ARGS__)
#define log_error(message, ...) log_at(LOG_LEVEL_ERROR, message __VA_OPT__(, ) __VA_ARGS__)

/* Sets level and format; may be called again. Before the first call: info, logfmt. */
void log_apply(const struct log_options *options);
/* A name that every later line carries ("role"), NULL for none. Borrowed. */
void log_set_role(const char *role);
/* Whether lines of that level are written, for whoever would have to gather the fields. Any thread. */
bool log_wanted(enum log_level level);
/* One line, one write(2). String values are cut at 2 KiB. Any thread; errno is kept. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);
const char *log_level_name(enum log_level level); /* "debug", "info", "warn", "error" */
/* How many lines of that level were written so far. Any thread. */
int64_t log_count(enum log_level level);

/* For what may repeat: true at most once per `interval_ms` and `state`; `ret_suppressed` (may be
 * NULL) gets how often it was false since. A zeroed state is ready. */
struct log_limit {
    struct mono_time next;
    int64_t suppressed;
};
bool log_limit_pass(struct log_limit *state, int64_t interval_ms, int64_t *ret_suppressed);

#endif
