/* SPDX-License-Identifier: Apache-2.0 */
/* POSTs against servers on loopback, good ones and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../raw_server.h"
#include "../waiting.h"
#include "common/buffer.h"
#include "common/http_server.h"
#include "common/memory.h"
#include "webhook/http_client.h"
#include "webhook/http_post.h" /* for what cannot be seen from outside: handles that are kept */

#define MAX_ANSWER 65536

struct fixture {
    struct loop *loop;
    struct http_client *client;
    struct http_server *server;
    char url[80];
    /* What the server has seen, and how it answers. */
    int requests;
    struct buffer seen_headers, seen_body;
    int status;
    const char *header_name, *header_value;
    struct buffer answer;
    struct http_exchange *parked[64]; /* with `park`: answered later */
    size_t parked_count;
    bool park;
};

static struct fixture fixture;

/* A copy of an answer, since all in it is borrowed. */
struct got {
    int calls;
    enum http_fault fault;
    int status;
    char detail[256], retry_after[80], remote_ip[64], body[HTTP_ANSWER_KEPT + 1];
    bool has_retry_after;
    size_t body_len, header_count;
    char headers[HTTP_HEADERS_KEPT_BYTES + 4 * HTTP_HEADERS_KEPT]; /* "name=value\n" */
    bool reused;
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
};

static void keep(void *arg, const struct http_answer *answer)
{
    struct got *got = arg;
    got->calls++;
    got->fault = answer->fault;
    got->status = answer->status;
    snprintf(got->detail, sizeof got->detail, "%s", answer->detail);
    got->has_retry_after = answer->retry_after != NULL;
    snprintf(got->retry_after, sizeof got->retry_after, "%s",
        answer->retry_after ? answer->retry_after : "");
    snprintf(got->remote_ip, sizeof got->remote_ip, "%s", answer->remote_ip);
    memcpy(got->body, answer->body, answer->body_len + 1); /* with the NUL */
    got->body_len = answer->body_len;
    got->header_count = answer->header_count;
    size_t len = 0;
    for (size_t i = 0; i < answer->header_count; i++)
        len += (size_t)snprintf(got->headers + len, sizeof got->headers - len, "%s=%s\n",
            answer->headers[i].name, answer->headers[i].value);
    got->reused = answer->reused;
    got->dns_us = answer->dns_us;
    got->connect_us = answer->connect_us;
    got->tls_us = answer->tls_us;
    got->first_byte_us = answer->first_byte_us;
    got->total_us = answer->total_us;
}

static void note_header(const char *name, const char *value, void *arg)
{
    buffer_printf(arg, "%s=%s\n", name, value);
}

static void answer_now(struct http_exchange *exchange)
{
    if (fixture.header_name)
        http_exchange_add_header(exchange, fixture.header_name, fixture.header_value);
    http_exchange_answer(
        exchange, fixture.status, "text/plain", fixture.answer.data, fixture.answer.len);
}

static void serve(struct http_exchange *exchange, void *arg)
{
    (void)arg;
    size_t len;
    const void *body = http_exchange_body(exchange, &len);
    fixture.requests++;
    buffer_clear(&fixture.seen_headers);
    http_exchange_headers(exchange, note_header, &fixture.seen_headers);
    buffer_clear(&fixture.seen_body);
    buffer_add(&fixture.seen_body, body, len);
    if (fixture.park && fixture.parked_count < 64)
        fixture.parked[fixture.parked_count++] = exchange;
    else
        answer_now(exchange);
}

static void release_parked(void)
{
    for (size_t i = 0; i < fixture.parked_count; i++)
        answer_now(fixture.parked[i]);
    fixture.parked_count = 0;
}

static void new_client(const struct http_client_options *options)
{
    struct error error = ERROR_INIT;
    fixture.client = http_client_new(fixture.loop, options, &error);
    if (!fixture.client)
        fail_msg("%s", error.text);
}

static int set_up(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    memset(&fixture, 0, sizeof fixture);
    fixture.status = 200;
    fixture.loop = loop_new();
    struct http_server_options server = {.listen = "127.0.0.1:0", .max_body_bytes = 1 << 20};
    fixture.server = http_server_new(fixture.loop, &server, serve, NULL, &error);
    assert_non_null(fixture.server);
    snprintf(
        fixture.url, sizeof fixture.url, "http://%s/hook", http_server_address(fixture.server));
    new_client(&(struct http_client_options){.guard = {.allow_http = true, .allow_private = true},
        .max_answer_bytes = MAX_ANSWER,
        .max_connections = 1024});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(fixture.client);
    release_parked();
    http_server_free(fixture.server);
    loop_free(fixture.loop);
    buffer_release(&fixture.seen_headers);
    buffer_release(&fixture.seen_body);
    buffer_release(&fixture.answer);
    return 0;
}

static struct http_request request_to(const char *url)
{
    return (struct http_request){
        .url = url, .body = "{}", .body_len = 2, .connect_timeout_ms = 10000, .timeout_ms = 30000};
}

static bool answered(void *arg)
{
    return ((struct got *)arg)->calls > 0;
}

