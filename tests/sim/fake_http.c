/* SPDX-License-Identifier: Apache-2.0 */
/* webhook/http_client.h against endpoints with moods. */
#include "webhook/http_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "common/memory.h"
#include "ledger.h"
#include "world.h"

const char *const http_fault_names[] = {"answered", "dns", "connect", "tls", "timeout", "broken",
    "ours", "cancelled", "blocked", "token", NULL};
_Static_assert(
    sizeof http_fault_names / sizeof *http_fault_names == HTTP_FAULTS + 1, "a name per fault");

struct http_post {
    TAILQ_ENTRY(http_post) link;
    struct http_client *client;
    struct sim_delivery *delivery;
    http_answered *answered;
    void *arg;
    struct sim_event *event;
    int64_t begun_us;
    enum http_fault fault;
    int status;
    char retry_after[40]; /* "" = none */
};

struct http_client {
    struct loop *loop;
    TAILQ_HEAD(, http_post) posts;
};

struct http_target {
    struct http_client *client;
};

struct http_client *http_client_new(
    struct loop *loop, const struct http_client_options *options, struct error *error)
{
    (void)options, (void)error;
    struct http_client *client = mem_zalloc(sizeof *client);
    client->loop = loop;
    TAILQ_INIT(&client->posts);
    return client;
}

static void post_free(struct http_post *post)
{
    TAILQ_REMOVE(&post->client->posts, post, link);
    sim_cancel(post->event);
    free(post);
}

bool http_client_reload(
    struct http_client *client, const struct http_client_options *options, struct error *error)
{
    (void)client;
    (void)options;
    (void)error;
    return true;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (!TAILQ_EMPTY(&client->posts))
        post_free(TAILQ_FIRST(&client->posts));
    free(client);
}

struct http_target *http_target_new(struct http_client *client)
{
    struct http_target *target = mem_zalloc(sizeof *target);
    target->client = client;
    return target;
}

void http_target_free(struct http_target *target)
{
    free(target);
}

void http_target_set_tls(struct http_target *target, const struct http_tls *tls)
{
    (void)target, (void)tls;
}

/* --- What the endpoint does with it ------------------------------------------------------------ */

static void fault(struct http_post *post, enum http_fault kind)
{
    post->fault = kind;
    post->status = 0;
}

static void answer(struct http_post *post, int status)
{
    post->fault = HTTP_ANSWERED;
    post->status = status;
}

