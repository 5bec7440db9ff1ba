/* SPDX-License-Identifier: Apache-2.0 */
/* Handles and whose they are. The handles lie in one pool, last used first, and are set up but for
 * what changes: a handle of each target's own is touched so seldom that with a thousand of them each
 * request costs 5 µs more, for the processor's caches, against 0.3 µs for another URL and share. What
 * requests of a target have in common, TLS sessions and addresses, lies in a share of its own, since
 * libcurl 7.88 has room for eight sessions in one, and walks all addresses in it at the end of every
 * request. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/memory.h"
#include "webhook/http_post.h"
#include "webhook/http_sockets.h"

#define IDLE_MAX 1024 /* about 9 KiB each */
/* curl asks for "100 Continue" on its own for bodies of 1 MiB. */
#define EXPECT_BYTES (512 << 10)
/* For how long curl keeps addresses; they are given to it again after the half. */
#define PIN_S 120

/* --- Targets --------------------------------------------------------------------------------- */

struct http_target *http_target_new(struct http_client *client)
{
    struct http_target *target = mem_zalloc(sizeof *target);
    target->client = client;
    LIST_INIT(&target->posts);
    LIST_INSERT_HEAD(&client->targets, target, link);
    return target;
}

static CURLSH *new_share(void)
{
    CURLSH *share = curl_share_init();
    if (!share)
        fatal("out of memory");
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    return share;
}

static void take_from(struct http_post *post)
{
    if (!post->target)
        return;
    LIST_REMOVE(post, target_link);
    post->target = NULL;
    post->url_version = 0;
    curl_easy_setopt(post->easy, CURLOPT_SHARE, NULL);
}

static void give_to(struct http_post *post, struct http_target *target)
{
    take_from(post);
    if (!target->share)
        target->share = new_share();
    LIST_INSERT_HEAD(&target->posts, post, target_link);
    post->target = target;
    curl_easy_setopt(post->easy, CURLOPT_SHARE, target->share);
}

static void begin_work(struct http_target *target)
{
    if (target->under_way++ == 0 && target->share)
        TAILQ_REMOVE(&target->client->resting, target, resting_link);
}

static void begin_rest(struct http_target *target)
{
    target->sweep = target->client->sweep;
    TAILQ_INSERT_HEAD(&target->client->resting, target, resting_link);
}

/* Of one that rests, or that is not on the list of those any more. */
static void drop_share(struct http_target *target)
{
    while (!LIST_EMPTY(&target->posts))
        take_from(LIST_FIRST(&target->posts));
    curl_share_cleanup(target->share);
    target->share = NULL;
    target->pinned_version = 0;
}

static void free_tls(struct http_target *target)
{
    if (target->key)
        OPENSSL_cleanse(target->key, strlen(target->key));
    free(target->ca);
    free(target->certificate);
    free(target->key);
}

void http_target_set_tls(struct http_target *target, const struct http_tls *tls)
{
    free_tls(target);
    target->ca = mem_strdup(tls->ca);
    target->certificate = mem_strdup(tls->certificate);
    target->key = mem_strdup(tls->key);
    if (!target->ca && !target->certificate)
        target->tls_version = 0;
    else if (target->client)
        target->tls_version = ++target->client->tls_version;
}

static void end_target(struct http_target *target)
{
    if (target->share)
        drop_share(target);
    if (target->client)
        LIST_REMOVE(target, link);
    url_origin_release(&target->origin);
    free(target->url);
    free_tls(target);
    free(target);
}

void http_target_free(struct http_target *target)
{
    if (!target)
        return;
    target->freed = true;
    if (target->under_way)
        return; /* the last of them ends it */
    if (target->share)
        TAILQ_REMOVE(&target->client->resting, target, resting_link);
    end_target(target);
}

/* --- The pool -------------------------------------------------------------------------------- */

/* The last look: whatever brought the address here, no connection goes to one that is not allowed. A
 * proxy is the operator's, and guards what goes through it. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_post *post = arg;
    (void)purpose;
    post->rule = guard_check_address(post->client->guard, &address->addr);
    if (post->rule != GUARD_NONE)
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_up(struct http_post *post)
{
    CURL *easy = post->easy;
    struct http_client *client = post->client;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, post);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* should curl resolve something after all */
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)PIN_S);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* they are not the answer's */
    curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy); /* also "": not from the environment */
    /* Debian's built-in CAPATH disables curl's cache of the CA store: 19 ms per TLS connection. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (client->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    if (!*client->proxy) {
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, post);
    }
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, http_sockets_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client->sockets);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    http_answer_setup(post);
}

static struct http_post *new_post(struct http_client *client)
{
    struct http_post *post = mem_zalloc(sizeof *post);
    post->client = client;
    post->connect_timeout_ms = post->timeout_ms = -1;
    post->easy = curl_easy_init();
    if (!post->easy)
        fatal("out of memory");
    set_up(post);
    TAILQ_INSERT_HEAD(&client->posts[POST_IDLE], post, link);
    client->idle_count++;
    return post;
}

static void free_post(struct http_post *post)
{
    TAILQ_REMOVE(&post->client->posts[POST_IDLE], post, link);
    post->client->idle_count--;
    take_from(post);
    curl_easy_cleanup(post->easy);
    free(post->lines.nodes);
    buffer_release(&post->lines.text);
    buffer_release(&post->pin_text);
    buffer_release(&post->reading.kept);
    free(post);
}

static struct http_post *last_used(struct http_client *client)
{
    struct http_post *post = TAILQ_FIRST(&client->posts[POST_IDLE]);
    return post ? post : new_post(client);
}

/* A large one is somebody's token. */
static void forget_body(struct buffer *kept)
{
    if (kept->data)
        OPENSSL_cleanse(kept->data, kept->len);
    buffer_release(kept);
}

