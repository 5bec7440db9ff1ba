/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's metrics. */
#include <string.h>

#include "common/metrics.h"
#include "consumers/engine.h"

static const char *const outcome_names[] = {"delivered", "retry", "dead_letter", NULL};
static const char *const class_names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx", NULL};
static const char *const result_names[] = {"delivered", "dead_letter", NULL};
static const char *const test_names[] = {"delivered", "failed", "refused", "dropped", NULL};
static const char *const reused_names[] = {"false", "true", NULL};
static const char *const catchup_names[] = {"read", "fed", "skipped", "expired", NULL};
static const char *const disabled_names[] = {"gone", "failing", NULL};
static const char *const tenant_names[] = {"(other)", NULL}; /* no tenant's name has a bracket */
static const char *const notice_names[] = {"failing", "recovered", "disabled", NULL};

static struct metric attempts = METRIC_COUNTER("hookline_delivery_attempts_total",
    "POSTs that ended, by what follows.", "outcome", outcome_names);
static struct metric answers = METRIC_COUNTER("hookline_delivery_answers_total",
    "POSTs that ended, by the class of the answer's status.", "class", class_names);
static struct metric blocked = METRIC_COUNTER("hookline_blocked_addresses_total",
    "Attempts that were not made because a request may not go there, by the guard's rule.", "rule",
    guard_rule_names);
static struct metric faults = METRIC_COUNTER("hookline_delivery_faults_total",
    "POSTs that ended, by why there was no status (answered: there was one).", "fault",
    http_fault_names);
static struct metric deliveries = METRIC_COUNTER(
    "hookline_deliveries_total", "Deliveries that ended, by result.", "result", result_names);
static struct metric dead_letters = METRIC_COUNTER("hookline_dead_letters_total",
    "Dead letters of deliveries, by reason.", "reason", dead_letter_reasons);
static struct metric tenant_delivered = METRIC_COUNTER("hookline_tenant_delivered_total",
    "Deliveries that were delivered, by tenant: consumer.tenant_metrics says of how many, all "
    "others are (other).",
    "tenant", tenant_names);
static struct metric tenant_dead_letters = METRIC_COUNTER("hookline_tenant_dead_letters_total",
    "Dead letters of deliveries, in the same way.", "tenant", tenant_names);
static struct metric dead_letter_failures =
    METRIC_COUNTER("hookline_dead_letter_publish_failures_total",
        "Dead letters that Kafka did not take at first; they are sent again.", NULL, NULL);
static struct metric results_dropped = METRIC_COUNTER("hookline_results_dropped_total",
    "Results that were not published because the producer was full.", NULL, NULL);
static struct metric tests = METRIC_COUNTER(
    "hookline_tests_total", "Test deliveries, by what became of them.", "outcome", test_names);
static struct metric lost = METRIC_COUNTER("hookline_deliveries_lost_total",
    "Deliveries that the topic did not keep until they could be made.", NULL, NULL);
static struct metric connections = METRIC_COUNTER("hookline_http_connections_total",
    "POSTs, by whether an open connection was reused.", "reused", reused_names);
static struct metric attempt_seconds =
    METRIC_HISTOGRAM("hookline_delivery_attempt_duration_seconds", "How long POSTs took.", NULL,
        NULL, metric_attempt_buckets);
static struct metric latency_seconds = METRIC_HISTOGRAM("hookline_delivery_latency_seconds",
    "From an event's record in Kafka to the 2xx.", NULL, NULL, metric_latency_buckets);
static struct metric trips = METRIC_COUNTER("hookline_circuit_trips_total",
    "Circuits that opened, for the first time or again after a probe.", NULL, NULL);
static struct metric disabled = METRIC_COUNTER("hookline_endpoints_disabled_total",
    "Endpoints that were disabled: gone (410) or failing for too long.", "reason", disabled_names);
static struct metric notices = METRIC_COUNTER("hookline_notices_total",
    "Operational events about endpoints that were written.", "event", notice_names);
