/* SPDX-License-Identifier: Apache-2.0 */
/* What befalls the world: moods, crashes, freezes, hand-overs, outages, changes of the registry. */
#include "group.h"
#include "ledger.h"
#include "process.h"
#include "scenario.h"
#include "world.h"

/* --- Moods ------------------------------------------------------------------------------------- */

static enum mood draw_mood(void)
{
    for (;;) {
        enum mood mood = sim_chance(0.4) ? MOOD_OK : (enum mood)sim_between(0, MOODS - 1);
        if (mood != MOOD_GONE || (sim_may(CHAOS_GONE) && sim_chance(0.1)))
            return mood;
    }
}

static void change_mood(void *arg)
{
    (void)arg;
    if (world.calm)
        return;
    struct sim_endpoint *endpoint = &world.endpoints[sim_between(0, world.endpoint_count - 1)];
    sim_at(NULL, sim_now() + sim_exp(world.moods_us), change_mood, NULL);
    if (scenario_owns(endpoint))
        return;
    endpoint->mood = draw_mood();
    endpoint->mood_weight = endpoint->mood == MOOD_FLAKY || sim_chance(0.2) ? 0.3 : 1;
    endpoint->latency_us = sim_between(2, 200) * MS;
    if (endpoint->mood != MOOD_OK)
        endpoint->well_since = -1;
    else if (endpoint->well_since < 0)
        endpoint->well_since = sim_now();
    sim_say(
        "mood of %s: %s (%.1f)", endpoint->key, mood_names[endpoint->mood], endpoint->mood_weight);
}

/* --- Processes --------------------------------------------------------------------------------- */

static void crash(struct sim_process *process)
{
    process_crash(process);
}

/* Thrown out while it stands still, its client learns of it some time after it runs again; until then
 * it believes to be the owner, and what it writes is late. */
static void expel_due(void *arg)
{
    struct sim_process *process = arg;
    struct kafka_consumer *member = process->alive ? member_of(process->loop) : NULL;
    if (!member || !sim_loop_frozen(process->loop))
        return;
    int64_t left = sim_loop_thawed_at(process->loop) - sim_now();
    group_expel(member, left + sim_exp(sim_chance(0.5) ? SECOND : 20 * MS));
}

static void move(struct sim_process *process);

/* The new owner goes while the old one still writes. */
static void after_thaw(void *arg)
{
    (void)arg;
    struct sim_process *process = process_any();
    if (world.calm || !process || sim_chance(0.4))
        return;
    if (sim_may(CHAOS_CRASHES) && sim_chance(0.6))
        crash(process);
    else if (sim_may(CHAOS_MOVES))
        move(process);
}

/* Frozen for longer than its session, it is thrown out meanwhile and does not know. */
static void freeze(struct sim_process *process)
{
    int64_t session = process->session_us;
    int64_t us = sim_chance(0.5) ? sim_exp(session / 10) : session / 2 + sim_exp(session * 2);
    process_freeze(process, us, sim_chance(0.5));
    if (us <= session)
        return;
    sim_at(NULL, sim_now() + session, expel_due, process);
    sim_at(NULL, sim_now() + us + sim_exp(SECOND), after_thaw, NULL);
}

/* Cut off from the group, but from nothing else. */
static void lose(struct sim_process *process)
{
    struct kafka_consumer *member = member_of(process->loop);
    if (member && !sim_loop_frozen(process->loop))
        group_expel(member, sim_exp(sim_chance(0.5) ? 5 * SECOND : 50 * MS));
}

static void stop(struct sim_process *process)
{
    process_stop(process);
}

static void move(struct sim_process *process)
{
    (void)process;
    bool all = sim_chance(0.2);
    for (struct group_partition *each = group_partitions(); each; each = each->next)
        if (all || sim_chance(0.4))
            group_move(each);
}

