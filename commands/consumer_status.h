/* SPDX-License-Identifier: Apache-2.0 */
/* hookline consumer --status: asks a running consumer how its endpoints do. */
#ifndef HOOKLINE_COMMANDS_CONSUMER_STATUS_H
#define HOOKLINE_COMMANDS_CONSUMER_STATUS_H

#include <argp.h>
#include <stdbool.h>

/* Zeroed = it is not asked for. */
struct consumer_status_arguments {
    bool wanted;
    const char *address; /* NULL = that of the settings */
    const char *tenant, *state;
    bool json;
};

/* The options, as an argp child whose input is a struct consumer_status_arguments. */
extern const struct argp consumer_status_argp;

/* Asks and prints; `listen` is the setting probes.listen, for where there is no address. The exit
 * code. */
int consumer_status(const struct consumer_status_arguments *arguments, const char *listen);

#endif
