/* SPDX-License-Identifier: Apache-2.0 */
/* hookline subscriptions: what the registry holds, shown and changed. */
#include "commands/subscriptions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "events/event.h"

enum { OPTION_PRUNE = 0x100, OPTION_TENANT, OPTION_DRY_RUN, OPTION_JSON, OPTION_TIMEOUT };

#define TIMEOUT_MS 30000

struct action {
    const char *name;
    size_t names_min, names_max; /* arguments that are no options */
    struct argp argp;
    int (*run)(const struct subscriptions_arguments *arguments, const struct settings *settings);
};

/* Arguments. */

struct input {
    struct subscriptions_arguments arguments;
    const struct action *action;
};

static void check_arguments(const struct input *input, struct argp_state *state)
{
    const struct subscriptions_arguments *arguments = &input->arguments;
    if (arguments->name_count < input->action->names_min)
        argp_error(state, "too few arguments");
    if (arguments->name_count > input->action->names_max)
        argp_error(
            state, "too many arguments, from '%s' on", arguments->names[input->action->names_max]);
    if (input->action->run == subscriptions_apply && !arguments->file)
        argp_error(state, "-f FILE is missing ('-f -' reads standard input)");
    if (arguments->prune && !arguments->tenant)
        argp_error(state, "--prune needs --tenant T: only that tenant's subscriptions are deleted");
}

static void check_name(const struct input *input, const char *name, struct argp_state *state)
{
    bool first = input->arguments.name_count == 0;
    if (first && !event_tenant_valid(name))
        argp_error(state, "'%s' is no tenant: 1 to %d of a-z, 0-9, _ and -", name,
            SUBSCRIPTION_TENANT_MAX);
    if (!first && !subscription_id_valid(name))
        argp_error(state, "'%s' is no subscription id: 1 to %d of A-Z, a-z, 0-9, _ and -", name,
            SUBSCRIPTION_ID_MAX);
}

