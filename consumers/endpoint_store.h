/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints topic: what owners remember of their endpoints, read from its beginning and followed.
 * Which record counts is decided by the epoch of the partition's ownership (docs/architecture.md,
 * "Taking over"): one of an earlier epoch than was seen for the partition is out of date, whenever it
 * arrives. */
#ifndef HOOKLINE_CONSUMERS_ENDPOINT_STORE_H
#define HOOKLINE_CONSUMERS_ENDPOINT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "kafka/client.h"
#include "kafka/producer.h"
#include "producers/endpoint_state.h"

struct endpoint_store;

struct endpoint_store_callbacks {
    /* A barrier was read: all that was written before it is known now. */
    void (*barrier)(void *arg, const char *topic, int32_t partition, int64_t epoch);
    /* A barrier was read that is out of date: an epoch of at least `seen` was known before. The offset
     * that carried it may have been deleted (a group that was idle for long, a topic made anew). */
    void (*superseded)(
        void *arg, const char *topic, int32_t partition, int64_t epoch, int64_t seen);
    /* A record out of date has come for `key`: whoever owns it writes its own again. */
    void (*outdated)(void *arg, const char *key, int32_t partition);
};

/* `topic` is the endpoints topic. Returns new, reading. */
must_check struct endpoint_store *endpoint_store_new(struct loop *loop,
    const struct kafka_options *kafka, struct kafka_producer *producer, const char *topic,
    const struct endpoint_store_callbacks *callbacks, void *arg, struct error *error);
/* NULL is fine. Receipts that are still to come find nobody. */
void endpoint_store_free(struct endpoint_store *store);

/* Calls `fn` for each endpoint of a tenant's partition of which there is something to remember, or of
 * which a record out of date was met (`outdated`; the state may then be none). Borrowed. */
void endpoint_store_each(const struct endpoint_store *store, const char *tenant, int32_t partition,
    void (*fn)(void *arg, const char *key, const struct endpoint_state *state, bool outdated),
    void *arg);

/* Writes a barrier, again and again until it is acknowledged or the store freed. */
void endpoint_store_send_barrier(
    struct endpoint_store *store, const char *topic, const struct endpoint_stamp *stamp);

/* What became of a state that was sent; `written` false: it may have been written all the same. */
typedef void endpoint_store_sent(void *arg, bool written);
/* Writes a state; `sent` is called on the loop, once, never from within. */
void endpoint_store_send(struct endpoint_store *store, const char *key,
    const struct endpoint_stamp *stamp, const struct endpoint_state *state,
    endpoint_store_sent *sent, void *arg);
/* Nobody waits any more for what was sent with this `arg`. */
void endpoint_store_forget(struct endpoint_store *store, const void *arg);
/* The metrics of a store, at 0. */
void endpoint_store_register_metrics(void);

#endif
