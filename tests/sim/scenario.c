/* SPDX-License-Identifier: Apache-2.0 */
/* Courses of events that chance would not bring about: an endpoint that is paused for longer than a day;
 * one that is slow and far behind while another is far ahead of it; and one where lanes are set aside,
 * come back one by one, and are given up again on the way. */
#include "scenario.h"

#include <inttypes.h>

#include "ledger.h"
#include "world.h"

/* Longer than the time to live of what waits, and a day, and some. */
#define PATIENT_TTL_S INT64_C(4) * 3600
#define PATIENT_TIME  (31 * HOUR)

/* The slow one has room again long before its reader has gone through what it has before it. */
#define ELEVATOR_SLOW_BACKLOG 12000
#define ELEVATOR_SLOW_LATENCY (40 * MS)
#define ELEVATOR_FAST_BACKLOG 1500
#define ELEVATOR_DOWN         (2 * MINUTE)
#define ELEVATOR_TIME         (14 * MINUTE)
/* For each record. To go back whenever the slow one has room reads hundreds. */
#define ELEVATOR_READS 40
/* Reading slowly is as good as a distance that would take long. */
#define ELEVATOR_SEEK (60 * MS)
/* From when they are well: the rest of an open circuit, and a few rounds. */
#define ELEVATOR_PATIENCE (4 * MINUTE)

static enum scenario scenario;

enum scenario scenario_draw(void)
{
    scenario = SCENARIO_NONE;
    if (sim_may(CHAOS_LONG) && sim_chance(0.1))
        scenario = (enum scenario)sim_between(SCENARIO_PATIENT, SCENARIO_NERVOUS);
    return scenario;
}

bool scenario_owns(const struct sim_endpoint *endpoint)
{
    return ((scenario == SCENARIO_PATIENT || scenario == SCENARIO_NERVOUS) &&
               endpoint->index == 0) ||
           (scenario == SCENARIO_ELEVATOR && endpoint->index < 2);
}

/* --- Paused for longer than a day -------------------------------------------------------------- */

static void pause_patient(void *arg)
{
    (void)arg;
    world.endpoints[0].paused = true;
    registry_write(&world.endpoints[0]);
}

static void run_until(int64_t end)
{
    int64_t look = 0;
    while (sim_now() < end && sim_step()) {
        if (sim_now() < look)
            continue;
        look = sim_now() + MINUTE;
        finish_check_progress();
    }
}

/* --- One slow and far behind, one quick and far ahead ------------------------------------------ */

static void check_elevator(void *arg)
{
    (void)arg;
    if (stats.seek_reads > ELEVATOR_READS * stats.records)
        sim_violation("catch-up has read %" PRId64 " records where there are %" PRId64,
            stats.seek_reads, stats.records);
    if (sim_now() < ELEVATOR_TIME)
        sim_at(NULL, sim_now() + SECOND, check_elevator, NULL);
}

static void count_old(struct sim_delivery *delivery, void *arg)
{
    *(int64_t *)arg += delivery->appended_us < sim_now() - ELEVATOR_PATIENCE;
}

static void check_fast_one(void *arg)
{
    (void)arg;
    int64_t left = 0;
    open_each(&world.endpoints[1], count_old, &left);
    if (left > 0)
        sim_violation("starved: %" PRId64 " deliveries of %s wait behind a slow neighbour", left,
            world.endpoints[1].key);
}

static void come_back(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        world.endpoints[i].mood = MOOD_OK;
        world.endpoints[i].well_since = sim_now();
    }
    sim_say("%s is slow now, %s is well", world.endpoints[0].key, world.endpoints[1].key);
    check_elevator(NULL);
    sim_at(NULL, sim_now() + ELEVATOR_PATIENCE, check_fast_one, NULL);
}

static void fill(void *arg)
{
    (void)arg;
    for (int i = 0; i < ELEVATOR_SLOW_BACKLOG; i++)
        bridge_append(&world.endpoints[0], false);
    for (int i = 0; i < ELEVATOR_FAST_BACKLOG; i++)
        bridge_append(&world.endpoints[1], false);
    sim_at(NULL, sim_now() + ELEVATOR_DOWN, come_back, NULL);
}