/* One request, from beginning to end. */
static struct got post(const struct http_request *request)
{
    struct got got = {0};
    http_client_post(fixture.client, request, keep, &got);
    assert_int_equal(got.calls, 0); /* never from within the call */
    assert_true(run_until(fixture.loop, answered, &got));
    assert_int_equal(got.calls, 1);
    return got;
}

static struct got post_to(const char *url)
{
    struct http_request request = request_to(url);
    return post(&request);
}

/* --- A good server -------------------------------------------------------------------------- */

static void a_status(void **state)
{
    (void)state;
    static const int statuses[] = {200, 201, 204, 299, 400, 404, 410, 429, 500, 503, 599};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        fixture.status = statuses[i];
        struct got got = post_to(fixture.url);
        assert_int_equal(got.fault, HTTP_ANSWERED);
        assert_int_equal(got.status, statuses[i]);
        assert_string_equal(got.detail, "");
        assert_string_equal(got.remote_ip, "127.0.0.1");
        assert_false(got.has_retry_after);
    }
}

static void the_request_arrives(void **state)
{
    (void)state;
    char body[100000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 7 + i / 256);
    static const struct http_header headers[] = {{"content-type", "application/json"},
        {"user-agent", "Hookline/9"}, {"x-empty", ""}, {"x-key", "a: b; c"}};
    struct http_request request = request_to(fixture.url);
    request.body = body;
    request.body_len = sizeof body;
    request.headers = headers;
    request.header_count = sizeof headers / sizeof *headers;
    post(&request);
    assert_int_equal(fixture.seen_body.len, sizeof body);
    assert_memory_equal(fixture.seen_body.data, body, sizeof body);
    const char *seen = buffer_text(&fixture.seen_headers);
    assert_non_null(strstr(seen, "content-type=application/json\n"));
    assert_non_null(strstr(seen, "user-agent=Hookline/9\n"));
    assert_non_null(strstr(seen, "x-empty=\n"));
    assert_non_null(strstr(seen, "x-key=a: b; c\n"));
    assert_null(strcasestr(seen, "expect="));
    assert_null(strcasestr(seen, "accept="));
    assert_null(strcasestr(seen, "transfer-encoding="));
    assert_null(strcasestr(seen, "curl"));
}

static void an_empty_body(void **state)
{
    (void)state;
    struct http_request request = request_to(fixture.url);
    request.body = NULL;
    request.body_len = 0;
    assert_int_equal(post(&request).status, 200);
    assert_int_equal(fixture.seen_body.len, 0);
    assert_non_null(strcasestr(buffer_text(&fixture.seen_headers), "content-length=0\n"));
}

static void what_is_kept_of_an_answer(void **state)
{
    (void)state;
    static const struct {
        size_t sent, kept;
    } cases[] = {
        {0, 0}, {1, 1}, {1023, 1023}, {1024, 1024}, {1025, 1024}, {5000, 1024}, {MAX_ANSWER, 1024}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&fixture.answer);
        while (fixture.answer.len < cases[i].sent)
            buffer_add(&fixture.answer, &"0123456789"[fixture.answer.len % 10], 1);
        struct got got = post_to(fixture.url);
        assert_int_equal(got.status, 200);
        assert_int_equal(got.body_len, cases[i].kept);
        assert_int_equal(strlen(got.body), cases[i].kept);
        assert_memory_equal(got.body, buffer_text(&fixture.answer), cases[i].kept);
        assert_int_equal(
            got.reused, i > 0); /* read to its end, so the connection is good for more */
    }
}

static void retry_after(void **state)
{
    (void)state;
    static const struct {
        const char *value, *seen; /* NULL = none */
    } cases[] = {
        {"120", "120"},
        {"  7\t", "7"},
        {"Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"},
        /* Longer than any date: not kept at all rather than cut. */
        {"0000000000000000000000000000000000000000000000000000000000000000000000000000001", NULL},
    };
    fixture.status = 503;
    fixture.header_name = "ReTrY-aFtEr";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture.header_value = cases[i].value;
        struct got got = post_to(fixture.url);
        assert_int_equal(got.status, 503);
        assert_int_equal(got.has_retry_after, cases[i].seen != NULL);
        assert_string_equal(got.retry_after, cases[i].seen ? cases[i].seen : "");
    }
    fixture.header_name = "x-retry-after"; /* and of the request before nothing is left */
    fixture.header_value = "5";
    assert_false(post_to(fixture.url).has_retry_after);
}

static void connections_are_reused(void **state)
{
    (void)state;
    assert_false(post_to(fixture.url).reused);
    for (int i = 0; i < 20; i++)
        assert_true(post_to(fixture.url).reused);
    assert_int_equal(fixture.requests, 21);
}

static void times_are_durations(void **state)
{
    (void)state;
    struct got first = post_to(fixture.url), second = post_to(fixture.url);
    assert_true(first.total_us > 0);
    assert_true(first.connect_us >= 0 && first.first_byte_us >= 0 && first.dns_us >= 0);
    assert_int_equal(first.tls_us, 0);
    assert_true(first.dns_us + first.connect_us + first.first_byte_us <= first.total_us + 10);
    assert_true(second.reused);
    assert_int_equal(second.tls_us, 0);
    assert_true(second.total_us > 0);
}

