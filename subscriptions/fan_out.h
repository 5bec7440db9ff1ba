/* SPDX-License-Identifier: Apache-2.0 */
/* How many subscriptions of a tenant one event can go to, by its type alone. Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_FAN_OUT_H
#define HOOKLINE_SUBSCRIPTIONS_FAN_OUT_H

#include <stddef.h>

#include "subscriptions/subscription.h"

/* The most of `all` that are enabled and want one and the same type, of those types that `of` wants (NULL =
 * of all types). Filters are not looked at: there may be an event that passes them all. */
size_t fan_out_most(struct subscription *const *all, size_t count, const struct subscription *of);

#endif
