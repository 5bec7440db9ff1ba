/* SPDX-License-Identifier: Apache-2.0 */
/* The next record of a subscription in the registry. Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_REVISION_H
#define HOOKLINE_SUBSCRIPTIONS_REVISION_H

#include <jansson.h>
#include <stdbool.h>

#include "common/clock.h"
#include "subscriptions/seal.h"
#include "subscriptions/subscription.h"

/* What `desired`, valid and without what Hookline itself writes (version, created_at, updated_at,
 * reset_at; these are not taken from it), becomes where `old` stands, or nothing (NULL). Where it says
 * nothing of "secrets", those of `old` stay. Sealed as far as `ring` (NULL = not) can. Returns new. */
json_t *revision_make(const json_t *desired, const struct subscription *old,
    const struct seal_ring *ring, struct wall_time now);

/* The same subscription but for the fields of `changes`, which may be Hookline's own. Returns new. */
json_t *revision_touch(const struct subscription *old, const json_t *changes,
    const struct seal_ring *ring, struct wall_time now);

/* The names of the fields in which `desired` differs from `old`, "events, url"; "" = none. Hookline's own,
 * and secrets of which `desired` says nothing, do not count. Returns new. */
char *revision_changes(
    const json_t *desired, const struct subscription *old, const struct seal_ring *ring);

/* Puts the stored value in the place of each SUBSCRIPTION_MASK in the headers and secrets of `desired`, so
 * that what is shown can be changed and written back. False, with a report for each, where `old` has none,
 * or it does not go with the rest. */
bool revision_unmask(json_t *desired, const struct subscription *old, const struct seal_ring *ring,
    subscription_problem *report, void *arg);

/* `target` changed as JSON Merge Patch (RFC 7396) says: members that are null in `patch` are taken away.
 * Borrows `patch`. */
void revision_merge(json_t *target, const json_t *patch);

#endif
