/* SPDX-License-Identifier: Apache-2.0 */
/* The recent attempts, as the results topic has them: followed, and kept in bounded memory, so that it
 * can be asked why something did not come. */
#ifndef HOOKLINE_CONSOLE_ATTEMPTS_H
#define HOOKLINE_CONSOLE_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "common/record.h"
#include "console/attempt_store.h"
#include "kafka/client.h"

struct attempts;
struct attempts_wait;

/* A larger record is skipped. */
#define ATTEMPTS_VALUE_MAX 65536

struct attempts_options {
    const char *topic;
    int64_t max_bytes;      /* 64 MiB; over it, who has the most gives up the oldest */
    int64_t max_per_tenant; /* most kept of one tenant: 10 000 */
};

/* Returns new. Reads from about as many records before the end as can be kept. The topic need not be
 * there yet. ERROR_CONFIG where a bound is below 1. The texts of `kafka` are borrowed for the life of
 * the loop. */
must_check struct attempts *attempts_new(struct loop *loop, const struct kafka_options *kafka,
    const struct attempts_options *options, struct error *error);
/* Ends all waits without a call. Not from within its callbacks, but for that of a wait; NULL is fine. */
void attempts_free(struct attempts *attempts);

/* What the topic held at the start has been read. */
bool attempts_ready(const struct attempts *attempts);
/* Calls `fn` newest first, with the attempt's number and its JSON as it is in the record. Returns the
 * number to go on with (query->before), 0 = no more. It can be one without having found anything: at
 * most 10 000 attempts are looked at in a call. Numbers are good for as long as the process lives,
 * also of attempts that are dropped since; only until attempts_ready() the order may change. */
uint64_t attempts_find(const struct attempts *attempts, const struct attempts_query *query,
    attempts_found *fn, void *arg);

/* Calls `fn` once, on the loop and never from within another call: when a result of that tenant and id
 * has been read, or with NULL after `timeout_ms`. The handle is good until then. NULL, and no call,
 * where a thousand wait already. */
struct attempts_wait *attempts_await(struct attempts *attempts, const char *tenant, const char *id,
    int64_t timeout_ms, void (*fn)(const char *json, size_t len, void *arg), void *arg);
/* NULL is fine. */
void attempts_wait_cancel(struct attempts_wait *wait);

size_t attempts_count(const struct attempts *attempts);
/* Records that were skipped: no results, or too large. */
int64_t attempts_skipped_count(const struct attempts *attempts);

/* Takes a record as if it had been read; what the reader does, for tests. */
void attempts_apply(struct attempts *attempts, const struct record *record);
/* Without a reader, ready at once, for tests; `loop` may be NULL if nothing is awaited. */
struct attempts *attempts_new_detached(struct loop *loop, const struct attempts_options *options);
/* Their metrics, at 0. */
void attempts_register_metrics(void);

#endif