static void redirects_are_not_followed(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    fixture.header_name = "Location";
    fixture.header_value = fixture.url;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        fixture.status = statuses[i];
        assert_int_equal(post_to(fixture.url).status, statuses[i]);
        assert_int_equal(fixture.requests, (int)i + 1);
    }
}

/* As subscriptions have none, nothing but http and https may be spoken. */
static void other_schemes_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/",
        "gopher://127.0.0.1/", "telnet://127.0.0.1:1/", "no url"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct got got = post_to(urls[i]);
        assert_int_not_equal(got.fault, HTTP_ANSWERED);
        assert_int_equal(got.status, 0);
        assert_int_equal(got.body_len, 0);
        assert_true(got.detail[0] != '\0');
    }
}

static void the_environment_has_no_say(void **state)
{
    (void)state;
    static const char *const names[] = {
        "http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        setenv(names[i], "http://127.0.0.1:1", 1);
    struct got got = post_to(fixture.url);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    assert_int_equal(got.status, 200);
}

/* --- No connection -------------------------------------------------------------------------- */

static void connection_refused(void **state)
{
    (void)state;
    uint16_t port;
    char url[64];
    close(raw_listen(&port)); /* free a moment ago, and nobody listens */
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    struct got got = post_to(url);
    assert_int_equal(got.fault, HTTP_CONNECT);
    assert_int_equal(got.status, 0);
    assert_true(got.detail[0] != '\0');
    assert_false(got.reused);
}

static void unknown_name(void **state)
{
    (void)state;
    struct http_request request = request_to("http://no-such-host.invalid/");
    request.timeout_ms = 15000;
    struct got got = post(&request);
    /* Where there is no name server at all, it is our own fault. */
    assert_true(got.fault == HTTP_DNS || got.fault == HTTP_OURS);
    assert_int_equal(got.status, 0);
    assert_string_equal(got.remote_ip, "");
}

static void a_missing_ca_file_is_said_at_once(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct http_client_options options = {.ca_file = "/no/such/file.pem", .max_answer_bytes = 1};
    assert_null(http_client_new(fixture.loop, &options, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "/no/such/file.pem"));
}

/* --- A bad server --------------------------------------------------------------------------- */

static struct got post_to_script(raw_script *script, int64_t timeout_ms, struct raw_server *server)
{
    raw_server_start(server, script, NULL);
    struct http_request request = request_to(server->url);
    request.timeout_ms = timeout_ms;
    struct got got = post(&request);
    raw_server_stop(server);
    return got;
}

static void hang(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_wait_for_end(server, fd);
}

static void hang_after_a_status(struct raw_server *server, int fd)
{
    if (raw_read(server, fd) && raw_say(fd, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"))
        raw_wait_for_end(server, fd);
}

static void drip(struct raw_server *server, int fd, const char *head)
{
    if (!raw_read(server, fd) || !raw_say(fd, head))
        return;
    while (!atomic_load(&server->stopping) && raw_say(fd, "x"))
        usleep(5000);
}

static void drip_header(struct raw_server *server, int fd)
{
    drip(server, fd, "HTTP/1.1 200 OK\r\nx-long: ");
}

static void drip_body(struct raw_server *server, int fd)
{
    drip(server, fd, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
}

/* --- Headers that are kept ------------------------------------------------------------------ */

static void odd_headers(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 103 Early Hints\r\nlink: early\r\n\r\n"
                    "HTTP/1.1 200 OK: fine\r\nServer:  a b \t\r\nX-Empty:\r\n"
                    "set-cookie: a=1\r\nSet-Cookie: b: 2\r\ntransfer-encoding: chunked\r\n\r\n"
                    "1\r\nx\r\n0\r\ntrailer: late\r\n\r\n");
}

static void many_headers(struct raw_server *server, int fd)
{
    char line[64];
    if (!raw_read(server, fd) || !raw_say(fd, "HTTP/1.1 200 OK\r\n"))
        return;
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "x-%d: v\r\n", i);
        raw_say(fd, line);
    }
    raw_say(fd, "content-length: 0\r\n\r\n");
}

static void long_headers(struct raw_server *server, int fd)
{
    static char value[3000];
    char line[64];
    if (!raw_read(server, fd) || !raw_say(fd, "HTTP/1.1 200 OK\r\n"))
        return;
    memset(value, 'v', sizeof value - 1);
    for (int i = 0; i < 10; i++) {
        snprintf(line, sizeof line, "x-%d: ", i);
        raw_say(fd, line);
        raw_say(fd, value);
        raw_say(fd, "\r\n");
    }
    raw_say(fd, value); /* a name */
    raw_say(fd, ": 1\r\nshort: fits\r\ncontent-length: 0\r\n\r\n");
}

static struct got headers_of(raw_script *script)
{
    struct raw_server server;
    struct got got = {0};
    raw_server_start(&server, script, NULL);
    struct http_request request = request_to(server.url);
    request.keep_headers = true;
    got = post(&request);
    raw_server_stop(&server);
    assert_int_equal(got.status, 200);
    return got;
}

static void headers_that_are_kept(void **state)
{
    (void)state;
    struct got got = headers_of(odd_headers);
    assert_string_equal(got.headers, "Server=a b\nX-Empty=\nset-cookie=a=1\nSet-Cookie=b: 2\n"
                                     "transfer-encoding=chunked\n");
    got = headers_of(many_headers);
    assert_int_equal(got.header_count, HTTP_HEADERS_KEPT);
    assert_non_null(strstr(got.headers, "x-31=v\n"));
    got = headers_of(long_headers);
    assert_int_equal(got.header_count, 3 + 2);
    assert_non_null(strstr(got.headers, "short=fits\n"));
    assert_true(strlen(got.headers) <= HTTP_HEADERS_KEPT_BYTES);
    assert_int_equal(post_to(fixture.url).header_count, 0); /* where nobody asked */
}

static void timeouts(void **state)
{
    (void)state;
    static raw_script *const scripts[] = {hang, drip_header};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct raw_server server;
        struct got got = post_to_script(scripts[i], 200, &server);
        assert_int_equal(got.fault, HTTP_TIMEOUT);
        assert_int_equal(got.status, 0);
        assert_true(got.detail[0] != '\0');
        assert_true(got.total_us >= 190000);
    }
}

