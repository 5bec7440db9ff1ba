/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a subscription with OAuth 2.0: how tokens are fetched, shared, renewed and refused, and what becomes of
 * those that wait for one. Against a token endpoint and an endpoint of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../raw_server.h"
#include "../waiting.h"
#include "common/memory.h"
#include "webhook/sender.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEEN_MAX     64
#define FOREVER      60000

/* A server that answers its n-th connection by the n-th of its answers, the last one for ever. */
struct server {
    struct raw_server raw;
    /* Set before the first request. "…%d…" becomes the number of the request; NULL = it is closed without one. */
    const char *answers[SEEN_MAX + 1];
    size_t count;
    atomic_bool closed_gate;       /* answers wait */
    atomic_int seen;               /* requests that were read */
    char requests[SEEN_MAX][8192]; /* the last ones */
};

static struct fixture {
    struct loop *loop;
    struct http_client *client;
    struct server tokens, hook;
    struct sender sender;
    bool has_sender;
} fixture;

#define OK_200      "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
#define REFUSED_401 "HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
#define JSON(status, text) \
    "HTTP/1.1 " status " X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n" text
#define TOKEN(life) \
    JSON("200", "{\"access_token\":\"token-%d\",\"token_type\":\"Bearer\",\"expires_in\":" life "}")

static void serve(struct raw_server *raw, int fd)
{
    struct server *server = raw->arg;
    char answer[1024];
    if (!raw_read(raw, fd))
        return;
    int number = atomic_load(&server->seen);
    snprintf(server->requests[number % SEEN_MAX], sizeof *server->requests, "%s", raw->request);
    atomic_store(&server->seen, number + 1);
    while (atomic_load(&server->closed_gate) && !atomic_load(&raw->stopping))
        poll(NULL, 0, RAW_STEP_MS / 4);
    size_t index = (size_t)number < server->count ? (size_t)number : server->count - 1;
    const char *format = server->answers[index];
    const char *at = format ? strstr(format, "%d") : NULL;
    if (at)
        snprintf(answer, sizeof answer, "%.*s%d%s", (int)(at - format), format, number + 1, at + 2);
    else
        snprintf(answer, sizeof answer, "%s", format ? format : "");
    raw_say(fd, answer);
}

static void answer_with(struct server *server, const char *const *answers)
{
    for (server->count = 0; answers[server->count]; server->count++)
        server->answers[server->count] = answers[server->count];
}

#define ANSWERS(server, ...) answer_with(&(server), (const char *const[]){__VA_ARGS__, NULL})

/* How many requests have come. */
static int seen(struct server *server)
{
    return atomic_load(&server->seen);
}

/* The token of the n-th request, from 0: "token-1"; "" if it has none. */
static const char *token_of(int number)
{
    static char token[64];
    const char *at = strstr(fixture.hook.requests[number % SEEN_MAX], "\r\nauthorization: Bearer ");
    token[0] = '\0';
    if (at)
        sscanf(at, "\r\nauthorization: Bearer %63[^\r]", token);
    return token;
}

static void start_server(struct server *server)
{
    ANSWERS(*server, OK_200);
    raw_server_start(&server->raw, serve, server);
}

static struct http_client *new_client(void)
{
    static const char *const deny[] = {"10.0.0.0/8", NULL};
    struct error error = ERROR_INIT;
    struct http_client_options options = {
        .guard = {.allow_http = true, .allow_private = true, .deny = deny},
        .max_answer_bytes = 65536};
    struct http_client *client = http_client_new(fixture.loop, &options, &error);
    if (!client)
        fail_msg("%s", error.text);
    return client;
}

static int set_up(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    fixture.loop = loop_new();
    fixture.client = new_client();
    start_server(&fixture.tokens);
    start_server(&fixture.hook);
    ANSWERS(fixture.tokens, TOKEN("3600"));
    sender_init(&fixture.sender, fixture.client);
    fixture.has_sender = true;
    return 0;
}

