/* SPDX-License-Identifier: Apache-2.0 */
/* hookline: finds the subcommand in the table and runs it. */
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "commands/command.h"
#include "common/memory.h"
#include "common/text.h"
#include "kafka/client.h"

static void print_help(void)
{
    printf("Usage: hookline <command> [options]\n\n"
           "Delivers events from Kafka to tenants' webhooks.\n\nCommands:\n");
    for (const struct command *command = commands; command->name; command++)
        printf("  %-14s %s\n", command->name, command->summary);
    printf(
        "\n`hookline <command> --help` explains a command. Settings come from --config FILE, the\n"
        "environment (HOOKLINE_KAFKA_BROKERS is kafka.brokers) and --set path=value.\n"
        "Exit codes: 0 done, 1 failed, 2 usage or configuration.\n");
}

static int unknown(const char *word)
{
    const char *names[64];
    size_t count = 0;
    for (const struct command *command = commands; command->name; command++)
        names[count++] = command->name;
    names[count] = NULL;
    const char *nearest = text_nearest(word, names);
    fprintf(stderr, "hookline: no command \"%s\"", word);
    if (nearest)
        fprintf(stderr, "; did you mean %s?", nearest);
    fprintf(stderr, "\n`hookline --help` lists them.\n");
    return EXIT_USAGE;
}

static int run(const struct command *command, int argc, char **argv)
{
    char *name = mem_printf("hookline %s", command->name);
    argv[0] = name; /* so that usage and errors begin with it */
    int code = command->run(argc, argv);
    free(name);
    return code;
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    /* The client library has a thread per broker; with an arena each, memory is not given back. */
    mallopt(M_ARENA_MAX, 2);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_help();
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("hookline %s (librdkafka %s)\n", HOOKLINE_VERSION, kafka_library_version());
        return EXIT_DONE;
    }
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(word, command->name) == 0)
            return run(command, argc - 1, argv + 1);
    return unknown(word);
}
