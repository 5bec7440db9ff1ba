/* SPDX-License-Identifier: Apache-2.0 */
/* Puts roles together on one loop: what they share (producer, registry, probes), their start in the
 * right order, and their end. */
#ifndef HOOKLINE_COMMANDS_ROLES_H
#define HOOKLINE_COMMANDS_ROLES_H

#include <stdbool.h>

#include "common/error.h"
#include "common/loop.h"
#include "config/settings.h"
#include "subscriptions/seal.h"

enum role { ROLE_BRIDGE = 1, ROLE_CONSUMER = 2, ROLE_CONSOLE = 4 };

struct roles;

/* Returns new, starting in the background: topics made (with topics.create), registry read, groups
 * joined; Kafka may be down as long as it likes. `which` is a set of enum role. */
must_check struct roles *roles_new(
    struct loop *loop, const struct settings *settings, int which, struct error *error);
/* The settings have changed where they are: takes the reloadable ones over. Takes `ring`, the keys as they are now
 * (NULL = there is no key file); returns whether they are others than before. */
bool roles_reload(struct roles *roles, struct seal_ring *ring);
/* Whether all conditions of /readyz hold. */
bool roles_ready(const struct roles *roles);
/* Where the probes listen, "" if nowhere. Borrowed. */
const char *roles_probes_address(const struct roles *roles);
/* Drains and leaves the groups, then calls `stopped`. A second call cancels what is in flight. */
void roles_stop(struct roles *roles, void (*stopped)(void *arg), void *arg);
void roles_free(struct roles *roles);

/* Runs until SIGTERM or SIGINT and an orderly end; the exit code. The settings change as their files do. */
int roles_run(struct settings *settings, int which, const char *name);

#endif
