/* SPDX-License-Identifier: Apache-2.0 */
/* Puts deliveries that became dead letters back into their tenants' topics. On the loop.
 *
 * Each letter is sent once, however many runs there are at a time: before a batch is sent it is claimed in the
 * topic <topics.prefix>replays, in a transaction under an id that only one writer has, after everything that
 * others wrote there has been read. When Kafka has acknowledged the batch, that is written too. Where a run
 * dies in between, its last batch is sent again by a run a minute later or more: with the same webhook-ids. */
#ifndef HOOKLINE_DEAD_LETTERS_REPLAY_H
#define HOOKLINE_DEAD_LETTERS_REPLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "dead_letters/item.h"
#include "dead_letters/replay_judge.h"
#include "kafka/client.h"
#include "producers/topic_names.h"
#include "subscriptions/store.h"
#include "subscriptions/ttl.h"

struct dead_letters_replay_options {
    const struct kafka_options *kafka;
    const struct topic_options *topics;
    const struct store *store; /* ready */
    const struct ttl_table *ttl;
    bool ttl_from_acceptance;
    struct dead_letter_filter filter; /* its strings are borrowed */
    int64_t since_ms, until_ms;       /* Unix milliseconds; -1 = no bound */
    int64_t partition, offset;        /* only this one; -1 = all */
    bool dry_run;                     /* count, and write nothing */
    bool ignore_ttl;
    int64_t per_second; /* no more than so many; 0 = as fast as Kafka takes them */
    int64_t limit;      /* no more than so many in all; 0 = all */
    const char *by;     /* who asks for it: stands in the marks; borrowed */
    int64_t timeout_ms; /* how long nothing may go on */
};

struct dead_letters_replay_figures {
    int64_t total, read; /* records of the dead-letter topic; -1 = not known yet */
    int64_t matched;     /* of those, dead letters that were asked for: the sum of the verdicts */
    int64_t verdicts[REPLAY_VERDICTS];
    int64_t reasons[DEAD_REASONS]; /* of those that were sent, or would be */
};

struct dead_letters_replay;

/* Returns new, working. `over` is called once, on the loop, when all is done or (`error` not NULL) when it
 * cannot go on. Options are copied, but for what they point to. */
struct dead_letters_replay *dead_letters_replay_new(struct loop *loop,
    const struct dead_letters_replay_options *options,
    void (*over)(void *arg, const struct error *error), void *arg);
/* Ends after what is under way: then `over` is called. */
void dead_letters_replay_stop(struct dead_letters_replay *replay);
/* Also from within `over`. What is under way may have been sent or not. NULL is fine. */
void dead_letters_replay_free(struct dead_letters_replay *replay);

const struct dead_letters_replay_figures *dead_letters_replay_figures(
    const struct dead_letters_replay *replay);
/* {"matched", "read", "total", "verdicts": {…}, "reasons": {…}}, those that are not 0. Returns new. */
json_t *dead_letters_replay_json(const struct dead_letters_replay_figures *figures);

/* hookline_dead_letters_replayed_total. */
void dead_letters_replay_register_metrics(void);

#endif
