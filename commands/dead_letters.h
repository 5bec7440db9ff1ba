/* SPDX-License-Identifier: Apache-2.0 */
/* What the actions of `hookline dead-letters` share. */
#ifndef HOOKLINE_COMMANDS_DEAD_LETTERS_H
#define HOOKLINE_COMMANDS_DEAD_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "commands/command.h"
#include "dead_letters/item.h"

struct dead_letters_arguments {
    struct settings_arguments settings;
    struct dead_letter_filter filter;
    int64_t since_ms, until_ms; /* -1 = no bound */
    int64_t limit;              /* 0 = no limit */
    int64_t timeout_ms;
    bool json, follow;
    int64_t partition, offset; /* of `show` and `replay`; -1 = none */
    bool dry_run, ignore_ttl;  /* of `replay`, as all below */
    int64_t rate;              /* per second; 0 = no limit */
    const char *by;            /* NULL = not said */
};

/* The actions; each prints, and returns the exit code. */
int dead_letters_list(
    const struct dead_letters_arguments *arguments, const struct settings *settings);
int dead_letters_show(
    const struct dead_letters_arguments *arguments, const struct settings *settings);
int dead_letters_stats(
    const struct dead_letters_arguments *arguments, const struct settings *settings);
int dead_letters_export(
    const struct dead_letters_arguments *arguments, const struct settings *settings);
int dead_letters_replay(
    const struct dead_letters_arguments *arguments, const struct settings *settings);

#endif
