/* SPDX-License-Identifier: Apache-2.0 */
/* Liveness: what has to have happened by some time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "process.h"

/* --- At the end -------------------------------------------------------------------------------- */

struct first_open {
    const struct sim_delivery *delivery;
    int64_t count;
};

static void note_open(struct sim_delivery *delivery, void *arg)
{
    struct first_open *first = arg;
    if (!first->delivery)
        first->delivery = delivery;
    first->count++;
}

static bool all_resolved(char *why)
{
    struct first_open first = {0};
    open_each_of_all(note_open, &first);
    if (!first.delivery)
        return true;
    snprintf(why, 200,
        "%" PRId64 " deliveries are not done, #%" PRId64 " of %s (%s/%d/%" PRId64 ") is the first",
        first.count, first.delivery->index, first.delivery->endpoint->key,
        first.delivery->log->topic, (int)first.delivery->log->number, first.delivery->offset);
    return false;
}

static bool all_committed(char *why)
{
    for (const struct group_partition *each = group_partitions(); each; each = each->next) {
        int64_t committed = each->committed < 0 ? 0 : each->committed;
        if (committed == each->log->count)
            continue;
        snprintf(why, 200, "%s/%d: committed %" PRId64 " of %" PRId64, each->log->topic,
            (int)each->log->number, committed, each->log->count);
        return false;
    }
    return true;
}

/* Nothing waits, but the last that was tried failed, or had it disabled: that is remembered. */
static bool only_failing(const struct durable_state *state)
{
    return state->bookmark < 0 && state->aside_count == 0;
}

static bool may_have_state(const struct sim_endpoint *endpoint)
{
    bool disabled = strncmp(endpoint->state.words, "disabled", 8) == 0;
    return endpoint->state.none || endpoint->state.only_told ||
           (((disabled && !endpoint->state.untold) || !endpoint->exists) &&
               only_failing(&endpoint->state));
}

static bool all_live(char *why)
{
    for (int i = 0; i < world.endpoint_count; i++)
        if (!may_have_state(&world.endpoints[i])) {
            snprintf(why, 200, "%s has a state still: %s, bookmark %" PRId64 ", %zu aside",
                world.endpoints[i].key, world.endpoints[i].state.words,
                world.endpoints[i].state.bookmark, world.endpoints[i].state.aside_count);
            return false;
        }
    return true;
}

bool finish_reached(char *why)
{
    if (!group_settled() || process_frozen()) {
        snprintf(why, 200, "not every partition has an owner that has started, or one is frozen");
        return false;
    }
    return all_resolved(why) && all_committed(why) && all_live(why);
}

/* --- On the way -------------------------------------------------------------------------------- */

/* An open circuit, the longest Retry-After, the longest back-off, and what they add up to. */
#define PATIENCE (20 * MINUTE)
/* Once a day whatever waits is looked through for what is late. */
#define LATE_MOST (25 * HOUR)

static void check_late(const struct sim_delivery *delivery)
{
    int64_t late_ms = wall_now().ms - ledger_deadline_max(delivery);
    if (late_ms * MS > LATE_MOST)
        sim_violation("late: #%" PRId64 " of %s is %.1f h past its deadline, and still not "
                      "dead-lettered",
            delivery->index, delivery->endpoint->key, (double)late_ms / 3.6e6);
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Its partition has been with one owner that nothing has befallen, and the endpoint is well. */
static void check_progress(struct sim_delivery *delivery, void *arg)
{
    (void)arg;
    const struct sim_endpoint *endpoint = delivery->endpoint;
    const struct group_partition *partition = group_find(delivery->log);
    check_late(delivery);
    if (delivery->test || endpoint->well_since < 0 || endpoint->deliverable_since < 0 ||
        !partition->owner || sim_loop_frozen(member_loop(partition->owner)))
        return;
    int64_t since = latest(endpoint->well_since, endpoint->deliverable_since);
    since = latest(since, partition->ownership->since_us);
    since = latest(since, sim_loop_thawed_at(member_loop(partition->owner)));
    since = latest(since, delivery->appended_us);
    since = latest(since, world.outage_until);
    if (sim_now() - since > PATIENCE && !endpoint->ever_refused)
        sim_violation("stuck: #%" PRId64 " of %s (offset %" PRId64 ") could have been delivered "
                      "for %.1f min",
            delivery->index, endpoint->key, delivery->offset, (double)(sim_now() - since) / 6e7);
}

void finish_check_progress(void)
{
    open_each_of_all(check_progress, NULL);
}