static void close_at_once(struct raw_server *server, int fd)
{
    (void)server;
    (void)fd;
}

static void close_after_the_request(struct raw_server *server, int fd)
{
    raw_read(server, fd);
}

static void close_in_the_head(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 200 OK\r\ncontent-le");
}

static void close_in_the_status(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 200");
}

static void close_after_an_interim_answer(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 102 Processing\r\n\r\n");
}

static void close_in_the_second_head(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nx");
}

static void close_in_the_body(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc");
}

static void close_in_a_chunk(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc");
}

static void no_http(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "220 mail.example ESMTP\r\n");
}

static void endless_headers(struct raw_server *server, int fd)
{
    char line[1024];
    if (!raw_read(server, fd) || !raw_say(fd, "HTTP/1.1 200 OK\r\n"))
        return;
    memset(line, 'h', sizeof line);
    memcpy(line, "x-a: ", 5);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    while (raw_send(fd, line, sizeof line))
        ;
}

static void broken_answers(void **state)
{
    (void)state;
    static raw_script *const scripts[] = {close_at_once, close_after_the_request, close_in_the_head,
        close_in_the_status, close_after_an_interim_answer, close_in_the_second_head, no_http,
        endless_headers};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct raw_server server;
        struct got got = post_to_script(scripts[i], 30000, &server);
        if (got.fault != HTTP_BROKEN)
            fail_msg("script %zu: %s (%s)", i, http_fault_names[got.fault], got.detail);
        assert_int_equal(got.status, 0);
        assert_true(got.detail[0] != '\0');
    }
}

/* --- A bad body -----------------------------------------------------------------------------
 * The status alone decides, from the moment at which the head is complete. */

static void a_body_that_is_cut(void **state)
{
    (void)state;
    static raw_script *const scripts[] = {close_in_the_body, close_in_a_chunk};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct raw_server server;
        struct got got = post_to_script(scripts[i], 30000, &server);
        assert_int_equal(got.fault, HTTP_ANSWERED);
        assert_int_equal(got.status, 200);
        assert_string_equal(got.detail, "");
        assert_string_equal(got.body, "abc");
    }
}

static void a_body_that_does_not_end_in_time(void **state)
{
    (void)state;
    static raw_script *const scripts[] = {hang_after_a_status, drip_body};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct raw_server server;
        struct got got = post_to_script(scripts[i], 200, &server);
        assert_int_equal(got.fault, HTTP_ANSWERED);
        assert_int_equal(got.status, 200);
        assert_int_equal(got.body[0], i == 0 ? 'a' : 'x');
        assert_in_range(got.total_us, 190000, 1900000);
    }
}

static void refuse_and_drip(struct raw_server *server, int fd)
{
    drip(server, fd, "HTTP/1.1 503 No\r\nretry-after: 7\r\ncontent-length: 1000000\r\n\r\n");
}

static void a_body_has_two_seconds(void **state)
{
    (void)state;
    static raw_script *const scripts[] = {hang_after_a_status, drip_body, refuse_and_drip};
    enum { COUNT = sizeof scripts / sizeof *scripts };
    struct raw_server servers[COUNT];
    struct got got[COUNT] = {{0}};
    for (size_t i = 0; i < COUNT; i++) {
        raw_server_start(&servers[i], scripts[i], NULL);
        struct http_request request = request_to(servers[i].url);
        http_client_post(fixture.client, &request, keep, &got[i]);
        run_for(fixture.loop, 100);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(run_until(fixture.loop, answered, &got[i]));
        assert_int_equal(got[i].fault, HTTP_ANSWERED);
        assert_int_equal(got[i].status, i == 2 ? 503 : 200);
        assert_string_equal(got[i].retry_after, i == 2 ? "7" : "");
        assert_in_range(got[i].total_us, 1990000, 10000000);
    }
    for (size_t i = 0; i < COUNT; i++)
        raw_server_stop(&servers[i]);
}

