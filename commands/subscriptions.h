/* SPDX-License-Identifier: Apache-2.0 */
/* What the actions of `hookline subscriptions` share: their arguments, and the registry, opened for
 * as long as a command runs. */
#ifndef HOOKLINE_COMMANDS_SUBSCRIPTIONS_H
#define HOOKLINE_COMMANDS_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "commands/command.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/loop.h"
#include "config/settings.h"
#include "kafka/producer.h"
#include "kafka/topics.h"
#include "subscriptions/store.h"

struct subscriptions_arguments {
    struct settings_arguments settings;
    const char *file;   /* -f; "-" = standard input */
    const char *tenant; /* --tenant; NULL = all */
    bool prune;
    bool dry_run;
    bool json;
    int64_t timeout_ms; /* of all that the command asks of Kafka */
    char **names;       /* arguments that are no options */
    size_t name_count;
};

/* The registry as a command sees it: read to its end at the time of opening, and followed while one
 * of the calls below waits. */
struct registry {
    const struct settings *settings;
    struct mono_time deadline;
    struct loop *loop;
    struct store *store;
    struct seal_ring *ring;         /* NULL = nothing is sealed */
    struct kafka_topic_list topics; /* all of the cluster */
    char *topic;
    bool exists; /* the topic; without it the store is empty and has no reader */
    struct kafka_producer *producer; /* from the first write on */
    size_t sent, acknowledged;
    int64_t last_offset;      /* the highest that was acknowledged; -1 = none */
    struct error write_error; /* the first of a record that could not be written */
    struct error read_error;  /* the last trouble of the reader */
};

/* Reads the registry to its end; one that does not exist yet is empty. Fills *registry, to be closed
 * in any case. Blocks, at most until `timeout_ms` from now, as do all the calls below: the error
 * says who did not answer. */
must_check bool registry_open(struct registry *registry, const struct settings *settings,
    int64_t timeout_ms, struct error *error);
void registry_close(struct registry *registry);

/* Sees to it that our topics are there, those of `tenants` (NULL-terminated) included: made with
 * topics.create, otherwise their lack is an error. Lists the topics anew. */
must_check bool registry_make_topics(
    struct registry *registry, const char *const *tenants, struct error *error);
/* Sends a record; `id` NULL = the tenant's own, `value` NULL = delete. */
must_check bool registry_send(struct registry *registry, const char *tenant, const char *id,
    const char *value, struct error *error);
/* Waits until all that was sent is acknowledged, and then until it has been read back. */
must_check bool registry_settle(struct registry *registry, struct error *error);

/* The actions; each prints, and returns the exit code. */
int subscriptions_apply(
    const struct subscriptions_arguments *arguments, const struct settings *settings);
int subscriptions_list(
    const struct subscriptions_arguments *arguments, const struct settings *settings);
int subscriptions_get(
    const struct subscriptions_arguments *arguments, const struct settings *settings);
int subscriptions_delete(
    const struct subscriptions_arguments *arguments, const struct settings *settings);
int subscriptions_reset(
    const struct subscriptions_arguments *arguments, const struct settings *settings);
int subscriptions_reseal(
    const struct subscriptions_arguments *arguments, const struct settings *settings);

#endif
