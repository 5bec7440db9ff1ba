/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an endpoint is worth a request. */
#include "consumers/policy/circuit.h"

#include "consumers/policy/backoff.h"

#define ROUNDING 1e-9 /* of a sum of fractions: six times a third is less than 2 */

void circuit_init(struct circuit *circuit)
{
    *circuit = (struct circuit){.phase = CIRCUIT_CLOSED, .failing_since = {-1}};
}

static void trip(struct circuit *circuit, const struct circuit_limits *limits, struct mono_time now,
    double random)
{
    circuit->phase = CIRCUIT_OPEN;
    circuit->failed_cohorts = 0;
    circuit->trips++;
    circuit->open_until = mono_add_ms(
        now, backoff_delay_ms(circuit->trips, limits->open_first_ms, limits->open_max_ms, random));
}

bool circuit_fault(struct circuit *circuit, const struct circuit_limits *limits, double weight,
    int64_t window, struct mono_time now, struct wall_time now_wall, double random)
{
    if (circuit->phase == CIRCUIT_OPEN)
        return false;
    if (circuit->failing_since.ms < 0)
        circuit->failing_since = now_wall;
    circuit->faults++;
    circuit->failed_cohorts += weight / (double)(window > 1 ? window : 1);
    bool enough = circuit->failed_cohorts >= limits->cohorts - ROUNDING &&
                  circuit->faults >= limits->min_faults;
    if (circuit->phase == CIRCUIT_CLOSED && !enough)
        return false;
    trip(circuit, limits, now, random);
    return true;
}

bool circuit_success(struct circuit *circuit)
{
    enum circuit_phase before = circuit->phase;
    if (before == CIRCUIT_OPEN)
        return false;
    circuit_init(circuit);
    return before == CIRCUIT_PROBING;
}

bool circuit_may_start(struct circuit *circuit, struct mono_time now)
{
    if (circuit->phase == CIRCUIT_OPEN && !mono_before(now, circuit->open_until))
        circuit->phase = CIRCUIT_PROBING;
    return circuit->phase != CIRCUIT_OPEN;
}

bool circuit_should_disable(
    const struct circuit *circuit, const struct circuit_limits *limits, struct wall_time now)
{
    return circuit->failing_since.ms >= 0 &&
           now.ms - circuit->failing_since.ms > limits->disable_after_ms;
}
