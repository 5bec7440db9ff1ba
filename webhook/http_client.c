/* SPDX-License-Identifier: Apache-2.0 */
/* A POST's life: addresses are waited for, curl transfers, and what came of it is told. */
#include "webhook/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "webhook/http_post.h"
#include "webhook/http_sockets.h"

#define BODY_MS  2000  /* for the rest of an answer whose head is complete */
#define SWEEP_MS 30000 /* an idle handle is freed in the second one */

void http_post_set_state(struct http_post *post, enum http_post_state state)
{
    struct http_client *client = post->client;
    TAILQ_REMOVE(&client->posts[post->state], post, link);
    post->state = state;
    if (state == POST_IDLE)
        TAILQ_INSERT_HEAD(&client->posts[state], post, link);
    else
        TAILQ_INSERT_TAIL(&client->posts[state], post, link);
}

/* --- The end --------------------------------------------------------------------------------- */

static void finish(struct http_post *post, CURLcode code)
{
    struct http_answer answer;
    if (post->state != POST_FAILED && post->rule != GUARD_NONE)
        snprintf(post->error, sizeof post->error, "The address is not allowed (%s)",
            guard_rule_names[post->rule]);
    http_answer_fill(post, code, &answer);
    post->answered(post->arg, &answer);
    if (post->state != POST_FAILED) {
        http_post_confirm_pin(post);
        curl_multi_remove_handle(post->client->multi, post->easy);
    }
    http_post_retire(post);
}

/* Right before the loop waits, since a request may also end inside curl's timer. */
static void reap(struct http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct http_post *post = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &post);
        finish(post, message->data.result);
    }
}

/* Ends those whose body has not come in time; the others' deadlines are later. */
static void body_due(void *arg)
{
    struct http_client *client = arg;
    struct mono_time now = mono_now();
    struct http_post *post;
    client->body_timer_runs = false;
    while ((post = TAILQ_FIRST(&client->posts[POST_READING])) && post->body_deadline.us &&
           !mono_before(now, post->body_deadline))
        finish(post, CURLE_ABORTED_BY_CALLBACK);
}

/* Most answers have been read to their end by now, so that the clock need not be asked for each. */
static void limit_bodies(struct http_client *client)
{
    struct http_post *post = TAILQ_LAST(&client->posts[POST_READING], http_post_list);
    if (!post)
        return;
    struct mono_time now = mono_now();
    for (; post && !post->body_deadline.us; post = TAILQ_PREV(post, http_post_list, link))
        post->body_deadline = mono_add_ms(now, BODY_MS);
    post = TAILQ_FIRST(&client->posts[POST_READING]);
    if (!client->body_timer_runs)
        loop_timer_start(client->body_timer, mono_diff_ms(post->body_deadline, now) + 1, 0);
    client->body_timer_runs = true;
}

static void before_waiting(void *arg)
{
    struct http_client *client = arg;
    http_sockets_hurry(client->sockets);
    reap(client);
    limit_bodies(client);
}

/* Tells those that failed within http_client_post(). */
static void tell_failed(void *arg)
{
    struct http_client *client = arg;
    struct http_post *post;
    while ((post = TAILQ_FIRST(&client->posts[POST_FAILED])))
        finish(post, CURLE_OK);
}

static void fail(struct http_post *post, const struct resolver_answer *addresses)
{
    bool proxied = *post->client->proxy;
    post->fault = proxied || addresses->verdict == RESOLVER_UNUSABLE ? HTTP_OURS : HTTP_DNS;
    snprintf(post->error, sizeof post->error, "%s%s", proxied ? "Proxy " : "", addresses->detail);
    http_post_set_state(post, POST_FAILED);
}

static void block(struct http_post *post, enum guard_rule rule, const char *address)
{
    const char *host = post->target->origin.host;
    post->fault = HTTP_BLOCKED;
    post->rule = rule;
    if (rule == GUARD_SCHEME)
        snprintf(post->error, sizeof post->error, "http is not allowed, https is");
    else if (rule == GUARD_PORT)
        snprintf(
            post->error, sizeof post->error, "Port %d is not allowed", post->target->origin.port);
    else
        snprintf(post->error, sizeof post->error, "%s: Its address %s is not allowed (%s)", host,
            address, guard_rule_names[rule]);
    http_post_set_state(post, POST_FAILED);
}

/* Of several addresses one that is not allowed is enough: an honest host has none. */
static bool may_connect(struct http_post *post, const struct resolver_answer *answer)
{
    struct http_client *client = post->client;
    char address[INET6_ADDRSTRLEN + 2];
    const char *at = answer->addresses;
    while (!*client->proxy && *at) {
        size_t len = strcspn(at, ",");
        snprintf(address, sizeof address, "%.*s", (int)len, at);
        enum guard_rule rule = guard_check_text(client->guard, address);
        if (rule != GUARD_NONE) {
            block(post, rule, address);
            return false;
        }
        at += len + (at[len] == ',');
    }
    return true;
}

/* --- The beginning --------------------------------------------------------------------------- */

static int64_t what_is_left(int64_t timeout_ms, int64_t waited_us)
{
    int64_t left = timeout_ms - waited_us / 1000;
    return timeout_ms <= 0 || left > 0 ? left : 1;
}

static void launch(struct http_post *post)
{
    http_post_set_state(post, POST_RUNNING);
    post->body_deadline = (struct mono_time){0};
    CURLMcode code = curl_multi_add_handle(post->client->multi, post->easy);
    bug_on(code != CURLM_OK);
}