static void cancelled_in_its_body(void **state)
{
    (void)state;
    struct raw_server server;
    struct got got = {0};
    raw_server_start(&server, drip_body, NULL);
    struct http_request request = request_to(server.url);
    struct http_post *post = http_client_post(fixture.client, &request, keep, &got);
    run_for(fixture.loop, 100);
    http_post_cancel(post);
    run_for(fixture.loop, 2100);
    raw_server_stop(&server);
    assert_int_equal(got.calls, 0);
    assert_int_equal(post_to(fixture.url).status, 200);
}

/* What an idle connection's end is to the next request: a new connection, and no failure. */
static void answer_and_close(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

static void a_connection_that_ended_while_idle(void **state)
{
    (void)state;
    struct raw_server server;
    raw_server_start(&server, answer_and_close, NULL);
    for (int i = 1; i <= 10; i++) {
        struct got got = post_to(server.url);
        assert_int_equal(got.status, 200);
        assert_false(got.reused);
        assert_int_equal(atomic_load(&server.connections), i);
        run_for(fixture.loop, i % 3); /* the end is seen by the loop, or by curl */
    }
    raw_server_stop(&server);
}

static void one_interim_answer(struct raw_server *server, int fd)
{
    if (raw_read(server, fd))
        raw_say(fd, "HTTP/1.1 102 Processing\r\nretry-after: 9\r\n\r\nHTTP/1.1 103 Early "
                    "Hints\r\nlink: x\r\n\r\n"
                    "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
}

static void interim_answers_are_passed_over(void **state)
{
    (void)state;
    struct raw_server server;
    struct got got = post_to_script(one_interim_answer, 30000, &server);
    assert_int_equal(got.status, 202);
    assert_false(got.has_retry_after); /* that was of another head */
}

static void answer_before_the_body(struct raw_server *server, int fd)
{
    raw_readable(server, fd);
    raw_say(fd, "HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlong");
    raw_wait_for_end(server, fd);
}

static void an_early_answer_counts(void **state)
{
    (void)state;
    struct raw_server server;
    char *body = mem_zalloc(4 << 20);
    raw_server_start(&server, answer_before_the_body, NULL);
    struct http_request request = request_to(server.url);
    request.body = body;
    request.body_len = 4 << 20;
    struct got got = post(&request);
    raw_server_stop(&server);
    free(body);
    assert_int_equal(got.fault, HTTP_ANSWERED);
    assert_int_equal(got.status, 413);
}

/* --- Answers without end -------------------------------------------------------------------- */

/* Sends until the client closes; arg: how much that was. */
static void send_without_end(
    struct raw_server *server, int fd, const char *head, const char *chunk, size_t len)
{
    int64_t *sent = server->arg;
    if (!raw_read(server, fd) || !raw_say(fd, head))
        return;
    while (!atomic_load(&server->stopping) && raw_send(fd, chunk, len))
        *sent += (int64_t)len;
}

static void endless_body(struct raw_server *server, int fd)
{
    static const char chunk[4096] = "begin";
    send_without_end(server, fd, "HTTP/1.1 200 OK\r\n\r\n", chunk, sizeof chunk);
}

static void endless_length(struct raw_server *server, int fd)
{
    static const char chunk[4096] = "begin";
    send_without_end(server, fd, "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n", chunk,
        sizeof chunk);
}

static void endless_chunks(struct raw_server *server, int fd)
{
    static const char chunk[] = "10\r\nbegin 789abcdef\n\r\n";
    send_without_end(server, fd, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk,
        sizeof chunk - 1);
}

static void an_answer_is_read_so_far_and_no_further(void **state)
{
    (void)state;
    static raw_script *const scripts[] = {endless_body, endless_length, endless_chunks};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct raw_server server;
        int64_t sent = 0;
        raw_server_start(&server, scripts[i], &sent);
        struct got got = post_to(server.url);
        assert_int_equal(got.fault, HTTP_ANSWERED);
        assert_int_equal(got.status, 200);
        assert_int_equal(got.body_len, HTTP_ANSWER_KEPT);
        assert_memory_equal(got.body, "begin", 5);
        assert_string_equal(got.detail, "");
        /* The rest of the answer must not be taken for that of the next request. */
        struct got next = post_to(server.url);
        assert_false(next.reused);
        assert_int_equal(next.status, 200);
        raw_server_stop(&server);
        assert_int_equal(atomic_load(&server.connections), 2);
        assert_true(sent >= MAX_ANSWER); /* and it ended because we closed */
    }
}

static void no_more_than_the_cap_is_no_end(void **state)
{
    (void)state;
    http_client_free(fixture.client);
    new_client(&(struct http_client_options){
        .guard = {.allow_http = true, .allow_private = true}, .max_answer_bytes = 10});
    buffer_add_text(&fixture.answer, "0123456789");
    assert_string_equal(post_to(fixture.url).body, "0123456789");
    assert_true(post_to(fixture.url).reused);
    buffer_add_text(&fixture.answer, "!");
    struct got got = post_to(fixture.url);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "0123456789!"); /* what was there already is kept */
    assert_false(post_to(fixture.url).reused);
}

