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
#include "kafka/topics.h"
#include "subscriptions/store.h"
#include "subscriptions/writer.h"

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
    bool exists;             /* the topic; without it the store is empty and has no reader */
    struct error read_error; /* the last trouble of the reader */
    /* Of registry_change(): how the change ended, and why. */
    enum writer_outcome outcome;
    struct error write_error;
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
/* Writes what `decide` puts into the batch, comparing with registry->store: see subscriptions/writer.h. It
 * may be called more than once; what it wants to say of the last call is said afterwards. Where the topic
 * does not exist it is called with an empty store, and must not put anything. Returns when the records
 * have been read back. */
must_check bool registry_change(
    struct registry *registry, writer_decide *decide, void *arg, struct error *error);
/* Puts a record into the batch; `id` NULL = the tenant's own, `value` NULL = delete. */
void registry_put(
    struct writer_batch *batch, const char *tenant, const char *id, const char *value);

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
