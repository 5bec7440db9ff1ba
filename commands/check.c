/* SPDX-License-Identifier: Apache-2.0 */
/* hookline check: whether settings are right, and with --kafka what the cluster has of our topics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "commands/http_get.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "config/settings.h"
#include "console/tokens_file.h"
#include "kafka/topics.h"
#include "producers/topic_names.h"

enum { OPTION_KAFKA = 0x100, OPTION_TIMEOUT, OPTION_ASK };

struct arguments {
    struct settings_arguments settings;
    bool kafka;
    int64_t timeout_ms;
    const char **urls; /* to be asked */
    size_t url_count;
};

static const struct argp_option options[] = {
    {"kafka", OPTION_KAFKA, NULL, 0, "Connect to Kafka and list our topics", 0},
    {"ask", OPTION_ASK, "HOST:PORT/PATH", 0,
        "Ask a process by HTTP, for example 127.0.0.1:9464/readyz, which has to answer 200; may be "
        "repeated",
        0},
    {"timeout", OPTION_TIMEOUT, "DURATION", 0, "How long to wait for each answer (10s)", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct error error = ERROR_INIT;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case OPTION_KAFKA:
        arguments->kafka = true;
        return 0;
    case OPTION_ASK:
        arguments->urls = mem_array(arguments->urls, arguments->url_count + 1, sizeof(char *));
        arguments->urls[arguments->url_count++] = value;
        return 0;
    case OPTION_TIMEOUT:
        if (!text_parse_duration(value, &arguments->timeout_ms, &error))
            argp_error(state, "--timeout: %s", error.text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Check settings: print \"FILE: ok\", or all that is wrong, a line each with file and "
           "line number, and exit with 2. With --kafka and --ask, exit with 1 if there is no good "
           "answer.",
    .children = children,
};

static struct settings *load(const struct settings_arguments *arguments)
{
    struct settings_source source = {
        .file = arguments->file, .overrides = arguments->overrides, .environment = environ};
    struct settings_problems problems;
    struct settings *settings = settings_load(&source, &problems);
    for (size_t i = 0; i < problems.count; i++)
        fprintf(stderr, "%s: %s\n", problems.items[i].where, problems.items[i].text);
    settings_problems_release(&problems);
    return settings;
}

static bool check_tokens(const char *file, struct error *error)
{
    if (!*file)
        return true;
    struct token_list *list = tokens_file_read(file, error);
    token_list_free(list);
    return list || error_prefix(error, "console.tokens_file");
}

/* What the roles would read at their start. */
static bool check_files(const struct settings *settings, struct error *error)
{
    struct seal_ring *ring;
    bool good = command_key_ring(settings, &ring, error);
    seal_ring_free(ring);
    return good && check_tokens(settings->console.tokens_file, error);
}

static void print_topic(const struct kafka_topic_list *list, const char *name)
{
    const struct kafka_topic *topic = kafka_topic_find(list, name);
    if (topic)
        printf("%10d  %s\n", topic->partitions, name);
    else
        printf("%10s  %s\n", "missing", name);
}

static void print_topics(const struct topic_options *topics, const struct kafka_topic_list *list)
{
    printf("partitions  topic\n");
    for (size_t i = 0; topics->events[i]; i++)
        print_topic(list, topics->events[i]);
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) {
        char *name = topic_name(topics, kind);
        print_topic(list, name);
        free(name);
    }
    for (size_t i = 0; i < list->count; i++)
        if (topic_deliveries_tenant(topics, list->topics[i].name))
            print_topic(list, list->topics[i].name);
}

static int check_kafka(const struct settings *settings, int64_t timeout_ms)
{
    struct kafka_topic_list list = {NULL, 0};
    struct error error = ERROR_INIT;
    if (!kafka_topics_list(&settings->kafka, timeout_ms, &list, &error))
        return command_fail(&error);
    printf("%s: Kafka answers\n", settings->kafka.brokers);
    print_topics(&settings->topics, &list);
    kafka_topic_list_release(&list);
    return EXIT_DONE;
}

static int ask(const char *url, int64_t timeout_ms)
{
    const char *path = strchr(url, '/');
    char *host = path ? mem_dup(url, (size_t)(path - url)) : mem_strdup(url);
    struct http_address address;
    struct buffer body = BUFFER_INIT;
    struct error error = ERROR_INIT;
    int answer = 0;
    bool good = http_address_parse(host, &address, &error) &&
                http_get(&address, path ? path : "/", timeout_ms, &answer, &body, &error);
    if (good && answer != 200)
        good = error_set(&error, ERROR_RETRY, "%s answers %d: %.*s", url, answer,
            (int)strcspn(buffer_text(&body), "\r\n"), buffer_text(&body));
    buffer_release(&body);
    free(host);
    if (!good)
        return command_fail(&error);
    printf("%s: answers\n", url);
    return EXIT_DONE;
}

int command_check(int argc, char **argv)
{
    struct arguments arguments = {.timeout_ms = 10000};
    command_parse(&argp, argc, argv, &arguments);
    struct settings *settings = load(&arguments.settings);
    if (!settings)
        return EXIT_USAGE;
    log_apply(&settings->log);
    struct error error = ERROR_INIT;
    const char *file = settings_file(settings);
    int status = EXIT_DONE;
    if (!check_files(settings, &error))
        status = command_fail(&error);
    else
        printf("%s: ok\n", file ? file : "settings");
    if (status == EXIT_DONE && arguments.kafka)
        status = check_kafka(settings, arguments.timeout_ms);
    for (size_t i = 0; status == EXIT_DONE && i < arguments.url_count; i++)
        status = ask(arguments.urls[i], arguments.timeout_ms);
    free(arguments.urls);
    settings_free(settings);
    return status;
}
