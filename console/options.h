/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the console. */
#ifndef HOOKLINE_CONSOLE_OPTIONS_H
#define HOOKLINE_CONSOLE_OPTIONS_H

#include <stdint.h>

struct console_options {
    const char *listen;      /* "127.0.0.1:9480" */
    const char *tokens_file; /* who may use the API; "" = none */
    /* Of TLS, for whoever makes the console; "" = plain HTTP. */
    const char *certificate_file, *private_key_file;
    int64_t rate_limit;      /* requests a second with one token */
    int64_t max_body_bytes;  /* of a request */
    int64_t secret_grace_ms; /* how long a secret that was replaced still signs */
    int64_t attempts_bytes;  /* kept in memory */
    int64_t attempts_per_tenant;
    const char *handshake_origin; /* asked for consent in its name; "" = nobody is asked */
    int64_t handshake_rate;       /* with that many requests per minute; 0 = it is not said */
};

#endif
