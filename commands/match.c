/* SPDX-License-Identifier: Apache-2.0 */
/* hookline match: the events of a file or of standard input that a filter lets through. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/lines.h"
#include "common/buffer.h"
#include "events/cloudevent.h"
#include "events/event.h"
#include "events/type.h"
#include "subscriptions/pattern.h"

#define LINE_MAX_BYTES    (8 * 1024 * 1024)
#define PATTERN_MAX_BYTES (64 * 1024) /* of the file, with all its blanks */

enum { OPTION_COUNT = 0x100 }; /* -c is --config, as everywhere */

struct arguments {
    struct settings_arguments settings;
    const char *pattern; /* itself, not in a file */
    const char *names[2];
    size_t name_count;
    const char *type;
    bool invert, count;
};

static const struct argp_option options[] = {
    {"pattern", 'e', "JSON", 0, "Take this pattern; then there is no PATTERN-FILE", 0},
    {"invert", 'v', NULL, 0, "Print the events that do not match", 0},
    {"count", OPTION_COUNT, NULL, 0, "Print only how many there are", 0},
    {"type", 't', "TYPE", 0,
        "All events are of this type, whatever they say: for those whose type is in a record "
        "header",
        0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case 'e':
        arguments->pattern = value;
        return 0;
    case 'v':
        arguments->invert = true;
        return 0;
    case OPTION_COUNT:
        arguments->count = true;
        return 0;
    case 't':
        if (!event_type_valid(value))
            argp_error(state, "--type: not an event type: %s", value);
        arguments->type = value;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->name_count == 2)
            argp_error(state, "too many arguments: %s", value);
        arguments->names[arguments->name_count++] = value;
        return 0;
    case ARGP_KEY_END:
        if (arguments->name_count == 0 && !arguments->pattern)
            argp_error(state, "no PATTERN-FILE");
        if (arguments->name_count == 2 && arguments->pattern)
            argp_error(state, "both --pattern and a PATTERN-FILE");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "PATTERN-FILE [FILE|-]\n-e JSON [FILE|-]",
    .doc =
        "Print the lines of FILE, or of standard input, whose events a filter lets through: a "
        "grep for events, and the dry run of a subscription's filter. The pattern is an Amazon "
        "EventBridge event pattern (docs/filters.md); an event is a JSON object on a line, which "
        "is printed unchanged. Its type, \"hookline:type\" in a pattern, is found by the settings "
        "event.*, as the bridge does it. Exits with 0 if an event was printed, 1 if none, 2 for a "
        "pattern that is not valid, with a JSON pointer to the fault, or if a line was no event."
        "\vExamples:\n"
        "  hookline match filter.json < events.ndjson\n"
        "  hookline match -e '{\"duration\":[{\"numeric\":[\">=\",30]}]}' events.ndjson\n"
        "  hookline match --count -e '{\"hookline:type\":[\"call.ended\"]}' events.ndjson\n"
        "  kcat -b localhost:9092 -C -t events -e -q | hookline match -v filter.json",
    .children = children,
};

/* --- The pattern ---------------------------------------------------------------------------- */

static struct pattern *compile(const char *text, size_t len, struct error *error)
{
    json_error_t fault;
    json_t *json =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &fault);
    if (!json) {
        error_set(
            error, ERROR_CONFIG, "line %d column %d: %s", fault.line, fault.column, fault.text);
        return NULL;
    }
    struct pattern *pattern = pattern_compile(json, error);
    json_decref(json);
    return pattern;
}

/* Returns new, or NULL after it has said why. */
static struct pattern *load_pattern(const struct arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct buffer text = BUFFER_INIT;
    struct pattern *pattern = NULL;
    if (arguments->pattern)
        buffer_add_text(&text, arguments->pattern);
    if (arguments->pattern || command_read(arguments->names[0], PATTERN_MAX_BYTES, &text, &error))
        pattern = compile(buffer_text(&text), text.len, &error);
    if (!pattern) {
        fprintf(stderr, "hookline: %s: ", arguments->pattern ? "--pattern" : arguments->names[0]);
        command_print_safe(stderr, error.text);
        fputc('\n', stderr);
    }
    buffer_release(&text);
    return pattern;
}

