/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subcommands. */
#include "commands/command.h"

const struct command commands[] = {
    {"bridge", "run the bridge: events topics to the tenants' delivery topics", command_bridge},
    {"consumer", "run a consumer: delivery topics to the tenants' webhooks", command_consumer},
    {"console", "run the console: the API that registers and tests webhooks", command_console},
    {"run", "run several roles in one process", command_run},
    {"demo", "see it work: everything in one process, nothing to install or configure",
        command_demo},
    {"subscriptions", "apply, list, get and delete subscriptions", command_subscriptions},
    {"dead-letters", "list, show, count and export what could not be delivered",
        command_dead_letters},
    {"token", "create, list and revoke tokens of the console's API", command_token},
    {"topics", "create and list Hookline's topics", command_topics},
    {"publish", "publish events from a file or standard input", command_publish},
    {"simulate", "publish the events of a simulated contact centre", command_simulate},
    {"match", "print the events that a filter lets through", command_match},
    {"render", "print the requests that events would become for a subscription", command_render},
    {"receive", "run a webhook receiver that prints what it gets", command_receive},
    {"verify", "check the signature of a captured webhook request", command_verify},
    {"metrics", "list all metrics", command_metrics},
    {"settings", "show the effective settings", command_settings_show},
    {"check", "check a settings file", command_check},
    {NULL, NULL, NULL},
};