static void resolved(void *arg, const struct resolver_answer *addresses)
{
    struct http_post *post = arg;
    post->query = NULL;
    post->dns_us = mono_diff_us(mono_now(), post->begun);
    if (addresses->verdict != RESOLVER_FOUND)
        fail(post, addresses);
    if (addresses->verdict != RESOLVER_FOUND || !may_connect(post, addresses)) {
        finish(post, CURLE_OK);
        return;
    }
    http_post_pin(post, addresses);
    http_post_set_timeouts(post, what_is_left(post->connect_timeout_ms, post->dns_us),
        what_is_left(post->timeout_ms, post->dns_us));
    launch(post);
}

static int64_t resolve_ms(const struct http_request *request)
{
    int64_t connect = request->connect_timeout_ms, all = request->timeout_ms;
    return connect > 0 && (all <= 0 || connect < all) ? connect : all;
}

struct http_post *http_client_post(struct http_client *client, const struct http_request *request,
    http_answered *answered, void *arg)
{
    struct http_post *post = http_post_take(client, request->target, request);
    post->answered = answered;
    post->arg = arg;
    post->begun = mono_now();
    http_post_set_timeouts(post, request->connect_timeout_ms, request->timeout_ms);
    const struct url_origin *origin = http_post_origin(post);
    if (post->target->rule != GUARD_NONE) {
        block(post, post->target->rule, post->target->origin.host);
        loop_timer_start(client->fail_timer, 0, 0);
        return post;
    }
    if (!origin->host || origin->is_address) {
        launch(post);
        return post;
    }
    const struct resolver_answer *addresses = resolver_ask(
        client->resolver, origin->host, resolve_ms(request), resolved, post, &post->query);
    if (!addresses) {
        http_post_aim(post);
        http_post_set_state(post, POST_RESOLVING);
    } else if (addresses->verdict == RESOLVER_FOUND && http_post_is_pinned(post, addresses)) {
        launch(post);
    } else if (addresses->verdict == RESOLVER_FOUND && may_connect(post, addresses)) {
        http_post_aim(post);
        http_post_pin(post, addresses);
        launch(post);
    } else {
        if (addresses->verdict != RESOLVER_FOUND)
            fail(post, addresses);
        loop_timer_start(client->fail_timer, 0, 0);
    }
    return post;
}

void http_post_cancel(struct http_post *post)
{
    if (post->state == POST_RESOLVING)
        resolver_cancel(post->query);
    else if (post->state != POST_FAILED)
        curl_multi_remove_handle(post->client->multi, post->easy);
    http_post_retire(post);
}

/* --- The client ------------------------------------------------------------------------------ */

static void sweep(void *arg)
{
    http_targets_sweep(arg);
}

static bool check_options(const struct http_client_options *options, struct error *error)
{
    if (options->ca_file && access(options->ca_file, R_OK) < 0)
        return error_set(
            error, ERROR_CONFIG, "http.ca_file: %s: %s", options->ca_file, strerror(errno));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(error, ERROR_PERMANENT, "libcurl could not be initialised");
    return true;
}

static CURLM *new_multi(int64_t max_connections)
{
    CURLM *multi = curl_multi_init();
    if (!multi)
        fatal("out of memory");
    if (max_connections > 0)
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
    return multi;
}

struct http_client *http_client_new(
    struct loop *loop, const struct http_client_options *options, struct error *error)
{
    if (!check_options(options, error))
        return NULL;
    struct guard *guard = guard_new(&options->guard, error);
    if (!guard) {
        error_prefix(error, "egress");
        curl_global_cleanup();
        return NULL;
    }
    struct resolver *resolver = resolver_new(loop, options->dns_servers, error);
    if (!resolver) {
        error_prefix(error, "http.dns_servers");
        guard_free(guard);
        curl_global_cleanup();
        return NULL;
    }
    struct http_client *client = mem_zalloc(sizeof *client);
    client->resolver = resolver;
    client->guard = guard;
    client->options = *options;
    client->ca_file = mem_strdup(options->ca_file);
    client->proxy = mem_strdup(options->proxy ? options->proxy : "");
    client->proxy_origin = url_proxy_origin(client->proxy);
    for (int state = 0; state < POST_STATES; state++)
        TAILQ_INIT(&client->posts[state]);
    LIST_INIT(&client->targets);
    TAILQ_INIT(&client->resting);
    client->common = http_target_new(client);
    client->multi = new_multi(options->max_connections);
    client->sockets = http_sockets_new(loop, client->multi);
    client->prepare = loop_prepare_new(loop, before_waiting, client);
    client->fail_timer = loop_timer_new(loop, tell_failed, client);
    client->body_timer = loop_timer_new(loop, body_due, client);
    client->sweep_timer = loop_timer_new(loop, sweep, client);
    loop_timer_start(client->sweep_timer, SWEEP_MS, SWEEP_MS);
    return client;
}

bool http_client_reload(
    struct http_client *client, const struct http_client_options *options, struct error *error)
{
    struct guard *guard = guard_new(&options->guard, error);
    if (!guard)
        return error_prefix(error, "egress");
    guard_free(client->guard);
    client->guard = guard;
    client->options.max_answer_bytes = options->max_answer_bytes;
    http_targets_judge(client);
    return true;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    for (int state = POST_RESOLVING; state < POST_STATES; state++)
        while (!TAILQ_EMPTY(&client->posts[state]))
            http_post_cancel(TAILQ_FIRST(&client->posts[state]));
    http_target_free(client->common);
    http_targets_leave(client);
    curl_multi_cleanup(client->multi);
    http_sockets_free(client->sockets);
    resolver_free(client->resolver);
    guard_free(client->guard);
    loop_prepare_free(client->prepare);
    loop_timer_free(client->fail_timer);
    loop_timer_free(client->body_timer);
    loop_timer_free(client->sweep_timer);
    url_origin_release(&client->proxy_origin);
    free(client->ca_file);
    free(client->proxy);
    free(client);
    curl_global_cleanup();
}