/* --- Many, cancelled, freed ----------------------------------------------------------------- */

static bool all_parked(void *arg)
{
    return fixture.parked_count == *(size_t *)arg;
}

static void cancelled(void **state)
{
    (void)state;
    struct got got[8] = {{0}};
    struct http_post *posts[8];
    struct http_request request = request_to(fixture.url);
    size_t all = 8;
    fixture.park = true;
    for (size_t i = 0; i < all; i++)
        posts[i] = http_client_post(fixture.client, &request, keep, &got[i]);
    assert_true(run_until(fixture.loop, all_parked, &all));
    for (size_t i = 0; i < all; i += 2)
        http_post_cancel(posts[i]);
    fixture.park = false;
    release_parked();
    for (size_t i = 1; i < all; i += 2)
        assert_true(run_until(fixture.loop, answered, &got[i]));
    for (size_t i = 0; i < all; i++) {
        assert_int_equal(got[i].calls, i % 2);
        if (i % 2)
            assert_int_equal(got[i].status, 200);
    }
    assert_int_equal(post_to(fixture.url).status, 200);
}

static void cancelled_before_it_began(void **state)
{
    (void)state;
    struct got got = {0};
    struct http_request request = request_to(fixture.url);
    http_post_cancel(http_client_post(fixture.client, &request, keep, &got));
    assert_int_equal(post_to(fixture.url).status, 200);
    assert_int_equal(got.calls, 0);
    assert_int_equal(fixture.requests, 1);
}

/* Of two answers that are there at once, the first cancels the other. */
struct pair {
    struct http_post *posts[2];
    int calls;
};

static void cancel_the_other(void *arg, const struct http_answer *answer)
{
    struct pair *pair = arg;
    (void)answer;
    pair->calls++;
    for (size_t i = 0; i < 2; i++) /* which of them this is does not matter: both are alike */
        if (pair->posts[i] && i == 1)
            http_post_cancel(pair->posts[i]);
    pair->posts[0] = pair->posts[1] = NULL;
}

static bool one_call(void *arg)
{
    return ((struct pair *)arg)->calls > 0;
}

static void cancelled_inside_another_answer(void **state)
{
    (void)state;
    struct pair pair = {.calls = 0};
    struct http_request request = request_to("http://127.0.0.1:1/");
    /* Both fail in the same turn; the one that began first ends first. */
    pair.posts[0] = http_client_post(fixture.client, &request, cancel_the_other, &pair);
    pair.posts[1] = http_client_post(fixture.client, &request, cancel_the_other, &pair);
    assert_true(run_until(fixture.loop, one_call, &pair));
    run_for(fixture.loop, 20);
    assert_int_equal(pair.calls, 1);
    assert_int_equal(post_to(fixture.url).status, 200);
}

static void freed_with_requests_in_flight(void **state)
{
    (void)state;
    struct got got[6] = {{0}};
    size_t parked = 4;
    struct http_request request = request_to(fixture.url);
    post_to(fixture.url); /* an idle connection, too */
    fixture.park = true;
    for (size_t i = 0; i < 4; i++)
        http_client_post(fixture.client, &request, keep, &got[i]);
    assert_true(run_until(fixture.loop, all_parked, &parked));
    http_client_post(fixture.client, &request, keep, &got[4]); /* not begun yet */
    struct http_request dns = request_to("http://no-such-host.invalid/");
    http_client_post(fixture.client, &dns, keep, &got[5]);
    http_client_free(fixture.client);
    fixture.client = NULL;
    fixture.park = false;
    release_parked();
    run_for(fixture.loop, 20);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(got[i].calls, 0);
}

/* `left` more requests; each answer begins the next. */
struct crowd {
    struct http_request request;
    int left, running, answered, failed, reused;
};

static void next_of_crowd(struct crowd *crowd);

static void one_of_crowd(void *arg, const struct http_answer *answer)
{
    struct crowd *crowd = arg;
    crowd->running--;
    crowd->answered++;
    crowd->failed += answer->fault != HTTP_ANSWERED || answer->status != 200;
    crowd->reused += answer->reused;
    next_of_crowd(crowd);
}

static void next_of_crowd(struct crowd *crowd)
{
    if (crowd->left-- <= 0)
        return;
    crowd->running++;
    http_client_post(fixture.client, &crowd->request, one_of_crowd, crowd);
}

static bool crowd_is_through(void *arg)
{
    return ((struct crowd *)arg)->running == 0;
}

static struct crowd run_crowd(const char *url, int count, int in_flight)
{
    struct crowd crowd = {.request = request_to(url), .left = count};
    for (int i = 0; i < in_flight; i++)
        next_of_crowd(&crowd);
    assert_true(run_until(fixture.loop, crowd_is_through, &crowd));
    assert_int_equal(crowd.answered, count);
    assert_int_equal(crowd.failed, 0);
    return crowd;
}

