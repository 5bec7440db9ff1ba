/* SPDX-License-Identifier: Apache-2.0 */
/* hookline bridge, consumer and run: the roles as processes. */
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/consumer_status.h"
#include "commands/roles.h"
#include "common/memory.h"
#include "common/text.h"

static const struct {
    const char *name;
    enum role role;
} role_names[] = {{"bridge", ROLE_BRIDGE}, {"consumer", ROLE_CONSUMER}, {"console", ROLE_CONSOLE}};

struct arguments {
    struct settings_arguments settings;
    struct consumer_status_arguments status; /* of `consumer` alone */
    int roles;
};

static int role_of(const char *name)
{
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
        if (strcmp(name, role_names[i].name) == 0)
            return (int)role_names[i].role;
    return 0;
}

static void parse_roles(struct argp_state *state, struct arguments *arguments, const char *list)
{
    static const char *const names[] = {"bridge", "consumer", "console", NULL};
    char *copy = mem_strdup(list), *rest = copy, *name;
    while ((name = strsep(&rest, ","))) {
        int role = role_of(name);
        const char *nearest = text_nearest(name, names);
        if (!role)
            argp_error(state, "--roles: no role \"%s\"; roles are bridge, consumer and console%s%s",
                name, nearest ? "; did you mean " : "", nearest ? nearest : "");
        arguments->roles |= role;
    }
    free(copy);
}

static error_t parse_run(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case 'r':
        parse_roles(state, arguments, value);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\": no argument is expected", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static int run(int argc, char **argv, const struct argp *argp, int roles, const char *name)
{
    struct arguments arguments = {.roles = roles};
    command_parse(argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    int code = roles_run(settings, arguments.roles, name);
    settings_free(settings);
    return code;
}

int command_bridge(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_run,
        .children = children,
        .doc = "Takes events from the topics in topics.events, matches each with its tenant's "
               "subscriptions, and writes a record per delivery into the tenant's delivery topic. "
               "What is no event becomes a dead letter.\v"
               "Run as many as you like: they share the events topics' partitions. SIGTERM ends it "
               "in order.",
    };
    return run(argc, argv, &argp, ROLE_BRIDGE, "bridge");
}

static error_t parse_consumer(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)value;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = &arguments->settings;
    state->child_inputs[1] = &arguments->status;
    return 0;
}

int command_consumer(int argc, char **argv)
{
    static const struct argp_child consumer_children[] = {
        {&settings_argp, 0, NULL, 0}, {&consumer_status_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .parser = parse_consumer,
        .children = consumer_children,
        .doc = "Takes deliveries from the tenants' delivery topics, POSTs them to their webhooks, "
               "and writes what became of each to the results and dead-letter topics.\v"
               "Run as many as you like: they share the delivery topics' partitions. SIGTERM gives "
               "what is in flight consumer.drain_timeout to end; a second one cancels it.\n\n"
               "Examples:\n"
               "  hookline consumer --config hookline.conf\n"
               "  hookline consumer --status 127.0.0.1:9465 --state behind",
    };
    struct arguments arguments = {.roles = ROLE_CONSUMER};
    command_parse(&argp, argc, argv, &arguments);
    if (arguments.status.address) { /* that needs no settings */
        free(arguments.settings.overrides);
        return consumer_status(&arguments.status, "");
    }
    struct settings *settings = command_settings(&arguments.settings);
    int code = arguments.status.wanted ? consumer_status(&arguments.status, settings->probes.listen)
                                       : roles_run(settings, arguments.roles, "consumer");
    settings_free(settings);
    return code;
}

int command_console(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_run,
        .children = children,
        .doc =
            "Serves the API at console.listen, where subscriptions are created, changed and "
            "tested, and "
            "recent attempts are listed. Who may what stands in console.tokens_file (see 'hookline "
            "token').\v"
            "Run as many as you like: they write through Kafka. The API describes itself at "
            "/api/v1/openapi.json.",
    };
    return run(argc, argv, &argp, ROLE_CONSOLE, "console");
}

int command_run(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"roles", 'r', "A,B", 0,
            "The roles to run: bridge, consumer, console (default: the first two)", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_run,
        .children = children,
        .doc = "Runs several roles in one process, on one thread: for a small installation.",
    };
    struct arguments arguments = {.roles = 0};
    command_parse(&argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    int roles = arguments.roles ? arguments.roles : ROLE_BRIDGE | ROLE_CONSUMER;
    int code = roles_run(settings, roles, "run");
    settings_free(settings);
    return code;
}
