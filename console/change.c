/* SPDX-License-Identifier: Apache-2.0 */
/* A change of a subscription on its way into the registry. */
#include "console/change.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/answer.h"
#include "console/api.h"
#include "console/audit.h"
#include "console/handshakes.h"
#include "subscriptions/fan_out.h"

/* Deciding. */

static void forget(struct change *change)
{
    json_decref(change->record);
    json_decref(change->before);
    change->record = change->before = NULL;
    change->remove = change->unchanged = false;
}

static bool check_version(
    const struct change *change, const struct subscription *old, struct problem *problem)
{
    if (!change->if_match || answer_etag_matches(change->if_match, old->version))
        return true;
    return problem_set(problem, 412,
        "%s is at version %" PRId64 " by now: read it again, and decide again", old->key,
        old->version);
}

static bool check_fan_out(
    const struct change *change, const struct subscription *next, struct problem *problem)
{
    const struct console_deps *deps = &change->call->api->deps;
    const struct store_tenant *tenant = store_tenant(deps->store, next->tenant);
    size_t stored = tenant ? tenant->subscription_count : 0, count = 0;
    struct subscription **all = mem_array(NULL, stored + 1, sizeof(struct subscription *));
    for (size_t i = 0; i < stored; i++)
        if (strcmp(tenant->subscriptions[i]->id, next->id) != 0)
            all[count++] = tenant->subscriptions[i];
    all[count++] = (struct subscription *)next;
    size_t most = next->enabled ? fan_out_most(all, count, next) : 0;
    free(all);
    if (most <= (size_t)deps->max_fan_out)
        return true;
    char *text =
        mem_printf("an event could go to %zu subscriptions of the tenant, more than %" PRId64
                   " (subscriptions.max_fan_out)",
            most, deps->max_fan_out);
    problem_add(problem, "/events", text);
    free(text);
    return false;
}

/* What goes beyond the subscription itself. */
static bool check_record(const struct change *change, struct problem *problem)
{
    struct error error = ERROR_INIT;
    struct subscription *next = subscription_parse(change->record, false, &error);
    bug_on(!next); /* it is made of what was valid */
    bool good = check_fan_out(change, next, problem);
    subscription_unref(next);
    return good;
}

/* By the registry as this process knows it. */
static bool decide_now(struct change *change)
{
    const struct call *call = change->call;
    const struct subscription *old = store_find(call->api->deps.store, call->tenant, change->id);
    struct problem *problem = &change->problem;
    forget(change);
    if (!old && !change->creates)
        return problem_set(
            problem, 404, "there is no subscription %s/%s", call->tenant, change->id);
    if (old && !change->creates && !check_version(change, old, problem))
        return false;
    if (old)
        change->before = subscription_masked(old);
    return change->decide(change, old, problem) &&
           (!change->record || check_record(change, problem));
}

/* Ending. */

static void change_free(struct change *change)
{
    forget(change);
    json_decref(change->shown);
    problem_release(&change->problem);
    free(change->if_match);
    free(change->agreed_url);
    free(change->id);
    free(change);
}

static void fail(struct change *change)
{
    call_fail(change->call, &change->problem);
    change_free(change);
}

static void succeed(struct change *change)
{
    struct call *call = change->call;
    json_t *shown = NULL;
    if (change->unchanged)
        shown = json_incref(change->before);
    else if (!change->remove)
        shown = answer_masked(change->record);
    if (!change->unchanged)
        audit_change(call, change->action, change->id, change->before, shown);
    if (shown)
        answer_subscription(call, call->route->status, shown, change->shown);
    else
        call_answer(call, call->route->status, NULL);
    change_free(change);
}

/* Writing. */

static void put(struct writer_batch *batch, const char *key, char *value)
{
    writer_put(batch, key, value);
    free(value);
}

static char *text_of(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (!text)
        fatal("out of memory");
    return text;
}

static bool has_record(const struct change *change)
{
    const struct call *call = change->call;
    const struct store_tenant *tenant = store_tenant(call->api->deps.store, call->tenant);
    return tenant && tenant->partitions;
}

/* Asked again because others came between, and what was asked for before had been written after all. */
static bool is_done_already(const struct change *change)
{
    const struct call *call = change->call;
    const struct subscription *now = store_find(call->api->deps.store, call->tenant, change->id);
    if (!change->asked || change->remove || !now)
        return change->asked && change->remove && !now;
    char *text = text_of(change->record);
    bool same = strcmp(text, now->text) == 0;
    free(text);
    return same;
}

