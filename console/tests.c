/* SPDX-License-Identifier: Apache-2.0 */
/* Testing an endpoint: one delivery, made by the consumer that owns the endpoint, and what came of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/api.h"
#include "console/audit.h"
#include "console/call.h"
#include "console/secrets.h"
#include "console/trial.h"
#include "producers/delivery_record.h"

#define WAIT_MS 20000

struct test {
    struct call *call;
    struct attempts_wait *wait; /* NULL when it is over */
    json_t *id;
    bool produced; /* Kafka has told what became of the record */
    char *result;  /* text; NULL = none came */
    struct error error;
    TAILQ_ENTRY(test) entry; /* in the API's `tests` */
};

static void finish(struct test *test)
{
    struct call *call = test->call;
    struct api *api = call->api;
    if (test->wait || !test->produced)
        return;
    if (test->result)
        call_answer(call, 200, json_loads(test->result, 0, NULL));
    else if (error_is_set(&test->error))
        call_refuse(
            call, 503, "the test could not be given to the consumers: %s", test->error.text);
    else
        call_refuse(call, 504,
            "no consumer has made the request within 20 s: none that serves the tenant is running, "
            "or "
            "it cannot reach Kafka");
    TAILQ_REMOVE(&api->tests, test, entry);
    json_decref(test->id);
    free(test->result);
    free(test);
    api_work_ends(api);
}

static void on_result(const char *text, size_t len, void *arg)
{
    struct test *test = arg;
    test->wait = NULL;
    test->result = text ? mem_printf("%.*s", (int)len, text) : NULL;
    finish(test);
}

static void on_produced(void *arg, const struct kafka_receipt *receipt)
{
    struct test *test = arg;
    test->produced = true;
    if (receipt->error) {
        test->error = *receipt->error;
        if (test->wait)
            attempts_wait_cancel(test->wait);
        test->wait = NULL;
    }
    finish(test);
}

void tests_cancel(struct api *api)
{
    struct test *test, *next;
    for (test = TAILQ_FIRST(&api->tests); test; test = next) {
        next = TAILQ_NEXT(test, entry);
        attempts_wait_cancel(test->wait);
        test->wait = NULL;
        finish(test);
    }
}

/* What is sent. */

static bool produce(
    struct test *test, const struct subscription *subscription, const struct trial *trial)
{
    const struct console_deps *deps = &test->call->api->deps;
    const struct store_tenant *tenant = store_tenant(deps->store, subscription->tenant);
    if (!tenant->partitions)
        return error_set(&test->error, ERROR_CONFIG, "the registry has no record of the tenant");
    struct delivery_record delivery = {
        .id = json_string_value(test->id),
        .tenant = subscription->tenant,
        .subscription = subscription->id,
        .event = trial->type,
        .event_at = wall_now(),
        .accepted_at = wall_now(),
        .registry = store_offset(deps->store),
        .redact = trial->redact,
        .test = true,
        .body = trial->record.value,
    };
    struct delivery_encoded encoded;
    delivery_encode(&delivery, &encoded);
    char *topic = topic_deliveries(deps->topics, subscription->tenant);
    encoded.record.topic = topic;
    encoded.record.partition =
        kafka_partition_of(encoded.record.key.data, encoded.record.key.len, tenant->partitions);
    bool sent = kafka_producer_send(
        deps->producer, &encoded.record, false, on_produced, test, &test->error);
    free(topic);
    return sent;
}

static void begin(
    struct call *call, const struct subscription *subscription, const struct trial *trial)
{
    struct api *api = call->api;
    struct test *test = mem_zalloc(sizeof *test);
    test->call = call;
    test->id = secrets_random_id("msg_test_");
    TAILQ_INSERT_TAIL(&api->tests, test, entry);
    api_work_begins(api);
    audit_act(call, "test", trial->type);
    test->wait = attempts_await(
        api->attempts, call->tenant, json_string_value(test->id), WAIT_MS, on_result, test);
    if (!test->wait)
        error_set(&test->error, ERROR_RETRY, "too many are under way");
    else if (produce(test, subscription, trial))
        return;
    attempts_wait_cancel(test->wait);
    test->wait = NULL;
    test->produced = true;
    finish(test);
}

void api_subscription_test(struct call *call)
{
    struct problem problem = {0};
    const struct console_deps *deps = &call->api->deps;
    const struct subscription *subscription = store_find(deps->store, call->tenant, call->id);
    struct trial trial = {0};
    if (!subscription)
        problem_set(&problem, 404, "there is no subscription %s/%s", call->tenant, call->id);
    if (subscription && trial_check(call->body, 0, &problem) &&
        trial_open(&trial, call->body, subscription, deps->events, &problem))
        begin(call, subscription, &trial);
    else
        call_fail(call, &problem);
    trial_release(&trial);
}