static void refresh_catchup(struct metric *metric);
static struct metric catchup = {
    .name = "hookline_catchup_records_total",
    .help = "Records that catch-up read, and of those: fed to their endpoint, skipped since nobody "
            "wanted them (then), expired.",
    .type = METRIC_TYPE_COUNTER,
    .label = "what",
    .label_values = catchup_names,
    .refresh = refresh_catchup,
};

/* Each record that was read is one of the others. */
static void refresh_catchup(struct metric *metric)
{
    metric_set(metric, CATCHUP_SKIPPED,
        metric_value(metric, CATCHUP_READ) - metric_value(metric, CATCHUP_FED) -
            metric_value(metric, CATCHUP_EXPIRED));
}

void consumer_register_metrics(void)
{
    struct metric *const all[] = {&attempts, &answers, &faults, &blocked, &deliveries,
        &dead_letters, &tenant_delivered, &tenant_dead_letters, &dead_letter_failures,
        &results_dropped, &tests, &lost, &connections, &attempt_seconds, &latency_seconds, &trips,
        &disabled, &notices, &catchup, NULL};
    for (struct metric *const *metric = all; *metric; metric++)
        metric_register(*metric);
    endpoint_store_register_metrics();
    engine_gauges_show(NULL);
}

void engine_metrics_register(struct engine *engine)
{
    consumer_register_metrics();
    engine_gauges_show(engine);
}

void engine_metrics_unregister(void)
{
    engine_gauges_show(NULL);
}

static size_t index_of(const char *const *names, const char *name)
{
    size_t i = 0;
    while (names[i] && strcmp(names[i], name) != 0)
        i++;
    bug_on(!names[i]);
    return i;
}

/* The two have the same series, as both get theirs here. */
size_t engine_tenant_series(const struct engine *engine, const char *tenant)
{
    size_t max = (size_t)engine->options.tenant_metrics;
    metric_series(&tenant_delivered, tenant, max);
    return metric_series(&tenant_dead_letters, tenant, max);
}

void engine_count_attempt(const struct http_answer *answer, const char *outcome)
{
    bool answered = answer->fault == HTTP_ANSWERED;
    size_t class = answered && answer->status < 600 ? (size_t)answer->status / 100 : 0;
    metric_add(&attempts, index_of(outcome_names, outcome), 1);
    metric_add(&answers, class, 1);
    metric_add(&faults, answer->fault, 1);
    if (answer->fault == HTTP_BLOCKED)
        metric_add(&blocked, answer->rule, 1);
    metric_add(&connections, answer->reused, 1);
    metric_observe(&attempt_seconds, 0, (double)answer->total_us / 1e6);
}

void engine_count_delivered(const struct delivery *delivery)
{
    int64_t age_ms = wall_now().ms - delivery->event_at.ms;
    metric_add(&deliveries, ENGINE_DELIVERED, 1);
    metric_add(&tenant_delivered, delivery->endpoint->tenant_series, 1);
    metric_observe(&latency_seconds, 0, age_ms > 0 ? (double)age_ms / 1e3 : 0);
}

void engine_count_dead(const struct delivery *delivery, enum dead_letter_reason reason)
{
    const struct endpoint *endpoint = delivery->endpoint;
    metric_add(&deliveries, ENGINE_DEAD, 1);
    metric_add(&tenant_dead_letters, endpoint ? endpoint->tenant_series : 0, 1);
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

void engine_count_test(enum engine_test what)
{
    metric_add(&tests, what, 1);
}

void engine_count_lost(int64_t count)
{
    metric_add(&lost, 0, (double)count);
}

void engine_count_trip(void)
{
    metric_add(&trips, 0, 1);
}

void engine_count_disabled(enum engine_disabled why)
{
    metric_add(&disabled, why, 1);
}

void engine_count_notice(enum notice notice)
{
    metric_add(&notices, notice - NOTICE_FAILING, 1);
}

void engine_count_catchup(enum engine_catchup what)
{
    metric_add(&catchup, what, 1);
}