static const char *url_of(const struct change *change)
{
    return json_string_value(json_object_get(change->record, "url"));
}

static bool wants_consent(const struct change *change)
{
    return handshakes_wanted(change->call->api, change->record, change->before);
}

/* To the URL that is written now. Another one was there when the endpoint was asked, or none had to be. */
static bool apply_consent(struct change *change)
{
    if (!wants_consent(change))
        return true;
    if (!change->agreed_url || strcmp(change->agreed_url, url_of(change)) != 0)
        return problem_set(&change->problem, 409,
            "the subscription's url was changed at the same time: read it again, and decide again");
    handshakes_limit(change->record, change->consent);
    return true;
}

static void decide_batch(struct writer_batch *batch, void *arg)
{
    struct change *change = arg;
    const char *tenant = change->call->tenant;
    if (is_done_already(change) || !decide_now(change) || change->unchanged ||
        !apply_consent(change))
        return;
    change->asked = true;
    if (!has_record(change))
        put(batch, tenant, store_tenant_record(tenant, change->topic.partitions));
    char *key = mem_printf("%s/%s", tenant, change->id);
    put(batch, key, change->remove ? NULL : text_of(change->record));
    free(key);
}

static void written(enum writer_outcome outcome, const struct error *error, void *arg)
{
    struct change *change = arg;
    struct api *api = change->call->api;
    if (outcome == WRITER_FENCED)
        problem_set(&change->problem, 409,
            "others were writing to the registry at the same time: try again");
    else if (outcome == WRITER_FAILED)
        problem_set(&change->problem, 503,
            "Kafka did not confirm the change, which may or may not have been made: %s",
            error->text);
    if (change->problem.status)
        fail(change);
    else
        succeed(change);
    api_work_ends(api);
}

static void give_up(struct change *change)
{
    struct api *api = change->call->api;
    fail(change);
    api_work_ends(api);
}

static void topic_ensured(void *arg)
{
    struct change *change = arg;
    struct api *api = change->call->api;
    if (!change->topic.partitions)
        problem_set(&change->problem, 503, "%s", change->topic.error.text);
    else if (api->stopping)
        problem_set(&change->problem, 503, "this process is about to stop");
    if (change->problem.status)
        give_up(change);
    else
        writer_change(api->writer, decide_batch, written, change);
}

static void carry_out(struct change *change)
{
    struct call *call = change->call;
    if (has_record(change)) {
        writer_change(call->api->writer, decide_batch, written, change);
        return;
    }
    change->topic = (struct tenant_topic){
        .deps = &call->api->deps, .tenant = call->tenant, .done = topic_ensured, .arg = change};
    tenant_topic_ensure(&change->topic);
}

/* Its endpoint's consent, before anything is made or written: a process that ends meanwhile has changed
 * nothing, and a client that goes away does not matter, here as later. */
static void consented(void *arg, const struct handshake_consent *consent, struct problem *problem)
{
    struct change *change = arg;
    if (consent) {
        change->agreed_url = mem_strdup(url_of(change));
        change->consent = *consent;
        carry_out(change);
    } else {
        change->problem = *problem;
        give_up(change);
    }
}

static void begin(struct change *change)
{
    struct api *api = change->call->api;
    if (!decide_now(change)) { /* which needs no Kafka */
        fail(change);
    } else if (change->unchanged) {
        succeed(change);
    } else {
        api_work_begins(api);
        if (!wants_consent(change))
            carry_out(change);
        else if (!handshakes_begin(
                     change->call, change->record, consented, change, &change->problem))
            give_up(change);
    }
}

static struct change *change_new(
    struct call *call, const char *action, const char *id, change_decide *decide, json_t *shown)
{
    struct change *change = mem_zalloc(sizeof *change);
    const char *if_match = http_exchange_header(call->exchange, "if-match");
    change->call = call;
    change->action = action;
    change->decide = decide;
    change->id = mem_strdup(id);
    change->shown = shown;
    /* Copied: the client may be gone when it is looked at. */
    if (if_match && (call->route->traits & ROUTE_CONDITIONAL))
        change->if_match = mem_strdup(if_match);
    return change;
}

void change_begin(struct call *call, const char *action, change_decide *decide, json_t *shown)
{
    begin(change_new(call, action, call->id, decide, shown));
}

void change_begin_new(struct call *call, const char *id, change_decide *decide, json_t *shown)
{
    struct change *change = change_new(call, "create", id, decide, shown);
    change->creates = true;
    begin(change);
}
