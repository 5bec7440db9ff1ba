/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook request as somebody captured it, taken apart as far as its signature needs. Pure. */
#ifndef HOOKLINE_COMMANDS_CAPTURED_REQUEST_H
#define HOOKLINE_COMMANDS_CAPTURED_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/record.h"

/* Headers are NULL where they are missing. */
struct captured_request {
    char *id, *timestamp, *signatures;
    char *data; /* what `body` points into */
    struct bytes body;
    int64_t content_length; /* -1 = not said */
    size_t left_out;        /* bytes behind the content length, not part of the body */
};

/* Reads `data`, which is one of
 *   a request as it goes over the wire: perhaps a request line, header lines ended by CRLF or LF, an
 *   empty line, the body. Content-length says where the body ends, if there is more;
 *   a line of `hookline receive --json`.
 * False with ERROR_CONFIG if it is neither, and with ERROR_PERMANENT if it is a request that says
 * two things at once; *ret_request is untouched then. Release it. */
must_check bool captured_request_parse(
    const char *data, size_t len, struct captured_request *ret_request, struct error *error);

void captured_request_release(struct captured_request *request);

#endif
