/* SPDX-License-Identifier: Apache-2.0 */
/* The checker's book. */
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "process.h"
#include "producers/delivery_record.h"
#include "producers/operational_event.h"
#include "producers/result.h"

/* The deliveries of one order key of one endpoint, by offset. */
struct sim_lane {
    struct sim_delivery **members;
    size_t count, cap;
    size_t head; /* all before it are done or past their deadline */
};

static struct sim_delivery **deliveries; /* by number */
static int64_t delivery_count, delivery_cap;
static struct sim_lane lanes[ENDPOINTS_MAX][KEYS_MAX];

void ledger_init(void)
{
    memset(lanes, 0, sizeof lanes);
    durable_init();
}

void ledger_release(void)
{
    for (int64_t i = 0; i < delivery_count; i++)
        free(deliveries[i]);
    free(deliveries);
    open_release();
    for (int i = 0; i < ENDPOINTS_MAX; i++)
        for (int k = 0; k < KEYS_MAX; k++)
            free(lanes[i][k].members);
    durable_release();
}

int64_t ledger_new(struct sim_endpoint *endpoint, int order_key, bool test)
{
    struct sim_delivery *delivery = mem_zalloc(sizeof *delivery);
    delivery->index = delivery_count;
    delivery->endpoint = endpoint;
    delivery->test = test;
    if (order_key >= 0 && !test && !endpoint->unordered)
        delivery->lane = &lanes[endpoint->index][order_key];
    delivery->poisonous =
        order_key >= 0 ? (endpoint->poison_keys >> order_key) & 1 : sim_chance(0.2);
    if (delivery_count == delivery_cap) {
        delivery_cap = delivery_cap ? 2 * delivery_cap : 256;
        deliveries = mem_array(deliveries, (size_t)delivery_cap, sizeof(struct sim_delivery *));
    }
    deliveries[delivery_count++] = delivery;
    return delivery->index;
}

static void add_to_lane(struct sim_lane *lane, struct sim_delivery *delivery)
{
    if (lane->count == lane->cap) {
        lane->cap = lane->cap ? 2 * lane->cap : 32;
        lane->members = mem_array(lane->members, lane->cap, sizeof(struct sim_delivery *));
    }
    lane->members[lane->count++] = delivery;
}

void ledger_appended(int64_t index, const struct record *record)
{
    struct sim_delivery *delivery = deliveries[index];
    delivery->log = sim_log(record->topic, record->partition);
    delivery->offset = record->offset;
    delivery->appended_us = sim_now();
    delivery->accepted_ms = wall_now().ms;
    sscanf(record_header_text(record, "hookline-event-at"), "%" SCNd64, &delivery->event_ms);
    if (delivery->lane)
        add_to_lane(delivery->lane, delivery);
    open_add(delivery);
    stats.records++;
    sim_say("bridge: #%" PRId64 " to %s at %s/%d/%" PRId64 "%s", index, delivery->endpoint->key,
        record->topic, (int)record->partition, record->offset, delivery->test ? ", a test" : "");
}

struct sim_delivery *ledger_find(const char *id)
{
    if (!id || strncmp(id, "msg_", 4) != 0)
        return NULL;
    int64_t index = strtoll(id + 4, NULL, 10);
    return index >= 0 && index < delivery_count ? deliveries[index] : NULL;
}

int64_t ledger_deadline_min(const struct sim_delivery *delivery)
{
    int64_t from =
        delivery->event_ms < delivery->accepted_ms ? delivery->event_ms : delivery->accepted_ms;
    return from + delivery->endpoint->ttl_min_ms;
}

int64_t ledger_deadline_max(const struct sim_delivery *delivery)
{
    int64_t from =
        delivery->event_ms > delivery->accepted_ms ? delivery->event_ms : delivery->accepted_ms;
    return from + delivery->endpoint->ttl_max_ms;
}

/* Nobody waits for a test's result for longer. */
#define TEST_MOST_MS 60000
#define TESTS_MOST   8 /* in flight */

/* A test is over with its attempt, or its result without one, and owed to nobody when it is old. */
static bool test_is_over(const struct sim_delivery *delivery)
{
    return delivery->told || delivery->ended > 0 ||
           wall_now().ms - delivery->accepted_ms > TEST_MOST_MS;
}