/* --- Events --------------------------------------------------------------------------------- */

struct match {
    const struct arguments *arguments;
    const struct pattern *pattern;
    struct event_type_rules types;
    const char *name; /* of the input, for messages */
    int64_t printed;
    bool failed;     /* a line was no event, or reading or writing failed */
    int write_errno; /* what ended the writing; 0 = nothing did */
};

/* Lines are out before we wait for more, so that a pipeline shows them as they come. */
static void flush(void *arg)
{
    struct match *match = arg;
    if (fflush(stdout) != 0 && !match->write_errno)
        match->write_errno = errno;
}

static void complain(struct match *match, int64_t number, const char *text)
{
    flush(match); /* keeps the order where both are a terminal */
    fprintf(stderr, "hookline: %s:%" PRId64 ": %s\n", match->name, number, text);
    match->failed = true;
}

static void print_line(struct match *match, const char *data, size_t len)
{
    if (fwrite(data, 1, len, stdout) != len || fputc('\n', stdout) == EOF)
        match->write_errno = errno;
}

/* The type is absent, not wrong, where none is found: a pattern need not ask for it. */
static bool event_matches(const struct match *match, const struct event_content *content)
{
    char type[EVENT_TYPE_MAX + 1];
    if (match->arguments->type)
        return pattern_matches(match->pattern, content->body, match->arguments->type);
    bool found = event_type_resolve(&match->types, content, type, NULL);
    return pattern_matches(match->pattern, content->body, found ? type : NULL);
}

static bool take_line(void *arg, int64_t number, const char *data, size_t len, bool too_long)
{
    struct match *match = arg;
    struct event_content content;
    struct error error = ERROR_INIT;
    const struct record record = {.value = {data, len}};
    if (too_long) {
        complain(match, number, "the line is too long");
    } else if (!event_content_open(&record, &content, &error)) {
        complain(match, number, error.text);
    } else {
        if (event_matches(match, &content) != match->arguments->invert) {
            match->printed++;
            if (!match->arguments->count)
                print_line(match, data, len);
        }
        event_content_release(&content);
    }
    return match->write_errno == 0;
}

/* Whoever reads us may have seen enough (head): then there is nothing to complain of. */
static int report(struct match *match)
{
    if (match->arguments->count)
        printf("%" PRId64 "\n", match->printed);
    flush(match);
    if (match->write_errno && match->write_errno != EPIPE) {
        fprintf(stderr, "hookline: standard output: %s\n", strerror(match->write_errno));
        match->failed = true;
    }
    if (match->failed)
        return EXIT_USAGE;
    return match->printed ? EXIT_DONE : EXIT_FAILED;
}

static int match_input(struct match *match)
{
    const struct arguments *arguments = match->arguments;
    size_t at = arguments->pattern ? 0 : 1;
    const char *name = at < arguments->name_count ? arguments->names[at] : "-";
    struct lines lines = {
        .max_bytes = LINE_MAX_BYTES, .line = take_line, .idle = flush, .arg = match};
    struct error error = ERROR_INIT;
    match->name = lines_name(name);
    if (!lines_read(&lines, name, &error)) {
        flush(match);
        fprintf(stderr, "hookline: %s\n", error.text);
        match->failed = true;
    }
    lines_release(&lines);
    return report(match);
}

int command_match(int argc, char **argv)
{
    struct arguments arguments = {0};
    command_parse(&argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    struct error error = ERROR_INIT;
    struct pattern *pattern = load_pattern(&arguments);
    struct match match = {.arguments = &arguments, .pattern = pattern};
    int status = EXIT_USAGE;
    if (pattern && event_type_rules_init(&match.types, &settings->bridge.events, &error))
        status = match_input(&match);
    else if (pattern)
        status = command_fail(&error);
    event_type_rules_release(&match.types);
    pattern_free(pattern);
    settings_free(settings);
    return status;
}
