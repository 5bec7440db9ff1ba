/* SPDX-License-Identifier: Apache-2.0 */
/* The world of one run, drawn from its seed. */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "group.h"
#include "kafka/producer.h"
#include "ledger.h"
#include "process.h"
#include "scenario.h"

#define DAYS (1000 * HOUR)

struct sim_world world;

const char *const mood_names[] = {
    "ok", "slow", "flaky", "poison", "hang", "500", "503", "429", "404", "down", "gone", NULL};
_Static_assert(sizeof mood_names / sizeof *mood_names == MOODS + 1, "a name per mood");

struct sim_endpoint *world_endpoint(const char *tenant, const char *id)
{
    for (int i = 0; i < world.endpoint_count; i++)
        if (strcmp(world.endpoints[i].tenant, tenant) == 0 &&
            strcmp(world.endpoints[i].id, id) == 0)
            return &world.endpoints[i];
    sim_violation("%s/%s is no endpoint", tenant, id);
}

int64_t world_outage_until(void)
{
    return world.outage_until;
}

double world_write_failures(void)
{
    return world.calm ? 0 : world.write_failures;
}

/* --- Processes --------------------------------------------------------------------------------- */

static void replace_process(void *arg)
{
    (void)arg;
    if (process_count() < world.processes)
        process_start();
}

void world_process_gone(void)
{
    sim_at(NULL, sim_now() + sim_exp(2 * SECOND), replace_process, NULL);
}

/* --- Drawing ----------------------------------------------------------------------------------- */

static void draw_endpoint(int index, int tenants, const int *partitions)
{
    struct sim_endpoint *endpoint = &world.endpoints[index];
    int tenant = (int)sim_between(0, tenants - 1);
    char topic[64];
    *endpoint = (struct sim_endpoint){
        .index = index,
        .exists = true,
        .enabled = true,
        .unordered = sim_chance(0.15),
        .max_in_flight = sim_chance(0.5) ? sim_between(1, 8) : 0,
        .poison_keys = (unsigned)sim_u64() & (unsigned)sim_u64(),
        .mood_weight = 1,
        .latency_us = sim_between(2, 200) * MS,
        .deliverable_since = sim_now(),
        .well_since = sim_now(),
    };
    snprintf(endpoint->tenant, sizeof endpoint->tenant, "t%d", tenant);
    snprintf(endpoint->id, sizeof endpoint->id, "s%d", index);
    int n = snprintf(endpoint->key, sizeof endpoint->key, "t%d/s%d", tenant, index);
    snprintf(topic, sizeof topic, "hookline.deliveries.%s", endpoint->tenant);
    endpoint->log =
        sim_log(topic, kafka_partition_of(endpoint->key, (size_t)n, partitions[tenant]));
    endpoint->ttl_s = sim_may(CHAOS_TTL) && sim_chance(0.5) ? sim_between(10, 300) : 48 * 3600;
    endpoint->ttl_min_ms = endpoint->ttl_max_ms = endpoint->ttl_s * 1000;
}

static void draw_pace(void)
{
    static const int64_t paces_ms[] = {5, 20, 50, 200, 1000};
    world.pace_us = paces_ms[sim_between(0, 4)] * MS;
    world.seek_us = MS;
    world.burst_most = sim_chance(0.2) ? 60 : sim_between(1, 8);
    world.keys = (int)sim_between(1, KEYS_MAX);
    world.keyless = sim_chance(0.5) ? 0.1 : 0;
    world.chaos_us = sim_between(1, 60) * SECOND;
    world.moods_us = sim_between(1, 60) * SECOND;
    world.write_failures = !sim_may(CHAOS_OUTAGES) ? 0 : sim_chance(0.5) ? 0.02 : 0;
}

void world_init(void)
{
    enum scenario scenario = scenario_draw();
    int tenants = scenario ? 1 : (int)sim_between(1, 2), partitions[2];
    memset(&world, 0, sizeof world);
    draw_pace();
    if (scenario == SCENARIO_ELEVATOR)
        world.chaos_us = world.moods_us = DAYS;
    for (int t = 0; t < tenants; t++) {
        char topic[64];
        partitions[t] = scenario ? 1 : (int)sim_between(1, tenants == 1 ? 3 : t == 0 ? 2 : 1);
        snprintf(topic, sizeof topic, "hookline.deliveries.t%d", t);
        for (int p = 0; p < partitions[t]; p++)
            group_add(topic, p);
    }
    world.endpoint_count = (int)sim_between(2, 6);
    for (int i = 0; i < world.endpoint_count; i++)
        draw_endpoint(i, tenants, partitions);
    ledger_init();
    registry_write_tenants();
    for (int i = 0; i < world.endpoint_count; i++)
        registry_write(&world.endpoints[i]);
    world.cooperative = sim_chance(0.5);
    world.processes = (int)sim_between(1, 3);
    for (int i = 0; i < world.processes; i++)
        process_start();
    bridge_start();
    scenario_start();
    chaos_start();
}

static void make_well(struct sim_endpoint *endpoint)
{
    endpoint->mood = MOOD_OK;
    endpoint->mood_weight = 1;
    endpoint->well_since = sim_now();
    if (endpoint->latency_us > 50 * MS)
        endpoint->latency_us = 50 * MS;
    endpoint->enabled = true;
    endpoint->paused = false;
    endpoint->rate = 0;
    endpoint->reset = true;
    if (endpoint->exists)
        registry_write(endpoint);
}

void world_calm_down(void)
{
    sim_say("--- calm ---");
    world.calm = true;
    if (world.outage_until > sim_now())
        world.outage_until = sim_now();
    for (int i = 0; i < world.endpoint_count; i++)
        if (!scenario_owns(&world.endpoints[i]))
            make_well(&world.endpoints[i]);
}

void world_finish(void)
{
    for (int i = 0; i < world.endpoint_count; i++)
        if (scenario_owns(&world.endpoints[i]))
            make_well(&world.endpoints[i]);
}
