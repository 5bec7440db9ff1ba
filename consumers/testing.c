/* SPDX-License-Identifier: Apache-2.0 */
/* Test deliveries: somebody wants to see what becomes of a request, and waits for it. One is made once, at
 * once, and beside everything: nothing that stands for deliveries (lanes, windows, rates, circuits, places in
 * memory, endpoints themselves) is asked or changed, so that a test goes to an endpoint in whatever state
 * that is in, and leaves it there (docs/bookmarks.md, rule 7). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "consumers/engine.h"
#include "consumers/policy/verdict.h"
#include "producers/result.h"
#include "webhook/sender.h"
#include "webhook/url.h"

/* In a process: endpoints that hang must not take anything from deliveries. */
#define TESTS_MAX 8
/* Nobody waits for a result for longer. */
#define PATIENCE_MS 60000
#define MASK        "***"

struct test_delivery {
    TAILQ_ENTRY(test_delivery) in_intake;
    struct intake *intake;
    struct record *record;           /* owned */
    struct delivery_decoded decoded; /* borrowed from it */
    struct sender sender;
    struct sending *sending;
};

/* --- What is told of it ---------------------------------------------------------------------------- */

static void done(struct intake *intake, const struct record *record, enum engine_test what)
{
    engine_count_test(what);
    kafka_partition_done(intake->partition, record->offset);
}

static void publish(struct intake *intake, const struct record *record,
    const struct delivery_record *fields, struct result *result)
{
    result->id = fields->id;
    result->tenant = fields->tenant;
    result->subscription = fields->subscription;
    result->event = fields->event;
    result->order_key = fields->order_key;
    result->event_at = fields->event_at.ms < 0 ? fields->accepted_at : fields->event_at;
    result->source = fields->source;
    result->at = wall_now();
    result->test = true;
    outcome_publish(intake->engine, result, &record->key);
}

static void refuse(struct intake *intake, const struct record *record,
    const struct delivery_record *fields, const char *error, enum engine_test what)
{
    struct result result = {.outcome = RESULT_FAILED, .error = error};
    publish(intake, record, fields, &result);
    done(intake, record, what);
}

static size_t show_sent(const struct webhook_request *request, struct result_header *headers)
{
    size_t count = request->http.header_count;
    for (size_t i = 0; i < count; i++) {
        const struct http_header *header = &request->headers[i];
        bool is_own = i < request->own_count;
        headers[i] = (struct result_header){header->name, is_own ? header->value : MASK};
    }
    return count;
}

static size_t show_received(const struct http_answer *answer, struct result_header *headers)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http_header *header = &answer->headers[i];
        bool cookie = strcasecmp(header->name, "set-cookie") == 0;
        headers[i] = (struct result_header){header->name, cookie ? MASK : header->value};
    }
    return answer->header_count;
}

static void publish_answer(struct test_delivery *test, const struct http_answer *answer)
{
    struct result_header sent[WEBHOOK_HEADERS_MAX], received[HTTP_HEADERS_KEPT];
    struct judgement judgement = verdict_judge(answer->fault, answer->status);
    bool delivered = judgement.verdict == VERDICT_DELIVERED;
    const struct webhook_request *request = sending_request(test->sending);
    char *url = url_shown(test->sender.credentials->subscription->url);
    struct result_exchange exchange = {
        .method = "POST",
        .url = url,
        .request = {sent, request ? show_sent(request, sent) : 0, sending_body(test->sending)},
        .response = {received, show_received(answer, received), {answer->body, answer->body_len}},
        .status = answer->fault == HTTP_ANSWERED ? answer->status : 0,
    };
    struct result result = {
        .outcome = delivered ? RESULT_DELIVERED : RESULT_FAILED,
        .attempt = 1,
        .exchange = &exchange,
    };
    outcome_describe(&result, answer);
    publish(test->intake, test->record, &test->decoded.delivery, &result);
    done(test->intake, test->record, delivered ? TEST_DELIVERED : TEST_FAILED);
    free(url);
}