static void many(void **state)
{
    (void)state;
    buffer_add_text(&fixture.answer, "thank you");
    struct crowd crowd = run_crowd(fixture.url, 500, 16);
    assert_int_equal(fixture.requests, 500);
    assert_true(crowd.reused >= 500 - 32);
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* The kernel forgets a closed descriptor, and its number comes back with the next connection: a
 * table that still holds it would wait for events for ever. */
static void descriptors_come_back(void **state)
{
    (void)state;
    fixture.header_name = "Connection";
    fixture.header_value = "close";
    run_crowd(fixture.url, 20, 8);
    int before = open_descriptors();
    struct crowd crowd = run_crowd(fixture.url, 200, 8);
    assert_int_equal(crowd.reused, 0);
    fixture.header_name = NULL;
    assert_true(run_crowd(fixture.url, 50, 8).reused > 0);
    assert_in_range(open_descriptors(), 0, before + 24);
}

/* The same with two servers by turns, one of which closes. */
static void descriptors_change_hands(void **state)
{
    (void)state;
    struct raw_server server;
    raw_server_start(&server, answer_and_close, NULL);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(post_to(server.url).status, 200);
        assert_int_equal(post_to(fixture.url).status, 200);
        run_for(fixture.loop, i % 2);
    }
    raw_server_stop(&server);
}

/* One that its server has closed meanwhile is closed with a later request, whoever that is to. */
static void idle_connections_are_closed(void **state)
{
    (void)state;
    struct raw_server servers[4];
    assert_int_equal(post_to(fixture.url).status, 200);
    int before = open_descriptors();
    for (int i = 0; i < 4; i++) {
        raw_server_start(&servers[i], answer_and_close, NULL);
        assert_int_equal(post_to(servers[i].url).status, 200);
        raw_server_stop(&servers[i]);
    }
    run_for(fixture.loop, 1100); /* curl looks for them once a second, at most */
    assert_int_equal(post_to(fixture.url).status, 200);
    assert_int_equal(open_descriptors(), before);
}

static void a_cap_on_connections(void **state)
{
    (void)state;
    http_client_free(fixture.client);
    new_client(&(struct http_client_options){.guard = {.allow_http = true, .allow_private = true},
        .max_answer_bytes = MAX_ANSWER,
        .max_connections = 2});
    run_crowd(fixture.url, 100, 8);
    run_for(fixture.loop, 5);
    assert_true(post_to(fixture.url).reused);
}

/* --- Targets -------------------------------------------------------------------------------- */

/* What one request was set up with must not show in the next. */
static void requests_of_a_target_may_differ(void **state)
{
    (void)state;
    static const struct {
        struct http_header headers[5];
        const char *body, *has, *has_not;
    } cases[] = {
        {{{"x-a", "1"}, {"x-b", "2"}}, "first", "x-b=2\n", "x-c="},
        {{{"x-a", "longer than before"}, {"x-c", ""}, {"x-d", "4"}, {"x-e", "5"}},
            "the second is longer", "x-e=5\n", "x-b="},
        {{{NULL, NULL}}, "", "content-length=0\n", "\nx-"},
        {{{"x-a", "1"}, {"content-type", NULL}}, "last", "x-a=1\n", "content-type="},
        {{{NULL, NULL}}, "none", "content-length=4\n", "\nx-"},
    };
    struct http_target *target = http_target_new(fixture.client);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[128];
        snprintf(url, sizeof url, "%s?n=%zu", fixture.url, i / 2);
        struct http_request request = request_to(url);
        request.target = target;
        request.headers = cases[i].headers;
        while (request.headers[request.header_count].name)
            request.header_count++;
        request.body = cases[i].body;
        request.body_len = strlen(cases[i].body);
        request.timeout_ms = 20000 + (int64_t)i;
        struct got got = post(&request);
        assert_int_equal(got.status, 200);
        assert_int_equal(got.reused, i > 0);
        assert_int_equal(fixture.seen_body.len, strlen(cases[i].body));
        assert_memory_equal(buffer_text(&fixture.seen_body), cases[i].body, strlen(cases[i].body));
        assert_non_null(strcasestr(buffer_text(&fixture.seen_headers), cases[i].has));
        assert_null(strcasestr(buffer_text(&fixture.seen_headers), cases[i].has_not));
    }
    http_target_free(target);
}

/* A time-out of the request before must not be that of the next. */
static void a_target_after_failures(void **state)
{
    (void)state;
    struct raw_server server;
    struct http_target *target = http_target_new(fixture.client);
    raw_server_start(&server, hang, NULL);
    struct http_request bad = request_to(server.url), good = request_to(fixture.url);
    bad.timeout_ms = 50;
    bad.target = good.target = target;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(post(&bad).fault, HTTP_TIMEOUT);
        struct got got = post(&good);
        assert_int_equal(got.status, 200);
        assert_string_equal(got.detail, "");
    }
    raw_server_stop(&server);
    http_target_free(target);
}

