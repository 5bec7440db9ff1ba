/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what the API answers to. Requests are matched with it, and the OpenAPI document is made of
 * it. Private to console/. */
#ifndef HOOKLINE_CONSOLE_ROUTE_H
#define HOOKLINE_CONSOLE_ROUTE_H

#include <stdbool.h>

#include "console/tokens.h"

struct call;

/* Answers the call, at once or later. */
typedef void route_handler(struct call *call);

enum route_traits {
    ROUTE_PUBLIC = 1,      /* needs no token */
    ROUTE_ALL_TENANTS = 2, /* for tokens of all tenants only */
    ROUTE_CHANGES = 4,     /* writes the registry: 409 and 503 */
    ROUTE_CONDITIONAL = 8, /* takes If-Match: 412 */
    ROUTE_IDEMPOTENT = 16, /* takes Idempotency-Key */
    ROUTE_BODY_OPTIONAL = 32,
    ROUTE_ETAG = 64,   /* answers with one; takes If-None-Match where it is a GET */
    ROUTE_WAITS = 128, /* 504 */
};

struct route_parameter {
    const char *name;   /* NULL ends the list */
    const char *schema; /* JSON */
    const char *doc;
};

struct route {
    const char *method; /* NULL ends the table */
    const char *path;   /* "/api/v1/tenants/{tenant}/subscriptions"; a part in braces is any text */
    enum token_role role; /* at least */
    unsigned traits;      /* set of enum route_traits */
    route_handler *handler;
    const char *name;                    /* operationId */
    const char *doc;                     /* one line */
    const char *request;                 /* name of a schema; NULL = no body is taken */
    const char *response;                /* the same; NULL = none */
    int status;                          /* of success */
    const struct route_parameter *query; /* NULL = none */
    const char *id_doc;                  /* of {id}; NULL = it is a subscription's */
};

extern const struct route routes[];

#endif
