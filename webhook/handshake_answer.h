/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint's answer to a handshake means: CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", 1.0.2,
 * 4.2 (Validation response). Pure. */
#ifndef HOOKLINE_WEBHOOK_HANDSHAKE_ANSWER_H
#define HOOKLINE_WEBHOOK_HANDSHAKE_ANSWER_H

#include <stdint.h>

#include "common/error.h"
#include "webhook/http_client.h"

struct handshake_consent {
    int64_t
        per_minute; /* requests that it wants at most; 0 = it says nothing of that, or any number */
};

/* Whether the endpoint agrees to requests from `origin`, a host name. False (ERROR_PERMANENT): the sentence
 * says what came back, and quotes of it a host name at most. */
must_check bool handshake_judge(const struct http_answer *answer, const char *origin,
    struct handshake_consent *ret_consent, struct error *error);

/* The rate limit, per second, of a subscription that asks for `per_second` (0 = none), under that
 * consent: the lower one. 0 = none. */
double handshake_rate(double per_second, struct handshake_consent consent);

#endif
