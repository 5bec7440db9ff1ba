/* SPDX-License-Identifier: Apache-2.0 */
/* Acts on what became of an attempt: done, again later, or a dead letter; and a result in any case. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/trace.h"
#include "consumers/engine.h"
#include "consumers/policy/retry_after.h"
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

/* The event's trace, with the span of the last attempt ("" = none was made); its id is "" where there is none. */
static void find_trace(const struct delivery *delivery, struct trace *ret_trace)
{
    struct trace_attempt attempt = {delivery->id, delivery->attempts, delivery->last_attempt_at};
    if (!delivery->id || !trace_continue(delivery->record, &attempt, ret_trace))
        ret_trace->id[0] = ret_trace->span[0] = '\0';
    else if (delivery->attempts == delivery->attempts_at_start)
        ret_trace->span[0] = '\0';
}

static const char *given(const char *text)
{
    return *text ? text : NULL;
}

static void complain(const struct delivery *delivery, const struct error *error)
{
    static struct log_limit limit;
    struct trace trace;
    engine_count_dead_letter_failure();
    if (!log_limit_pass(&limit, LOG_REPEAT_MS, NULL))
        return;
    find_trace(delivery, &trace);
    log_error("dead letter could not be written, it is kept and sent again",
        LOG_STR("topic", delivery->engine->dead_letters), LOG_STR("id", delivery->id),
        LOG_STR("trace_id", given(trace.id)), LOG_STR("span_id", given(trace.span)),
        LOG_ERR(error));
}

