/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes with servers on loopback: what is asked, what is made of the answers, and what of none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../raw_server.h"
#include "../waiting.h"
#include "common/memory.h"
#include "webhook/handshake.h"

#define ORIGIN "hookline.example.com"

struct fixture {
    struct loop *loop;
    struct http_client *client;
    struct raw_server server;
    const char *answer; /* NULL = none ever comes */
    int calls;
    bool agrees;
    int64_t per_minute;
    char error[512];
};

static struct fixture fixture;

static void serve(struct raw_server *server, int fd)
{
    while (raw_read(server, fd)) {
        if (!fixture.answer) {
            raw_wait_for_end(server, fd);
            return;
        }
        raw_say(fd, fixture.answer);
    }
}

static struct http_client *new_client(bool allow_private)
{
    struct error error = ERROR_INIT;
    struct http_client_options options = {
        .guard = {.allow_http = true, .allow_private = allow_private}, .max_answer_bytes = 65536};
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
    fixture.client = new_client(true);
    raw_server_start(&fixture.server, serve, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(fixture.client);
    raw_server_stop(&fixture.server);
    loop_free(fixture.loop);
    return 0;
}

static struct credentials *credentials_of(const char *url)
{
    struct error error = ERROR_INIT;
    json_t *json = json_pack("{s:s, s:s, s:s, s:[s], s:{s:s}, s:[{s:s, s:s}]}", "tenant", "acme",
        "id", "a", "url", url, "events", "*", "headers", "x-api-key", "hidden", "secrets", "id",
        "a", "secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    struct subscription *subscription = subscription_parse(json, true, &error);
    struct credentials *credentials =
        subscription ? credentials_new(subscription, NULL, &error) : NULL;
    if (!credentials)
        fail_msg("%s", error.text);
    subscription_unref(subscription);
    json_decref(json);
    return credentials;
}

static void keep(void *arg, const struct handshake_consent *consent, const struct error *error)
{
    (void)arg;
    fixture.calls++;
    fixture.agrees = consent;
    fixture.per_minute = consent ? consent->per_minute : -1;
    snprintf(fixture.error, sizeof fixture.error, "%s", error->text);
}

static bool has_ended(void *arg)
{
    (void)arg;
    return fixture.calls > 0;
}

static struct handshake *start(const char *url, int64_t timeout_ms)
{
    struct handshake_options options = {ORIGIN, 120, timeout_ms, timeout_ms};
    fixture.calls = 0;
    return handshake_start(fixture.client, credentials_of(url), &options, keep, NULL);
}

static void ask(const char *url, int64_t timeout_ms)
{
    start(url, timeout_ms);
    assert_true(run_until(fixture.loop, has_ended, NULL));
    assert_int_equal(fixture.calls, 1);
}

static void keep_status(void *arg, const struct http_answer *answer)
{
    *(int *)arg = answer->status;
    fixture.calls++;
}

/* One request by the same handle, which must be a POST again. */
static void post(const char *body)
{
    int status = 0;
    struct http_request request = {
        .url = fixture.server.url, .body = body, .body_len = strlen(body), .timeout_ms = 5000};
    fixture.calls = 0;
    http_client_post(fixture.client, &request, keep_status, &status);
    assert_true(run_until(fixture.loop, has_ended, NULL));
    assert_int_equal(status, 200);
}

static void what_is_asked(void **state)
{
    (void)state;
    const char *request = fixture.server.request;
    fixture.answer = "HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: " ORIGIN
                     "\r\nWebHook-Allowed-Rate: 60\r\ncontent-length: 0\r\n\r\n";
    for (int i = 0; i < 2; i++) {
        post("{}");
        assert_memory_equal(request, "POST / HTTP/1.1\r\n", 17);
        assert_non_null(strstr(request, "\r\n\r\n{}"));
        assert_null(strcasestr(request, "webhook-request-origin"));
        ask(fixture.server.url, 5000);
        assert_true(fixture.agrees);
        assert_int_equal(fixture.per_minute, 60);
        assert_memory_equal(request, "OPTIONS / HTTP/1.1\r\n", 20);
        assert_non_null(strcasestr(request, "\r\nwebhook-request-origin: " ORIGIN "\r\n"));
        assert_non_null(strcasestr(request, "\r\nwebhook-request-rate: 120\r\n"));
        assert_non_null(strcasestr(request, "\r\nuser-agent: Hookline/"));
        assert_null(strcasestr(request, "\r\ncontent-type"));
        assert_null(strcasestr(request, "\r\naccept"));
        assert_null(strstr(request, "hidden"));
        assert_null(strcasestr(request, "signature"));
    }
}

static void no_is_no(void **state)
{
    (void)state;
    fixture.answer = "HTTP/1.1 405 No\r\ncontent-length: 6\r\n\r\nhidden";
    ask(fixture.server.url, 5000);
    assert_false(fixture.agrees);
    assert_non_null(strstr(fixture.error, "with 405"));
    assert_null(strstr(fixture.error, "hidden"));
}

static void no_answer_is_none(void **state)
{
    (void)state;
    ask(fixture.server.url, 200);
    assert_false(fixture.agrees);
    assert_non_null(strstr(fixture.error, "(timeout)"));
    fixture.answer = "no HTTP\r\n\r\n";
    ask(fixture.server.url, 5000);
    assert_non_null(strstr(fixture.error, "(broken)"));
    ask("http://127.0.0.1:1/", 5000);
    assert_non_null(strstr(fixture.error, "(connect)"));
}

static void the_guard_holds(void **state)
{
    (void)state;
    http_client_free(fixture.client);
    fixture.client = new_client(false);
    ask(fixture.server.url, 5000);
    assert_false(fixture.agrees);
    assert_non_null(strstr(fixture.error, "(blocked)"));
    assert_int_equal(atomic_load(&fixture.server.connections), 0);
}

static void given_up(void **state)
{
    (void)state;
    struct handshake *handshake = start(fixture.server.url, 5000);
    run_for(fixture.loop, 50);
    handshake_cancel(handshake);
    run_for(fixture.loop, 50);
    assert_int_equal(fixture.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_is_no, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_answer_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_guard_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(given_up, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
