/* SPDX-License-Identifier: Apache-2.0 */
/* hookline dead-letters: its actions and their options. */
#include "commands/dead_letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/text.h"
#include "events/event.h"

#define LIST_LIMIT 100
#define TIMEOUT_MS 30000
#define RATE       500
#define COUNT_MAX  1000000

enum {
    OPTION_TENANT = 0x100,
    OPTION_SUBSCRIPTION,
    OPTION_REASON,
    OPTION_EVENT,
    OPTION_ID,
    OPTION_HOST,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_LIMIT,
    OPTION_FOLLOW,
    OPTION_JSON,
    OPTION_TIMEOUT,
    OPTION_DRY_RUN,
    OPTION_IGNORE_TTL,
    OPTION_RATE,
    OPTION_BY,
};

struct action {
    const char *name;
    struct argp argp;
    int (*run)(const struct dead_letters_arguments *, const struct settings *);
    enum { PLACE_NONE, PLACE_OPTIONAL, PLACE_NEEDED } place; /* PARTITION/OFFSET */
};

struct input {
    struct dead_letters_arguments arguments;
    const struct action *action;
};

/* --- Options ---------------------------------------------------------------------------------------- */

static void add_reason(
    struct dead_letters_arguments *arguments, const char *value, struct argp_state *state)
{
    uint32_t bit = dead_letter_reason_bit(value);
    arguments->filter.reasons |= bit;
    if (bit)
        return;
    const char *nearest = text_nearest(value, dead_letter_reasons);
    argp_error(state, "--reason: no such reason '%s'%s%s%s", value,
        nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* A time, or how long ago. */
static int64_t parse_when(const char *name, const char *value, struct argp_state *state)
{
    struct wall_time time;
    struct error error = ERROR_INIT;
    int64_t ago_ms = 0;
    if (text_parse_time(value, &time))
        return time.ms;
    if (!text_parse_duration(value, &ago_ms, &error))
        argp_error(state,
            "--%s: neither a time, such as 2026-01-31T12:00:00Z, nor how long ago, such as 2h: %s",
            name, value);
    int64_t at = wall_now().ms - ago_ms;
    return at > 0 ? at : 0;
}

static void parse_place(struct input *input, const char *value, struct argp_state *state)
{
    const char *slash = strchr(value, '/');
    int64_t partition = -1, offset = -1;
    char *number = slash ? mem_dup(value, (size_t)(slash - value)) : NULL;
    bool good = number && text_parse_int(number, &partition) && partition >= 0 &&
                partition <= INT32_MAX && text_parse_int(slash + 1, &offset) && offset >= 0;
    free(number);
    if (!good)
        argp_error(state, "not PARTITION/OFFSET, as 'list' prints it: %s", value);
    input->arguments.partition = partition;
    input->arguments.offset = offset;
}

/* Nobody means that, who has only left the filters out. */
static bool asks_for_all(const struct dead_letters_arguments *arguments)
{
    const struct dead_letter_filter *filter = &arguments->filter;
    return arguments->offset < 0 && arguments->since_ms < 0 && arguments->until_ms < 0 &&
           !filter->reasons && !filter->tenant && !filter->subscription && !filter->event &&
           !filter->id && !filter->host;
}

static int64_t parse_count(const char *option, const char *value, struct argp_state *state)
{
    int64_t count = 0;
    if (!text_parse_int(value, &count) || count < 0 || count > COUNT_MAX)
        argp_error(state, "--%s: not a number from 0 to %d: %s", option, COUNT_MAX, value);
    return count;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct input *input = state->input;
    struct dead_letters_arguments *arguments = &input->arguments;
    struct error error = ERROR_INIT;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case OPTION_TENANT:
        if (!event_tenant_valid(value))
            argp_error(state, "--tenant: '%s' is no tenant", value);
        arguments->filter.tenant = value;
        return 0;
    case OPTION_SUBSCRIPTION:
        arguments->filter.subscription = value;
        return 0;
    case OPTION_REASON:
        add_reason(arguments, value, state);
        return 0;
    case OPTION_EVENT:
        arguments->filter.event = value;
        return 0;
    case OPTION_ID:
        arguments->filter.id = value;
        return 0;
    case OPTION_HOST:
        arguments->filter.host = value;
        return 0;
    case OPTION_SINCE:
        arguments->since_ms = parse_when("since", value, state);
        return 0;
    case OPTION_UNTIL:
        arguments->until_ms = parse_when("until", value, state);
        return 0;
    case OPTION_LIMIT:
        arguments->limit = parse_count("limit", value, state);
        return 0;
    case OPTION_FOLLOW:
        arguments->follow = true;
        return 0;
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case OPTION_TIMEOUT:
        if (!text_parse_duration(value, &arguments->timeout_ms, &error))
            argp_error(state, "--timeout: %s", error.text);
        return 0;
    case OPTION_DRY_RUN:
        arguments->dry_run = true;
        return 0;
    case OPTION_IGNORE_TTL:
        arguments->ignore_ttl = true;
        return 0;
    case OPTION_RATE:
        arguments->rate = parse_count("rate", value, state);
        return 0;
    case OPTION_BY:
        if (strlen(value) > 128 || !text_is_utf8(value, strlen(value)))
            argp_error(state, "--by: longer than 128 bytes, or no UTF-8");
        arguments->by = value;
        return 0;
    case ARGP_KEY_ARG:
        if (input->action->place == PLACE_NONE || arguments->offset >= 0)
            argp_error(state, "too many arguments: %s", value);
        parse_place(input, value, state);
        return 0;
    case ARGP_KEY_END:
        if (input->action->place == PLACE_NEEDED && arguments->offset < 0)
            argp_error(state, "no PARTITION/OFFSET");
        if (input->action->run == dead_letters_replay && asks_for_all(arguments))
            argp_error(state, "replay which? Give a filter, or --since, or PARTITION/OFFSET");
        if (arguments->follow && arguments->until_ms >= 0)
            argp_error(state, "both --follow and --until");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

#define FILTER_OPTIONS                                                                       \
    {"tenant", OPTION_TENANT, "T", 0, "Of this tenant", 0},                                  \
        {"subscription", OPTION_SUBSCRIPTION, "ID", 0, "Of this subscription", 0},           \
        {"reason", OPTION_REASON, "REASON", 0, "With this reason; may be repeated", 0},      \
        {"event", OPTION_EVENT, "TYPE", 0, "Of events of this type", 0},                     \
        {"id", OPTION_ID, "ID", 0, "Of the delivery with this id (webhook-id)", 0},          \
        {"host", OPTION_HOST, "HOST", 0, "For an endpoint on this host", 0},                 \
        {"since", OPTION_SINCE, "WHEN", 0,                                                   \
            "Dead since then: a time (2026-01-31T12:00:00Z), or how long ago (2h, 30d)", 0}, \
        {"until", OPTION_UNTIL, "WHEN", 0, "And not later than that", 0}
#define TIMEOUT_OPTION                         \
    {"timeout", OPTION_TIMEOUT, "DURATION", 0, \
        "How long Kafka may take to answer, and to bring nothing (30s)", 0}

static const struct argp_option list_options[] = {
    FILTER_OPTIONS,
    {"limit", OPTION_LIMIT, "N", 0, "The last N of them (100; 0 is all)", 0},
    {"follow", OPTION_FOLLOW, NULL, 0, "Then those that come, until interrupted", 0},
    {"json", OPTION_JSON, NULL, 0, "A JSON object on a line for each, with its body", 0},
    TIMEOUT_OPTION,
    {0},
};

static const struct argp_option stats_options[] = {
    FILTER_OPTIONS,
    {"json", OPTION_JSON, NULL, 0, "A JSON object on a line for each group", 0},
    TIMEOUT_OPTION,
    {0},
};

static const struct argp_option export_options[] = {
    FILTER_OPTIONS,
    {"limit", OPTION_LIMIT, "N", 0, "No more than the first N (0: all)", 0},
    TIMEOUT_OPTION,
    {0},
};

static const struct argp_option replay_options[] = {
    FILTER_OPTIONS,
    {"dry-run", OPTION_DRY_RUN, NULL, 0, "Say what would be done, and send nothing", 0},
    {"ignore-ttl", OPTION_IGNORE_TTL, NULL, 0, "Also those that are older than their time to live",
        0},
    {"rate", OPTION_RATE, "N", 0, "No more than N a second (500; 0: as fast as Kafka takes them)",
        0},
    {"limit", OPTION_LIMIT, "N", 0, "No more than N (0: all)", 0},
    {"by", OPTION_BY, "NAME", 0, "Who asks for it, for the record (the user)", 0},
    {"json", OPTION_JSON, NULL, 0, "Print the counts as a JSON object", 0},
    TIMEOUT_OPTION,
    {0},
};

static const struct argp_option show_options[] = {TIMEOUT_OPTION, {0}};

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct action actions[] = {
    {"list",
        {list_options, parse_option, NULL,
            "Print dead letters, oldest first: what could not be delivered, and why.\v"
            "Reasons: invalid_event, event_too_large, tenant_unresolved, expired, "
            "attempts_exhausted, "
            "rejected, gone, endpoint_disabled, subscription_deleted, blocked_address, "
            "unrenderable, "
            "unroutable. docs/contract.md says what each means.\n\n"
            "Examples:\n"
            "  hookline dead-letters list --since 2h --reason rejected --tenant acme\n"
            "  hookline dead-letters list --follow --json | jq .detail",
            children},
        dead_letters_list, PLACE_NONE},
    {"show",
        {show_options, parse_option, "PARTITION/OFFSET",
            "Print all that is known of one dead letter as JSON, its body without passwords.",
            children},
        dead_letters_show, PLACE_NEEDED},
    {"stats",
        {stats_options, parse_option, NULL,
            "Count dead letters by reason, tenant and host of the endpoint, most first.", children},
        dead_letters_stats, PLACE_NONE},
    {"export",
        {export_options, parse_option, NULL,
            "Print dead letters as they are in Kafka, a JSON object on a line for each: key, "
            "headers and "
            "value unchanged (as text, or as base64 where it is none).",
            children},
        dead_letters_export, PLACE_NONE},
    {"replay",
        {replay_options, parse_option, "[PARTITION/OFFSET]",
            "Put deliveries that became dead letters back into their tenants' topics: each to the "
            "subscription that it failed for, under the same webhook-id.\v"
            "A dead letter is replayed once: the same command again sends nothing, and goes on "
            "where one was interrupted. What fails again is a new dead letter, and after five "
            "replays is left alone. Attempts and waiting times begin anew; times to live do not, "
            "unless --ignore-ttl is given.\n\n"
            "Examples:\n"
            "  hookline dead-letters replay --since 2h --reason rejected --tenant acme --dry-run\n"
            "  hookline dead-letters replay 3/1234",
            children},
        dead_letters_replay, PLACE_OPTIONAL},
    {0},
};

/* --- The command ------------------------------------------------------------------------------------- */

static const struct action *find_action(const char *name)
{
    for (const struct action *action = actions; action->name; action++)
        if (strcmp(action->name, name) == 0)
            return action;
    return NULL;
}

static error_t parse_overview(int key, char *value, struct argp_state *state)
{
    static const char *const names[] = {"list", "show", "stats", "export", "replay", NULL};
    return command_parse_overview(key, value, state, names, "list, show, stats, export or replay");
}

static const struct argp overview = {
    .parser = parse_overview,
    .args_doc = "ACTION",
    .doc = "Look at the dead letters, and replay them: events and deliveries that failed for good, "
           "in the topic "
           "<topics.prefix>dead-letters.\v"
           "Actions:\n"
           "  list [filters] [--limit N] [--follow] [--json]\n"
           "  show PARTITION/OFFSET\n"
           "  stats [filters] [--json]\n"
           "  export [filters] [--limit N]\n"
           "  replay [filters] [PARTITION/OFFSET] [--dry-run] [--ignore-ttl] [--rate N]\n"
           "\n"
           "The action comes first; 'hookline dead-letters list --help' shows the filters.",
};

static int run_action(const struct action *action, int argc, char **argv)
{
    struct input input = {.action = action};
    struct dead_letters_arguments *arguments = &input.arguments;
    char *name = mem_printf("hookline dead-letters %s", action->name);
    arguments->since_ms = arguments->until_ms = -1;
    arguments->partition = arguments->offset = -1;
    arguments->timeout_ms = TIMEOUT_MS;
    arguments->rate = RATE;
    arguments->limit = action->run == dead_letters_list ? LIST_LIMIT : 0;
    argv[0] = name;
    command_parse(&action->argp, argc, argv, &input);
    struct settings *settings = command_settings(&arguments->settings);
    int status = action->run(arguments, settings);
    settings_free(settings);
    free(name);
    return command_finish(status);
}

int command_dead_letters(int argc, char **argv)
{
    const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
    if (action)
        return run_action(action, argc - 1, argv + 1);
    command_parse(&overview, argc, argv, NULL);
    return EXIT_USAGE; /* not reached: it has no way to be right */
}
