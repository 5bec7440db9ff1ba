/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what the API answers to. */
#include "console/route.h"

#include <stddef.h>

#include "console/api.h"

#define V1            "/api/v1"
#define TENANT        V1 "/tenants/{tenant}"
#define SUBSCRIPTIONS TENANT "/subscriptions"
#define SUBSCRIPTION  SUBSCRIPTIONS "/{id}"

#define LIMIT                                                                          \
    {"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100}", \
        "At most so many."}
#define TIME_SCHEMA "{\"type\":\"string\",\"format\":\"date-time\"}"
#define TEXT_SCHEMA "{\"type\":\"string\"}"

static const struct route_parameter list_query[] = {
    LIMIT,
    {"cursor", "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,64}$\"}",
        "What \"next\" of the page before was."},
    {NULL},
};

static const struct route_parameter deliveries_query[] = {
    {"subscription", TEXT_SCHEMA, "Of this subscription."},
    {"event", TEXT_SCHEMA, "Of events of this type."},
    {"id", TEXT_SCHEMA, "Of this delivery, as in webhook-id."},
    {"outcome", "{\"enum\":[\"delivered\",\"retry\",\"dead_letter\",\"failed\"]}",
        "That ended so."},
    {"from", TIME_SCHEMA, "Made then or later."},
    {"to", TIME_SCHEMA, "Made then or earlier."},
    LIMIT,
    {"cursor", "{\"type\":\"integer\",\"minimum\":1}", "What \"next\" of the page before was."},
    {NULL},
};

#define REASONS_SCHEMA "{\"type\":\"string\",\"pattern\":\"^[a-z_]+(,[a-z_]+)*$\"}"
#define LETTERS_FILTER                                                   \
    {"subscription", TEXT_SCHEMA, "Of this subscription."},              \
        {"reason", REASONS_SCHEMA, "With one of these reasons: a,b."},   \
        {"event", TEXT_SCHEMA, "Of events of this type."},               \
        {"id", TEXT_SCHEMA, "Of this delivery, as in webhook-id."},      \
        {"host", TEXT_SCHEMA, "For an endpoint on this host."},          \
        {"from", TIME_SCHEMA, "Dead since then; by default for a day."}, \
        {"to", TIME_SCHEMA, "Dead before then."}
#define PLACE  "Where it is: its partition, a dash, and its offset."
#define REPLAY "The replay."

static const struct route_parameter letters_query[] = {
    LETTERS_FILTER,
    LIMIT,
    {NULL},
};

static const struct route_parameter all_letters_query[] = {
    {"tenant", TEXT_SCHEMA, "Of this tenant."},
    LETTERS_FILTER,
    LIMIT,
    {NULL},
};