static void note_produced(void *arg, const struct kafka_receipt *receipt)
{
    struct dead_letter_note *note = arg;
    struct delivery *delivery = note->delivery;
    if (!delivery) {
        note_free(note);
    } else if (receipt->error) {
        complain(delivery, receipt->error);
        /* Its own headers make it larger than the delivery was: then without the body's end. */
        if (receipt->too_large && note->encoded.record.value.len > DEAD_LETTER_LARGE_KEPT)
            note->encoded.record.value.len = DEAD_LETTER_LARGE_KEPT;
        send_again(delivery);
    } else {
        delivery->note = NULL;
        note_free(note);
        intake_done(delivery, END_RESOLVED);
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
        complain(delivery, &error);
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

void outcome_describe(struct result *result, const struct http_answer *answer)
{
    if (answer->fault == HTTP_ANSWERED)
        result->status = answer->status;
    else
        result->error = answer->detail;
    result->remote_ip = answer->remote_ip;
    result->dns_us = answer->dns_us;
    result->connect_us = answer->connect_us;
    result->tls_us = answer->tls_us;
    result->first_byte_us = answer->first_byte_us;
    result->total_us = answer->total_us;
}

void outcome_publish(struct engine *engine, const struct result *result, const struct bytes *key)
{
    if (!result->id || !result->tenant || !result->subscription || !result->event)
        return; /* of a malformed record */
    if (!kafka_producer_has_room(engine->results_producer)) {
        engine_count_result_dropped(); /* best effort: a full producer is for what must not be lost */
        return;
    }
    struct buffer *json = &engine->result_json;
    struct error error = ERROR_INIT;
    buffer_clear(json);
    result_encode(result, json);
    struct record record = {
        .topic = engine->results,
        .partition = KAFKA_ANY_PARTITION,
        .timestamp_ms = -1,
        .key = *key,
        .value = {json->data, json->len},
    };
    if (!kafka_producer_send(engine->results_producer, &record, false, NULL, NULL, &error))
        engine_count_result_dropped();
}

static bool is_published(const struct engine *engine, enum result_outcome outcome)
{
    return engine->options.results == CONSUMER_RESULTS_ALL ||
           (engine->options.results == CONSUMER_RESULTS_FAILURES && outcome != RESULT_DELIVERED);
}

/* A line for each: for whoever turns the level up, as the log of what fails is the topic. */
static void log_result(const struct delivery *delivery, const struct result *result)
{
    log_debug(result->outcome == RESULT_DEAD_LETTER ? "dead letter" : "attempt",
        LOG_STR("endpoint", delivery->endpoint ? delivery->endpoint->key : NULL),
        LOG_STR("id", result->id), LOG_STR("event", result->event),
        LOG_INT("attempt", result->attempt), LOG_STR("outcome", result_outcomes[result->outcome]),
        LOG_STR("reason", result->reason), LOG_INT("status", result->status),
        LOG_STR("error", result->error), LOG_INT("duration_ms", result->total_us / 1000),
        LOG_STR("source", result->source), LOG_STR("trace_id", result->trace_id),
        LOG_STR("span_id", result->span_id));
}

static void publish_result(const struct delivery *delivery, enum result_outcome outcome,
    const char *reason, const struct http_answer *answer, int64_t due_ms)
{
    struct engine *engine = delivery->engine;
    bool published = is_published(engine, outcome), logged = log_wanted(LOG_LEVEL_DEBUG);
    if (!published && !logged)
        return;
    struct wall_time now = wall_now();
    struct trace trace;
    find_trace(delivery, &trace);
    struct result result = {
        .id = delivery->id,
        .tenant = delivery->tenant,
        .subscription = delivery->subscription,
        .event = delivery->event,
        .order_key = delivery->order_key,
        .attempt = delivery->attempts,
        .outcome = outcome,
        .reason = reason,
        .event_at = delivery->event_at,
        .at = now,
        .due_at = {due_ms > 0 ? now.ms + due_ms : -1},
        .source = delivery->source,
        .trace_id = given(trace.id),
        .span_id = given(trace.span),
    };
    if (answer)
        outcome_describe(&result, answer);
    if (logged)
        log_result(delivery, &result);
    if (published)
        outcome_publish(engine, &result, &delivery->record->key);
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
    if (delivery->endpoint && delivery->endpoint->subscription)
        note->host = url_host(delivery->endpoint->subscription->url);
    struct dead_letter letter = {
        .reason = reason,
        .detail = note->detail,
        .status = answered ? answer->status : 0,
        .response = {note->response, note->response ? answer->body_len : 0},
        .attempts = delivery->attempts,
        .first_attempt_at = delivery->first_before_replay.ms > 0 ? delivery->first_before_replay
                                                                 : delivery->first_attempt_at,
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
    engine_count_dead(delivery, reason);
    delivery->note = note;
    delivery_set_state(delivery, DELIVERY_RECORDING);
    if (!RULE(14))
        lane_remove(delivery);
    send_note(delivery);
}

void outcome_expired(struct delivery *delivery)
{
    char age[TEXT_AMOUNT_SIZE];
    int64_t age_ms = wall_now().ms - delivery->event_at.ms;
    char *detail = mem_printf("%s old, which is older than its time to live allows an attempt",
        text_format_duration(age_ms > 0 ? age_ms : 0, age));
    outcome_dead(delivery, DEAD_EXPIRED, detail, NULL);
    free(detail);
}

/* Nobody is charged for what is our own fault. */
static void take_back_attempt(struct delivery *delivery)
{
    delivery->attempts--;
    if (delivery->attempts == delivery->attempts_at_start)
        delivery->first_attempt_at.ms = -1;
}

/* Nothing was sent, so that nothing was attempted either. */
void outcome_unrenderable(struct delivery *delivery, const char *detail)
{
    take_back_attempt(delivery);
    outcome_dead(delivery, DEAD_UNRENDERABLE, detail, NULL);
}

static void wait_over(void *arg)
{
    struct delivery *delivery = arg;
    loop_timer_free(delivery->timer);
    delivery->timer = NULL;
    delivery_set_state(delivery, DELIVERY_QUEUED);
}

static void wait_in_memory(struct delivery *delivery, int64_t delay_ms)
{
    delivery->timer = loop_timer_new(delivery->engine->deps.loop, wait_over, delivery);
    loop_timer_start(delivery->timer, delay_ms, 0);
    delivery_set_state(delivery, DELIVERY_WAITING);
}

/* In memory up to the horizon; else, and where the endpoint takes nothing any more or the partition is
 * being given back, in the endpoint's state; else, where there is no room for it, it is left to
 * catch-up, or to the next owner. */
static void retry_later(struct delivery *delivery, int64_t delay_ms)
{
    const struct engine *engine = delivery->engine;
    struct endpoint *endpoint = delivery->endpoint;
    enum endpoint_block block = endpoint_block(endpoint);
    bool settling = delivery->intake->phase != INTAKE_RUNNING;
    delivery->due.ms = wall_now().ms + delay_ms;
    if (delay_ms <= engine->options.retry_horizon_ms && block == BLOCK_NONE && !settling)
        wait_in_memory(delivery, delay_ms);
    else if (delivery->attempts > 0 && aside_put(delivery, delivery->due))
        return;
    else if (settling)
        behind_let_go(delivery);
    else
        behind_drop(delivery,
            block == BLOCK_NONE ? "too many deliveries set aside" : endpoint_block_text(block));
}

static struct retry_decision decide(
    struct delivery *delivery, enum verdict verdict, int64_t pause_ms)
{
    struct engine *engine = delivery->engine;
    const struct subscription *subscription = delivery->endpoint->subscription;
    const struct consumer_options *options = &engine->options;
    struct wall_time now = wall_now();
    struct retry_limits limits = {
        .max_attempts = options->max_attempts,
        .retry_4xx = options->retry_4xx,
        .max_age_ms = options->retry_max_age_ms,
        .backoff_first_ms = options->backoff_first_ms,
        .backoff_max_ms = options->backoff_max_ms,
    };
    if (subscription && subscription->retry_4xx > 0)
        limits.retry_4xx = subscription->retry_4xx;
    if (subscription && subscription->retry_max_attempts > 0)
        limits.max_attempts = subscription->retry_max_attempts;
    if (subscription && subscription->retry_max_age_ms > 0)
        limits.max_age_ms = subscription->retry_max_age_ms;
    struct retry_state state = {
        .attempts = delivery->attempts - delivery->attempts_at_start,
        .age_ms = now.ms - delivery->first_attempt_at.ms,
        .left_ms = delivery->deadline.ms - now.ms,
        .pause_ms = pause_ms,
    };
    return retry_decide(verdict, &limits, &state, engine_random(engine));
}

/* What the answer says of the endpoint. Returns whether the circuit has just opened. */
static bool judge_endpoint(
    struct delivery *delivery, const struct judgement *judgement, const struct http_answer *answer)
{
    struct engine *engine = delivery->engine;
    struct endpoint *endpoint = delivery->endpoint;
    int64_t window = endpoint_window(endpoint);
    bool asked = judgement->verdict != VERDICT_OURS && judgement->verdict != VERDICT_BLOCKED;
    enum window_answer load = !asked                      ? WINDOW_NEUTRAL
                              : judgement->endpoint_fault ? WINDOW_BAD
                                                          : WINDOW_GOOD;
    if (endpoint->circuit.phase == CIRCUIT_CLOSED)
        window_answered(&endpoint->window, load, answer->total_us, endpoint->in_flight >= window,
            engine->options.endpoint_window);
    if (load == WINDOW_GOOD) {
        if (judgement->verdict == VERDICT_DELIVERED)
            endpoint->last_success_at = wall_now();
        if (circuit_success(&endpoint->circuit)) {
            log_info("endpoint works again", LOG_STR("endpoint", endpoint->key));
            window_init(&endpoint->window, engine->options.window_first);
            endpoint_record_changed(endpoint, true);
            endpoint_turn_soon(endpoint);
        }
        if (judgement->verdict == VERDICT_DELIVERED)
            notices_works(endpoint);
        return false;
    }
    if (load == WINDOW_NEUTRAL)
        return false;
    return circuit_fault(&endpoint->circuit, &engine->options.circuit,
        answer->fault == HTTP_TIMEOUT ? 2 : 1, window, mono_now(), wall_now(),
        engine_random(engine));
}

static void note_error(struct endpoint *endpoint, const struct http_answer *answer)
{
    char text[ENDPOINT_ERROR_SIZE];
    if (answer->fault == HTTP_ANSWERED)
        snprintf(text, sizeof text, "it answered %d", answer->status);
    else
        snprintf(text, sizeof text, "%s: %s", http_fault_names[answer->fault], answer->detail);
    endpoint_set_error(endpoint, text);
}

static bool should_disable(const struct endpoint *endpoint)
{
    struct circuit_limits limits = endpoint->engine->options.circuit;
    if (endpoint->subscription && endpoint->subscription->disable_after_ms > 0)
        limits.disable_after_ms = endpoint->subscription->disable_after_ms;
    return circuit_should_disable(&endpoint->circuit, &limits, wall_now());
}

static void disable(struct endpoint *endpoint, enum engine_disabled why, const char *reason)
{
    if (!endpoint->disabled)
        engine_count_disabled(why);
    endpoint_disable(endpoint, reason);
}

static void circuit_opened(struct endpoint *endpoint)
{
    char since[RFC3339_SIZE];
    engine_count_trip();
    if (should_disable(endpoint)) {
        char *reason = mem_printf("it has failed since %s; last: %s",
            wall_format(endpoint->circuit.failing_since, since), endpoint->last_error);
        disable(endpoint, DISABLED_FAILING, reason);
        free(reason);
        return;
    }
    if (endpoint->circuit.trips == 1)
        log_warn("endpoint is failing, it is left alone for a while",
            LOG_STR("endpoint", endpoint->key), LOG_STR("error", endpoint->last_error));
    behind_drop_queue(endpoint, endpoint_block_text(BLOCK_CIRCUIT));
    endpoint_record_changed(endpoint, true);
    endpoint_turn_soon(endpoint);
}

static const char *const action_names[] = {
    [RETRY_DONE] = "delivered", [RETRY_LATER] = "retry", [RETRY_DEAD] = "dead_letter"};

static void act(struct delivery *delivery, enum verdict verdict,
    const struct retry_decision *decision, const struct http_answer *answer)
{
    switch (decision->action) {
    case RETRY_DONE:
        engine_count_delivered(delivery);
        publish_result(delivery, RESULT_DELIVERED, NULL, answer, 0);
        intake_done(delivery, END_RESOLVED);
        break;
    case RETRY_LATER:
        publish_result(delivery, RESULT_RETRY, NULL, answer, decision->delay_ms);
        if (verdict == VERDICT_OURS)
            take_back_attempt(delivery);
        retry_later(delivery, decision->delay_ms);
        break;
    case RETRY_DEAD:
        outcome_dead(delivery, decision->reason, decision->detail, answer);
        break;
    }
}

void outcome_answered(struct delivery *delivery, const struct http_answer *answer)
{
    struct engine *engine = delivery->engine;
    struct intake *intake = delivery->intake;
    struct endpoint *endpoint = delivery->endpoint;
    struct judgement judgement = verdict_judge(answer->fault, answer->status);
    int64_t pause_ms = 0;
    bool opened = judge_endpoint(delivery, &judgement, answer);
    if (judgement.verdict != VERDICT_DELIVERED)
        note_error(endpoint, answer);
    if (judgement.may_pause)
        pause_ms = retry_after_ms(
            answer->retry_after, wall_now().ms / 1000, engine->options.retry_after_max_ms);
    struct retry_decision decision = decide(delivery, judgement.verdict, pause_ms);
    struct endpoint_refusal refusal = endpoint_refusal(endpoint);
    if (decision.action == RETRY_LATER && refusal.refused) /* it may have gone meanwhile */
        decision = (struct retry_decision){
            .action = RETRY_DEAD, .reason = refusal.reason, .detail = refusal.detail};
    engine_count_attempt(answer, action_names[decision.action]);
    /* The delivery may be gone from here on, and the partition would be given back with its last. */
    bool settle_later = intake->settle_later;
    intake->settle_later = true;
    act(delivery, judgement.verdict, &decision, answer);
    if (opened)
        circuit_opened(endpoint);
    if (pause_ms > 0)
        endpoint_pause(endpoint, pause_ms);
    if (judgement.verdict == VERDICT_GONE)
        disable(endpoint, DISABLED_GONE, "it answered 410: it is gone for good");
    intake->settle_later = settle_later;
    ownership_settle_if_done(intake);
}