void http_post_retire(struct http_post *post)
{
    struct http_client *client = post->client;
    struct http_target *target = post->target;
    free(post->reading.headers);
    post->reading.headers = NULL;
    if (post->reading.keep > HTTP_ANSWER_KEPT)
        forget_body(&post->reading.kept);
    http_post_set_state(post, POST_IDLE);
    post->sweep = client->sweep;
    if (--target->under_way == 0) {
        if (target->freed)
            end_target(target);
        else
            begin_rest(target);
    }
    if (++client->idle_count > IDLE_MAX)
        free_post(TAILQ_LAST(&client->posts[POST_IDLE], http_post_list));
}

/* When something came to rest so long ago that it is not likely to be wanted soon. */
static bool is_old(const struct http_client *client, unsigned sweep)
{
    return client->sweep - sweep >= 2;
}

void http_targets_sweep(struct http_client *client)
{
    struct http_post *post, *newer;
    struct http_target *target;
    client->sweep++;
    post = TAILQ_LAST(&client->posts[POST_IDLE], http_post_list);
    for (; post && is_old(client, post->sweep); post = newer) {
        newer = TAILQ_PREV(post, http_post_list, link);
        free_post(post);
    }
    while ((target = TAILQ_LAST(&client->resting, http_target_list)) &&
           is_old(client, target->sweep)) {
        TAILQ_REMOVE(&client->resting, target, resting_link);
        drop_share(target);
    }
}

void http_targets_leave(struct http_client *client)
{
    struct http_post *post, *next;
    struct http_target *target;
    for (post = TAILQ_FIRST(&client->posts[POST_IDLE]); post; post = next) {
        next = TAILQ_NEXT(post, link);
        free_post(post);
    }
    while ((target = LIST_FIRST(&client->targets))) {
        if (target->share)
            drop_share(target);
        LIST_REMOVE(target, link);
        target->client = NULL;
    }
}

/* --- What a request changes ------------------------------------------------------------------ */

/* Names are judged by their addresses, once these are known. A URL that curl cannot read fails there. */
static enum guard_rule rule_of(const struct http_target *target)
{
    const struct url_origin *origin = &target->origin;
    const struct guard *guard = target->client->guard;
    if (!origin->host)
        return GUARD_NONE;
    enum guard_rule rule = guard_check_origin(guard, origin->is_https, origin->port);
    return rule == GUARD_NONE ? guard_check_host(guard, origin->host) : rule;
}

void http_targets_judge(struct http_client *client)
{
    struct http_target *target;
    client->guarded_at = mono_now();
    LIST_FOREACH(target, &client->targets, link)
        target->rule = rule_of(target);
}

static void set_url(struct http_post *post, const char *url)
{
    struct http_target *target = post->target;
    if (!target->url || strcmp(target->url, url) != 0) {
        free(target->url);
        url_origin_release(&target->origin);
        target->url = mem_strdup(url);
        target->origin = url_origin(url);
        target->rule = rule_of(target);
        target->url_version++;
        target->pinned_version = 0;
    }
    if (post->url_version == target->url_version)
        return;
    post->url_version = target->url_version;
    curl_easy_setopt(post->easy, CURLOPT_URL, url);
}

