/* SPDX-License-Identifier: Apache-2.0 */
/* A contact centre that never was: tenants, queues, agents and calls that ring on several phones,
 * are answered, missed, transferred and end. Pure: driven by the time it is told, reproducible by
 * its seed. The shapes of the events are those of docs/contract.md, "Events in". */
#ifndef HOOKLINE_PRODUCERS_SIMULATOR_H
#define HOOKLINE_PRODUCERS_SIMULATOR_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

struct simulator;

struct simulator_options {
    const char *const *tenants; /* ids, NULL-terminated; at least one; borrowed */
    double calls_per_second;    /* over all tenants; 0 = agents come and go, nobody calls */
    uint64_t seed;
    int agents_per_tenant; /* 0 = as many as so many calls need, at least 12 */
    double pace; /* how much faster than life calls go by: 1 = real durations; 20 for a demo */
};

/* An event that is due. Valid during the call. */
struct simulator_event {
    const char *tenant;
    const char *key;  /* the call id; NULL for agent events, as in life */
    const char *type; /* canonical, for counting */
    struct wall_time at;
    const char *body;
    size_t body_len;
};

struct simulator *simulator_new(const struct simulator_options *options, struct wall_time start);
/* NULL is fine. */
void simulator_free(struct simulator *simulator);
/* Calls `fn` for each event due until `now`, in order. The same seed, options and start give the
 * same events, in however many steps the time is told. */
void simulator_advance(struct simulator *simulator, struct wall_time now,
    void (*fn)(void *arg, const struct simulator_event *event), void *arg);
/* When there is something to do next; perhaps not yet an event. */
struct wall_time simulator_next(const struct simulator *simulator);

#endif
