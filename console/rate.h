/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests a caller may make: a bucket for each token, and one for all who have none. Private to
 * console/. */
#ifndef HOOKLINE_CONSOLE_RATE_H
#define HOOKLINE_CONSOLE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

struct rates;

/* Returns new. Two seconds' worth may come at once. */
struct rates *rates_new(int64_t per_second);
void rates_set(struct rates *rates, int64_t per_second);
void rates_free(struct rates *rates);

/* Whether one more request may be made under that name. Else *ret_wait_s is when to come again. */
bool rates_take(struct rates *rates, const char *name, struct mono_time now, int64_t *ret_wait_s);

#endif
