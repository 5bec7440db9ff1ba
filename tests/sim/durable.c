/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoints topic says to whoever reads it from its beginning: the checker's own reading of
 * rules 4 and 5, independent of the engine's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "ledger.h"
#include "producers/endpoint_state.h"

#define PLACES_MAX        8
#define STATES_PER_SECOND 25

/* The highest epoch seen of each partition. */
static struct {
    char tenant[65];
    int32_t partition;
    int64_t epoch;
} places[PLACES_MAX];
static int place_count;

static void forget(struct durable_state *state)
{
    ranges_release(&state->resolved);
    free(state->aside);
    *state = (struct durable_state){.bookmark = -1, .none = true};
}

void durable_init(void)
{
    place_count = 0;
    for (int i = 0; i < ENDPOINTS_MAX; i++)
        forget(&world.endpoints[i].state);
}

void durable_release(void)
{
    durable_init();
}

static int64_t *epoch_of(const char *tenant, int32_t partition)
{
    int i = 0;
    while (i < place_count &&
           (places[i].partition != partition || strcmp(places[i].tenant, tenant) != 0))
        i++;
    bug_on(i == PLACES_MAX || strlen(tenant) >= sizeof places[i].tenant);
    if (i == place_count) {
        memcpy(places[i].tenant, tenant, strlen(tenant) + 1);
        places[i].partition = partition;
        places[i].epoch = 0;
        place_count++;
    }
    return &places[i].epoch;
}

/* What keeps it from being none. */
static void describe(const struct endpoint_state *state, char *out, size_t size)
{
    int64_t now = wall_now().ms;
    snprintf(out, size, "%s%s%s%s%s%s", endpoint_phases[state->phase],
        state->trips ? ", tripped" : "",
        state->paused_until.ms > now  ? ", paused"
        : state->paused_until.ms >= 0 ? ", was paused"
                                      : "",
        state->failing_since.ms >= 0 ? ", failing" : "",
        state->told == TOLD_NOTHING ? "" : ", told", state->recovered_at.ms >= 0 ? ", works" : "");
}

/* Its last news is bad, as far as it is known: it was reset, and has taken nothing since. */
static bool is_only_told(const struct endpoint_state *state)
{
    struct endpoint_state rest = *state;
    rest.told = TOLD_NOTHING;
    return state->told != TOLD_NOTHING && endpoint_state_is_none(&rest);
}

static void remember(struct sim_endpoint *endpoint, const struct endpoint_state *state)
{
    struct durable_state *own = &endpoint->state;
    forget(own);
    own->none = endpoint_state_is_none(state);
    own->only_told = is_only_told(state);
    own->untold = state->phase == ENDPOINT_DISABLED && state->told != TOLD_DISABLED;
    own->bookmark = state->bookmark;
    for (size_t i = 0; i < state->resolved.count; i++)
        ranges_add(&own->resolved, state->resolved.items[i].from, state->resolved.items[i].to);
    own->aside = mem_array(NULL, state->aside_count + 1, sizeof *own->aside);
    for (size_t i = 0; i < state->aside_count; i++)
        own->aside[i] = state->aside[i].offset;
    own->aside_count = state->aside_count;
    own->phase = (int)state->phase;
    describe(state, own->words, sizeof own->words);
}

/* Returns the endpoint whose state it has changed, NULL = none. */
static struct sim_endpoint *take(const struct record *record)
{
    struct endpoint_decoded decoded;
    struct error error = ERROR_INIT;
    struct sim_endpoint *endpoint = NULL;
    if (!endpoint_decode(record, &decoded, &error))
        sim_violation("a record of the endpoints topic is not valid: %s", error.text);
    const char *tenant = decoded.tenant;
    char *slash = tenant ? strchr(decoded.key, '/') : NULL;
    if (!tenant)
        tenant = strrchr(decoded.key, '.') + 1;
    int64_t *epoch = epoch_of(tenant, decoded.stamp.partition);
    if (decoded.stamp.epoch >= *epoch) {
        *epoch = decoded.stamp.epoch;
        if (slash) {
            endpoint = world_endpoint(tenant, slash + 1);
            remember(endpoint, &decoded.state);
        }
    } else {
        stats.outdated_states += slash != NULL;
    }
    endpoint_decoded_release(&decoded);
    return endpoint;
}

static void count_states(struct sim_endpoint *endpoint)
{
    if (sim_now() / SECOND != endpoint->state_second) {
        endpoint->state_second = sim_now() / SECOND;
        endpoint->states_in_second = 0;
    }
    endpoint->states++;
    if (++endpoint->states_in_second > STATES_PER_SECOND)
        sim_violation("%d states of %s within a second", STATES_PER_SECOND, endpoint->key);
}

static void say(int process, const struct sim_endpoint *endpoint, int64_t offset)
{
    const struct durable_state *state = &endpoint->state;
    sim_say("p%d: state of %s (at %" PRId64 "): %s, bookmark %" PRId64 ", %zu resolved, %zu aside",
        process, endpoint->key, offset, state->none ? "none" : state->words, state->bookmark,
        state->resolved.count, state->aside_count);
}

void durable_written(struct loop *loop, const struct record *record)
{
    struct sim_endpoint *endpoint = take(record);
    if (!endpoint)
        return;
    stats.states++;
    say(loop ? sim_loop_number(loop) : 0, endpoint, record->offset);
    count_states(endpoint);
    stats.behind += endpoint->state.bookmark >= 0;
    stats.aside += endpoint->state.aside_count > 0;
    open_check_endpoint(endpoint);
}

void durable_reload(void)
{
    const struct record *record;
    const struct sim_log *log = sim_log(ENDPOINTS, 0);
    durable_init();
    for (int64_t next = 0; (record = sim_log_from(log, next)); next = record->offset + 1)
        take(record);
    open_check_all();
}

bool durable_is_full(const struct sim_log *log)
{
    for (int i = 0; i < world.endpoint_count; i++)
        if (world.endpoints[i].log == log &&
            world.endpoints[i].state.resolved.count == ENDPOINT_RANGES_MAX)
            return true;
    return false;
}

static bool is_aside(const struct durable_state *state, int64_t offset)
{
    size_t low = 0, high = state->aside_count; /* they ascend */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (state->aside[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < state->aside_count && state->aside[low] == offset;
}

bool durable_finds(const struct sim_delivery *delivery, const char **why)
{
    const struct group_partition *partition = group_find(delivery->log);
    const struct durable_state *state = &delivery->endpoint->state;
    bool resolved = state->bookmark >= 0 && ranges_contain(&state->resolved, delivery->offset);
    bool listed = is_aside(state, delivery->offset);
    if (delivery->offset >= partition->committed) {
        if (ranges_contain(&partition->ranges, delivery->offset)) {
            *why = "it is in the committed ranges";
            return false;
        }
        if (resolved && !listed && !delivery->test) {
            *why = "it is above the watermark, and among the resolved of its endpoint's state";
            return false;
        }
        return true;
    }
    if (listed)
        return true;
    *why = delivery->test ? "it is a test, below the watermark"
           : state->none  ? "it is below the watermark, and its endpoint's state is none"
           : resolved     ? "it is below the watermark, and among the resolved of the state"
                          : "it is below the watermark, and below the bookmark";
    return !delivery->test && state->bookmark >= 0 && delivery->offset >= state->bookmark &&
           !resolved;
}
