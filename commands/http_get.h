/* SPDX-License-Identifier: Apache-2.0 */
/* One blocking GET over plain HTTP, for commands that ask a running process. */
#ifndef HOOKLINE_COMMANDS_HTTP_GET_H
#define HOOKLINE_COMMANDS_HTTP_GET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

#define HTTP_GET_BYTES_MAX (16 << 20) /* of an answer; more is an error */

struct http_address {
    char host[256]; /* a name or an address, without brackets */
    char port[6];
};

/* Reads "http://host:port/", "host:port", "host", ":port", "[::1]:9464"; without a host it is this
 * machine, without a port 9464. False with the text named (ERROR_CONFIG). */
must_check bool http_address_parse(
    const char *text, struct http_address *ret_address, struct error *error);

/* Asks for `target` ("/endpoints?limit=1"), in at most `timeout_ms` altogether; the answer's body is
 * appended to `ret_body`, whatever the status. False, with the address in the text, where there is no
 * whole answer (ERROR_RETRY, ERROR_PERMANENT). */
must_check bool http_get(const struct http_address *address, const char *target, int64_t timeout_ms,
    int *ret_status, struct buffer *ret_body, struct error *error);

/* Appends `text` so that it is one query parameter's value. */
void http_add_query(struct buffer *out, const char *text);

#endif