bool ledger_resolved(const struct sim_delivery *delivery)
{
    return delivery->delivered || delivery->dead > 0 || (delivery->test && test_is_over(delivery));
}

/* --- Attempts ---------------------------------------------------------------------------------- */

static void advance(struct sim_lane *lane)
{
    while (lane->head < lane->count) {
        const struct sim_delivery *head = lane->members[lane->head];
        if (!ledger_resolved(head) && ledger_deadline_min(head) >= wall_now().ms &&
            head->appended_us > head->endpoint->accepting_since)
            return;
        lane->head++;
    }
}

static void check_order(int process, struct sim_delivery *delivery)
{
    struct sim_lane *lane = delivery->lane;
    if (!lane)
        return;
    advance(lane);
    if (lane->head < lane->count && lane->members[lane->head]->offset < delivery->offset)
        sim_violation("order: process %d attempts #%" PRId64 " (%s, offset %" PRId64
                      ") before #%" PRId64 " (offset %" PRId64 ") of its lane is done",
            process, delivery->index, delivery->endpoint->key, delivery->offset,
            lane->members[lane->head]->index, lane->members[lane->head]->offset);
}

/* Who has seen what is final may not try again; nor may whoever took over from it in an orderly way. An
 * owner from before, which does not know that it is none any more, cannot know. */
static bool may_repeat(const struct sim_ownership *seen_by, const struct sim_ownership *now)
{
    return seen_by != now && (!seen_by || !seen_by->clean || now->since_us < seen_by->since_us);
}

static void check_repeat(
    int process, const struct sim_delivery *delivery, const struct sim_ownership *ownership)
{
    if (delivery->delivered && !may_repeat(delivery->delivered_by, ownership))
        sim_violation("repeat: process %d attempts #%" PRId64 " (%s, offset %" PRId64
                      ") again after its 2xx",
            process, delivery->index, delivery->endpoint->key, delivery->offset);
    if (delivery->dead_known && !may_repeat(delivery->dead_by, ownership))
        sim_violation("repeat: process %d attempts #%" PRId64 " (%s, offset %" PRId64
                      ") after its dead letter",
            process, delivery->index, delivery->endpoint->key, delivery->offset);
    if (delivery->test && delivery->ended > 0 && ownership == delivery->delivered_by)
        sim_violation(
            "repeat: process %d attempts the test #%" PRId64 " twice", process, delivery->index);
}

/* A process that stood still may be nobody's owner any more, and has to ask first. */
static bool has_to_ask(const struct loop *loop, const struct sim_ownership *ownership)
{
    return sim_may(CHAOS_STALLS) &&
           sim_loop_last_freeze_us(loop) > process_of(loop)->session_us / 2 &&
           ownership->expelled && ownership->expelled_us < sim_loop_thawed_at(loop) &&
           member_confirmed_at(loop) < sim_loop_thawed_at(loop);
}

static void check_owner(int process, const struct sim_delivery *delivery,
    const struct kafka_partition *handle, const struct loop *loop)
{
    if (!handle || !handle_started(handle))
        sim_violation("process %d attempts #%" PRId64 " (%s, offset %" PRId64
                      ") of a partition that %s",
            process, delivery->index, delivery->endpoint->key, delivery->offset,
            handle ? "it has not started or has to give back" : "it does not hold");
    if (!delivery->test && has_to_ask(loop, handle_ownership(handle)))
        sim_violation("stalled: process %d stood still for %.1f s, has lost the partition, and "
                      "attempts #%" PRId64 " without having asked",
            process, (double)sim_loop_last_freeze_us(loop) / 1e6, delivery->index);
}

/* Tests skip lanes, windows, circuits and times to live: somebody waits to see what happens. */
static void check_subscription(const struct sim_process *process,
    const struct subscription *subscription, const struct sim_delivery *delivery, int64_t in_flight)
{
    const char *key = delivery->endpoint->key;
    if (!subscription->enabled || subscription->paused)
        sim_violation("process %d attempts #%" PRId64 " though %s is %s", process->number,
            delivery->index, key, subscription->enabled ? "paused" : "disabled");
    int64_t window = sim_default_window();
    if (subscription->max_in_flight > 0 && subscription->max_in_flight < window)
        window = subscription->max_in_flight;
    if (in_flight > window)
        sim_violation("window: process %d has %" PRId64 " requests to %s in flight, %" PRId64
                      " are allowed",
            process->number, in_flight, key, window);
    if (wall_now().ms > ledger_deadline_max(delivery))
        sim_violation("late: process %d attempts #%" PRId64 " %" PRId64 " ms after its deadline",
            process->number, delivery->index, wall_now().ms - ledger_deadline_max(delivery));
}

