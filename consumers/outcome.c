/* SPDX-License-Identifier: Apache-2.0 */
/* Acts on what became of an attempt: done, again later, or a dead letter; and a result in any case. */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/log.h"
#include "common/memory.h"
#include "consumers/engine.h"
#include "producers/result.h"
#include "webhook/url.h"

#define DEAD_LETTER_RETRY_MS 1000
#define LOG_REPEAT_MS        10000

/* A dead letter until it is acknowledged. Its delivery may go before (the partition was taken away);
 * the note then waits alone for the receipt. */
struct dead_letter_note {
    struct delivery *delivery; /* NULL: nobody waits for it any more */
    struct engine *engine;
    struct record *record; /* the delivery's own record, once abandoned: the value is borrowed */
    struct dead_letter_encoded encoded;
    char *detail, *response, *host;
};

static void note_free(struct dead_letter_note *note)
{
    dead_letter_encoded_release(&note->encoded);
    free(note->record);
    free(note->detail);
    free(note->response);
    free(note->host);
    free(note);
}

static void send_note(void *arg);

static void send_again(struct delivery *delivery)
{
    delivery->timer = loop_timer_new(delivery->engine->deps.loop, send_note, delivery);
    loop_timer_start(delivery->timer, DEAD_LETTER_RETRY_MS, 0);
}

static void complain(const struct engine *engine, const struct error *error)
{
    static struct log_limit limit;
    engine_count_dead_letter_failure();
    if (log_limit_pass(&limit, LOG_REPEAT_MS, NULL))
        log_error("dead letter could not be written, it is kept and sent again",
            LOG_STR("topic", engine->dead_letters), LOG_ERR(error));
}

static void note_produced(void *arg, const struct kafka_receipt *receipt)
{
    struct dead_letter_note *note = arg;
    struct delivery *delivery = note->delivery;
    if (!delivery) {
        note_free(note);
    } else if (receipt->error) {
        complain(note->engine, receipt->error);
        /* Its own headers make it larger than the delivery was: then without the body's end. */
        if (receipt->too_large && note->encoded.record.value.len > DEAD_LETTER_LARGE_KEPT)
            note->encoded.record.value.len = DEAD_LETTER_LARGE_KEPT;
        send_again(delivery);
    } else {
        delivery->note = NULL;
        note_free(note);
        intake_done(delivery, true);
    }
}

static void send_note(void *arg)
{
    struct delivery *delivery = arg;
    struct dead_letter_note *note = delivery->note;
    struct error error = ERROR_INIT;
    loop_timer_free(delivery->timer); /* that called us; note_is_sent() goes by it */
    delivery->timer = NULL;
    if (!kafka_producer_send(delivery->engine->deps.producer, &note->encoded.record, true,
            note_produced, note, &error)) {
        complain(delivery->engine, &error);
        send_again(delivery);
    }
}

/* Whether the producer holds the note now; else the timer does. */
static bool note_is_sent(const struct delivery *delivery)
{
    return !delivery->timer;
}

void outcome_abandon(struct delivery *delivery)
{
    struct dead_letter_note *note = delivery->note;
    if (!note)
        return;
    delivery->note = NULL;
    if (!note_is_sent(delivery)) {
        note_free(note);
        return;
    }
    note->delivery = NULL;
    note->record = delivery->record;
    delivery->record = NULL;
}

static void publish_result(const struct delivery *delivery, enum result_outcome outcome,
    const char *reason, const struct http_answer *answer, int64_t due_ms)
{
    struct engine *engine = delivery->engine;
    if (engine->options.results == CONSUMER_RESULTS_NONE || !delivery->id || !delivery->tenant ||
        !delivery->subscription ||
        (engine->options.results == CONSUMER_RESULTS_FAILURES && outcome == RESULT_DELIVERED))
        return;
    if (!kafka_producer_has_room(engine->deps.producer)) {
        engine_count_result_dropped(); /* best effort: a full producer is for what must not be lost */
        return;
    }
    bool faulty = answer && answer->fault != HTTP_ANSWERED;
    struct wall_time now = wall_now();
    struct result result = {
        .id = delivery->id,
        .tenant = delivery->tenant,
        .subscription = delivery->subscription,
        .event = delivery->event,
        .order_key = delivery->order_key,
        .attempt = delivery->attempts,
        .outcome = outcome,
        .reason = reason,
        .status = answer && !faulty ? answer->status : 0,
        .error = faulty ? answer->detail : NULL,
        .remote_ip = answer ? answer->remote_ip : NULL,
        .event_at = delivery->event_at,
        .at = now,
        .due_at = {due_ms > 0 ? now.ms + due_ms : -1},
        .source = delivery->source,
    };
    if (answer) {
        result.dns_us = answer->dns_us;
        result.connect_us = answer->connect_us;
        result.tls_us = answer->tls_us;
        result.first_byte_us = answer->first_byte_us;
        result.total_us = answer->total_us;
    }
    struct buffer json = BUFFER_INIT;
    struct error error = ERROR_INIT;
    result_encode(&result, &json);
    struct record record = {
        .topic = engine->results,
        .partition = KAFKA_ANY_PARTITION,
        .timestamp_ms = -1,
        .key = delivery->record->key,
        .value = {json.data, json.len},
    };
    if (!kafka_producer_send(engine->deps.producer, &record, false, NULL, NULL, &error))
        engine_count_result_dropped();
    buffer_release(&json);
}