/* --- Its one attempt ------------------------------------------------------------------------------- */

static void test_free(struct test_delivery *test)
{
    TAILQ_REMOVE(&test->intake->tests, test, in_intake);
    test->intake->engine->test_count--;
    sender_release(&test->sender);
    free(test->record);
    free(test);
}

static void answered(void *arg, const struct http_answer *answer)
{
    struct test_delivery *test = arg;
    struct intake *intake = test->intake;
    publish_answer(test, answer);
    test_free(test);
    ownership_settle_if_done(intake);
}

static bool post(struct test_delivery *test, struct error *error)
{
    const struct subscription *subscription = test->sender.credentials->subscription;
    const struct delivery_record *fields = &test->decoded.delivery;
    struct webhook_delivery content = {
        .id = fields->id,
        .event = fields->event,
        .attempt = 1,
        .at = wall_now(),
        .event_at = fields->event_at,
        .order_key = fields->order_key,
        .redact = fields->redact,
        .record = test->record,
    };
    struct sending_limits limits = attempt_limits(test->intake->engine, subscription);
    test->sending = sending_start(&test->sender, &content, &limits, true, answered, test, error);
    return test->sending;
}

/* With a sender of its own: the endpoint's, if there is one, is for deliveries. */
static void start(
    struct intake *intake, const struct record *record, struct credentials *credentials)
{
    struct engine *engine = intake->engine;
    struct sending_limits limits = attempt_limits(engine, credentials->subscription);
    struct error error = ERROR_INIT;
    struct test_delivery *test = mem_zalloc(sizeof *test);
    test->intake = intake;
    sender_init(&test->sender, engine->http);
    sender_set(&test->sender, credentials, &limits);
    test->record = record_copy(record);
    bool good = delivery_decode(test->record, &test->decoded, NULL);
    bug_on(!good); /* the record was */
    TAILQ_INSERT_TAIL(&intake->tests, test, in_intake);
    engine->test_count++;
    if (post(test, &error))
        return;
    refuse(intake, record, &test->decoded.delivery, error.text, TEST_FAILED);
    test_free(test);
}

static void attempt(
    struct intake *intake, const struct record *record, const struct delivery_record *fields)
{
    const struct engine *engine = intake->engine;
    struct error error = ERROR_INIT;
    struct subscription *subscription =
        store_find(engine->deps.store, fields->tenant, fields->subscription);
    if (!subscription) {
        refuse(intake, record, fields, "the subscription does not exist any more", TEST_FAILED);
        return;
    }
    if (engine->test_count >= TESTS_MAX) {
        refuse(intake, record, fields, "too many tests at a time", TEST_REFUSED);
        return;
    }
    struct credentials *credentials = credentials_new(subscription, engine->deps.ring, &error);
    if (credentials)
        start(intake, record, credentials);
    else
        refuse(intake, record, fields, error.text, TEST_FAILED);
}

/* --- The intake's ---------------------------------------------------------------------------------- */

bool testing_take(struct intake *intake, const struct record *record,
    const struct delivery_record *fields, const char *fault)
{
    struct engine *engine = intake->engine;
    bool ours = fields->tenant && strcmp(fields->tenant, intake->tenant) == 0;
    if (!ours || wall_now().ms - fields->accepted_at.ms > PATIENCE_MS) {
        done(intake, record, TEST_DROPPED);
        return true;
    }
    if (fault) {
        refuse(intake, record, fields, fault, TEST_FAILED);
        return true;
    }
    if (fields->registry > store_offset(engine->deps.store))
        return false; /* asked for with a registry that we have not read yet */
    scheduler_check_clock(engine);
    if (engine->unsure)
        return false;
    attempt(intake, record, fields);
    return true;
}

void testing_cancel(struct intake *intake)
{
    struct test_delivery *test, *next;
    for (test = TAILQ_FIRST(&intake->tests); test; test = next) {
        next = TAILQ_NEXT(test, in_intake);
        sending_cancel(test->sending);
        test_free(test);
    }
}