static void release_sender(void)
{
    if (fixture.has_sender)
        sender_release(&fixture.sender);
    fixture.has_sender = false;
}

static int tear_down(void **state)
{
    (void)state;
    release_sender();
    http_client_free(fixture.client);
    raw_server_stop(&fixture.hook.raw);
    raw_server_stop(&fixture.tokens.raw);
    loop_free(fixture.loop);
    return 0;
}

/* --- The subscription and its deliveries ---------------------------------------------------------- */

static struct credentials *credentials_of(const char *token_url, const char *client, bool in_body)
{
    struct error error = ERROR_INIT;
    json_t *json = json_pack("{ss ss ss s[s] s{s{ss ss ss ss ss ss}}}", "tenant", "acme", "id",
        "crm", "url", fixture.hook.raw.url, "events", "*", "auth", "oauth2", "token_url", token_url,
        "client_id", client, "client_secret", "s3cr&t ü", "scope", "a b", "audience", "https://x/",
        "credentials_in", in_body ? "body" : "header");
    struct subscription *subscription = subscription_parse(json, true, &error);
    if (!subscription)
        fail_msg("%s", error.text);
    struct credentials *credentials = credentials_new(subscription, NULL, &error);
    assert_non_null(credentials);
    subscription_unref(subscription);
    json_decref(json);
    return credentials;
}

/* With the token endpoint at `url`, which may take `timeout_ms`. */
static void set_token_url(const char *url, int64_t timeout_ms)
{
    struct sending_limits limits = {.connect_timeout_ms = FOREVER, .timeout_ms = timeout_ms};
    sender_set(&fixture.sender, credentials_of(url, "client:1", false), &limits);
}

static void set_up_oauth(void)
{
    set_token_url(fixture.tokens.raw.url, FOREVER);
}

struct got {
    struct sending *sending;
    int calls;
    enum http_fault fault;
    int status;
    char detail[256];
    void (*then)(struct got *got); /* from within `answered` */
};

static void keep(void *arg, const struct http_answer *answer)
{
    struct got *got = arg;
    got->calls++;
    got->fault = answer->fault;
    got->status = answer->status;
    snprintf(got->detail, sizeof got->detail, "%s", answer->detail);
    if (got->then)
        got->then(got);
}

static bool answered(void *arg)
{
    return ((struct got *)arg)->calls > 0;
}

static void start_within(struct got *got, int64_t timeout_ms)
{
    static const struct record event = {.value = {"{}", 2}};
    static const struct webhook_delivery delivery = {
        .id = "msg_1", .event = "call.ended", .attempt = 1, .at = {1}, .record = &event};
    struct sending_limits limits = {.connect_timeout_ms = FOREVER, .timeout_ms = timeout_ms};
    struct error error = ERROR_INIT;
    got->calls = 0;
    got->sending = sending_start(&fixture.sender, &delivery, &limits, false, keep, got, &error);
    assert_non_null(got->sending);
    assert_int_equal(got->calls, 0); /* never from within */
}

static void start(struct got *got)
{
    start_within(got, FOREVER);
}

static void await(struct got *got)
{
    assert_true(run_until(fixture.loop, answered, got));
    assert_int_equal(got->calls, 1);
}

static void await_status(struct got *got, int status)
{
    await(got);
    if (got->fault != HTTP_ANSWERED)
        fail_msg("%s", got->detail);
    assert_int_equal(got->status, status);
}

static void send_one(int status)
{
    struct got got = {0};
    start(&got);
    await_status(&got, status);
}

struct arrival {
    struct server *server;
    int count;
};

static bool has_arrived(void *arg)
{
    const struct arrival *arrival = arg;
    return seen(arrival->server) >= arrival->count;
}

static void await_requests(struct server *server, int count)
{
    struct arrival arrival = {server, count};
    assert_true(run_until(fixture.loop, has_arrived, &arrival));
}

