/* SPDX-License-Identifier: Apache-2.0 */
/* What a token endpoint answers (RFC 6749, 5.1 and 5.2), and for how long a token is good. Pure. */
#ifndef HOOKLINE_WEBHOOK_OAUTH_ANSWER_H
#define HOOKLINE_WEBHOOK_OAUTH_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define OAUTH_TOKEN_MAX 16384 /* bytes of an access token */
#define OAUTH_LIFE_S    300   /* of one that does not say how long it lives */

/* Owned by the caller, who wipes it. */
struct oauth_answer {
    char *authorization;
    int64_t life_s;
};
/* False (ERROR_RETRY) with a sentence that quotes nothing but OAuth's own error code. */
must_check bool oauth_answer_read(
    int status, const char *body, size_t len, struct oauth_answer *ret_answer, struct error *error);

/* How long after it came a token of that life is renewed, and how long it is used. */
struct oauth_life {
    int64_t renew_ms, use_ms;
};
struct oauth_life oauth_life(int64_t life_s);

#endif
