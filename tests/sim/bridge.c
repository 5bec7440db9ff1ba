/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge: appends deliveries with the real encoder. */
#include <inttypes.h>
#include <stdio.h>

#include "ledger.h"
#include "producers/delivery_record.h"
#include "world.h"

static const char *const types[] = {
    "call.ringing", "call.answered", "call.ended", "agent.login", "own.type"};

/* Mostly just now; sometimes long ago, or ahead of us. */
static int64_t event_time(void)
{
    int64_t now = wall_now().ms;
    if (sim_chance(0.03))
        return now + sim_between(0, 5000);
    return now - sim_exp(sim_chance(0.05) ? 20 * SECOND : 50 * MS) / 1000;
}

void bridge_append(struct sim_endpoint *endpoint, bool test)
{
    char id[40], key[8], source[48], body[24];
    int order_key = sim_chance(world.keyless) ? -1 : (int)sim_between(0, world.keys - 1);
    int64_t index = ledger_new(endpoint, order_key, test);
    snprintf(id, sizeof id, "msg_%032" PRId64, index);
    snprintf(key, sizeof key, "k%d", order_key);
    snprintf(source, sizeof source, "events/0/%" PRId64, index);
    int n = snprintf(body, sizeof body, "%" PRId64, index);
    struct delivery_record delivery = {
        .id = id,
        .tenant = endpoint->tenant,
        .subscription = endpoint->id,
        .event = types[sim_between(0, 4)],
        .event_at = {event_time()},
        .order_key = order_key < 0 ? NULL : key,
        .source = source,
        .accepted_at = wall_now(),
        .registry = world_registry()->count,
        .test = test,
        .first_attempt_at = {-1},
        .body = {body, (size_t)n},
    };
    struct delivery_encoded encoded;
    delivery_encode(&delivery, &encoded);
    encoded.record.topic = endpoint->log->topic;
    const struct record *written = sim_log_append(endpoint->log, &encoded.record);
    ledger_appended(index, written);
}

/* When all is well: what has a state needs a delivery to show that it is well, too. */
static void trickle(void *arg)
{
    (void)arg;
    for (int i = 0; i < world.endpoint_count; i++)
        if (world.endpoints[i].deliverable_since >= 0 && !world.endpoints[i].state.none)
            bridge_append(&world.endpoints[i], false);
    sim_at(NULL, sim_now() + 30 * SECOND, trickle, NULL);
}

/* Tests are rare, but somebody may press a button again and again. */
static void append_some(struct sim_endpoint *endpoint)
{
    bool test = sim_may(CHAOS_TESTS) && sim_chance(0.01);
    int64_t times = test && sim_chance(0.1) ? sim_between(2, 12) : 1;
    while (times-- > 0)
        bridge_append(endpoint, test);
}

static void burst(void *arg)
{
    (void)arg;
    if (world.calm) {
        trickle(NULL);
        return;
    }
    for (int64_t left = sim_between(1, world.burst_most); left > 0; left--) {
        struct sim_endpoint *endpoint = &world.endpoints[sim_between(0, world.endpoint_count - 1)];
        /* The bridge may not know yet that it is gone. */
        if ((endpoint->exists && endpoint->enabled) || sim_chance(0.05))
            append_some(endpoint);
    }
    sim_at(NULL, sim_now() + sim_exp(sim_chance(0.02) ? 10 * SECOND : world.pace_us), burst, NULL);
}

void bridge_start(void)
{
    sim_at(NULL, sim_now() + sim_exp(SECOND), burst, NULL);
}