/* --- Fetching ------------------------------------------------------------------------------------- */

static void one_fetch_for_many(void **state)
{
    (void)state;
    struct got got[20] = {{0}};
    set_up_oauth();
    for (size_t i = 0; i < COUNT(got); i++)
        start(&got[i]);
    for (size_t i = 0; i < COUNT(got); i++)
        await_status(&got[i], 200);
    send_one(200);
    assert_int_equal(seen(&fixture.tokens), 1);
    assert_int_equal(seen(&fixture.hook), COUNT(got) + 1);
    for (int i = 0; i < seen(&fixture.hook); i++)
        assert_string_equal(token_of(i), "token-1");
}

/* RFC 6749, 2.3.1 and 4.4.2: id and secret are encoded before they become HTTP Basic, too. */
static void how_a_token_is_asked_for(void **state)
{
    (void)state;
    static const char asked[] =
        "\r\n\r\ngrant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fx%2F";
    /* printf 'client%%3A1:s3cr%%26t+%%C3%%BC' | base64 */
    static const char basic[] = "\r\nauthorization: Basic Y2xpZW50JTNBMTpzM2NyJTI2dCslQzMlQkM=\r\n";
    static const char in_body[] = "&client_id=client%3A1&client_secret=s3cr%26t+%C3%BC";
    struct sending_limits limits = {FOREVER, FOREVER};
    for (int body = 0; body < 2; body++) {
        sender_set(
            &fixture.sender, credentials_of(fixture.tokens.raw.url, "client:1", body), &limits);
        send_one(200);
        const char *request = fixture.tokens.requests[body];
        const char *at = strstr(request, asked);
        assert_non_null(at);
        assert_string_equal(at + strlen(asked), body ? in_body : "");
        assert_int_equal(strstr(request, basic) != NULL, !body);
        assert_int_equal(strstr(request, "\r\nauthorization:") != NULL, !body);
        assert_non_null(strstr(request, "\r\ncontent-type: application/x-www-form-urlencoded\r\n"));
        assert_non_null(strstr(request, "\r\naccept: application/json\r\n"));
        assert_int_equal(strncmp(request, "POST / HTTP/1.1\r\n", 17), 0);
    }
}

/* A token that lives 10 s is used for 9 s, and renewed after 8 s beside the requests that go on with it. A renewal
 * that fails is tried again, but not with every request. */
static void renewed_before_it_expires(void **state)
{
    (void)state;
    ANSWERS(fixture.tokens, TOKEN("10"), JSON("500", ""), TOKEN("3600"));
    set_up_oauth();
    send_one(200);
    struct mono_time begun = mono_now();
    while (seen(&fixture.tokens) == 1) {
        send_one(200);
        assert_string_equal(token_of(seen(&fixture.hook) - 1), "token-1");
        run_for(fixture.loop, 20);
    }
    assert_true(mono_diff_ms(mono_now(), begun) >= 7000); /* 8 s after it came, which was before */
    await_requests(&fixture.tokens, 2);
    struct mono_time failed = mono_now();
    for (int i = 0; i < 20; i++)
        send_one(200);
    assert_true(seen(&fixture.tokens) <= 2 + mono_diff_ms(mono_now(), failed) / 1000);
    do {
        run_for(fixture.loop, 20);
        send_one(200);
    } while (strcmp(token_of(seen(&fixture.hook) - 1), "token-3") != 0);
    assert_int_equal(seen(&fixture.tokens), 3);
}

/* --- Refused with 401 ------------------------------------------------------------------------------- */

/* Until a token is not new any more: one that is refused right after it came is not at fault. */
static void let_it_age(void)
{
    run_for(fixture.loop, 1100);
}