static const struct {
    enum sim_chaos chaos;
    int64_t weight;
    void (*fn)(struct sim_process *process);
} troubles[] = {
    {CHAOS_CRASHES, 4, crash},
    {CHAOS_FREEZES, 3, freeze},
    {CHAOS_LOSSES, 2, lose},
    {CHAOS_STOPS, 1, stop},
    {CHAOS_MOVES, 5, move},
};
#define TROUBLES (sizeof troubles / sizeof *troubles)

static void trouble(void *arg)
{
    (void)arg;
    if (world.calm)
        return;
    int64_t pick = sim_between(0, 14);
    size_t i = 0;
    while (i < TROUBLES && pick >= troubles[i].weight)
        pick -= troubles[i++].weight;
    struct sim_process *process = process_any();
    if (process && i < TROUBLES && sim_may(troubles[i].chaos))
        troubles[i].fn(process);
    /* Trouble comes in swarms. */
    sim_at(NULL, sim_now() + sim_exp(sim_chance(0.2) ? 100 * MS : world.chaos_us), trouble, NULL);
}

/* A stop that does not come to an end is pressed. */
static void press_stops(void *arg)
{
    (void)arg;
    for (struct sim_process *each = process_list(); each; each = each->next)
        if (each->alive && each->stopping && sim_chance(0.3))
            process_stop(each);
    sim_at(NULL, sim_now() + sim_exp(20 * SECOND), press_stops, NULL);
}

/* --- The rest ---------------------------------------------------------------------------------- */

static void change_registry(void *arg)
{
    (void)arg;
    if (world.calm)
        return;
    struct sim_endpoint *endpoint = &world.endpoints[sim_between(0, world.endpoint_count - 1)];
    if (!scenario_owns(endpoint))
        registry_change(endpoint);
    sim_at(NULL, sim_now() + sim_exp(3 * world.moods_us), change_registry, NULL);
}

static void outage(void *arg)
{
    (void)arg;
    if (world.calm || !sim_may(CHAOS_OUTAGES))
        return;
    int64_t us = sim_exp(sim_chance(0.2) ? 20 * SECOND : 500 * MS);
    world.outage_until = sim_now() + us;
    sim_say("Kafka takes no records for %.1f s", (double)us / 1e6);
    for (const struct sim_process *each = process_list(); each; each = each->next)
        if (each->alive)
            process_note_trouble(each->loop);
    sim_at(NULL, sim_now() + us + sim_exp(6 * world.chaos_us), outage, NULL);
}

/* min.compaction.lag.ms has to exceed the time in which an owner notices a late write of one before it and
 * writes over it. So that it need not be long here, too, there is no compaction unless each partition has
 * had an owner that could do that for a while. */
#define COMPACTION_LAG (30 * SECOND)
#define NOTICE_TIME    (20 * SECOND)

static bool owners_could_notice(void)
{
    if (!group_settled() || process_frozen() || sim_now() < world.outage_until + NOTICE_TIME)
        return false;
    for (const struct group_partition *each = group_partitions(); each; each = each->next)
        if (sim_now() - each->ownership->since_us < NOTICE_TIME ||
            sim_now() - sim_loop_thawed_at(member_loop(each->owner)) < NOTICE_TIME)
            return false;
    return true;
}

static void compact(void *arg)
{
    (void)arg;
    if (!sim_may(CHAOS_COMPACTION))
        return;
    if (owners_could_notice() && sim_log_compact(sim_log(ENDPOINTS, 0), COMPACTION_LAG) > 0) {
        stats.compactions++;
        durable_reload();
    }
    sim_at(NULL, sim_now() + sim_exp(20 * SECOND), compact, NULL);
}

void chaos_start(void)
{
    sim_at(NULL, sim_now() + sim_exp(world.moods_us), change_mood, NULL);
    sim_at(NULL, sim_now() + sim_exp(world.chaos_us), trouble, NULL);
    sim_at(NULL, sim_now() + sim_exp(20 * SECOND), press_stops, NULL);
    sim_at(NULL, sim_now() + sim_exp(3 * world.moods_us), change_registry, NULL);
    sim_at(NULL, sim_now() + sim_exp(6 * world.chaos_us), outage, NULL);
    sim_at(NULL, sim_now() + MINUTE, compact, NULL);
}
