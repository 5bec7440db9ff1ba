/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's gauges: all are read off the engine when they are asked for. */
#include "common/metrics.h"
#include "consumers/engine.h"
#include "consumers/status.h"

static const char *const held_names[] = {
    "queued", "in_flight", "waiting", "aside", "recording", NULL};

static void refresh(struct metric *metric);

static struct metric held = METRIC_GAUGE(
    "hookline_deliveries_held", "Deliveries in memory, by state.", "state", held_names);
static struct metric in_flight =
    METRIC_GAUGE("hookline_deliveries_in_flight", "Requests that are open.", NULL, NULL);
static struct metric in_flight_limit = METRIC_GAUGE("hookline_in_flight_limit",
    "Requests that may be open at once (consumer.max_in_flight).", NULL, NULL);
static struct metric retries = METRIC_GAUGE("hookline_retries_waiting",
    "Deliveries that wait for their next attempt, in memory or set aside.", NULL, NULL);
static struct metric endpoints = METRIC_GAUGE("hookline_endpoints",
    "Endpoints that this process knows of, by where they stand.", "state", status_states);
static struct metric circuits = METRIC_GAUGE("hookline_circuits",
    "Endpoints that this process knows of, by phase of their circuit.", "phase", status_phases);
static struct metric sealed = METRIC_GAUGE("hookline_endpoints_sealed",
    "Endpoints that get nothing because the secrets of their subscription do not open "
    "(secrets.key_file).",
    NULL, NULL);
/* Its refresh sets them all: that comes before the first is shown. */
static struct metric oldest = {
    .name = "hookline_oldest_undelivered_timestamp_seconds",
    .help = "Time of the oldest event of which a delivery is not done, in memory, set aside or "
            "left to catch-up; 0 = none.",
    .type = METRIC_TYPE_GAUGE,
    .refresh = refresh,
};

static const struct engine *shown; /* one consumer per process */

static void count_endpoints(void)
{
    size_t by_state[4] = {0}, by_phase[3] = {0}, without_secrets = 0;
    for (const struct endpoint *each = shown ? shown->endpoints : NULL; each;
        each = each->hh.next) {
        by_state[status_state(each)]++;
        by_phase[each->circuit.phase]++;
        without_secrets += endpoint_block(each) == BLOCK_SEALED;
    }
    metric_set(&sealed, 0, (double)without_secrets);
    for (size_t i = 0; status_states[i]; i++)
        metric_set(&endpoints, i, (double)by_state[i]);
    for (size_t i = 0; status_phases[i]; i++)
        metric_set(&circuits, i, (double)by_phase[i]);
}

static void find_oldest(void)
{
    struct wall_time time = {0};
    for (const struct endpoint *each = shown ? shown->endpoints : NULL; each;
        each = each->hh.next) {
        struct wall_time own = status_oldest(each);
        if (own.ms > 0 && (!time.ms || own.ms < time.ms))
            time = own;
    }
    metric_set(&oldest, 0, (double)time.ms / 1e3);
}

static double count_of(enum delivery_state state)
{
    return shown ? (double)shown->counts[state] : 0;
}

static void refresh(struct metric *metric)
{
    (void)metric;
    for (size_t state = DELIVERY_QUEUED; state <= DELIVERY_RECORDING; state++)
        metric_set(&held, state, count_of(state));
    metric_set(&in_flight, 0, count_of(DELIVERY_IN_FLIGHT));
    metric_set(&in_flight_limit, 0, shown ? (double)shown->options.max_in_flight : 0);
    metric_set(&retries, 0, count_of(DELIVERY_WAITING) + count_of(DELIVERY_ASIDE));
    count_endpoints();
    find_oldest();
}

void engine_gauges_show(const struct engine *engine)
{
    struct metric *const all[] = {&held, &in_flight, &in_flight_limit, &retries, &endpoints,
        &circuits, &sealed, &oldest, NULL};
    for (struct metric *const *metric = all; *metric; metric++)
        metric_register(*metric);
    shown = engine;
}
