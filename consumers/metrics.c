/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's metrics. */
#include <string.h>

#include "common/metrics.h"
#include "consumers/engine.h"

static const char *const outcome_names[] = {"delivered", "retry", "dead_letter", NULL};
static const char *const class_names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx", NULL};
static const char *const result_names[] = {"delivered", "dead_letter", NULL};
static const char *const reused_names[] = {"false", "true", NULL};
static const char *const state_names[] = {"queued", "in_flight", "waiting", "recording", NULL};

static struct metric attempts = METRIC_COUNTER("hookline_delivery_attempts_total",
    "POSTs that ended, by what follows.", "outcome", outcome_names);
static struct metric answers = METRIC_COUNTER("hookline_delivery_answers_total",
    "POSTs that ended, by the class of the answer's status.", "class", class_names);
static struct metric faults = METRIC_COUNTER("hookline_delivery_faults_total",
    "POSTs that ended, by why there was no status (answered: there was one).", "fault",
    http_fault_names);
static struct metric deliveries = METRIC_COUNTER(
    "hookline_deliveries_total", "Deliveries that ended, by result.", "result", result_names);
static struct metric dead_letters = METRIC_COUNTER("hookline_dead_letters_total",
    "Dead letters of deliveries, by reason.", "reason", dead_letter_reasons);
static struct metric dead_letter_failures =
    METRIC_COUNTER("hookline_dead_letter_publish_failures_total",
        "Dead letters that Kafka did not take at first; they are sent again.", NULL, NULL);
static struct metric results_dropped = METRIC_COUNTER("hookline_results_dropped_total",
    "Results that were not published because the producer was full.", NULL, NULL);
static struct metric connections = METRIC_COUNTER("hookline_http_connections_total",
    "POSTs, by whether an open connection was reused.", "reused", reused_names);
static struct metric attempt_seconds =
    METRIC_HISTOGRAM("hookline_delivery_attempt_duration_seconds", "How long POSTs took.", NULL,
        NULL, metric_attempt_buckets);
static struct metric latency_seconds = METRIC_HISTOGRAM("hookline_delivery_latency_seconds",
    "From an event's record in Kafka to the 2xx.", NULL, NULL, metric_latency_buckets);
static void refresh_held(struct metric *metric);
static struct metric held = {
    .name = "hookline_deliveries_held",
    .help = "Deliveries in memory, by state.",
    .type = METRIC_TYPE_GAUGE,
    .label = "state",
    .label_values = state_names,
    .refresh = refresh_held,
};

static struct engine *shown; /* one consumer per process */

static void refresh_held(struct metric *metric)
{
    for (size_t state = DELIVERY_QUEUED; state <= DELIVERY_RECORDING; state++)
        metric_set(metric, state, shown ? (double)shown->counts[state] : 0);
}

void engine_metrics_register(struct engine *engine)
{
    struct metric *const all[] = {&attempts, &answers, &faults, &deliveries, &dead_letters,
        &dead_letter_failures, &results_dropped, &connections, &attempt_seconds, &latency_seconds,
        &held, NULL};
    for (struct metric *const *metric = all; *metric; metric++)
        metric_register(*metric);
    shown = engine;
}

void engine_metrics_unregister(void)
{
    shown = NULL;
}

static size_t index_of(const char *const *names, const char *name)
{
    size_t i = 0;
    while (names[i] && strcmp(names[i], name) != 0)
        i++;
    bug_on(!names[i]);
    return i;
}

void engine_count_attempt(const struct http_answer *answer, const char *outcome)
{
    bool answered = answer->fault == HTTP_ANSWERED;
    size_t class = answered && answer->status < 600 ? (size_t)answer->status / 100 : 0;
    metric_add(&attempts, index_of(outcome_names, outcome), 1);
    metric_add(&answers, class, 1);
    metric_add(&faults, answer->fault, 1);
    metric_add(&connections, answer->reused, 1);
    metric_observe(&attempt_seconds, 0, (double)answer->total_us / 1e6);
}

void engine_count_delivered(const struct delivery *delivery)
{
    int64_t age_ms = wall_now().ms - delivery->event_at.ms;
    metric_add(&deliveries, ENGINE_DELIVERED, 1);
    metric_observe(&latency_seconds, 0, age_ms > 0 ? (double)age_ms / 1e3 : 0);
}

void engine_count_dead(enum dead_letter_reason reason)
{
    metric_add(&deliveries, ENGINE_DEAD, 1);
    metric_add(&dead_letters, reason, 1);
}

void engine_count_dead_letter_failure(void)
{
    metric_add(&dead_letter_failures, 0, 1);
}

void engine_count_result_dropped(void)
{
    metric_add(&results_dropped, 0, 1);
}
