/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the HTTP client share: a request with its handle, and how its answer is read. */
#ifndef HOOKLINE_WEBHOOK_HTTP_POST_H
#define HOOKLINE_WEBHOOK_HTTP_POST_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "webhook/http_client.h"
#include "webhook/resolver.h"
#include "webhook/url.h"

#define RETRY_AFTER_SIZE 64

enum http_post_state {
    POST_IDLE,      /* kept with its handle for the next request -> RESOLVING, RUNNING, FAILED */
    POST_RESOLVING, /* waits for addresses -> RUNNING, FAILED */
    POST_RUNNING,   /* curl has it -> READING, IDLE */
    POST_READING,   /* the answer's head is complete: the body has not long any more -> IDLE */
    POST_FAILED,    /* before curl had it, and its owner has yet to be told -> IDLE */
    POST_STATES,
};

TAILQ_HEAD(http_post_list, http_post);

/* An answer's headers. */
struct http_kept_headers {
    struct http_header all[HTTP_HEADERS_KEPT];
    size_t count, used;
    char text[HTTP_HEADERS_KEPT_BYTES];
};

/* An answer as it is read. */
struct http_reading {
    struct http_kept_headers *headers; /* NULL = they are not kept */
    char retry_after[RETRY_AFTER_SIZE];
    struct buffer kept; /* of the body, the first `keep` bytes */
    size_t keep;
    int64_t received;
    bool is_final; /* the head under way is not an interim answer's */
    bool has_head; /* all of the final one has come */
};

/* Header lines as curl takes them, in memory that stays for the next request. */
struct http_lines {
    struct curl_slist *nodes;
    size_t count, cap;
    struct buffer text;
};

struct http_post {
    TAILQ_ENTRY(http_post) link; /* in the client's list of its state; idle ones: newest first */
    enum http_post_state state;
    struct http_client *client;
    unsigned sweep; /* when it became idle */
    /* The handle, and what it was last set to. */
    CURL *easy;
    struct http_target *target; /* whose it was last; NULL = nobody's */
    LIST_ENTRY(http_post) target_link;
    uint64_t url_version; /* of the target's URL */
    int64_t connect_timeout_ms, timeout_ms;
    bool http2;
    bool has_method;      /* one that is not POST */
    uint64_t tls_version; /* of the target's, 0 = none */
    bool has_ca;
    struct http_lines lines;
    /* The request. */
    http_answered *answered;
    void *arg;
    struct mono_time begun;
    struct resolver_query *query;
    int64_t dns_us;
    struct curl_slist pin; /* where to connect, for curl's cache: `pin_text` */
    struct buffer pin_text;
    uint64_t pin_version, pin_url_version; /* 0 = none */
    enum http_fault fault;                 /* when FAILED */
    enum guard_rule rule;                  /* by which the guard stopped it */
    char error[CURL_ERROR_SIZE];
    struct mono_time body_deadline; /* when READING */
    struct http_reading reading;
};

LIST_HEAD(http_post_set, http_post);
TAILQ_HEAD(http_target_list, http_target);

struct http_target {
    LIST_ENTRY(http_target) link;
    struct http_client *client; /* NULL: gone */
    TAILQ_ENTRY(http_target) resting_link;
    unsigned sweep; /* when it came to rest */
    bool freed;     /* with requests under way */
    size_t under_way;
    struct http_post_set posts; /* which were last set up for it */
    char *url;
    struct url_origin origin;
    enum guard_rule rule;         /* why nothing may be sent there, whatever the name resolves to */
    char *ca, *certificate, *key; /* PEM, or NULL */
    uint64_t tls_version;         /* of these among all targets of the client; 0 = none */
    uint64_t url_version;
    /* What its requests share: TLS sessions and addresses; NULL after a long rest. */
    CURLSH *share;
    uint64_t pinned_version; /* of the addresses that curl has, 0 = none */
    struct mono_time pinned_at;
};

struct http_client {
    CURLM *multi;
    struct http_client_options options;
    char *ca_file, *proxy;
    struct url_origin proxy_origin;
    struct http_sockets *sockets;
    struct resolver *resolver;
    struct guard *guard;
    struct mono_time guarded_at; /* since then it is this one */
    struct loop_prepare *prepare;
    struct loop_timer *fail_timer, *body_timer, *sweep_timer;
    bool body_timer_runs;
    struct http_post_list posts[POST_STATES];
    size_t idle_count;
    unsigned sweep;                  /* counts */
    uint64_t tls_version;            /* the last that was given */
    struct http_target *common;      /* of requests that have none */
    struct http_target_list resting; /* with a share but without requests; newest first */
    LIST_HEAD(, http_target) targets;
};

/* The one place where a post's state changes. */
void http_post_set_state(struct http_post *post, enum http_post_state state);

/* --- http_target.c: handles, kept and set up --- */

/* A post of `target` (NULL: none) that is set up for `request` but for addresses and timeouts. */
struct http_post *http_post_take(
    struct http_client *client, struct http_target *target, const struct http_request *request);
/* Keeps it for the next request. curl must not have it. */
void http_post_retire(struct http_post *post);
void http_post_set_timeouts(struct http_post *post, int64_t connect_timeout_ms, int64_t timeout_ms);

/* Where its connection goes. Borrowed until the target has another request. */
const struct url_origin *http_post_origin(const struct http_post *post);
/* Does curl know these addresses of its origin already? */
bool http_post_is_pinned(const struct http_post *post, const struct resolver_answer *addresses);
/* Notes the origin; the addresses may be given later. */
void http_post_aim(struct http_post *post);
void http_post_pin(struct http_post *post, const struct resolver_answer *addresses);
/* curl has looked at them. */
void http_post_confirm_pin(struct http_post *post);

/* Counts one and frees what has been idle for two counts. */
void http_targets_sweep(struct http_client *client);
/* Judges all anew: the guard is another. */
void http_targets_judge(struct http_client *client);
/* Frees the idle posts; the targets stay their owners', without a client. */
void http_targets_leave(struct http_client *client);

/* --- http_answer.c: what came back --- */

/* Sets the callbacks that read an answer into `post`. */
void http_answer_setup(struct http_post *post);
/* Of a request that curl ended with `code`, or that we end now (CURLE_ABORTED_BY_CALLBACK). */
void http_answer_fill(const struct http_post *post, CURLcode code, struct http_answer *ret_answer);

#endif