static void start_elevator(void)
{
    for (int i = 0; i < 2; i++) {
        world.endpoints[i].mood = MOOD_DOWN;
        world.endpoints[i].mood_weight = 1;
        world.endpoints[i].well_since = -1;
    }
    world.endpoints[0].max_in_flight = 1;
    world.endpoints[0].latency_us = ELEVATOR_SLOW_LATENCY;
    world.endpoints[1].latency_us = 10 * MS;
    world.endpoints[1].max_in_flight = 0;
    world.seek_us = ELEVATOR_SEEK;
    registry_write(&world.endpoints[0]);
    registry_write(&world.endpoints[1]);
    sim_at(NULL, sim_now() + 5 * SECOND, fill, NULL);
}

/* --- Set aside, and given up on the way back ---------------------------------------------------- */

static void fail_all(void *arg);

/* Something for all its lanes, which fail for long enough to be set aside. */
static void give_up(void *arg)
{
    struct sim_endpoint *endpoint = &world.endpoints[0];
    (void)arg;
    if (world.calm)
        return;
    bool pause = sim_may(CHAOS_PAUSES) && sim_chance(0.5);
    endpoint->paused = pause;
    endpoint->mood = pause ? MOOD_OK : sim_chance(0.5) ? MOOD_DOWN : MOOD_429;
    registry_write(endpoint);
    sim_at(NULL, sim_now() + sim_exp(4 * SECOND), fail_all, NULL);
}

static void come_slowly(void *arg)
{
    (void)arg;
    if (world.calm)
        return;
    world.endpoints[0].mood = MOOD_OK;
    sim_at(NULL, sim_now() + sim_exp(3 * SECOND), give_up, NULL);
}

static void fail_all(void *arg)
{
    struct sim_endpoint *endpoint = &world.endpoints[0];
    (void)arg;
    if (world.calm)
        return;
    endpoint->mood = sim_chance(0.4) ? MOOD_OK : MOOD_POISON;
    if (endpoint->paused) {
        endpoint->paused = false;
        registry_write(endpoint);
    }
    for (int64_t left = sim_between(0, 20); left > 0; left--)
        bridge_append(endpoint, false);
    sim_at(NULL, sim_now() + sim_exp(15 * SECOND), come_slowly, NULL);
}

static void start_nervous(void)
{
    struct sim_endpoint *endpoint = &world.endpoints[0];
    endpoint->max_in_flight = sim_between(1, 2);
    endpoint->latency_us = sim_between(50, 400) * MS;
    endpoint->mood_weight = 1;
    endpoint->unordered = false;
    endpoint->poison_keys = ~0u;
    endpoint->well_since = -1;
    registry_write(endpoint);
    fail_all(NULL);
}

/* --- Either ------------------------------------------------------------------------------------ */

void scenario_start(void)
{
    for (int i = 0; i < world.endpoint_count; i++)
        if (scenario_owns(&world.endpoints[i])) {
            world.endpoints[i].ttl_s = scenario == SCENARIO_PATIENT ? PATIENT_TTL_S : 48 * 3600;
            world.endpoints[i].ttl_min_ms = world.endpoints[i].ttl_max_ms =
                world.endpoints[i].ttl_s * 1000;
            registry_write(&world.endpoints[i]);
        }
    if (scenario == SCENARIO_PATIENT)
        sim_at(NULL, sim_now() + sim_exp(10 * SECOND), pause_patient, NULL);
    if (scenario == SCENARIO_ELEVATOR)
        start_elevator();
    if (scenario == SCENARIO_NERVOUS)
        start_nervous();
}

void scenario_run_on(void)
{
    if (scenario == SCENARIO_PATIENT)
        run_until(sim_now() + PATIENT_TIME);
    if (scenario == SCENARIO_ELEVATOR)
        run_until(ELEVATOR_TIME);
}
