/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on standard error. */
#include "common/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/json_text.h"
#include "common/text.h"

/* What an outsider sent can be in a field: no line grows without bound. */
#define VALUE_MAX 2048

static _Atomic(enum log_level) least_level = LOG_LEVEL_INFO;
static _Atomic(enum log_format) line_format = LOG_FORMAT_LOGFMT;
static const char *_Atomic role_name;
static _Atomic int64_t counts[LOG_LEVEL_ERROR + 1];

void log_apply(const struct log_options *options)
{
    least_level = options->level;
    line_format = options->format;
}

void log_set_role(const char *role)
{
    role_name = role;
}

bool log_wanted(enum log_level level)
{
    return level >= least_level;
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

int64_t log_count(enum log_level level)
{
    return counts[level];
}

/* Whether logfmt may leave off the quotes. */
static bool is_plain(const char *text)
{
    size_t len = 0;
    for (; text[len]; len++)
        if (len == 128 || text[len] <= ' ' || text[len] > '~' || strchr("\"=\\", text[len]))
            return false;
    return len > 0;
}

static void add_name(struct buffer *line, enum log_format format, const char *name)
{
    if (format == LOG_FORMAT_JSON)
        buffer_printf(line, "%c\"%s\":", line->len ? ',' : '{', name);
    else
        buffer_printf(line, "%s%s=", line->len ? " " : "", name);
}

static void add_string(
    struct buffer *line, enum log_format format, const char *name, const char *text)
{
    add_name(line, format, name);
    if (format == LOG_FORMAT_LOGFMT && is_plain(text))
        buffer_add_text(line, text);
    else
        json_text_add_string(line, text, VALUE_MAX);
}

static void add_real(struct buffer *line, enum log_format format, double value)
{
    char text[TEXT_AMOUNT_SIZE];
    text_format_number(value, text);
    bool is_number = value - value == 0; /* JSON has no NaN and no infinity */
    buffer_printf(line, format == LOG_FORMAT_JSON && !is_number ? "\"%s\"" : "%s", text);
}

static void add_field(struct buffer *line, enum log_format format, const struct log_field *field)
{
    if (field->type == LOG_FIELD_STRING) {
        if (field->string)
            add_string(line, format, field->name, field->string);
        return;
    }
    add_name(line, format, field->name);
    if (field->type == LOG_FIELD_INT)
        buffer_printf(line, "%lld", (long long)field->integer);
    else if (field->type == LOG_FIELD_BOOL)
        buffer_add_text(line, field->integer ? "true" : "false");
    else
        add_real(line, format, field->real);
}

static void build_line(struct buffer *line, enum log_format format, enum log_level level,
    const char *message, const struct log_field *fields)
{
    char time[RFC3339_SIZE];
    add_string(line, format, "time", wall_format(wall_now(), time));
    add_string(line, format, "level", log_level_name(level));
    add_name(line, format, "msg");
    json_text_add_string(line, message, VALUE_MAX);
    const char *role = role_name;
    if (role)
        add_string(line, format, "role", role);
    for (; fields && fields->name; fields++)
        add_field(line, format, fields);
    buffer_add_text(line, format == LOG_FORMAT_JSON ? "}\n" : "\n");
}

/* A log that cannot be written is lost: there is nobody to tell. */
static void write_line(const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(STDERR_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if (!log_wanted(level))
        return;
    int saved_errno = errno;
    counts[level]++;
    struct buffer line = BUFFER_INIT;
    build_line(&line, line_format, level, message, fields);
    write_line(line.data, line.len);
    buffer_release(&line);
    errno = saved_errno;
}

bool log_limit_pass(struct log_limit *state, int64_t interval_ms, int64_t *ret_suppressed)
{
    struct mono_time now = mono_now();
    if (mono_before(now, state->next)) {
        state->suppressed++;
        return false;
    }
    if (ret_suppressed)
        *ret_suppressed = state->suppressed;
    state->suppressed = 0;
    state->next = mono_add_ms(now, interval_ms);
    return true;
}