const struct route routes[] = {
    {"GET", V1 "/openapi.json", TOKEN_VIEWER, ROUTE_PUBLIC, api_openapi, "getOpenAPI",
        "This document.", NULL, "Any", 200, NULL},
    {"GET", V1 "/status", TOKEN_VIEWER, 0, api_status, "getStatus",
        "The console's version, what your token may, and how far the registry is read.", NULL,
        "Status", 200, NULL},
    {"GET", V1 "/settings", TOKEN_ADMIN, ROUTE_ALL_TENANTS, api_settings, "getSettings",
        "The console's settings; secrets are masked.", NULL, "Settings", 200, NULL},
    {"GET", V1 "/event-types", TOKEN_VIEWER, 0, api_event_types, "listEventTypes",
        "The types of events, each with sample payloads.", NULL, "EventTypes", 200, NULL},
    {"GET", V1 "/tenants", TOKEN_VIEWER, 0, api_tenants, "listTenants",
        "The tenants that your token sees.", NULL, "Tenants", 200, NULL},
    {"GET", SUBSCRIPTIONS, TOKEN_VIEWER, 0, api_subscriptions_list, "listSubscriptions",
        "A tenant's subscriptions, by id.", NULL, "Subscriptions", 200, list_query},
    {"POST", SUBSCRIPTIONS, TOKEN_ADMIN, ROUTE_CHANGES | ROUTE_IDEMPOTENT | ROUTE_ETAG,
        api_subscription_create, "createSubscription",
        "Creates one. Where \"secrets\" is left out, a secret is made, and shown in this answer "
        "only.",
        "NewSubscription", "Subscription", 201, NULL},
    {"GET", SUBSCRIPTION, TOKEN_VIEWER, ROUTE_ETAG, api_subscription_get, "getSubscription",
        "One subscription; secrets and header values are masked.", NULL, "Subscription", 200, NULL},
    {"PUT", SUBSCRIPTION, TOKEN_ADMIN, ROUTE_CHANGES | ROUTE_CONDITIONAL | ROUTE_ETAG,
        api_subscription_replace, "replaceSubscription",
        "Replaces it. \"***\" keeps a hidden value, and leaving \"secrets\" out keeps them all.",
        "NewSubscription", "Subscription", 200, NULL},
    {"PATCH", SUBSCRIPTION, TOKEN_ADMIN, ROUTE_CHANGES | ROUTE_CONDITIONAL | ROUTE_ETAG,
        api_subscription_patch, "patchSubscription",
        "Changes some fields (JSON Merge Patch, RFC 7396): null takes one away.", "Patch",
        "Subscription", 200, NULL},
    {"DELETE", SUBSCRIPTION, TOKEN_ADMIN, ROUTE_CHANGES | ROUTE_CONDITIONAL,
        api_subscription_delete, "deleteSubscription",
        "Deletes it. Deliveries that are still under way become dead letters.", NULL, NULL, 204,
        NULL},
    {"POST", SUBSCRIPTION "/enable", TOKEN_OPERATOR, ROUTE_CHANGES | ROUTE_CONDITIONAL | ROUTE_ETAG,
        api_subscription_enable, "enableSubscription",
        "Has events delivered to it again, and forgets what was held against its endpoint.", NULL,
        "Subscription", 200, NULL},
    {"POST", SUBSCRIPTION "/disable", TOKEN_OPERATOR,
        ROUTE_CHANGES | ROUTE_CONDITIONAL | ROUTE_ETAG, api_subscription_disable,
        "disableSubscription", "Matches no events with it from now on, and keeps none.", NULL,
        "Subscription", 200, NULL},
    {"POST", SUBSCRIPTION "/reset", TOKEN_OPERATOR, ROUTE_CHANGES | ROUTE_CONDITIONAL | ROUTE_ETAG,
        api_subscription_reset, "resetSubscription",
        "Forgets what was held against its endpoint: an open circuit, or that it was disabled.",
        NULL, "Subscription", 200, NULL},
    {"POST", SUBSCRIPTION "/rotate-secret", TOKEN_ADMIN,
        ROUTE_CHANGES | ROUTE_CONDITIONAL | ROUTE_ETAG | ROUTE_BODY_OPTIONAL,
        api_subscription_rotate, "rotateSecret",
        "Makes a new secret, shown in this answer only. Those of its scheme sign beside it for a "
        "grace period.",
        "Rotation", "Subscription", 200, NULL},
    {"POST", SUBSCRIPTION "/test", TOKEN_OPERATOR, ROUTE_BODY_OPTIONAL | ROUTE_WAITS,
        api_subscription_test, "testSubscription",
        "Has one request made to its endpoint, now, whatever state that is in, and tells what came "
        "of it.",
        "Test", "Attempt", 200, NULL},
    {"POST", SUBSCRIPTION "/preview", TOKEN_OPERATOR, ROUTE_BODY_OPTIONAL, api_subscription_preview,
        "previewSubscription",
        "Shows the request that an event would become, signed, with hidden values masked. Nothing "
        "is sent.",
        "Preview", "Request", 200, NULL},
    {"POST", TENANT "/preview", TOKEN_OPERATOR, 0, api_preview, "preview",
        "The same for a subscription that does not exist yet, and is not made.", "NewPreview",
        "Request", 200, NULL},
    {"GET", TENANT "/deliveries", TOKEN_VIEWER, 0, api_deliveries, "listDeliveries",
        "Recent attempts of the tenant, newest first, as far as this process remembers.", NULL,
        "Deliveries", 200, deliveries_query},
    {"GET", TENANT "/dead-letters", TOKEN_VIEWER, 0, api_letters, "listDeadLetters",
        "The tenant's dead letters, newest first: what could not be delivered, and why.", NULL,
        "DeadLetters", 200, letters_query},
    {"GET", TENANT "/dead-letters/{id}", TOKEN_VIEWER, ROUTE_WAITS, api_letter, "getDeadLetter",
        "One dead letter, with its body, passwords left out.", NULL, "DeadLetter", 200, NULL,
        PLACE},
    {"GET", TENANT "/dead-letter-stats", TOKEN_VIEWER, 0, api_letter_stats, "countDeadLetters",
        "How many dead letters there are, by reason and host.", NULL, "DeadLetterStats", 200,
        letters_query},
    {"POST", TENANT "/replays", TOKEN_OPERATOR, 0, api_replay_begin, "beginReplay",
        "Puts dead letters back to be delivered once more, each once, in the background; with "
        "\"dry_run\" they are only counted.",
        "NewReplay", "Replay", 202, NULL},
    {"GET", TENANT "/replays", TOKEN_VIEWER, 0, api_replays, "listReplays",
        "Replays of this process, newest first.", NULL, "Replays", 200, NULL},
    {"GET", TENANT "/replays/{id}", TOKEN_VIEWER, 0, api_replay, "getReplay",
        "How far a replay is, and what came of it.", NULL, "Replay", 200, NULL, REPLAY},
    {"DELETE", TENANT "/replays/{id}", TOKEN_OPERATOR, 0, api_replay_stop, "stopReplay",
        "Ends a replay after what is under way; the same one asked for again goes on.", NULL,
        "Replay", 202, NULL, REPLAY},
    {"GET", V1 "/dead-letters", TOKEN_VIEWER, ROUTE_ALL_TENANTS, api_letters, "listAllDeadLetters",
        "The dead letters of all tenants, and of none.", NULL, "DeadLetters", 200,
        all_letters_query},
    {"GET", V1 "/dead-letters/{id}", TOKEN_VIEWER, ROUTE_ALL_TENANTS | ROUTE_WAITS, api_letter,
        "getAnyDeadLetter", "One dead letter of whatever tenant.", NULL, "DeadLetter", 200, NULL,
        PLACE},
    {"GET", V1 "/dead-letter-stats", TOKEN_VIEWER, ROUTE_ALL_TENANTS, api_letter_stats,
        "countAllDeadLetters", "How many there are, by reason, tenant and host.", NULL,
        "DeadLetterStats", 200, all_letters_query},
    {"POST", V1 "/replays", TOKEN_OPERATOR, ROUTE_ALL_TENANTS, api_replay_begin, "beginReplayOfAll",
        "Puts dead letters of any tenants back.", "NewReplay", "Replay", 202, NULL},
    {"GET", V1 "/replays", TOKEN_VIEWER, ROUTE_ALL_TENANTS, api_replays, "listAllReplays",
        "Replays of this process, whoever's.", NULL, "Replays", 200, NULL},
    {"GET", V1 "/replays/{id}", TOKEN_VIEWER, ROUTE_ALL_TENANTS, api_replay, "getAnyReplay",
        "A replay, whoever's.", NULL, "Replay", 200, NULL, REPLAY},
    {"DELETE", V1 "/replays/{id}", TOKEN_OPERATOR, ROUTE_ALL_TENANTS, api_replay_stop,
        "stopAnyReplay", "Ends a replay, whoever's.", NULL, "Replay", 202, NULL, REPLAY},
    {NULL},
};
