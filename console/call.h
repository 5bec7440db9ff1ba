/* SPDX-License-Identifier: Apache-2.0 */
/* A request to the API on its way: who asks, for what, and the answers that there are. Private to
 * console/. */
#ifndef HOOKLINE_CONSOLE_CALL_H
#define HOOKLINE_CONSOLE_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/http_server.h"
#include "common/metrics.h"
#include "console/route.h"
#include "console/tokens.h"

struct api;

extern struct metric call_answers; /* by class of status */

/* A problem (RFC 9457) in the making. Of the first that is set. */
struct problem {
    int status; /* 0 = none */
    char detail[512];
    json_t *errors; /* array of {"pointer" or "parameter","detail"}; NULL = none */
};

/* Handlers own their call until they answer it. */
struct call {
    struct api *api;
    struct http_exchange *exchange;
    const struct route *route;
    char *token; /* the name of the caller's token; NULL where the route needs none */
    enum token_role token_role;
    char *token_tenant; /* NULL = all */
    char *tenant, *id;  /* of the path; NULL where the route has none */
    json_t *body;       /* an object; NULL = there was none */
};

/* Fills the problem, unless it is filled. Returns false. */
bool problem_set(struct problem *problem, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds one thing that is wrong with the body, at its JSON pointer; the status becomes 422. Is a
 * subscription_problem, with a struct problem as `arg`. */
void problem_add(void *arg, const char *pointer, const char *text);
void problem_release(struct problem *problem);

/* Each of these answers, and frees the call. */
void call_answer(struct call *call, int status, json_t *json); /* takes `json`; NULL = no body */
void call_fail(struct call *call, struct problem *problem);    /* releases the problem */
void call_refuse(struct call *call, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers an exchange for which there is no call. */
void exchange_fail(struct http_exchange *exchange, struct problem *problem);

/* A number in the query; `fallback` where there is none. False: the problem is set. */
must_check bool call_query_int(const struct call *call, const char *name, int64_t min, int64_t max,
    int64_t fallback, int64_t *ret_value, struct problem *problem);
/* A wrong parameter of the query. Returns false. */
bool call_query_wrong(struct problem *problem, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