/* A bucket that starts full, where the engine's starts empty; and one request of grace. */
static void check_rate(const struct sim_process *process, const struct subscription *subscription,
    struct sim_endpoint *endpoint)
{
    double rate = subscription->rate_per_second, burst = (double)subscription->rate_burst;
    if (rate <= 0)
        return;
    if (endpoint->rate_process != process->number || endpoint->rate_was != rate)
        endpoint->rate_tokens = burst;
    else
        endpoint->rate_tokens += rate * (double)(sim_now() - endpoint->rate_at) / 1e6;
    if (endpoint->rate_tokens > burst)
        endpoint->rate_tokens = burst;
    endpoint->rate_process = process->number;
    endpoint->rate_was = rate;
    endpoint->rate_at = sim_now();
    if (--endpoint->rate_tokens < -1)
        sim_violation("rate: process %d sends more than %.0f requests a second to %s",
            process->number, rate, endpoint->key);
}

static void check_test(
    const struct sim_process *process, const struct sim_delivery *delivery, int64_t tests)
{
    int64_t age_ms = wall_now().ms - delivery->accepted_ms;
    if (tests > TESTS_MOST)
        sim_violation("process %d has %" PRId64 " tests in flight", process->number, tests);
    if (age_ms > TEST_MOST_MS)
        sim_violation("process %d attempts the test #%" PRId64 " %" PRId64 " ms after it was "
                      "asked for",
            process->number, delivery->index, age_ms);
}

static void check_limits(
    const struct loop *loop, const struct sim_delivery *delivery, const struct sim_open *open)
{
    const struct sim_process *process = process_of(loop);
    const struct sim_endpoint *endpoint = delivery->endpoint;
    const struct subscription *subscription =
        store_find(process->store, endpoint->tenant, endpoint->id);
    if (open->same > 1)
        sim_violation(
            "process %d has #%" PRId64 " in flight twice", process->number, delivery->index);
    if (!subscription)
        sim_violation("process %d attempts #%" PRId64 " though %s is deleted", process->number,
            delivery->index, endpoint->key);
    if (delivery->test) {
        check_test(process, delivery, open->tests);
        return;
    }
    check_subscription(process, subscription, delivery, open->in_flight);
    check_rate(process, subscription, delivery->endpoint);
}

void ledger_attempt(struct loop *loop, struct sim_delivery *delivery, const struct sim_open *open)
{
    int process = sim_loop_number(loop);
    const struct kafka_partition *handle = member_handle(loop, delivery->log);
    sim_say("p%d: attempts #%" PRId64 " to %s (offset %" PRId64 ", %" PRId64 " in flight)", process,
        delivery->index, delivery->endpoint->key, delivery->offset, open->in_flight);
    delivery->attempts++;
    stats.attempts++;
    stats.repeats += delivery->delivered;
    check_owner(process, delivery, handle, loop);
    check_limits(loop, delivery, open);
    check_repeat(process, delivery, handle_ownership(handle));
    check_order(process, delivery);
}

void ledger_ended(struct loop *loop, struct sim_delivery *delivery, bool good)
{
    const struct kafka_partition *handle = member_handle(loop, delivery->log);
    struct sim_ownership *ownership = handle ? handle_ownership(handle) : NULL;
    delivery->ended++;
    if (delivery->test && !delivery->delivered)
        delivery->delivered_by = ownership;
    if (!good)
        return;
    stats.delivered += !delivery->delivered;
    delivery->delivered = true;
    delivery->delivered_by = ownership; /* the last: it knows best */
}

/* --- Dead letters ------------------------------------------------------------------------------ */

static struct sim_delivery *dead_delivery(const struct record *record)
{
    struct sim_delivery *delivery = ledger_find(record_header_text(record, "hookline-id"));
    if (!delivery)
        sim_violation("a dead letter of no delivery");
    return delivery;
}