static void a_target_is_freed_first(void **state)
{
    (void)state;
    struct got got[6] = {{0}};
    size_t parked = 6;
    struct http_target *target = http_target_new(fixture.client);
    struct http_request request = request_to(fixture.url);
    request.target = target;
    post(&request); /* a handle that is idle, too */
    fixture.park = true;
    struct http_post *last = NULL;
    for (int i = 0; i < 6; i++)
        last = http_client_post(fixture.client, &request, keep, &got[i]);
    assert_true(run_until(fixture.loop, all_parked, &parked));
    http_target_free(target);
    http_post_cancel(last);
    release_parked();
    for (int i = 0; i < 5; i++) {
        assert_true(run_until(fixture.loop, answered, &got[i]));
        assert_int_equal(got[i].status, 200);
    }
    assert_int_equal(got[5].calls, 0);
    http_target_free(http_target_new(fixture.client)); /* one that was never used */
}

static void a_target_outlives_its_client(void **state)
{
    (void)state;
    struct got got = {0};
    struct http_target *target = http_target_new(fixture.client);
    struct http_target *unused = http_target_new(fixture.client);
    struct http_request request = request_to(fixture.url);
    request.target = target;
    post(&request);
    http_client_post(fixture.client, &request, keep, &got);
    http_client_free(fixture.client);
    fixture.client = NULL;
    http_target_free(target);
    http_target_free(unused);
    assert_int_equal(got.calls, 0);
}

static void nothing_is_kept_for_ever(void **state)
{
    (void)state;
    struct http_target *target = http_target_new(fixture.client);
    struct http_request request = request_to(fixture.url);
    post_to(fixture.url);
    assert_null(target->share);
    request.target = target;
    post(&request);
    assert_int_equal(fixture.client->idle_count, 1); /* they need not have one each */
    http_targets_sweep(fixture.client);
    post(&request); /* used again */
    http_targets_sweep(fixture.client);
    assert_int_equal(fixture.client->idle_count, 1);
    assert_non_null(target->share);
    assert_null(fixture.client->common->share);
    http_targets_sweep(fixture.client);
    assert_int_equal(fixture.client->idle_count, 0);
    assert_null(target->share);
    assert_true(post(&request).reused); /* connections are nobody's */
    http_target_free(target);
    assert_int_equal(fixture.client->idle_count, 1);
}

/* Handles go from one target to the other; what they were set up for must not. */
static void targets_by_turns(void **state)
{
    (void)state;
    struct raw_server server;
    struct http_target *targets[4];
    raw_server_start(&server, answer_and_close, NULL);
    for (int i = 0; i < 4; i++)
        targets[i] = http_target_new(fixture.client);
    for (int n = 0; n < 40; n++) {
        bool other = n % 4 % 2;
        int before = fixture.requests;
        struct http_request request = request_to(other ? server.url : fixture.url);
        request.target = targets[n % 4];
        assert_int_equal(post(&request).status, 200);
        assert_int_equal(fixture.requests, before + !other);
        if (n == 20) {
            http_target_free(targets[1]);
            targets[1] = http_target_new(fixture.client);
        }
    }
    for (int i = 0; i < 4; i++)
        http_target_free(targets[i]);
    raw_server_stop(&server);
    assert_int_equal(atomic_load(&server.connections), 20);
}

static void null_is_fine(void **state)
{
    (void)state;
    http_client_free(NULL);
    http_target_free(NULL);
    for (size_t i = 0; i < HTTP_FAULTS; i++)
        assert_non_null(http_fault_names[i]);
    assert_null(http_fault_names[HTTP_FAULTS]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_status),
        TEST(the_request_arrives),
        TEST(an_empty_body),
        TEST(what_is_kept_of_an_answer),
        TEST(retry_after),
        TEST(connections_are_reused),
        TEST(times_are_durations),
        TEST(redirects_are_not_followed),
        TEST(other_schemes_are_refused),
        TEST(the_environment_has_no_say),
        TEST(connection_refused),
        TEST(unknown_name),
        TEST(a_missing_ca_file_is_said_at_once),
        TEST(headers_that_are_kept),
        TEST(timeouts),
        TEST(broken_answers),
        TEST(a_body_that_is_cut),
        TEST(a_body_that_does_not_end_in_time),
        TEST(a_body_has_two_seconds),
        TEST(cancelled_in_its_body),
        TEST(a_connection_that_ended_while_idle),
        TEST(interim_answers_are_passed_over),
        TEST(an_early_answer_counts),
        TEST(an_answer_is_read_so_far_and_no_further),
        TEST(no_more_than_the_cap_is_no_end),
        TEST(cancelled),
        TEST(cancelled_before_it_began),
        TEST(cancelled_inside_another_answer),
        TEST(freed_with_requests_in_flight),
        TEST(many),
        TEST(descriptors_come_back),
        TEST(descriptors_change_hands),
        TEST(idle_connections_are_closed),
        TEST(a_cap_on_connections),
        TEST(requests_of_a_target_may_differ),
        TEST(a_target_after_failures),
        TEST(a_target_is_freed_first),
        TEST(a_target_outlives_its_client),
        TEST(nothing_is_kept_for_ever),
        TEST(targets_by_turns),
        TEST(null_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
