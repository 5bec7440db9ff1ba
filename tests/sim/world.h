/* SPDX-License-Identifier: Apache-2.0 */
/* The world around the processes: tenants, endpoints and their moods, the registry, the bridge that
 * appends deliveries, and what befalls all of it. */
#ifndef HOOKLINE_SIM_WORLD_H
#define HOOKLINE_SIM_WORLD_H

#include "common/ranges.h"
#include "sim.h"
#include "topics.h"

#define ENDPOINTS_MAX 8
#define KEYS_MAX      8

enum mood {
    MOOD_OK,
    MOOD_SLOW,   /* 2xx after seconds */
    MOOD_FLAKY,  /* some fail */
    MOOD_POISON, /* deliveries of some order keys, or some deliveries, fail; all others do well */
    MOOD_HANG,   /* no answer until the timeout */
    MOOD_500,
    MOOD_503, /* with and without Retry-After */
    MOOD_429,
    MOOD_404,
    MOOD_DOWN, /* connections are refused */
    MOOD_GONE, /* 410 */
    MOODS,
};
extern const char *const mood_names[];

/* What the endpoints topic says of one endpoint to whoever reads it from its beginning. */
struct durable_state {
    int64_t bookmark; /* -1 = none */
    struct ranges resolved;
    int64_t *aside;
    size_t aside_count;
    bool none;      /* nothing to remember */
    bool only_told; /* nothing but what has been told of it, and nothing is to be told */
    bool untold;    /* it is disabled, and that is not told */
    int phase;      /* enum endpoint_phase */
    char words[64];
};

struct sim_endpoint {
    int index;
    char tenant[16], id[16];
    char key[40];
    struct sim_log *log; /* of its partition */
    /* As the registry's last record has it. */
    bool exists, enabled, paused;
    int64_t max_in_flight; /* 0 = not given */
    int64_t ttl_s;
    int64_t rate; /* per second; 0 = none */
    bool reset;
    int64_t version;
    /* Over all versions. */
    bool unordered; /* never changes */
    int64_t ttl_min_ms, ttl_max_ms;
    bool refuses;
    bool ever_refused; /* it has been disabled or deleted, or has answered 410 */
    /* Since when nothing new is refused. What is older may have been, and its dead letter may still be
     * on its way: it holds up nobody. */
    int64_t accepting_since;
    int64_t deliverable_since; /* exists, enabled, not paused; -1 = is not */
    /* How it does. */
    enum mood mood;
    double mood_weight; /* how many of the requests it concerns */
    unsigned poison_keys;
    int64_t latency_us;
    int64_t well_since; /* MOOD_OK; -1 = is not */
    /* The state records. */
    struct durable_state state;
    int64_t state_second, states_in_second, states;
    /* A bucket of our own, of the process that last sent. */
    int rate_process;
    double rate_tokens, rate_was;
    int64_t rate_at;
};

struct sim_world {
    struct sim_endpoint endpoints[ENDPOINTS_MAX];
    int endpoint_count;
    int keys;        /* order keys in use */
    double keyless;  /* share of deliveries without one */
    int64_t pace_us; /* between bursts of the bridge */
    int64_t burst_most;
    int64_t chaos_us; /* between what befalls the processes */
    int64_t moods_us; /* between changes of mood */
    int64_t seek_us;  /* between the batches that a seeker reads */
    int64_t outage_until;
    double write_failures;
    bool cooperative; /* how the group says that it rebalances */
    int processes;    /* how many there should be */
    bool calm;        /* the chaos is over: all goes well from here on */
};
extern struct sim_world world;

/* Draws a world and starts everything. */
void world_init(void);
/* Ends the chaos: everything is made well, but for what a scenario needs; then that too. */
void world_calm_down(void);
void world_finish(void);
struct sim_endpoint *world_endpoint(const char *tenant, const char *id);

/* world.c, for the fakes. */
struct sim_log *world_registry(void);
/* The registry has got a record: the processes read it soon. Defined by process.c. */
void world_registry_changed(void);
void world_process_gone(void);
int64_t world_outage_until(void);
double world_write_failures(void);

/* registry.c */
/* Writes the endpoint's subscription as it is now, or that it is deleted. */
void registry_write(struct sim_endpoint *endpoint);
void registry_write_tenants(void);
/* Changes something of it at random. */
void registry_change(struct sim_endpoint *endpoint);

/* bridge.c */
void bridge_start(void);
void bridge_append(struct sim_endpoint *endpoint, bool test);

/* chaos.c */
void chaos_start(void);

#endif