static void add_name(struct input *input, char *name, struct argp_state *state)
{
    struct subscriptions_arguments *arguments = &input->arguments;
    if (input->action->names_max)
        check_name(input, name, state);
    arguments->names =
        mem_array(arguments->names, arguments->name_count + 1, sizeof *arguments->names);
    arguments->names[arguments->name_count++] = name;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct input *input = state->input;
    struct subscriptions_arguments *arguments = &input->arguments;
    struct error error = ERROR_INIT;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case 'f':
        arguments->file = value;
        return 0;
    case OPTION_TENANT:
        if (!event_tenant_valid(value))
            argp_error(state, "--tenant: '%s' is no tenant", value);
        arguments->tenant = value;
        return 0;
    case OPTION_PRUNE:
        arguments->prune = true;
        return 0;
    case OPTION_DRY_RUN:
        arguments->dry_run = true;
        return 0;
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case OPTION_TIMEOUT:
        if (!text_parse_duration(value, &arguments->timeout_ms, &error))
            argp_error(state, "--timeout: %s", error.text);
        return 0;
    case ARGP_KEY_ARG:
        add_name(input, value, state);
        return 0;
    case ARGP_KEY_END:
        check_arguments(input, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

#define TIMEOUT_OPTION \
    {"timeout", OPTION_TIMEOUT, "DURATION", 0, "How long to wait for Kafka in all (30s)", 0}

static const struct argp_option apply_options[] = {
    {"file", 'f', "FILE", 0, "The file with the subscriptions; - is standard input", 0},
    {"dry-run", OPTION_DRY_RUN, NULL, 0, "Show what would change, and write nothing", 0},
    {"tenant", OPTION_TENANT, "T", 0, "Accept subscriptions of this tenant only", 0},
    {"prune", OPTION_PRUNE, NULL, 0,
        "Delete the subscriptions of --tenant that the file does not have", 0},
    TIMEOUT_OPTION,
    {0},
};

static const struct argp_option list_options[] = {
    {"tenant", OPTION_TENANT, "T", 0, "Those of this tenant only", 0},
    {"json", OPTION_JSON, NULL, 0, "Print a JSON array, secrets and header values masked", 0},
    TIMEOUT_OPTION,
    {0},
};

static const struct argp_option other_options[] = {TIMEOUT_OPTION, {0}};

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const char apply_doc[] =
    "Make the registry hold the subscriptions of a file: add the new ones (+), replace the changed "
    "ones (~), and with --prune delete those that it does not have (-). To run it again changes "
    "nothing, and completes a run that was interrupted. Topics of new tenants are made on the way."
    "\v"
    "The file is a JSON array of subscriptions, or {\"subscriptions\": [...]}. An example:\n"
    "\n"
    "  [\n"
    "    {\n"
    "      \"tenant\": \"acme\",\n"
    "      \"id\": \"crm\",\n"
    "      \"url\": \"https://crm.example.com/hooks/calls\",\n"
    "      \"events\": [\"call.ringing\", \"agent.*\"],\n"
    "      \"headers\": {\"x-api-key\": \"secret\"}\n"
    "    }\n"
    "  ]\n"
    "\n"
    "These are all fields that have to be there, and headers. \"events\" takes types, a prefix "
    "with "
    ".* behind it, and \"*\" for all. Further ones: filter, name, description, enabled (true), "
    "format (raw, standard, cloudevents, cloudevents-structured, form, xml), fields {include, "
    "exclude, allow_denied}, auth {basic or oauth2}, tls {ca, client_certificate, client_key}, "
    "ordering (\"key\" or \"none\"), timeout_ms, connect_timeout_ms, retry {max_age_s, "
    "max_attempts, retry_4xx}, ttl_s {event: seconds}, "
    "max_in_flight, rate_limit {per_second, burst}, paused, disable_after_s, http2, trace, "
    "secrets [{id, secret, scheme (\"v1\" or \"v1a\"), expires_at}]. "
    "docs/schemas/subscription.json describes "
    "them.\n"
    "\n"
    "Exit status: 0 the registry holds it, 1 Kafka did not do its part, or others kept writing at "
    "the same time, 2 the file, an option or a setting is wrong; everything that is wrong in the "
    "file is listed.";

static const struct action actions[] = {
    {"apply", 0, 0, {apply_options, parse_option, "-f FILE", apply_doc, children},
        subscriptions_apply},
    {"list", 0, 0,
        {list_options, parse_option, NULL, "List the subscriptions of the registry.", children},
        subscriptions_list},
    {"get", 2, 2,
        {other_options, parse_option, "TENANT ID",
            "Print a subscription as JSON, secrets and header values masked.", children},
        subscriptions_get},
    {"delete", 2, SIZE_MAX,
        {other_options, parse_option, "TENANT ID...",
            "Delete subscriptions of a tenant. Deliveries that wait for them become dead letters.",
            children},
        subscriptions_delete},
    {"reset", 2, SIZE_MAX,
        {other_options, parse_option, "TENANT ID...",
            "Give endpoints that failed another chance: one that was disabled, after a 410 or long "
            "failure, gets events again, and one that is left alone is tried at once.",
            children},
        subscriptions_reset},
    {"reseal", 0, 1,
        {other_options, parse_option, "[TENANT]",
            "Seal secrets and header values with the first key of secrets.key_file: what is not "
            "sealed, and what another key of the file sealed.\v"
            "To change the key: put the new one first, with the old ones below it, and restart the "
            "consumers; run this command; take the old key out.",
            children},
        subscriptions_reseal},
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
    static const char *const names[] = {"apply", "list", "get", "delete", "reset", "reseal", NULL};
    return command_parse_overview(
        key, value, state, names, "apply, list, get, delete, reset or reseal");
}

static const struct argp overview = {
    .parser = parse_overview,
    .args_doc = "ACTION",
    .doc =
        "Show and change the subscriptions: which events of a tenant go to which URL. They are "
        "kept in Kafka, in the compacted topic <topics.prefix>subscriptions, which all roles "
        "follow.\v"
        "Actions:\n"
        "  apply -f FILE [--dry-run] [--prune --tenant T]\n"
        "  list [--tenant T] [--json]\n"
        "  get TENANT ID\n"
        "  delete TENANT ID...\n"
        "  reset TENANT ID...\n"
        "  reseal [TENANT]\n"
        "\n"
        "The action comes first; 'hookline subscriptions apply --help' shows an example file and "
        "all options, and so for the others.",
};

static int run_action(const struct action *action, int argc, char **argv)
{
    struct input input = {.arguments.timeout_ms = TIMEOUT_MS, .action = action};
    char *name = mem_printf("hookline subscriptions %s", action->name);
    argv[0] = name;
    command_parse(&action->argp, argc, argv, &input);
    struct settings *settings = command_settings(&input.arguments.settings);
    int status = action->run(&input.arguments, settings);
    settings_free(settings);
    free(input.arguments.names);
    free(name);
    return command_finish(status);
}

int command_subscriptions(int argc, char **argv)
{
    const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
    if (action)
        return run_action(action, argc - 1, argv + 1);
    command_parse(&overview, argc, argv, NULL);
    return EXIT_USAGE; /* not reached: it has no way to be right */
}
