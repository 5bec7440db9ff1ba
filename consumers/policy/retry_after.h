/* SPDX-License-Identifier: Apache-2.0 */
/* What a Retry-After asks for. Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_RETRY_AFTER_H
#define HOOKLINE_CONSUMERS_POLICY_RETRY_AFTER_H

#include <stdint.h>

/* The milliseconds that a Retry-After header asks for: seconds or an HTTP date (RFC 9110, 10.2.3),
 * at most `max_ms`; 0 where it is absent, in the past or makes no sense. `now_s` is the wall clock. */
int64_t retry_after_ms(const char *value, int64_t now_s, int64_t max_ms);

#endif
