/* SPDX-License-Identifier: Apache-2.0 */
/* How the role under test is set up: near to its defaults, with small limits in some runs. */
#include "process.h"

#define ENDPOINT_WINDOW 64

static const char *const no_ttl_events[] = {NULL};

const struct topic_options sim_topic_options = {
    .prefix = "hookline.",
    .partitions = 1,
    .tenant_partitions = 1,
    .replication_factor = 1,
    .deliveries_retention_ms = INT64_C(7) * 24 * 3600 * 1000,
};

int64_t sim_default_window(void)
{
    return ENDPOINT_WINDOW;
}

void sim_consumer_options(struct consumer_options *options)
{
    *options = (struct consumer_options){
        .consumer =
            {
                .group = "sim",
                .assignment = "auto",
                .commit_interval_ms = 200,
                .session_timeout_ms = 10000,
                .fetch_partition_bytes = 1 << 20,
            },
        .http = {.proxy = "", .max_answer_bytes = 65536, .max_connections = 1024},
        .fetch_bytes = 12 << 20,
        .drain_timeout_ms = 25000,
        .max_held = sim_chance(0.4) ? sim_between(12, 200) : 10000,
        .max_held_bytes = 64 << 20,
        .max_in_flight = sim_chance(0.2) ? sim_between(2, 10) : 1000,
        .endpoint_window = ENDPOINT_WINDOW,
        .window_first = 4,
        .circuit =
            {
                .cohorts = 2,
                .min_faults = 5,
                .open_first_ms = 5000,
                .open_max_ms = 300000,
                .disable_after_ms = INT64_C(5) * 24 * 3600 * 1000,
            },
        .notice_after_ms = sim_chance(0.5) ? 20000 : 600000,
        .timeout_ms = 15000,
        .connect_timeout_ms = 5000,
        .max_attempts = sim_chance(0.3) ? 5 : 100,
        .retry_4xx = 3,
        .retry_horizon_ms = 10000,
        .retry_after_max_ms = 3600000,
        .ttl_events = no_ttl_events,
        .backoff_first_ms = 1000,
        .backoff_max_ms = 120000,
        .results = sim_chance(0.2) ? CONSUMER_RESULTS_ALL : CONSUMER_RESULTS_NONE,
    };
}
