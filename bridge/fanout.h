/* SPDX-License-Identifier: Apache-2.0 */
/* One event on its way into delivery topics: done when every record made from it is acknowledged. */
#ifndef HOOKLINE_BRIDGE_FANOUT_H
#define HOOKLINE_BRIDGE_FANOUT_H

#include <sys/queue.h>

#include "bridge/bridge.h"
#include "common/hash.h"
#include "common/record.h"

/* What a fan-out needs of its bridge. */
struct fanout_context {
    struct loop *loop;
    const struct topic_options *topics;
    struct kafka_producer *producer;
    struct store *store;
    struct sha256 *hash;      /* empty */
    const char *dead_letters; /* topic */
    int64_t *waiting; /* counts records that Kafka did not take and that wait to be sent again */
};

struct fanout;

/* Called once, when all is acknowledged. */
typedef void fanout_done(void *arg, int64_t offset);

/* Sends what `event` (of `record`) makes: a delivery for each subscription that wants it, but for the one
 * that it is `about` (an id; NULL = none). All are borrowed for the call. Returns NULL, and calls nobody,
 * where no subscription wants it. */
struct fanout *fanout_event(const struct fanout_context *context, const struct record *record,
    const struct event *event, const char *about, fanout_done *done, void *arg);
/* Sends the dead letter of a record that is no event. */
struct fanout *fanout_refused(const struct fanout_context *context, const struct record *record,
    const struct event_refusal *refusal, fanout_done *done, void *arg);
/* Nobody waits any more: `done` is not called; the fan-out frees itself after its last receipt. */
void fanout_abandon(struct fanout *fanout);

void fanout_metrics_register(void);

#endif
