/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of the API share. Private to console/. */
#ifndef HOOKLINE_CONSOLE_API_H
#define HOOKLINE_CONSOLE_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "console/attempts.h"
#include "console/console.h"
#include "console/rate.h"
#include "console/tokens.h"
#include "subscriptions/ttl.h"
#include "subscriptions/writer.h"
#include "webhook/guard.h"

struct call;

struct api {
    struct console_deps deps;
    const struct console_options *options;
    struct http_server *server;
    struct tokens *tokens;
    struct rates *rates;
    struct writer *writer;     /* NULL before the registry has been read */
    struct attempts *attempts; /* the same */
    struct guard *guard;
    struct http_client *http; /* for handshakes; NULL = there are none */
    json_t *openapi;
    TAILQ_HEAD(, test) tests;        /* of endpoints, under way */
    TAILQ_HEAD(, asking) handshakes; /* the same */
    TAILQ_HEAD(, look) looks;        /* at dead letters */
    int look_count;
    TAILQ_HEAD(, replay_run) replays; /* newest first */
    struct ttl_table ttl;
    unsigned working; /* calls that a worker or Kafka has in its hands: they outlive the server */
    bool stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* The handler of the server: finds the route and the caller. */
void api_serve(struct http_exchange *exchange, void *arg);

/* One more, and one less, of `working`. */
void api_work_begins(struct api *api);
void api_work_ends(struct api *api);

/* Waits for no result any more. */
void tests_cancel(struct api *api);

/* Returns new. */
json_t *openapi_make(void);

/* Handlers. */
void api_openapi(struct call *call);
void api_status(struct call *call);
void api_settings(struct call *call);
void api_tenants(struct call *call);
void api_event_types(struct call *call);
void api_subscriptions_list(struct call *call);
void api_subscription_get(struct call *call);
void api_subscription_create(struct call *call);
void api_subscription_replace(struct call *call);
void api_subscription_patch(struct call *call);
void api_subscription_delete(struct call *call);
void api_subscription_enable(struct call *call);
void api_subscription_disable(struct call *call);
void api_subscription_reset(struct call *call);
void api_subscription_rotate(struct call *call);
void api_subscription_test(struct call *call);
void api_subscription_preview(struct call *call);
void api_preview(struct call *call);
void api_deliveries(struct call *call);
void api_letters(struct call *call);
void api_letter(struct call *call);
void api_letter_stats(struct call *call);
void api_replays(struct call *call);
void api_replay(struct call *call);
void api_replay_begin(struct call *call);
void api_replay_stop(struct call *call);

#endif
