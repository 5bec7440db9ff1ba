/* SPDX-License-Identifier: Apache-2.0 */
/* The request that an event would become, shown and not sent. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/api.h"
#include "console/call.h"
#include "console/given.h"
#include "console/secrets.h"
#include "console/trial.h"
#include "webhook/preview.h"
#include "webhook/request.h"

/* Returns new, or NULL with the problem. */
static json_t *render(
    const struct credentials *credentials, const struct trial *trial, struct problem *problem)
{
    struct error error = ERROR_INIT;
    struct wall_time now = wall_now();
    json_t *id = secrets_random_id("msg_preview_"), *shown = NULL;
    struct webhook_delivery delivery = {
        .id = json_string_value(id),
        .event = trial->type,
        .attempt = 1,
        .at = now,
        .event_at = now,
        .order_key = trial->order_key,
        .redact = trial->redact,
        .record = &trial->record,
    };
    struct preview *preview = preview_new(credentials, &delivery, &error);
    if (preview)
        shown = preview_json(preview);
    else
        problem_add(problem, "/body", error.text);
    preview_free(preview);
    json_decref(id);
    return shown;
}

static json_t *preview(
    const struct call *call, struct subscription *subscription, struct problem *problem)
{
    const struct console_deps *deps = &call->api->deps;
    struct error error = ERROR_INIT;
    struct trial trial;
    json_t *shown = NULL;
    struct credentials *credentials = credentials_new(subscription, deps->ring, &error);
    if (!credentials) {
        problem_set(problem, 422, "its requests cannot be made: %s", error.text);
        return NULL;
    }
    if (trial_open(&trial, call->body, subscription, deps->events, problem))
        shown = render(credentials, &trial, problem);
    trial_release(&trial);
    credentials_free(credentials);
    return shown;
}

/* Takes `shown`, NULL = there is a problem. */
static void answer(struct call *call, json_t *shown, struct problem *problem)
{
    if (shown)
        call_answer(call, 200, shown);
    else
        call_fail(call, problem);
}

void api_subscription_preview(struct call *call)
{
    struct problem problem = {0};
    json_t *shown = NULL;
    struct subscription *subscription = store_find(call->api->deps.store, call->tenant, call->id);
    if (!subscription)
        problem_set(&problem, 404, "there is no subscription %s/%s", call->tenant, call->id);
    else if (trial_check(call->body, TRIAL_HEADERS, &problem))
        shown = preview(call, subscription, &problem);
    answer(call, shown, &problem);
}

/* Of one that there is not yet. */

/* A subscription_problem; `arg` is the problem. */
static void report_given(void *arg, const char *pointer, const char *text)
{
    char *whole = mem_printf("/subscription%s", pointer);
    problem_add(arg, whole, text);
    free(whole);
}

/* As it would be created: signed, with a secret that nobody gets to know, where it has none. Returns new, or
 * NULL with the problem. */
static struct subscription *parse_given(const struct call *call, struct problem *problem)
{
    json_t *given = json_object_get(call->body, "subscription"), *secret;
    struct subscription *parsed = NULL;
    json_object_del(given, "creation");
    if (given_complete(given, call->tenant, &secret, report_given, problem))
        parsed = subscription_parse_all(given, true, report_given, problem);
    json_decref(secret);
    return parsed;
}

void api_preview(struct call *call)
{
    struct problem problem = {0};
    json_t *shown = NULL;
    struct subscription *subscription = NULL;
    if (trial_check(call->body, TRIAL_HEADERS | TRIAL_SUBSCRIPTION, &problem))
        subscription = parse_given(call, &problem);
    if (subscription)
        shown = preview(call, subscription, &problem);
    subscription_unref(subscription);
    answer(call, shown, &problem);
}