/* Seconds, or a date; sometimes something that makes no sense. */
static void add_retry_after(struct http_post *post)
{
    int64_t seconds = sim_between(1, sim_chance(0.2) ? 120 : 20);
    if (sim_chance(0.1)) {
        snprintf(post->retry_after, sizeof post->retry_after, "soon");
    } else if (sim_chance(0.3)) {
        time_t at = (time_t)(wall_now().ms / 1000 + seconds);
        struct tm tm;
        gmtime_r(&at, &tm);
        strftime(post->retry_after, sizeof post->retry_after, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    } else {
        snprintf(post->retry_after, sizeof post->retry_after, "%" PRId64, seconds);
    }
}

static void answer_by_mood(struct http_post *post, const struct sim_endpoint *endpoint)
{
    switch (endpoint->mood) {
    case MOOD_HANG:
        fault(post, HTTP_TIMEOUT);
        break;
    case MOOD_FLAKY:
    case MOOD_500:
        answer(post, sim_chance(0.2) ? 502 : 500);
        break;
    case MOOD_503:
        answer(post, 503);
        if (sim_chance(0.3))
            add_retry_after(post);
        break;
    case MOOD_429:
        answer(post, 429);
        if (sim_chance(0.8))
            add_retry_after(post);
        break;
    case MOOD_404:
        answer(post, sim_chance(0.2) ? 302 : 404);
        break;
    case MOOD_DOWN:
        fault(post, sim_chance(0.2) ? HTTP_DNS : sim_chance(0.2) ? HTTP_BROKEN : HTTP_CONNECT);
        break;
    case MOOD_GONE:
        answer(post, 410);
        break;
    default:
        answer(post, sim_chance(0.1) ? 204 : 200);
        break;
    }
}

static bool mood_concerns(const struct sim_endpoint *endpoint, const struct sim_delivery *delivery)
{
    if (endpoint->mood == MOOD_POISON)
        return delivery->poisonous;
    return sim_chance(endpoint->mood_weight);
}

/* Decides how it will end; returns after how long. */
static int64_t fate(struct http_post *post, int64_t timeout_us)
{
    const struct sim_endpoint *endpoint = post->delivery->endpoint;
    int64_t us = sim_exp(endpoint->latency_us);
    if (!world.calm && sim_may(CHAOS_FAULTS) && sim_chance(0.001)) {
        fault(post, HTTP_OURS);
        return us / 10;
    }
    answer(post, 200);
    if (mood_concerns(endpoint, post->delivery)) {
        answer_by_mood(post, endpoint);
        if (endpoint->mood == MOOD_POISON)
            answer(post, post->delivery->index % 3 ? 500 : 404);
        if (endpoint->mood == MOOD_SLOW)
            us = SECOND + sim_exp(4 * SECOND);
        if (endpoint->mood == MOOD_HANG)
            us = timeout_us;
    }
    if (us >= timeout_us) { /* whatever the endpoint made of it */
        us = timeout_us;
        fault(post, HTTP_TIMEOUT);
    }
    return us;
}

/* --- Posts ------------------------------------------------------------------------------------- */

static void answer_due(void *arg)
{
    struct http_post *post = arg;
    struct loop *loop = post->client->loop;
    bool good = post->fault == HTTP_ANSWERED && post->status / 100 == 2;
    static const char body[] = "simulated";
    char retry_after[sizeof post->retry_after];
    memcpy(retry_after, post->retry_after, sizeof retry_after);
    struct http_answer result = {
        .fault = post->fault,
        .status = post->status,
        .detail = post->fault == HTTP_ANSWERED ? "" : "simulated fault",
        .retry_after = *retry_after ? retry_after : NULL,
        .body = body,
        .body_len = sizeof body - 1,
        .remote_ip = "192.0.2.1",
        .reused = true,
        .first_byte_us = sim_now() - post->begun_us,
        .total_us = sim_now() - post->begun_us,
    };
    sim_say("p%d: #%" PRId64 " to %s: %s %d %s", sim_loop_number(loop), post->delivery->index,
        post->delivery->endpoint->key, http_fault_names[post->fault], post->status, retry_after);
    http_answered *answered = post->answered;
    void *answered_arg = post->arg;
    post->event = NULL;
    if (post->fault == HTTP_ANSWERED && post->status == 410)
        post->delivery->endpoint->ever_refused = true;
    ledger_ended(loop, post->delivery, good);
    post_free(post);
    answered(answered_arg, &result);
}

static struct sim_delivery *delivery_of(const struct http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, "webhook-id") == 0)
            return ledger_find(request->headers[i].value);
    return NULL;
}

static void check_request(const struct http_request *request, const struct sim_delivery *delivery)
{
    char url[80];
    snprintf(url, sizeof url, "http://%s.%s.example/", delivery->endpoint->id,
        delivery->endpoint->tenant);
    if (strcmp(url, request->url) != 0)
        sim_violation("#%" PRId64 " of %s goes to %s", delivery->index, delivery->endpoint->key,
            request->url);
    char number[24];
    int n = snprintf(number, sizeof number, "%" PRId64, delivery->index);
    if (request->body_len != (size_t)n || memcmp(request->body, number, (size_t)n) != 0)
        sim_violation("#%" PRId64 " goes with another's body", delivery->index);
}

struct http_post *http_client_post(struct http_client *client, const struct http_request *request,
    http_answered *answered, void *arg)
{
    struct http_post *post = mem_zalloc(sizeof *post);
    *post = (struct http_post){.client = client, .answered = answered, .arg = arg};
    post->begun_us = sim_now();
    TAILQ_INSERT_TAIL(&client->posts, post, link);
    if (sim_loop_dead(client->loop))
        return post;
    post->delivery = delivery_of(request);
    if (!post->delivery)
        sim_violation("a request of no delivery");
    check_request(request, post->delivery);
    struct sim_open open = {0};
    const struct http_post *each;
    TAILQ_FOREACH(each, &client->posts, link) {
        bool test = each->delivery->test;
        open.same += each->delivery == post->delivery;
        open.tests += test;
        open.in_flight += each->delivery->endpoint == post->delivery->endpoint && !test;
    }
    ledger_attempt(client->loop, post->delivery, &open);
    int64_t us = fate(post, request->timeout_ms * MS);
    post->event = sim_at(client->loop, sim_now() + us, answer_due, post);
    return post;
}

void http_post_cancel(struct http_post *post)
{
    struct kafka_partition *handle =
        post->delivery ? member_handle(post->client->loop, post->delivery->log) : NULL;
    if (handle)
        handle_cancelled(handle);
    if (post->delivery)
        sim_say("p%d: #%" PRId64 " is cancelled", sim_loop_number(post->client->loop),
            post->delivery->index);
    post_free(post);
}
