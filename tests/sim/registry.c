/* SPDX-License-Identifier: Apache-2.0 */
/* The registry topic: what the console would write to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "group.h"
#include "world.h"

struct sim_log *world_registry(void)
{
    return sim_log(REGISTRY, 0);
}

static void write_record(const char *key, const char *value)
{
    struct record record = {
        .topic = REGISTRY,
        .timestamp_ms = -1,
        .key = {key, strlen(key)},
        .value = {value, value ? strlen(value) : 0},
    };
    sim_log_append(world_registry(), &record);
    world_registry_changed();
}

void registry_write_tenants(void)
{
    for (int t = 0; t < 2; t++) {
        char topic[64], key[8], value[64];
        int partitions = 0;
        snprintf(topic, sizeof topic, "hookline.deliveries.t%d", t);
        while (group_has(topic, partitions))
            partitions++;
        if (!partitions)
            continue;
        snprintf(key, sizeof key, "t%d", t);
        snprintf(value, sizeof value, "{\"tenant\":\"t%d\",\"partitions\":%d}", t, partitions);
        write_record(key, value);
    }
}

static void note_life(struct sim_endpoint *endpoint)
{
    bool deliverable = endpoint->exists && endpoint->enabled && !endpoint->paused;
    if (!deliverable)
        endpoint->deliverable_since = -1;
    else if (endpoint->deliverable_since < 0)
        endpoint->deliverable_since = sim_now();
    if (!endpoint->exists || !endpoint->enabled)
        endpoint->ever_refused = endpoint->refuses = true;
    else if (endpoint->refuses) {
        endpoint->refuses = false;
        endpoint->accepting_since = sim_now();
    }
    if (endpoint->reset)
        endpoint->accepting_since = sim_now();
    int64_t ttl_ms = endpoint->ttl_s * 1000;
    if (endpoint->ttl_min_ms > ttl_ms)
        endpoint->ttl_min_ms = ttl_ms;
    if (endpoint->ttl_max_ms < ttl_ms)
        endpoint->ttl_max_ms = ttl_ms;
}

void registry_write(struct sim_endpoint *endpoint)
{
    struct buffer json = BUFFER_INIT;
    char time[RFC3339_SIZE];
    note_life(endpoint);
    sim_say("registry: %s: %s%s%s, max_in_flight %" PRId64 ", ttl %" PRId64 " s, rate %" PRId64
            "%s",
        endpoint->key, endpoint->exists ? "exists" : "deleted",
        endpoint->enabled ? "" : ", not enabled", endpoint->paused ? ", paused" : "",
        endpoint->max_in_flight, endpoint->ttl_s, endpoint->rate, endpoint->reset ? ", reset" : "");
    if (!endpoint->exists) {
        write_record(endpoint->key, NULL);
        return;
    }
    buffer_printf(&json,
        "{\"tenant\":\"%s\",\"id\":\"%s\",\"url\":\"http://%s.%s.example/\",\"events\":[\"*\"],"
        "\"enabled\":%s,\"ordering\":\"%s\",\"ttl_s\":{\"*\":%" PRId64 "},\"version\":%" PRId64,
        endpoint->tenant, endpoint->id, endpoint->id, endpoint->tenant,
        endpoint->enabled ? "true" : "false", endpoint->unordered ? "none" : "key", endpoint->ttl_s,
        ++endpoint->version);
    if (endpoint->paused)
        buffer_add_text(&json, ",\"paused\":true");
    if (endpoint->max_in_flight)
        buffer_printf(&json, ",\"max_in_flight\":%" PRId64, endpoint->max_in_flight);
    if (endpoint->rate)
        buffer_printf(&json, ",\"rate_limit\":{\"per_second\":%" PRId64 ",\"burst\":%" PRId64 "}",
            endpoint->rate, endpoint->rate);
    if (endpoint->reset)
        buffer_printf(&json, ",\"reset_at\":\"%s\"", wall_format(wall_now(), time));
    endpoint->reset = false;
    buffer_add_text(&json, "}");
    write_record(endpoint->key, buffer_text(&json));
    buffer_release(&json);
}

/* --- Changes ----------------------------------------------------------------------------------- */

/* What is taken from an endpoint comes back some time. */
static bool give_back(struct sim_endpoint *endpoint)
{
    if (!endpoint->exists || !endpoint->enabled || endpoint->paused) {
        endpoint->exists = endpoint->enabled = true;
        endpoint->paused = false;
        return true;
    }
    return false;
}

void registry_change(struct sim_endpoint *endpoint)
{
    if (sim_chance(0.6) && give_back(endpoint)) {
        registry_write(endpoint);
        return;
    }
    int64_t what = sim_between(0, 9);
    if (what < 3 && sim_may(CHAOS_PAUSES))
        endpoint->paused = true;
    else if (what == 3 && sim_may(CHAOS_DISABLES))
        endpoint->enabled = false;
    else if (what == 4 && sim_may(CHAOS_DELETES))
        endpoint->exists = false;
    else if (what == 5 && sim_may(CHAOS_RATES))
        endpoint->rate = sim_chance(0.5) ? sim_between(1, 50) : 0;
    else if (what == 6 && sim_may(CHAOS_TTL))
        endpoint->ttl_s = sim_chance(0.5) ? sim_between(10, 300) : 48 * 3600;
    else if (what == 7)
        endpoint->reset = true;
    else
        endpoint->max_in_flight = sim_chance(0.7) ? sim_between(1, 16) : 0;
    registry_write(endpoint);
}