void outcome_dead(struct delivery *delivery, enum dead_letter_reason reason, const char *detail,
    const struct http_answer *answer)
{
    struct engine *engine = delivery->engine;
    struct dead_letter_note *note = mem_zalloc(sizeof *note);
    bool answered = answer && answer->fault == HTTP_ANSWERED;
    note->delivery = delivery;
    note->engine = engine;
    if (answer && !answered)
        note->detail =
            mem_printf("%s (%s: %s)", detail, http_fault_names[answer->fault], answer->detail);
    else
        note->detail = mem_strdup(detail);
    if (answer && answer->body_len)
        note->response = mem_dup(answer->body, answer->body_len);
    if (delivery->endpoint)
        note->host = url_host(delivery->endpoint->subscription->url);
    struct dead_letter letter = {
        .reason = reason,
        .detail = note->detail,
        .status = answered ? answer->status : 0,
        .response = {note->response, note->response ? answer->body_len : 0},
        .attempts = delivery->attempts,
        .first_attempt_at = delivery->first_attempt_at,
        .last_attempt_at = delivery->last_attempt_at,
        .host = note->host,
        .dead_at = wall_now(),
        .failed = delivery->record,
    };
    dead_letter_encode(&letter, &note->encoded);
    note->encoded.record.topic = engine->dead_letters;
    note->encoded.record.partition = KAFKA_ANY_PARTITION;
    note->encoded.record.timestamp_ms = -1;
    publish_result(delivery, RESULT_DEAD_LETTER, dead_letter_reasons[reason], answer, 0);
    engine_count_dead(reason);
    delivery->note = note;
    delivery_set_state(delivery, DELIVERY_RECORDING);
    send_note(delivery);
}

static void wait_over(void *arg)
{
    struct delivery *delivery = arg;
    loop_timer_free(delivery->timer);
    delivery->timer = NULL;
    delivery_set_state(delivery, DELIVERY_QUEUED);
}

/* Nobody is charged for what is our own fault. */
static void take_back_attempt(struct delivery *delivery)
{
    delivery->attempts--;
    if (delivery->attempts == delivery->attempts_at_start)
        delivery->first_attempt.us = 0;
}

static void retry_later(struct delivery *delivery, enum verdict verdict, int64_t delay_ms,
    const struct http_answer *answer)
{
    publish_result(delivery, RESULT_RETRY, NULL, answer, delay_ms);
    if (verdict == VERDICT_OURS)
        take_back_attempt(delivery);
    if (delivery->intake->settling) { /* its partition's next owner takes it again */
        intake_done(delivery, false);
        return;
    }
    delivery->timer = loop_timer_new(delivery->engine->deps.loop, wait_over, delivery);
    loop_timer_start(delivery->timer, delay_ms, 0);
    delivery_set_state(delivery, DELIVERY_WAITING);
}

static struct retry_decision decide(
    struct delivery *delivery, enum verdict verdict, int64_t pause_ms)
{
    struct engine *engine = delivery->engine;
    const struct subscription *subscription = delivery->endpoint->subscription;
    const struct consumer_options *options = &engine->options;
    struct retry_limits limits = {
        .max_attempts = options->max_attempts,
        .retry_4xx = subscription->retry_4xx > 0 ? subscription->retry_4xx : options->retry_4xx,
        .horizon_ms = options->retry_horizon_ms,
        .backoff_first_ms = options->backoff_first_ms,
        .backoff_max_ms = options->backoff_max_ms,
    };
    if (subscription->retry_max_attempts > 0 &&
        subscription->retry_max_attempts < limits.max_attempts)
        limits.max_attempts = subscription->retry_max_attempts;
    if (subscription->retry_max_age_ms > 0 && subscription->retry_max_age_ms < limits.horizon_ms)
        limits.horizon_ms = subscription->retry_max_age_ms;
    struct retry_state state = {
        .attempts = delivery->attempts - delivery->attempts_at_start,
        .age_ms = mono_diff_ms(mono_now(), delivery->first_attempt),
        .pause_ms = pause_ms,
    };
    return retry_decide(verdict, &limits, &state, engine_random(engine));
}

static void follow_subscription(const struct delivery *delivery, struct retry_decision *decision)
{
    const struct store *store = delivery->engine->deps.store;
    struct endpoint_refusal refusal =
        endpoint_refusal(store_find(store, delivery->tenant, delivery->subscription));
    if (refusal.refused)
        *decision = (struct retry_decision){
            .action = RETRY_DEAD, .reason = refusal.reason, .detail = refusal.detail};
}

void outcome_answered(struct delivery *delivery, const struct http_answer *answer)
{
    struct engine *engine = delivery->engine;
    struct judgement judgement = verdict_judge(answer->fault, answer->status);
    int64_t pause_ms = 0;
    if (judgement.may_pause)
        pause_ms = retry_after_ms(
            answer->retry_after, wall_now().ms / 1000, engine->options.retry_horizon_ms);
    if (pause_ms)
        endpoint_pause(delivery->endpoint, pause_ms);
    struct retry_decision decision = decide(delivery, judgement.verdict, pause_ms);
    if (decision.action == RETRY_LATER) /* the subscription may have gone meanwhile */
        follow_subscription(delivery, &decision);
    engine_count_attempt(answer, decision.action == RETRY_DONE    ? "delivered"
                                 : decision.action == RETRY_LATER ? "retry"
                                                                  : "dead_letter");
    switch (decision.action) {
    case RETRY_DONE:
        engine_count_delivered(delivery);
        publish_result(delivery, RESULT_DELIVERED, NULL, answer, 0);
        intake_done(delivery, true);
        break;
    case RETRY_LATER:
        retry_later(delivery, judgement.verdict, decision.delay_ms, answer);
        break;
    case RETRY_DEAD:
        outcome_dead(delivery, decision.reason, decision.detail, answer);
        break;
    }
}
