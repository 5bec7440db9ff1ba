/* SPDX-License-Identifier: Apache-2.0 */
/* How endpoints do, for people: the page /endpoints of the probes. docs/operations.md, "How endpoints
 * do". URLs may hold secrets, so only their hosts are shown. */
#ifndef HOOKLINE_CONSUMERS_STATUS_H
#define HOOKLINE_CONSUMERS_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/probes.h"

struct endpoint;
struct engine;

#define STATUS_LIMIT_DEFAULT 1000 /* endpoints */
#define STATUS_LIMIT_MAX     10000
#define STATUS_BYTES_MAX     (8 << 20) /* no further endpoint is shown beyond that */

/* An endpoint's place, or that it is disabled; why else nothing is delivered stands in the reason. */
enum status_state { STATUS_LIVE, STATUS_BEHIND, STATUS_JOINING, STATUS_DISABLED };
extern const char *const status_states[]; /* "live", …; ends with NULL */
extern const char *const status_phases[]; /* "closed", "open", "probing": by enum circuit_phase */

/* What is shown of one. Times that are not known, and what does not apply, have ms -1 or are -1. All
 * text is borrowed. */
struct status {
    const char *key, *host; /* `host` NULL = there is no subscription any more */
    enum status_state state;
    const char *reason; /* NULL = none */
    struct wall_time since;
    const char *phase; /* of the circuit */
    struct wall_time open_until, paused_until;
    int64_t window, in_flight, queued, waiting, aside, recording, held_bytes;
    double rate_per_second; /* 0 = no limit */
    int64_t rate_burst;
    const char *last_error; /* "" = none */
    struct wall_time last_error_at, last_success_at, oldest_waiting;
    int64_t bookmark; /* -1 = not behind */
    int64_t records, passed_over, live_in_ms;
};

enum status_state status_state(const struct endpoint *endpoint);
/* The event's time of the oldest delivery that is not done: in memory, set aside or, as far as it is
 * known, left to catch-up; ms -1 = none. */
struct wall_time status_oldest(const struct endpoint *endpoint);
/* `host` is left NULL. */
struct status status_of(const struct endpoint *endpoint);

/* Appends a JSON object. */
void status_print(const struct status *status, struct wall_time now, struct buffer *out);

/* Which endpoints are asked for. */
struct status_query {
    const char *tenant; /* borrowed; NULL = all */
    int state;          /* enum status_state, -1 = all */
    int64_t limit;
};
/* Reads the values of the query's parameters, NULL where they are absent; false with a sentence
 * (ERROR_CONFIG) where one makes no sense. */
must_check bool status_query_parse(struct status_query *ret_query, const char *tenant,
    const char *state, const char *limit, struct error *error);
/* Appends the whole answer. */
void status_print_all(
    const struct engine *engine, const struct status_query *query, struct buffer *out);

/* Puts the page on the engine's probes, and takes it away. */
void status_page_add(struct engine *engine);
void status_page_remove(struct engine *engine);

#endif
