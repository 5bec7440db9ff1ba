/* SPDX-License-Identifier: Apache-2.0 */
/* hookline token: who may use the console's API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/text.h"
#include "console/token_list.h"
#include "console/tokens_file.h"

enum { OPTION_NAME = 0x100, OPTION_ROLE, OPTION_TENANT, OPTION_EXPIRES };

#define EXPIRES_MIN_MS INT64_C(1000)
#define EXPIRES_MAX_MS (INT64_C(3650) * 24 * 60 * 60 * 1000)

struct arguments {
    struct settings_arguments settings;
    const char *file; /* NULL = that of the settings */
    struct token token;
    bool has_role, has_tenant;
    int64_t expires_ms; /* from now; 0 = never */
};

struct action {
    const char *name;
    struct argp argp;
    int (*run)(const struct arguments *arguments, const char *file);
};

/* --- Arguments ------------------------------------------------------------------------------- */

static void parse_tenant(struct arguments *arguments, char *value, struct argp_state *state)
{
    struct error error = ERROR_INIT;
    if (!token_check_tenant(value, &error))
        argp_error(state, "--tenant: %s", error.text);
    arguments->token.tenant = strcmp(value, "*") == 0 ? NULL : value;
    arguments->has_tenant = true;
}

static void parse_expires(struct arguments *arguments, char *value, struct argp_state *state)
{
    struct error error = ERROR_INIT;
    int64_t ms = 0;
    if (!text_parse_duration(value, &ms, &error))
        argp_error(state, "--expires: %s", error.text);
    if (ms < EXPIRES_MIN_MS || ms > EXPIRES_MAX_MS)
        argp_error(state, "--expires: %s is not from 1s to 3650d", value);
    arguments->expires_ms = ms;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct error error = ERROR_INIT;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case 'f':
        arguments->file = value;
        return 0;
    case OPTION_NAME:
        if (!token_check_name(value, &error))
            argp_error(state, "--name: %s", error.text);
        arguments->token.name = value;
        return 0;
    case OPTION_ROLE:
        if (!token_parse_role(value, &arguments->token.role, &error))
            argp_error(state, "--role: %s", error.text);
        arguments->has_role = true;
        return 0;
    case OPTION_TENANT:
        parse_tenant(arguments, value, state);
        return 0;
    case OPTION_EXPIRES:
        parse_expires(arguments, value, state);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "too many arguments, from '%s' on", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What an action needs, asked for at the end of its options. */
static error_t parse_revoke(int key, char *value, struct argp_state *state)
{
    const struct arguments *arguments = state->input;
    if (key != ARGP_KEY_END)
        return parse_option(key, value, state);
    if (!arguments->token.name)
        argp_error(state, "--name is missing");
    return 0;
}

static error_t parse_create(int key, char *value, struct argp_state *state)
{
    const struct arguments *arguments = state->input;
    if (key != ARGP_KEY_END)
        return parse_option(key, value, state);
    if (!arguments->token.name)
        argp_error(state, "--name is missing");
    if (!arguments->has_role)
        argp_error(state, "--role is missing: viewer, operator or admin");
    if (!arguments->has_tenant)
        argp_error(state, "--tenant is missing: whose data it opens, '*' for all");
    return 0;
}

/* --- Actions --------------------------------------------------------------------------------- */

static int create(const struct arguments *arguments, const char *file)
{
    struct error error = ERROR_INIT;
    struct token token = arguments->token;
    char text[TOKEN_TEXT_SIZE];
    if (arguments->expires_ms)
        token.expires_at.ms = wall_now().ms + arguments->expires_ms;
    token_make(text);
    if (!tokens_file_add(file, &token, text, &error))
        return command_fail(&error);
    printf("%s\n", text);
    if (fflush(stdout) == 0)
        return EXIT_DONE;
    fprintf(stderr,
        "hookline: standard output: could not be written: nobody knows the token %s; revoke it\n",
        token.name);
    return EXIT_FAILED;
}

static int revoke(const struct arguments *arguments, const char *file)
{
    struct error error = ERROR_INIT;
    return tokens_file_revoke(file, arguments->token.name, &error) ? EXIT_DONE
                                                                   : command_fail(&error);
}

static void print_row(const struct token *token, int width)
{
    char time[RFC3339_SIZE];
    printf("%-*s  %-8s  %-7s  %-24s  %s\n", width, token->name, token_roles[token->role],
        token_expired(token, wall_now()) ? "expired" : "valid",
        token->expires_at.ms ? wall_format(token->expires_at, time) : "never",
        token->tenant ? token->tenant : "*");
}

static int list(const struct arguments *arguments, const char *file)
{
    struct error error = ERROR_INIT;
    struct token_list *tokens = tokens_file_read(file, &error);
    size_t width = strlen("NAME");
    (void)arguments;
    if (!tokens)
        return command_fail(&error);
    for (size_t i = 0; i < token_list_count(tokens); i++) {
        size_t len = strlen(token_list_at(tokens, i)->name);
        width = len > width ? len : width;
    }
    printf(
        "%-*s  %-8s  %-7s  %-24s  %s\n", (int)width, "NAME", "ROLE", "STATE", "EXPIRES", "TENANT");
    for (size_t i = 0; i < token_list_count(tokens); i++)
        print_row(token_list_at(tokens, i), (int)width);
    token_list_free(tokens);
    if (fflush(stdout) == 0)
        return EXIT_DONE;
    fprintf(stderr, "hookline: standard output: could not be written\n");
    return EXIT_FAILED;
}

/* --- The command ----------------------------------------------------------------------------- */

#define FILE_OPTION {"file", 'f', "FILE", 0, "The tokens file (console.tokens_file)", 0}
#define NAME_OPTION \
    {"name", OPTION_NAME, "NAME", 0, "What the token is called, in lists and logs", 0}

static const struct argp_option create_options[] = {
    NAME_OPTION,
    {"role", OPTION_ROLE, "ROLE", 0,
        "What it may do: viewer reads, operator also changes what is delivered, admin all", 0},
    {"tenant", OPTION_TENANT, "TENANT", 0, "Whose data it opens; '*' is all tenants'", 0},
    {"expires", OPTION_EXPIRES, "DURATION", 0, "For how long it is good, as 90d (for ever)", 0},
    FILE_OPTION,
    {0},
};

static const struct argp_option list_options[] = {FILE_OPTION, {0}};

static const struct argp_option revoke_options[] = {NAME_OPTION, FILE_OPTION, {0}};

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct action actions[] = {
    {"create",
        {create_options, parse_create, NULL,
            "Make a token and print it, this once: the file has only its hash. The console knows "
            "it "
            "within a second or two."
            "\v"
            "Makes the file if there is none.\n\n"
            "Example:\n"
            "  hookline token create --name ci --role viewer --tenant acme --expires 90d\n\n"
            "Exit status: 0 done, 1 the name is taken or the file could not be written, 2 an "
            "option, a setting or the file is wrong.",
            children},
        create},
    {"list",
        {list_options, parse_option, NULL, "List the tokens of the file, without their hashes.",
            children},
        list},
    {"revoke",
        {revoke_options, parse_revoke, NULL,
            "Take a token out of the file. The console refuses it within a second or two.",
            children},
        revoke},
    {0},
};

static const struct action *find_action(const char *name)
{
    for (const struct action *action = actions; action->name; action++)
        if (strcmp(action->name, name) == 0)
            return action;
    return NULL;
}

static error_t parse_overview(int key, char *value, struct argp_state *state)
{
    static const char *const names[] = {"create", "list", "revoke", NULL};
    return command_parse_overview(key, value, state, names, "create, list or revoke");
}

static const struct argp overview = {
    .parser = parse_overview,
    .args_doc = "ACTION",
    .doc = "Tokens of the console's API: who may do what, and with whose data. They are kept in a "
           "file, console.tokens_file, which has their hashes only and which the console follows.\v"
           "Actions:\n"
           "  create --name NAME --role ROLE --tenant TENANT|* [--expires 90d]\n"
           "  list\n"
           "  revoke --name NAME\n"
           "\n"
           "The action comes first; 'hookline token create --help' shows an example and all "
           "options, and so for the others.",
};

static int run_action(const struct action *action, int argc, char **argv)
{
    struct arguments arguments = {0};
    char *name = mem_printf("hookline token %s", action->name);
    argv[0] = name;
    command_parse(&action->argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    const char *file = arguments.file ? arguments.file : settings->console.tokens_file;
    struct error error = ERROR_INIT;
    int status;
    if (*file) {
        status = action->run(&arguments, file);
    } else {
        error_fill(&error, ERROR_CONFIG,
            "which tokens file? Give --file FILE, or set console.tokens_file");
        status = command_fail(&error);
    }
    settings_free(settings);
    free(name);
    return status;
}

int command_token(int argc, char **argv)
{
    const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
    if (action)
        return run_action(action, argc - 1, argv + 1);
    command_parse(&overview, argc, argv, NULL);
    return EXIT_USAGE; /* not reached: it has no way to be right */
}
