/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an endpoint is worth a request: a circuit breaker. It trips on faults of the endpoint that
 * come in cohorts (a cohort is a window full of answers, as in postfix's qmgr), stays open for a time
 * that doubles, then lets one probe through. Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_CIRCUIT_H
#define HOOKLINE_CONSUMERS_POLICY_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

/* Legal changes: closed → open (tripped), open → probing (its time is over), probing → closed (the
 * probe did well), probing → open (it did not), any → closed (reset). */
enum circuit_phase { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_PROBING };

struct circuit_limits {
    double cohorts;           /* failed in a row before it trips: 2 */
    int64_t min_faults;       /* in a row, too: 5 */
    int64_t open_first_ms;    /* 5 s, doubled with each probe that fails */
    int64_t open_max_ms;      /* 5 min */
    int64_t disable_after_ms; /* failing for so long disables: 5 days */
};

struct circuit {
    enum circuit_phase phase;
    double failed_cohorts;
    int64_t faults;                 /* in a row */
    int64_t trips;                  /* in a row: doubles the time that it stays open */
    struct mono_time open_until;    /* with CIRCUIT_OPEN */
    struct wall_time failing_since; /* of the first fault in a row; ms -1 = it does not fail */
};

void circuit_init(struct circuit *circuit);
/* A fault of the endpoint with `window` requests allowed. A timeout weighs more (`weight` 2) than a
 * refusal (1). Returns whether it tripped or, when probing, opened again. The time that it stays open
 * has 50 to 100 % of its length by `random` in [0, 1). Faults while open (of requests that were in
 * flight when it tripped) change nothing. */
bool circuit_fault(struct circuit *circuit, const struct circuit_limits *limits, double weight,
    int64_t window, struct mono_time now, struct wall_time now_wall, double random);
/* The endpoint did its work. Returns whether that closed it (from open too: a late answer of a
 * request sent before it tripped does not count, so only from probing). */
bool circuit_success(struct circuit *circuit);
/* Goes from open to probing if its time is over; returns whether requests may start now. True while
 * probing: that only one is in flight then is the caller's to see to. */
bool circuit_may_start(struct circuit *circuit, struct mono_time now);
/* Whether it has been failing for longer than may be. */
bool circuit_should_disable(
    const struct circuit *circuit, const struct circuit_limits *limits, struct wall_time now);

#endif
