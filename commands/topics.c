/* SPDX-License-Identifier: Apache-2.0 */
/* hookline topics: creates and lists the topics that Hookline uses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "common/memory.h"
#include "common/text.h"
#include "kafka/topics.h"

struct arguments {
    struct settings_arguments settings;
    const char *action;
    int64_t timeout_ms;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct error error = ERROR_INIT;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case 't':
        if (!text_parse_duration(value, &arguments->timeout_ms, &error))
            argp_error(state, "--timeout: %s", error.text);
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->action || (strcmp(value, "ensure") != 0 && strcmp(value, "list") != 0))
            argp_error(state, "\"%s\": one of ensure and list is expected", value);
        arguments->action = value;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->action)
            argp_error(state, "one of ensure and list is expected");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool ours(const struct topic_options *options, const char *name)
{
    if (strncmp(name, options->prefix, strlen(options->prefix)) == 0)
        return true;
    for (const char *const *events = options->events; *events; events++)
        if (strcmp(name, *events) == 0)
            return true;
    return false;
}

static int list(const struct settings *settings, int64_t timeout_ms)
{
    struct kafka_topic_list topics;
    struct error error = ERROR_INIT;
    if (!kafka_topics_list(&settings->kafka, timeout_ms, &topics, &error))
        return command_fail(&error);
    for (size_t i = 0; i < topics.count; i++)
        if (ours(&settings->topics, topics.topics[i].name))
            printf("%-48s %d partition%s\n", topics.topics[i].name, topics.topics[i].partitions,
                topics.topics[i].partitions == 1 ? "" : "s");
    kafka_topic_list_release(&topics);
    return EXIT_DONE;
}

static int ensure(const struct settings *settings, int64_t timeout_ms)
{
    struct error error = ERROR_INIT;
    if (!topics_ensure_shared(&settings->topics, &settings->kafka, timeout_ms, &error) ||
        !topics_ensure_events(&settings->topics, &settings->kafka, timeout_ms, &error))
        return command_fail(&error);
    return list(settings, timeout_ms);
}

int command_topics(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"timeout", 't', "DURATION", 0, "How long to wait for Kafka (default 30s)", 0},
        {0},
    };
    static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .args_doc = "ensure|list",
        .doc = "ensure: creates the topics that Hookline shares and the events topics, where they "
               "are missing, and lists them. list: lists those that exist.\v"
               "A tenant's delivery topic is created with its first subscription. Partitions, "
               "replication and configuration of new topics are settings (topics.*); existing "
               "topics are left as they are.",
    };
    struct arguments arguments = {.timeout_ms = 30000};
    command_parse(&argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    int code = strcmp(arguments.action, "list") == 0 ? list(settings, arguments.timeout_ms)
                                                     : ensure(settings, arguments.timeout_ms);
    settings_free(settings);
    return code;
}
