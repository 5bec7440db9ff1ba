/* SPDX-License-Identifier: Apache-2.0 */
/* The console role: the API for people and programs that register webhooks. This file wires the parts of
 * console/. */
#ifndef HOOKLINE_CONSOLE_CONSOLE_H
#define HOOKLINE_CONSOLE_CONSOLE_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/loop.h"
#include "common/probes.h"
#include "console/options.h"
#include "events/event.h"
#include "kafka/producer.h"
#include "producers/topic_names.h"
#include "subscriptions/seal.h"
#include "subscriptions/store.h"
#include "webhook/http_client.h"

struct console;

/* What the role is given by whoever puts roles together; all borrowed, and outlive it. */
struct console_deps {
    struct loop *loop;
    struct probes *probes;
    const struct kafka_options *kafka;
    const struct topic_options *topics;
    struct kafka_producer *producer;
    struct store *store;
    const struct seal_ring *ring;           /* seals what is written; NULL = nothing is */
    const char *certificate;                /* of TLS, PEM; NULL = plain HTTP */
    const char *private_key;                /* the same */
    const struct http_client_options *http; /* the consumers': for handshakes and early warnings */
    int64_t connect_timeout_ms, timeout_ms; /* the consumers', where a subscription says nothing */
    const struct event_options *events;     /* the bridges': for previews */
    const char *const *ttl_events;          /* the consumers': what is too old to be replayed */
    int64_t ttl_other_ms;
    bool ttl_from_acceptance;
    int64_t max_per_tenant; /* subscriptions */
    int64_t max_fan_out;    /* of those that one event may go to */
    /* Appends all settings as a JSON object, masked. */
    void (*print_settings)(void *arg, struct buffer *out);
    void *settings_arg;
};

/* Returns new, listening at once; it answers 503 until the registry has been read. */
must_check struct console *console_new(
    const struct console_deps *deps, const struct console_options *options, struct error *error);
void console_store_ready(struct console *console);
/* The options, and what `deps` points to, have changed where they are: takes over those that the table of settings has as
 * reloadable. */
void console_reload(struct console *console, const struct console_deps *deps);
/* Takes no new requests, ends those that are under way, then calls `stopped`. */
void console_stop(struct console *console, void (*stopped)(void *arg), void *arg);
/* The address that is bound. Borrowed. */
const char *console_address(const struct console *console);
void console_free(struct console *console);
/* All of the role's metrics, at 0. */
void console_register_metrics(void);

#endif
