/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of the API, and its problems (RFC 9457). */
#include "console/call.h"

#include <float.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

/* So many are told; more would help nobody. */
#define ERRORS_MAX 100

static const char *const classes[] = {"2xx", "3xx", "4xx", "5xx", NULL};
struct metric call_answers = METRIC_COUNTER("hookline_api_answers_total",
    "Answers of the API, by the class of their status.", "class", classes);

static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad request"},
    {401, "Not authenticated"},
    {403, "Not allowed"},
    {404, "Not found"},
    {405, "Method not allowed"},
    {409, "Conflict"},
    {412, "Precondition failed"},
    {415, "Unsupported media type"},
    {422, "Not valid"},
    {429, "Too many requests"},
    {503, "Not available"},
    {504, "No answer in time"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

bool problem_set(struct problem *problem, int status, const char *format, ...)
{
    if (problem->status)
        return false;
    va_list args;
    va_start(args, format);
    vsnprintf(problem->detail, sizeof problem->detail, format, args);
    va_end(args);
    /* What it quotes may have been cut in the middle of a character, or be none. */
    problem->detail[text_utf8_cut(
        problem->detail, strlen(problem->detail), sizeof problem->detail - 1)] = 0;
    problem->status = status;
    return false;
}

static void add_error(
    struct problem *problem, const char *kind, const char *where, const char *text)
{
    if (!problem->errors)
        problem->errors = json_array();
    if (json_array_size(problem->errors) < ERRORS_MAX)
        json_array_append_new(
            problem->errors, json_pack("{s:s, s:s}", kind, where, "detail", text));
}

void problem_add(void *arg, const char *pointer, const char *text)
{
    struct problem *problem = arg;
    problem_set(problem, 422, "%s%s%s", pointer, pointer[0] ? ": " : "", text);
    add_error(problem, "pointer", pointer, text);
}

void problem_release(struct problem *problem)
{
    json_decref(problem->errors);
    *problem = (struct problem){0};
}

static void count(int status)
{
    metric_add(&call_answers, (size_t)status / 100 - 2, 1);
}

static void send(struct http_exchange *exchange, int status, const char *type, json_t *json)
{
    count(status);
    char *dump = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(DBL_DIG));
    if (!dump)
        fatal("out of memory");
    char *text = mem_printf("%s\n", dump);
    http_exchange_add_header(exchange, "cache-control", "no-store");
    http_exchange_answer(exchange, status, type, text, strlen(text));
    free(text);
    free(dump);
    json_decref(json);
}

static void send_nothing(struct http_exchange *exchange, int status)
{
    count(status);
    http_exchange_answer(exchange, status, NULL, "", 0);
}

void exchange_fail(struct http_exchange *exchange, struct problem *problem)
{
    json_t *json = json_pack("{s:s, s:i, s:s}", "title", title_of(problem->status), "status",
        problem->status, "detail", problem->detail);
    if (!json) /* the detail quotes what is no UTF-8 */
        json =
            json_pack("{s:s, s:i}", "title", title_of(problem->status), "status", problem->status);
    if (problem->errors)
        json_object_set(json, "errors", problem->errors);
    send(exchange, problem->status, "application/problem+json", json);
    problem_release(problem);
}

static void call_free(struct call *call)
{
    json_decref(call->body);
    free(call->token);
    free(call->token_tenant);
    free(call->tenant);
    free(call->id);
    free(call);
}

void call_answer(struct call *call, int status, json_t *json)
{
    if (json)
        send(call->exchange, status, "application/json", json);
    else
        send_nothing(call->exchange, status);
    call_free(call);
}

void call_fail(struct call *call, struct problem *problem)
{
    exchange_fail(call->exchange, problem);
    call_free(call);
}

void call_refuse(struct call *call, int status, const char *format, ...)
{
    struct problem problem = {.status = status};
    va_list args;
    va_start(args, format);
    vsnprintf(problem.detail, sizeof problem.detail, format, args);
    va_end(args);
    call_fail(call, &problem);
}

bool call_query_wrong(struct problem *problem, const char *name, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    problem_set(problem, 400, "%s: %s", name, text);
    add_error(problem, "parameter", name, text);
    return false;
}

bool call_query_int(const struct call *call, const char *name, int64_t min, int64_t max,
    int64_t fallback, int64_t *ret_value, struct problem *problem)
{
    const char *text = http_exchange_query(call->exchange, name);
    *ret_value = fallback;
    if (!text || (text_parse_int(text, ret_value) && *ret_value >= min && *ret_value <= max))
        return true;
    return call_query_wrong(
        problem, name, "not a whole number from %" PRId64 " to %" PRId64, min, max);
}
