/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to its handler: the route, the caller, and whether it may. */
#include "console/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/text.h"
#include "console/call.h"
#include "events/event.h"

#define BEARER "Bearer "

/* The path. */

/* The length of the first part of a path. */
static size_t part_length(const char *path)
{
    return strcspn(path, "/");
}

/* What stands for a part in braces; copied to the call. False if it is none that could exist. */
static bool take_part(struct call *call, const char *pattern, const char *path, size_t len)
{
    char **field = strncmp(pattern, "{tenant}", 8) == 0 ? &call->tenant : &call->id;
    *field = mem_printf("%.*s", (int)len, path);
    return field == &call->tenant ? event_tenant_valid(*field) : subscription_id_valid(*field);
}

static void forget_parts(struct call *call)
{
    free(call->tenant);
    free(call->id);
    call->tenant = call->id = NULL;
}

static bool match_path(struct call *call, const char *pattern, const char *path)
{
    forget_parts(call);
    while (*pattern == '/' && *path == '/') {
        size_t want = part_length(++pattern), have = part_length(++path);
        if (*pattern == '{') {
            if (!take_part(call, pattern, path, have))
                return false;
        } else if (want != have || strncmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return !*pattern && !*path;
}

static bool match_method(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* 404, or 405 with what is allowed. */
static bool find_route(struct call *call, struct problem *problem)
{
    struct buffer allowed = BUFFER_INIT;
    const char *method = http_exchange_method(call->exchange);
    const char *path = http_exchange_path(call->exchange);
    for (const struct route *route = routes; route->method && !call->route; route++) {
        if (!match_path(call, route->path, path))
            continue;
        if (match_method(route, method))
            call->route = route;
        else
            buffer_printf(&allowed, "%s%s", allowed.len ? ", " : "", route->method);
    }
    if (!call->route && allowed.len) {
        http_exchange_add_header(call->exchange, "allow", buffer_text(&allowed));
        problem_set(problem, 405, "%s is not possible here, but %s", method, buffer_text(&allowed));
    } else if (!call->route) {
        problem_set(problem, 404, "there is nothing at this path; see /api/v1/openapi.json");
    }
    buffer_release(&allowed);
    return call->route != NULL;
}

/* The caller. */

static const struct token *find_token(const struct call *call)
{
    const char *value = http_exchange_header(call->exchange, "authorization");
    if (!value || strncasecmp(value, BEARER, strlen(BEARER)) != 0)
        return NULL;
    return tokens_find(call->api->tokens, value + strlen(BEARER), wall_now());
}

static bool check_rate(struct call *call, const char *name, struct problem *problem)
{
    char text[TEXT_INT_SIZE];
    int64_t wait_s;
    if (rates_take(call->api->rates, name, mono_now(), &wait_s))
        return true;
    http_exchange_add_header(call->exchange, "retry-after", text_format_int(wait_s, text));
    return problem_set(problem, 429,
        "more than %" PRId64 " requests a second with this token (console.rate_limit)",
        call->api->options->rate_limit);
}

/* Another tenant looks like one that does not exist. */
static bool check_scope(struct call *call, const struct token *token, struct problem *problem)
{
    const struct route *route = call->route;
    if (token->role < route->role)
        return problem_set(problem, 403, "this needs the role %s, and the token's is %s",
            token_roles[route->role], token_roles[token->role]);
    if ((route->traits & ROUTE_ALL_TENANTS) && token->tenant)
        return problem_set(problem, 403, "this needs a token of all tenants");
    if (call->tenant && token->tenant && strcmp(call->tenant, token->tenant) != 0)
        return problem_set(problem, 404, "there is no tenant %s", call->tenant);
    return true;
}

static bool authenticate(struct call *call, struct problem *problem)
{
    if (call->route->traits & ROUTE_PUBLIC)
        return check_rate(call, "", problem);
    const struct token *token = find_token(call);
    if (!token) {
        if (!check_rate(call, "", problem))
            return false;
        http_exchange_add_header(call->exchange, "www-authenticate", "Bearer realm=\"hookline\"");
        return problem_set(problem, 401,
            "a token is needed (\"Authorization: Bearer …\"), and it must be known and not "
            "expired");
    }
    call->token = mem_strdup(token->name);
    call->token_role = token->role;
    call->token_tenant = token->tenant ? mem_strdup(token->tenant) : NULL;
    return check_rate(call, token->name, problem) && check_scope(call, token, problem);
}

/* The body. */

static bool is_json(const char *type)
{
    size_t len = strcspn(type, "; \t");
    return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
           (len == 28 && strncasecmp(type, "application/merge-patch+json", len) == 0);
}

static bool parse_body(struct call *call, const char *text, size_t len, struct problem *problem)
{
    json_error_t fault;
    call->body = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
    if (!call->body)
        return problem_set(problem, 400, "the body is no JSON: line %d, column %d: %s", fault.line,
            fault.column, fault.text);
    if (!json_is_object(call->body))
        return problem_set(problem, 400, "the body is no JSON object");
    return true;
}

static bool read_body(struct call *call, struct problem *problem)
{
    size_t len;
    const char *text = http_exchange_body(call->exchange, &len);
    const char *type = http_exchange_header(call->exchange, "content-type");
    if (!call->route->request)
        return true;
    if (len == 0 && (call->route->traits & ROUTE_BODY_OPTIONAL))
        return true;
    if (len == 0)
        return problem_set(problem, 400, "a body is needed: a JSON object");
    if (!type || !is_json(type))
        return problem_set(problem, 415, "the content-type must be application/json");
    return parse_body(call, text, len, problem);
}

static bool check_ready(const struct call *call, struct problem *problem)
{
    if (call->api->writer || (call->route->traits & ROUTE_PUBLIC))
        return true;
    return problem_set(problem, 503, "the registry is still being read from Kafka");
}

void api_serve(struct http_exchange *exchange, void *arg)
{
    struct problem problem = {0};
    struct call *call = mem_zalloc(sizeof *call);
    call->api = arg;
    call->exchange = exchange;
    if (find_route(call, &problem) && authenticate(call, &problem) && check_ready(call, &problem) &&
        read_body(call, &problem))
        call->route->handler(call);
    else
        call_fail(call, &problem);
}

/* What outlives the server. */

void api_work_begins(struct api *api)
{
    api->working++;
}

void api_work_ends(struct api *api)
{
    api->working--;
    if (api->stopping && !api->working)
        api->stopped(api->stopped_arg);
}
