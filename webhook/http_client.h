/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests on the loop, over libcurl's multi interface. */
#ifndef HOOKLINE_WEBHOOK_HTTP_CLIENT_H
#define HOOKLINE_WEBHOOK_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "webhook/guard.h"

#define HTTP_ANSWER_KEPT 1024
/* Of an answer's headers, where they are asked for: how many, and how long all together. */
#define HTTP_HEADERS_KEPT       32
#define HTTP_HEADERS_KEPT_BYTES 4096

struct http_client;
struct http_post;
/* What requests to the same endpoint have in common: the URL as it was understood, addresses, TLS
 * sessions. */
struct http_target;

struct http_client_options {
    const char *ca_file;      /* PEM bundle */
    const char *proxy;        /* "" = none; the environment is never looked at */
    const char *dns_servers;  /* "192.0.2.1:53,[2001:db8::1]:53"; "" or NULL = the system's */
    int64_t max_answer_bytes; /* of an answer's body that are read: 64 KiB */
    int64_t max_connections;  /* kept open: 1024; 0 = by curl's own rule, which closes some early */
    struct guard_options guard; /* where requests may go */
};

/* Of a request: without a value it is not sent, though curl would. */
struct http_header {
    const char *name, *value;
};

struct http_request {
    struct http_target *target; /* NULL = one for all that have none */
    const char *url;
    const struct http_header *headers;
    size_t header_count;
    const void *body; /* borrowed until the answer */
    size_t body_len;
    int64_t connect_timeout_ms; /* resolving included; 0 = 300 s */
    int64_t timeout_ms;         /* of all, but 2 s at most for what follows the head; 0 = none */
    bool http2;
    bool keep_headers;  /* of the answer */
    size_t keep_bytes;  /* of its body; 0 = HTTP_ANSWER_KEPT */
    const char *method; /* NULL = POST */
};

/* PEM (subscriptions/pem.h); NULL = not given. */
struct http_tls {
    const char *ca; /* instead of the client's `ca_file` */
    const char *certificate, *key;
};

/* Why there is no status. */
enum http_fault {
    HTTP_ANSWERED, /* there is a status: a complete head, whatever became of the body */
    HTTP_DNS,      /* no such host, or its name servers do not say */
    HTTP_CONNECT,
    HTTP_TLS,
    HTTP_TIMEOUT,
    HTTP_BROKEN, /* the connection ended or the answer is no HTTP */
    HTTP_OURS,   /* no descriptors, no memory, the proxy, no name server that can be reached */
    HTTP_CANCELLED,
    HTTP_BLOCKED, /* the guard: it may not go there */
    HTTP_TOKEN,   /* there was no request: the token that it needs could not be had (oauth.h) */
    HTTP_FAULTS,
};
extern const char *const http_fault_names[]; /* "answered", "dns", … */

struct http_answer {
    enum http_fault fault;
    int status;              /* with HTTP_ANSWERED */
    const char *detail;      /* one sentence of the library, "" with a status */
    const char *retry_after; /* the header's value, or NULL */
    const char *body;        /* the first bytes, as many as are kept, with a NUL behind them */
    size_t body_len;
    /* With `keep_headers`: those of the final head for which there is room, as they came. Of a long value
     * the beginning. */
    const struct http_header *headers;
    size_t header_count;
    const char *remote_ip; /* "" where there was no connection */
    enum guard_rule rule;  /* with HTTP_BLOCKED */
    bool reused;           /* over a connection that was open before */
    /* Each part's own duration; dns: the wait for addresses; and all together. */
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
};

/* Everything in `answer` is borrowed for the call. The request's handle is gone afterwards. */
typedef void http_answered(void *arg, const struct http_answer *answer);

must_check struct http_client *http_client_new(
    struct loop *loop, const struct http_client_options *options, struct error *error);
/* Takes over max_answer_bytes and the guard, by which requests that begin from now on are judged. False (ERROR_CONFIG)
 * if the guard cannot be made: all is as it was. */
must_check bool http_client_reload(
    struct http_client *client, const struct http_client_options *options, struct error *error);
/* Cancels what is under way without calling anybody, then frees. NULL is fine. */
void http_client_free(struct http_client *client);

/* Returns new. Its requests may differ in everything. Costs 2 KiB, and next to nothing when it has
 * not been used for a minute. */
struct http_target *http_target_new(struct http_client *client);
/* For its connections from now on; copied. */
void http_target_set_tls(struct http_target *target, const struct http_tls *tls);
/* Requests of it that are under way go on. NULL is fine, and so is one whose client is gone. */
void http_target_free(struct http_target *target);

/* Begins a request. `answered` is called once, on the loop, never from within this call. */
struct http_post *http_client_post(struct http_client *client, const struct http_request *request,
    http_answered *answered, void *arg);
/* Gives up: `answered` is not called. Not from within `answered`. */
void http_post_cancel(struct http_post *post);

#endif