static void check_reason(const struct sim_delivery *delivery, const char *reason)
{
    if (delivery->test)
        sim_violation("the test #%" PRId64 " is dead-lettered as %s", delivery->index, reason);
    bool refused = strcmp(reason, "endpoint_disabled") == 0 ||
                   strcmp(reason, "subscription_deleted") == 0 || strcmp(reason, "gone") == 0;
    if (refused && !delivery->endpoint->ever_refused)
        sim_violation("#%" PRId64 " is dead-lettered as %s, which %s never was", delivery->index,
            reason, delivery->endpoint->key);
}

void ledger_sent(const struct record *record)
{
    struct result_decoded decoded;
    static const char mark[] = "\"test\":true";
    if (strcmp(record->topic, RESULTS) != 0 ||
        !memmem(record->value.data, record->value.len, mark, sizeof mark - 1))
        return;
    if (!result_decode(record, &decoded, NULL))
        sim_violation("a result that is none");
    struct sim_delivery *delivery = ledger_find(decoded.result.id);
    if (!delivery || !delivery->test || decoded.result.attempt > 1)
        sim_violation("a result of a test that is none");
    delivery->told = true;
    result_decoded_release(&decoded);
}

/* Only who has the endpoint says something of it. */
static void check_notice(struct loop *loop, const struct record *record)
{
    struct operational_decoded decoded;
    struct error error = ERROR_INIT;
    if (!operational_event_decode(record, &decoded, &error))
        sim_violation("an operational event is not valid: %s", error.text);
    const struct operational_event *event = &decoded.event;
    const struct sim_endpoint *endpoint = world_endpoint(event->tenant, event->subscription);
    const struct kafka_partition *handle = member_handle(loop, endpoint->log);
    sim_say("p%d: tells of %s: %s", sim_loop_number(loop), endpoint->key, event->type);
    if (!handle || !handle_started(handle) || has_to_ask(loop, handle_ownership(handle)))
        sim_violation("process %d tells of %s: %s, and is not sure to have it",
            sim_loop_number(loop), endpoint->key, event->type);
    operational_decoded_release(&decoded);
}

struct sim_ownership *ledger_sender(struct loop *loop, const struct record *record)
{
    if (strcmp(record->topic, OPERATIONAL) == 0)
        check_notice(loop, record);
    if (strcmp(record->topic, DEAD_LETTERS) != 0)
        return NULL;
    const struct kafka_partition *handle = member_handle(loop, dead_delivery(record)->log);
    return handle ? handle_ownership(handle) : NULL;
}

static void dead_letter(
    struct loop *loop, const struct sim_ownership *sender, const struct record *record)
{
    struct sim_delivery *delivery = dead_delivery(record);
    const char *reason = record_header_text(record, "hookline-reason");
    sim_say("dead letter of #%" PRId64 " (%s): %s%s", delivery->index, delivery->endpoint->key,
        reason, loop ? "" : ", late");
    check_reason(delivery, reason);
    if (sender && delivery->delivered && delivery->delivered_by == sender)
        sim_violation("two fates: process %d has delivered #%" PRId64 " and dead-letters it as %s",
            sender->process, delivery->index, reason);
    stats.expired += strcmp(reason, "expired") == 0;
    stats.dead_letters++;
    delivery->dead++;
}

void ledger_written(
    struct loop *loop, const struct sim_ownership *sender, const struct record *record)
{
    if (strcmp(record->topic, DEAD_LETTERS) == 0)
        dead_letter(loop, sender, record);
    else if (strcmp(record->topic, ENDPOINTS) == 0)
        durable_written(loop, record);
    else if (strcmp(record->topic, OPERATIONAL) == 0)
        stats.notices++;
}

void ledger_acknowledged(struct sim_ownership *sender, const struct record *record)
{
    if (strcmp(record->topic, DEAD_LETTERS) != 0)
        return;
    struct sim_delivery *delivery = dead_delivery(record);
    if (delivery->dead_known && sender && delivery->dead_by == sender)
        sim_violation(
            "process %d has dead-lettered #%" PRId64 " twice", sender->process, delivery->index);
    delivery->dead_known = true;
    delivery->dead_by = sender;
}