static void refused_once(void **state)
{
    (void)state;
    ANSWERS(fixture.hook, OK_200, REFUSED_401, OK_200);
    set_up_oauth();
    send_one(200);
    let_it_age();
    send_one(200);
    assert_int_equal(seen(&fixture.tokens), 2);
    assert_int_equal(seen(&fixture.hook), 3);
    assert_string_equal(token_of(1), "token-1");
    assert_string_equal(token_of(2), "token-2");
}

/* Once more, and not again: then it is the endpoint's answer. */
static void refused_for_ever(void **state)
{
    (void)state;
    ANSWERS(fixture.hook, OK_200, REFUSED_401);
    set_up_oauth();
    send_one(200);
    let_it_age();
    send_one(401);
    assert_int_equal(seen(&fixture.tokens), 2);
    assert_int_equal(seen(&fixture.hook), 3);
    send_one(401); /* and a token that is new is not renewed */
    assert_int_equal(seen(&fixture.tokens), 2);
    assert_int_equal(seen(&fixture.hook), 4);
}

/* All of them were sent with the token that was revoked: one fetch is enough. */
static void many_refused_at_once(void **state)
{
    (void)state;
    struct got got[8] = {{0}};
    ANSWERS(fixture.hook, OK_200, REFUSED_401, REFUSED_401, REFUSED_401, REFUSED_401, REFUSED_401,
        REFUSED_401, REFUSED_401, REFUSED_401, OK_200);
    set_up_oauth();
    send_one(200);
    let_it_age();
    atomic_store(&fixture.tokens.closed_gate, true); /* until all are refused */
    for (size_t i = 0; i < COUNT(got); i++)
        start(&got[i]);
    await_requests(&fixture.hook, 1 + COUNT(got));
    run_for(fixture.loop, 50);
    atomic_store(&fixture.tokens.closed_gate, false);
    for (size_t i = 0; i < COUNT(got); i++)
        await_status(&got[i], 200);
    assert_int_equal(seen(&fixture.tokens), 2);
    assert_int_equal(seen(&fixture.hook), 1 + 2 * COUNT(got));
}

/* The time-out is that of both requests and what lies between them. */
static void both_requests_share_the_time(void **state)
{
    (void)state;
    struct got got = {0};
    ANSWERS(fixture.hook, OK_200, REFUSED_401, OK_200);
    set_up_oauth();
    send_one(200);
    let_it_age();
    atomic_store(&fixture.hook.closed_gate, true);
    atomic_store(&fixture.tokens.closed_gate, true);
    start_within(&got, 2000);
    await_requests(&fixture.hook, 2);
    run_for(fixture.loop, 1000);
    atomic_store(&fixture.hook.closed_gate, false);
    await_requests(&fixture.tokens, 2);
    run_for(fixture.loop, 1100);
    atomic_store(&fixture.tokens.closed_gate, false);
    await(&got);
    assert_int_equal(got.fault, HTTP_TOKEN);
    assert_string_equal(got.detail, "The token endpoint took all the time of the request");
    assert_int_equal(seen(&fixture.hook), 2);
}

/* --- None can be had ---------------------------------------------------------------------------------- */

static void fails_with(const char *text)
{
    struct got got[3] = {{0}};
    for (size_t i = 0; i < COUNT(got); i++)
        start(&got[i]);
    for (size_t i = 0; i < COUNT(got); i++) {
        await(&got[i]);
        assert_int_equal(got[i].fault, HTTP_TOKEN);
        assert_int_equal(got[i].status, 0);
        if (strncmp(got[i].detail, text, strlen(text)) != 0)
            fail_msg("%s is not %s", got[i].detail, text);
        assert_null(strstr(got[i].detail, "s3cr"));
    }
    assert_int_equal(seen(&fixture.hook), 0);
}

