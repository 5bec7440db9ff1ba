/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that are taken over while a process runs: on SIGHUP, and when a file that they come from has changed. All of
 * them, or none where something is wrong with one. docs/operations.md, "Reloading". */
#ifndef HOOKLINE_COMMANDS_RELOAD_H
#define HOOKLINE_COMMANDS_RELOAD_H

#include "commands/roles.h"
#include "common/loop.h"
#include "config/settings.h"

struct reload;

/* Returns new. Borrows all, and changes `settings` from now on, which are those of `roles`. */
struct reload *reload_new(struct loop *loop, struct settings *settings, struct roles *roles);
/* NULL is fine. */
void reload_free(struct reload *reload);
/* The metrics, at 0. */
void reload_register_metrics(void);

#endif
