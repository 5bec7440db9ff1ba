/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to tell of an endpoint by an operational event. Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_NOTICE_H
#define HOOKLINE_CONSUMERS_POLICY_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "producers/endpoint_state.h"

enum notice { NOTICE_NONE, NOTICE_FAILING, NOTICE_RECOVERED, NOTICE_DISABLED };

/* How an endpoint does, and what has been told of it. */
struct notice_view {
    enum endpoint_told told;
    struct wall_time recovered_at; /* works again, since something was told; ms -1 = no */
    bool disabled;
    bool failing; /* its circuit is not closed, and it is meant to get deliveries */
    struct wall_time failing_since; /* ms -1 = not known */
};

/* What is to be told now. Recovery comes first, so that what follows it is told after it. An outage is
 * told once it has lasted `notice_after_ms`: no endpoint fails and recovers more often than that. */
enum notice notice_due(
    const struct notice_view *view, int64_t notice_after_ms, struct wall_time now);
/* What has been told of it when `notice` has been. */
enum endpoint_told notice_told(enum notice notice);

#endif