static void set_http2(struct http_post *post, bool http2)
{
    if (post->http2 == http2)
        return;
    post->http2 = http2;
    curl_easy_setopt(post->easy, CURLOPT_HTTP_VERSION,
        http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
}

static void set_method(struct http_post *post, const char *method)
{
    if (!method && !post->has_method)
        return;
    post->has_method = method;
    curl_easy_setopt(post->easy, CURLOPT_CUSTOMREQUEST, method);
}

/* NULL takes it away. curl copies it. */
static void set_blob(CURL *easy, CURLoption option, char *text)
{
    struct curl_blob blob = {text, text ? strlen(text) : 0, CURL_BLOB_COPY};
    curl_easy_setopt(easy, option, text ? &blob : NULL);
}

/* As a blob the authorities do not touch curl's cache of the CA store, which has room for one. */
static void set_tls(struct http_post *post)
{
    const struct http_target *target = post->target;
    if (post->tls_version == target->tls_version)
        return;
    post->tls_version = target->tls_version;
    post->has_ca = target->ca;
    set_blob(post->easy, CURLOPT_CAINFO_BLOB, target->ca);
    set_blob(post->easy, CURLOPT_SSLCERT_BLOB, target->certificate);
    set_blob(post->easy, CURLOPT_SSLKEY_BLOB, target->key);
}

/* curl's ways to say that a header is not sent, and that it is there and empty. */
static void add_line(struct http_lines *lines, const struct http_header *header)
{
    struct curl_slist *node = &lines->nodes[lines->count++];
    char *at = node->data = lines->text.data + lines->text.len;
    node->next = node + 1;
    at = stpcpy(at, header->name);
    if (!header->value)
        at = stpcpy(at, ":");
    else if (!*header->value)
        at = stpcpy(at, ";");
    else
        at = stpcpy(stpcpy(at, ": "), header->value);
    lines->text.len += (size_t)(at + 1 - node->data);
}

static void set_lines(struct http_post *post, const struct http_request *request)
{
    static const struct http_header accept = {"Accept", NULL}, expect = {"Expect", NULL};
    struct http_lines *lines = &post->lines;
    size_t count = request->header_count + 2, bytes = sizeof "Accept:" + sizeof "Expect:";
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        bytes += strlen(header->name) + sizeof ": " + (header->value ? strlen(header->value) : 0);
    }
    if (count > lines->cap) {
        lines->nodes = mem_array(lines->nodes, count, sizeof *lines->nodes);
        lines->cap = count;
        curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, lines->nodes);
    }
    lines->count = 0;
    buffer_clear(&lines->text);
    buffer_reserve(&lines->text, bytes); /* so that it does not move */
    add_line(lines, &accept);
    if (request->body_len >= EXPECT_BYTES)
        add_line(lines, &expect);
    for (size_t i = 0; i < request->header_count; i++)
        add_line(lines, &request->headers[i]);
    lines->nodes[lines->count - 1].next = NULL;
}

struct http_post *http_post_take(
    struct http_client *client, struct http_target *target, const struct http_request *request)
{
    struct http_post *post = last_used(client);
    if (!target)
        target = client->common;
    begin_work(target);
    if (post->target != target)
        give_to(post, target);
    client->idle_count--; /* its state is changed by whoever takes it */
    post->dns_us = 0;
    post->pin_version = 0;
    post->error[0] = '\0';
    post->rule = GUARD_NONE;
    struct http_reading *reading = &post->reading;
    reading->retry_after[0] = '\0';
    reading->keep = request->keep_bytes ? request->keep_bytes : HTTP_ANSWER_KEPT;
    buffer_clear(&reading->kept);
    reading->received = 0;
    reading->is_final = reading->has_head = false;
    reading->headers = request->keep_headers ? mem_zalloc(sizeof *reading->headers) : NULL;
    set_url(post, request->url);
    set_http2(post, request->http2);
    set_method(post, request->method);
    set_tls(post);
    set_lines(post, request);
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    return post;
}

void http_post_set_timeouts(struct http_post *post, int64_t connect_timeout_ms, int64_t timeout_ms)
{
    if (post->connect_timeout_ms != connect_timeout_ms)
        curl_easy_setopt(post->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms);
    if (post->timeout_ms != timeout_ms)
        curl_easy_setopt(post->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    post->connect_timeout_ms = connect_timeout_ms;
    post->timeout_ms = timeout_ms;
}

/* --- Addresses ------------------------------------------------------------------------------- */

const struct url_origin *http_post_origin(const struct http_post *post)
{
    return *post->client->proxy ? &post->client->proxy_origin : &post->target->origin;
}

bool http_post_is_pinned(const struct http_post *post, const struct resolver_answer *addresses)
{
    const struct http_target *target = post->target;
    return target->pinned_version == addresses->version &&
           mono_before(post->client->guarded_at, target->pinned_at) && /* which has seen them */
           mono_before(post->begun, mono_add_ms(target->pinned_at, PIN_S * 1000 / 2));
}

/* "+": it may be thrown away when it has not been used for long. */
void http_post_aim(struct http_post *post)
{
    const struct url_origin *origin = http_post_origin(post);
    buffer_clear(&post->pin_text);
    buffer_printf(&post->pin_text, "+%s:%d:", origin->host, origin->port);
    post->pin_url_version = post->target->url_version;
}

void http_post_pin(struct http_post *post, const struct resolver_answer *addresses)
{
    buffer_add_text(&post->pin_text, addresses->addresses);
    post->pin_version = addresses->version;
    post->pin = (struct curl_slist){.data = post->pin_text.data};
    curl_easy_setopt(post->easy, CURLOPT_RESOLVE, &post->pin);
}

/* Versions only grow, so that of several the last one is never taken for an older one. */
void http_post_confirm_pin(struct http_post *post)
{
    struct http_target *target = post->target;
    if (!post->pin_version || post->pin_url_version != target->url_version)
        return;
    target->pinned_version = post->pin_version;
    target->pinned_at = post->begun;
}
