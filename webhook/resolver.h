/* SPDX-License-Identifier: Apache-2.0 */
/* Host names to addresses, on the loop and without threads, over c-ares: a name server that hangs
 * holds nobody but those who wait for its names. Answers are kept, and one query serves everybody who
 * asks for the same host. */
#ifndef HOOKLINE_WEBHOOK_RESOLVER_H
#define HOOKLINE_WEBHOOK_RESOLVER_H

#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"

struct resolver;
/* Somebody who waits. */
struct resolver_query;

enum resolver_verdict {
    RESOLVER_FOUND,
    RESOLVER_FAILED,   /* no such host, or whoever should know it does not say so in time */
    RESOLVER_UNUSABLE, /* our own fault: no name server can be reached, or too many names at once */
};

struct resolver_answer {
    enum resolver_verdict verdict;
    const char *addresses; /* best first, "192.0.2.1,[2001:db8::1]"; "" if there are none */
    uint64_t version;      /* another one whenever the addresses changed; never 0 */
    const char *detail;    /* one sentence that names the host, "" if found */
};

/* Everything in `answer` is borrowed for the call. */
typedef void resolver_answered(void *arg, const struct resolver_answer *answer);

/* `servers`: "192.0.2.1:53,[2001:db8::1]:5353"; "" or NULL = those of /etc/resolv.conf, which is read
 * here and not again. */
must_check struct resolver *resolver_new(
    struct loop *loop, const char *servers, struct error *error);
/* Whoever still waits is not called. NULL is fine. */
void resolver_free(struct resolver *resolver);

/* What is known about `host`, which must not be an address; borrowed until the next call. NULL: it has
 * to be waited for, *ret_query is set, and `answered` is called once, on the loop, at the latest when
 * `timeout_ms` are over (0 = c-ares' own deadline, some seconds). */
const struct resolver_answer *resolver_ask(struct resolver *resolver, const char *host,
    int64_t timeout_ms, resolver_answered *answered, void *arg, struct resolver_query **ret_query);
/* `answered` will not be called. Not from within it. */
void resolver_cancel(struct resolver_query *query);

#endif
