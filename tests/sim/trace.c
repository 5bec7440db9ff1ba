/* SPDX-License-Identifier: Apache-2.0 */
/* The trace: the last lines of what happened, in readable form. The log of the code under test is part
 * of it, with virtual time. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "sim.h"

#define LINE_SIZE 240

static char (*lines)[LINE_SIZE];
static int64_t line_count;

bool sim_tracing(void)
{
    return sim.trace || sim.verbose;
}

static void say(const char *format, va_list args)
{
    char line[LINE_SIZE];
    int n = snprintf(line, sizeof line, "%10.3f ", (double)sim_now() / 1e6);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    if (sim.trace)
        puts(line);
    if (!sim.verbose)
        return;
    if (!lines)
        lines = mem_array(NULL, (size_t)sim.last, LINE_SIZE);
    memcpy(lines[line_count++ % sim.last], line, LINE_SIZE);
}

void sim_say(const char *format, ...)
{
    if (!sim_tracing())
        return;
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void sim_print_tail(void)
{
    if (!lines || sim.trace)
        return;
    int64_t first = line_count > sim.last ? line_count - sim.last : 0;
    for (int64_t i = first; i < line_count; i++)
        puts(lines[i % sim.last]);
    free(lines);
    lines = NULL;
}

void sim_violation(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sim_print_tail();
    printf("seed %" PRIu64 ": violation at %.3f s: %s\n", sim.seed, (double)sim_now() / 1e6, text);
    fflush(stdout);
    _exit(1);
}

/* --- common/log.h ------------------------------------------------------------------------------ */

void log_apply(const struct log_options *options)
{
    (void)options;
}

void log_set_role(const char *role)
{
    (void)role;
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

int64_t log_count(enum log_level level)
{
    (void)level;
    return 0;
}

static int add_field(char *out, size_t size, const struct log_field *field)
{
    switch (field->type) {
    case LOG_FIELD_STRING:
        return field->string ? snprintf(out, size, " %s=\"%s\"", field->name, field->string) : 0;
    case LOG_FIELD_INT:
        return snprintf(out, size, " %s=%" PRId64, field->name, field->integer);
    case LOG_FIELD_DOUBLE:
        return snprintf(out, size, " %s=%g", field->name, field->real);
    default:
        return snprintf(out, size, " %s=%s", field->name, field->integer ? "true" : "false");
    }
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if (!sim_tracing())
        return;
    char text[400];
    size_t len = 0;
    text[0] = '\0';
    for (; fields->name && len < sizeof text; fields++) {
        int n = add_field(text + len, sizeof text - len, fields);
        len += n > 0 ? (size_t)n : 0;
    }
    sim_say("      log %s: %s%s", log_level_name(level), message, text);
}

bool log_wanted(enum log_level level)
{
    (void)level;
    return sim_tracing();
}

bool log_limit_pass(struct log_limit *state, int64_t interval_ms, int64_t *ret_suppressed)
{
    struct mono_time now = mono_now();
    if (mono_before(now, state->next) && state->next.us < now.us + interval_ms * 2000) {
        state->suppressed++;
        return false;
    }
    if (ret_suppressed)
        *ret_suppressed = state->suppressed;
    state->suppressed = 0;
    state->next = mono_add_ms(now, interval_ms);
    return true;
}