/* Each that waits hears why, of one fetch. */
static void no_token(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *text; /* answer NULL = the connection ends */
    } rows[] = {
        {JSON("400", "{\"error\":\"invalid_client\"}"),
            "The token endpoint answered 400 (invalid_client)"},
        {JSON("500", "oops"), "The token endpoint answered 500"},
        {JSON("302", ""), "The token endpoint answered 302"},
        {JSON("200", "<html>"), "The token endpoint's answer is no JSON object"},
        {JSON("200", "{}"), "The token endpoint's answer has no access_token"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "Token endpoint: "},
        {"HTTP/1.1 200 OK\r\ncontent-le",
            "Token endpoint: The connection ended inside the head of the answer"},
        {NULL, "Token endpoint: Empty reply from server"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        fixture.tokens.answers[i] = rows[i].answer;
    fixture.tokens.count = COUNT(rows);
    set_up_oauth();
    for (size_t i = 0; i < COUNT(rows); i++) {
        fails_with(rows[i].text);
        assert_int_equal(seen(&fixture.tokens), i + 1);
    }
}

static void no_token_endpoint(void **state)
{
    (void)state;
    char url[64];
    uint16_t port;
    close(raw_listen(&port));
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    set_token_url(url, FOREVER);
    fails_with("Token endpoint: Failed to connect to ");
    atomic_store(&fixture.tokens.closed_gate, true);
    set_token_url(fixture.tokens.raw.url, 300);
    fails_with("Token endpoint: Operation timed out ");
}

/* It is the guard that says so, and not the endpoint's fault. */
static void blocked_token_endpoint(void **state)
{
    (void)state;
    struct got got = {0};
    set_token_url("http://10.0.0.1:8080/token", FOREVER);
    start(&got);
    await(&got);
    assert_int_equal(got.fault, HTTP_BLOCKED);
    assert_non_null(strstr(got.detail, "Token endpoint: "));
    assert_non_null(strstr(got.detail, "10.0.0.1"));
}

/* --- While it waits ------------------------------------------------------------------------------------- */

static void cancelled_while_it_waits(void **state)
{
    (void)state;
    struct got got[3] = {{0}};
    atomic_store(&fixture.tokens.closed_gate, true);
    set_up_oauth();
    for (size_t i = 0; i < COUNT(got); i++)
        start(&got[i]);
    await_requests(&fixture.tokens, 1);
    sending_cancel(got[0].sending);
    sending_cancel(got[2].sending);
    atomic_store(&fixture.tokens.closed_gate, false);
    await_status(&got[1], 200);
    assert_int_equal(got[0].calls + got[2].calls, 0);
    assert_int_equal(seen(&fixture.hook), 1);

    atomic_store(&fixture.tokens.closed_gate, true); /* the last of all, and the sender goes, too */
    set_up_oauth();
    start(&got[0]);
    await_requests(&fixture.tokens, 2);
    sending_cancel(got[0].sending);
    release_sender();
    atomic_store(&fixture.tokens.closed_gate, false);
    run_for(fixture.loop, 50);
    assert_int_equal(got[0].calls, 0);
}

/* The subscription was changed: what waits goes on with the new client's token, and never takes the old one's
 * elsewhere; also if the old one could not be had. */
static void changed_while_it_waits(void **state)
{
    (void)state;
    static const char *const old[] = {TOKEN("3600"), JSON("500", "")};
    for (size_t i = 0; i < COUNT(old); i++) {
        struct got got[2] = {{0}};
        int tokens = seen(&fixture.tokens), hooks = seen(&fixture.hook);
        char expected[64];
        fixture.tokens.answers[2 * i] = old[i];
        fixture.tokens.answers[2 * i + 1] = TOKEN("3600");
        fixture.tokens.count = 2 * i + 2;
        atomic_store(&fixture.tokens.closed_gate, true);
        set_up_oauth();
        start(&got[0]);
        start(&got[1]);
        await_requests(&fixture.tokens, tokens + 1);
        set_up_oauth();
        atomic_store(&fixture.tokens.closed_gate, false);
        await_status(&got[0], 200);
        await_status(&got[1], 200);
        assert_int_equal(seen(&fixture.tokens), tokens + 2);
        snprintf(expected, sizeof expected, "token-%d", tokens + 2);
        assert_string_equal(token_of(hooks), expected);
        assert_string_equal(token_of(hooks + 1), expected);
    }
}

/* No credentials any more: it is not the endpoint's fault. */
static void sealed_while_it_waits(void **state)
{
    (void)state;
    struct got got = {0};
    atomic_store(&fixture.tokens.closed_gate, true);
    set_up_oauth();
    start(&got);
    await_requests(&fixture.tokens, 1);
    sender_set(&fixture.sender, NULL, NULL);
    atomic_store(&fixture.tokens.closed_gate, false);
    await(&got);
    assert_int_equal(got.fault, HTTP_CANCELLED);
    assert_int_equal(seen(&fixture.hook), 0);
}

/* A token of before that change, which is refused, says nothing of the one after it. */
static void refused_after_a_change(void **state)
{
    (void)state;
    struct got got[2] = {{0}};
    ANSWERS(fixture.hook, REFUSED_401, OK_200);
    atomic_store(&fixture.hook.closed_gate, true);
    set_up_oauth();
    start(&got[0]);
    await_requests(&fixture.hook, 1);
    set_up_oauth();
    start(&got[1]);
    await_requests(&fixture.tokens, 2);
    let_it_age();
    atomic_store(&fixture.hook.closed_gate, false);
    await_status(&got[0], 200);
    await_status(&got[1], 200);
    assert_int_equal(seen(&fixture.tokens), 2);
    assert_int_equal(seen(&fixture.hook), 3);
    assert_string_equal(token_of(0), "token-1");
    assert_string_equal(token_of(1), "token-2");
    assert_string_equal(token_of(2), "token-2");
}

static struct got *other; /* of the same sender */

static void release_all(struct got *got)
{
    (void)got;
    if (other)
        sending_cancel(other->sending);
    other = NULL;
    release_sender();
}

/* As a test delivery does: also where others were to be told, which are given up then. */
static void released_from_within(void **state)
{
    (void)state;
    struct got got[2] = {{.then = release_all}, {0}};
    ANSWERS(fixture.tokens, JSON("500", ""), TOKEN("3600"));
    set_up_oauth();
    start(&got[0]);
    start(&got[1]);
    other = &got[1];
    await(&got[0]);
    assert_int_equal(got[0].fault, HTTP_TOKEN);
    run_for(fixture.loop, 50);
    assert_int_equal(got[1].calls, 0);

    sender_init(&fixture.sender, fixture.client);
    fixture.has_sender = true;
    set_up_oauth();
    start(&got[0]);
    await_status(&got[0], 200);
    assert_false(fixture.has_sender);
}

static void all_time_is_used_up(void **state)
{
    (void)state;
    struct got got[2] = {{0}};
    atomic_store(&fixture.tokens.closed_gate, true);
    set_up_oauth();
    start_within(&got[0], 200);
    start_within(&got[1], FOREVER);
    run_for(fixture.loop, 300);
    atomic_store(&fixture.tokens.closed_gate, false);
    await(&got[0]);
    await_status(&got[1], 200); /* which had more */
    assert_int_equal(got[0].fault, HTTP_TOKEN);
    assert_string_equal(got[0].detail, "The token endpoint took all the time of the request");
    assert_int_equal(seen(&fixture.hook), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_fetch_for_many),
        TEST(how_a_token_is_asked_for),
        TEST(renewed_before_it_expires),
        TEST(refused_once),
        TEST(refused_for_ever),
        TEST(many_refused_at_once),
        TEST(both_requests_share_the_time),
        TEST(no_token),
        TEST(no_token_endpoint),
        TEST(blocked_token_endpoint),
        TEST(cancelled_while_it_waits),
        TEST(changed_while_it_waits),
        TEST(sealed_while_it_waits),
        TEST(refused_after_a_change),
        TEST(released_from_within),
        TEST(all_time_is_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
