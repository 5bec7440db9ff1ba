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
    {NULL},
};
