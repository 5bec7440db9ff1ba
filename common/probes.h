/* SPDX-License-Identifier: Apache-2.0 */
/* /livez, /readyz, /metrics and the pages of roles on a port of their own. Alive = the loop turns.
 * Ready = every condition that a role declared holds. */
#ifndef HOOKLINE_COMMON_PROBES_H
#define HOOKLINE_COMMON_PROBES_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/http_server.h"
#include "common/loop.h"

struct probes;

struct probes_options {
    const char *listen; /* "127.0.0.1:9464"; "" = no probes: everything below still works */
};

/* Returns new, listening. Registers the process metrics. NULL with the address in the text. */
must_check struct probes *probes_new(
    struct loop *loop, const struct probes_options *options, struct error *error);
void probes_free(struct probes *probes);
/* The address that is bound, "" without. Borrowed. */
const char *probes_address(const struct probes *probes);

/* Declares or changes a condition, e.g. ("bridge: registry read", false, "at offset 12 of 900").
 * /readyz answers 200 "ready" when all hold and 503 with a line per condition ("[+]name" or
 * "[-]name: detail") otherwise; a process without conditions is not ready. `detail` may be NULL. Copied; at most 64. */
void probes_condition(struct probes *probes, const char *name, bool holds, const char *detail);
/* Something that no waiting mends (a fatal error of the client library): /livez answers 503. */
void probes_dead(struct probes *probes, const char *detail);
bool probes_ready(const struct probes *probes);

/* Prints a page into `out` and returns the HTTP status. It answers at once, on the loop: what it prints
 * is bounded. Query parameters are had from `exchange`, which is not to be answered. */
typedef int probes_print(struct buffer *out, const struct http_exchange *exchange, void *arg);
/* Adds a page ("/endpoints"), for GET and HEAD, or replaces the one of that path; a NULL `print` takes
 * it away, if it is there. At most 16, those of every process included. `path` and `content_type` are
 * borrowed until then. */
void probes_page(struct probes *probes, const char *path, probes_print *print, void *arg,
    const char *content_type);

#endif
