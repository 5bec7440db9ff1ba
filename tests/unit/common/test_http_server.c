/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server, spoken to over a real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/http_server.h"
#include "common/memory.h"
#include "http_client.h"
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MAX_BODY     100
#define HELD_MAX     64

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct loop_timer *timer;
    uint16_t port;
    struct http_exchange *held[HELD_MAX]; /* not answered yet, oldest first */
    size_t held_count;
    size_t stop_at_held; /* stop the loop when so many are held; 0 = never */
    const char *request; /* what the client sends */
    struct answer answers[3];
    bool flag;
};

static void answer_text(struct http_exchange *exchange, int status, const char *text)
{
    http_exchange_answer(exchange, status, "text/plain", text, strlen(text));
}

static void add_line(const char *name, const char *value, void *arg)
{
    buffer_printf(arg, "%s=%s;", name, value);
}

static const char *or_none(const char *text)
{
    return text ? text : "(none)";
}

static void answer_echo(struct http_exchange *exchange)
{
    struct buffer out = BUFFER_INIT;
    size_t len;
    const char *body = http_exchange_body(exchange, &len);
    buffer_printf(&out, "%s %s q=%s x=%s body=%zu:%s ", http_exchange_method(exchange),
        http_exchange_path(exchange), or_none(http_exchange_query(exchange, "q")),
        or_none(http_exchange_header(exchange, "x-test")), len, body);
    http_exchange_headers(exchange, add_line, &out);
    http_exchange_add_header(exchange, "X-Answer", "yes");
    http_exchange_add_header(exchange, "X-Evil", "a\r\nX-Injected: b");
    http_exchange_answer(exchange, 200, "text/plain", out.data, out.len);
    buffer_release(&out);
}

/* Answers the newest first, so that the order is not that of arrival. */
static void answer_held(void *arg)
{
    struct fixture *fixture = arg;
    while (fixture->held_count)
        answer_text(fixture->held[--fixture->held_count], 200, "late");
}

static void hold(struct fixture *fixture, struct http_exchange *exchange)
{
    fixture->held[fixture->held_count++] = exchange;
    if (fixture->held_count == fixture->stop_at_held)
        loop_stop(fixture->loop);
}

static void handle(struct http_exchange *exchange, void *arg)
{
    struct fixture *fixture = arg;
    const char *path = http_exchange_path(exchange);
    if (strcmp(path, "/hold") == 0) {
        hold(fixture, exchange);
    } else if (strcmp(path, "/late") == 0) {
        hold(fixture, exchange);
        loop_timer_start(fixture->timer, 20, 0);
    } else if (strcmp(path, "/release") == 0) {
        answer_held(fixture); /* resumes others while libmicrohttpd runs */
        answer_text(exchange, 200, "released");
    } else if (strcmp(path, "/count") == 0) {
        char count[16];
        snprintf(count, sizeof count, "%zu", fixture->held_count);
        answer_text(exchange, 200, count);
    } else if (strcmp(path, "/empty") == 0) {
        http_exchange_answer(exchange, 204, NULL, NULL, 0);
    } else {
        answer_echo(exchange);
    }
}

static void start(struct fixture *fixture, const char *listen, unsigned idle_timeout_s)
{
    struct error error = ERROR_INIT;
    struct http_server_options options = {
        .listen = listen, .max_body_bytes = MAX_BODY, .idle_timeout_s = idle_timeout_s};
    http_server_free(fixture->server);
    fixture->server = http_server_new(fixture->loop, &options, handle, fixture, &error);
    assert_string_equal(error.text, "");
    assert_non_null(fixture->server);
    fixture->port = http_server_port(fixture->server);
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    *state = fixture;
    fixture->loop = loop_new();
    fixture->timer = loop_timer_new(fixture->loop, answer_held, fixture);
    start(fixture, "127.0.0.1:0", 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    http_server_free(fixture->server);
    loop_timer_free(fixture->timer);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

#define HOST    "Host: test\r\n"
#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
    const char *request;
    int status;
    const char *part; /* of the answer */
} cases[] = {
    {"GET /a HTTP/1.1\r\n" HOST "\r\n", 200, "GET /a q=(none) x=(none) body=0: Host=test;"},
    {"GET /a%20b?q=c%26d+e HTTP/1.1\r\n" HOST "\r\n", 200, "GET /a b q=c&d e "},
    {"GET /a?q HTTP/1.1\r\n" HOST "\r\n", 200, "GET /a q= x"},
    {"GET /a?q=&r=1 HTTP/1.1\r\n" HOST "\r\n", 200, "GET /a q= x"},
    {"GET / HTTP/1.1\r\n" HOST "X-TEST: 1\r\nB: 2\r\nA: 3\r\nB: 4\r\n\r\n", 200,
        "x=1 body=0: Host=test;X-TEST=1;B=2;A=3;B=4;"},
    {"DELETE /x HTTP/1.1\r\n" HOST "\r\n", 200, "DELETE /x"},
    {"HEAD /x HTTP/1.1\r\n" HOST "\r\n", 200, "X-Answer: yes"},
    {"GET /empty HTTP/1.1\r\n" HOST "\r\n", 204, ""},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 200, "body=5:hello "},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, "body=0: "},
    {"POST / HTTP/1.1\r\n" HOST
     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\na=b&c",
        200, "body=5:a=b&c "},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
     "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        200, "body=5:hello "},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n" HUNDRED, 200,
        "body=100:" HUNDRED " "},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n" HUNDRED "x", 413, "too large"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n64\r\n" HUNDRED
     "\r\n1\r\nx\r\n0\r\n\r\n",
        413, "too large"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n", 413,
        "Connection: close"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1000000000000\r\n\r\n", 413, "Connection: close"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 413, ""},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n", 400, ""},
    {"GET / HTTP/1.1\r\n\r\n", 400, ""},
    {"nonsense\r\n\r\n", -1, ""}, /* the connection is closed */
};

static void send_request(void *arg)
{
    struct fixture *fixture = arg;
    int fd = client_connect(fixture->port);
    client_ask(fd, fixture->request, &fixture->answers[0]);
    close(fd);
}

static void requests(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        fixture->request = cases[i].request;
        run_with_client(fixture->loop, send_request, fixture);
        if (fixture->answers[0].status != cases[i].status)
            print_error("%s\n%s\n", cases[i].request, fixture->answers[0].text);
        assert_int_equal(fixture->answers[0].status, cases[i].status);
        assert_non_null(strstr(fixture->answers[0].text, cases[i].part));
        assert_null(strstr(fixture->answers[0].text, "X-Injected"));
    }
}

static void keep_alive_script(void *arg)
{
    struct fixture *fixture = arg;
    static const char too_large[] =
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n" HUNDRED "x";
    int fd = client_connect(fixture->port);
    client_ask(fd, "POST /1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", &fixture->answers[0]);
    client_ask(fd, too_large, &fixture->answers[1]);
    client_ask(fd, "GET /late HTTP/1.1\r\n" HOST "\r\n", &fixture->answers[1]);
    client_ask(fd, "GET /2 HTTP/1.1\r\n" HOST "\r\n", &fixture->answers[2]);
    close(fd);
}

static void keep_alive(void **state)
{
    struct fixture *fixture = *state;
    run_with_client(fixture->loop, keep_alive_script, fixture);
    assert_int_equal(fixture->answers[0].status, 200);
    assert_string_equal(fixture->answers[1].body, "late");
    assert_non_null(strstr(fixture->answers[2].body, "GET /2 q=(none) x=(none) body=0: "));
}

static void pipeline_script(void *arg)
{
    struct fixture *fixture = arg;
    int fd = client_connect(fixture->port);
    static const char both[] = "GET /late HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n";
    client_ask(fd, both, &fixture->answers[0]);
    client_read(fd, true, &fixture->answers[1]);
    close(fd);
}

static void pipelined(void **state)
{
    struct fixture *fixture = *state;
    run_with_client(fixture->loop, pipeline_script, fixture);
    assert_string_equal(fixture->answers[0].body, "late");
    assert_int_equal(fixture->answers[1].status, 200);
}

static void late_answer(void **state)
{
    struct fixture *fixture = *state;
    struct mono_time start_time = mono_now();
    fixture->request = "POST /late HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi";
    run_with_client(fixture->loop, send_request, fixture);
    assert_int_equal(fixture->answers[0].status, 200);
    assert_string_equal(fixture->answers[0].body, "late");
    assert_in_range(mono_diff_ms(mono_now(), start_time), 19, 900);
}

static void crowd_script(void *arg)
{
    struct fixture *fixture = arg;
    static const char request[] = "GET /hold HTTP/1.1\r\n" HOST "\r\n";
    int fds[50];
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = client_connect(fixture->port);
        client_send(fds[i], request, strlen(request));
    }
    int fd = client_connect(fixture->port);
    do
        client_ask(fd, "GET /count HTTP/1.1\r\n" HOST "\r\n", &fixture->answers[1]);
    while (fixture->answers[1].status == 200 && strcmp(fixture->answers[1].body, "50") != 0);
    client_ask(fd, "GET /release HTTP/1.1\r\n" HOST "\r\n", &fixture->answers[0]);
    fixture->flag = true;
    for (size_t i = 0; i < COUNT(fds); i++) {
        client_read(fds[i], true, &fixture->answers[2]);
        fixture->flag = fixture->flag && strcmp(fixture->answers[2].body, "late") == 0;
        close(fds[i]);
    }
    close(fd);
}

static void answers_from_another_handler(void **state)
{
    struct fixture *fixture = *state;
    run_with_client(fixture->loop, crowd_script, fixture);
    assert_string_equal(fixture->answers[0].body, "released");
    assert_true(fixture->flag);
}

static void leave_script(void *arg)
{
    struct fixture *fixture = arg;
    static const char request[] = "GET /late HTTP/1.1\r\n" HOST "\r\n";
    int fds[3];
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = client_connect(fixture->port);
        client_send(fds[i], request, strlen(request));
    }
    struct linger reset = {.l_onoff = 1};
    close(fds[0]);
    setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fds[1]);
    client_read(fds[2], true, &fixture->answers[0]);
    close(fds[2]);
}

static void client_gone_before_the_answer(void **state)
{
    struct fixture *fixture = *state;
    run_with_client(fixture->loop, leave_script, fixture);
    assert_string_equal(fixture->answers[0].body, "late");
    fixture->request = "GET /still-there HTTP/1.1\r\n" HOST "\r\n";
    run_with_client(fixture->loop, send_request, fixture);
    assert_int_equal(fixture->answers[0].status, 200);
}

struct waiter {
    struct fixture *fixture;
    const char *request;
    struct answer answer;
    bool ended;
    pthread_t thread;
};

static void *wait_script(void *arg)
{
    struct waiter *waiter = arg;
    int fd = client_connect(waiter->fixture->port);
    client_ask(fd, waiter->request, &waiter->answer);
    waiter->ended = client_sees_end(fd);
    close(fd);
    return NULL;
}

static void free_with_pending_exchanges(void **state)
{
    struct fixture *fixture = *state;
    static struct waiter waiters[3];
    fixture->stop_at_held = 2;
    for (size_t i = 0; i < COUNT(waiters); i++) {
        waiters[i].fixture = fixture;
        waiters[i].request = i ? "GET /hold?q=1 HTTP/1.1\r\n" HOST "\r\n"
                               : "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nunfin";
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_script, &waiters[i]), 0);
    }
    loop_run(fixture->loop);
    http_server_free(fixture->server);
    fixture->server = NULL;
    for (size_t i = 0; i < COUNT(waiters); i++)
        pthread_join(waiters[i].thread, NULL);
    assert_int_equal(waiters[0].answer.status, -1);
    for (size_t i = 1; i < COUNT(waiters); i++) {
        assert_int_equal(waiters[i].answer.status, 503);
        assert_true(waiters[i].ended);
    }
    assert_int_equal(fixture->held_count, 2);
    assert_string_equal(http_exchange_path(fixture->held[0]), "/hold");
    assert_null(http_exchange_query(fixture->held[0], "q"));
    http_exchange_headers(fixture->held[0], add_line, NULL);
    http_exchange_add_header(fixture->held[0], "A", "b");
    answer_held(fixture); /* too late, and harmless */
}

static void answer_then_free(void **state)
{
    struct fixture *fixture = *state;
    static struct waiter waiter;
    waiter = (struct waiter){.fixture = fixture, .request = "GET /hold HTTP/1.1\r\n" HOST "\r\n"};
    fixture->stop_at_held = 1;
    assert_int_equal(pthread_create(&waiter.thread, NULL, wait_script, &waiter), 0);
    loop_run(fixture->loop);
    answer_held(fixture);
    http_server_free(fixture->server); /* no turn of the loop in between */
    fixture->server = NULL;
    pthread_join(waiter.thread, NULL);
    assert_int_equal(waiter.answer.status, 200);
    assert_string_equal(waiter.answer.body, "late");
}

static void flood_script(void *arg)
{
    struct fixture *fixture = arg;
    static char block[65536];
    static const char size_line[] = "10000\r\n";
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    int fd = client_connect(fixture->port);
    memset(block, 'x', sizeof block);
    client_send(fd, head, strlen(head));
    size_t sent = 0;
    while (sent < ((size_t)64 << 20) && client_send(fd, size_line, strlen(size_line)) &&
           client_send(fd, block, sizeof block) && client_send(fd, "\r\n", 2))
        sent += sizeof block;
    fixture->flag = sent < ((size_t)64 << 20);
    close(fd);
}

static void endless_body_is_cut(void **state)
{
    struct fixture *fixture = *state;
    run_with_client(fixture->loop, flood_script, fixture);
    assert_true(fixture->flag);
}

static void idle_script(void *arg)
{
    struct fixture *fixture = arg;
    int fd = client_connect(fixture->port);
    client_ask(fd, "GET / HTTP/1.1\r\n" HOST "\r\n", &fixture->answers[0]);
    fixture->flag = client_sees_end(fd);
    close(fd);
}

static void idle_connections_are_closed(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "127.0.0.1:0", 1);
    struct mono_time start_time = mono_now();
    run_with_client(fixture->loop, idle_script, fixture);
    assert_true(fixture->flag);
    assert_in_range(mono_diff_ms(mono_now(), start_time), 900, 4000);
}

static void ipv6_script(void *arg)
{
    struct fixture *fixture = arg;
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = htons(fixture->port), .sin6_addr = in6addr_loopback};
    int fd = client_connect_to((struct sockaddr *)&address, sizeof address);
    client_ask(fd, "GET / HTTP/1.1\r\n" HOST "\r\n", &fixture->answers[0]);
    close(fd);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return has;
}

static void addresses(void **state)
{
    struct fixture *fixture = *state;
    char expected[64];
    snprintf(expected, sizeof expected, "127.0.0.1:%u", fixture->port);
    assert_string_equal(http_server_address(fixture->server), expected);

    start(fixture, ":0", 0); /* all, IPv4 among them */
    fixture->request = "GET / HTTP/1.1\r\n" HOST "\r\n";
    run_with_client(fixture->loop, send_request, fixture);
    assert_int_equal(fixture->answers[0].status, 200);
    if (!has_ipv6())
        return;
    run_with_client(fixture->loop, ipv6_script, fixture);
    assert_int_equal(fixture->answers[0].status, 200);
    start(fixture, "[::1]:0", 0);
    snprintf(expected, sizeof expected, "[::1]:%u", fixture->port);
    assert_string_equal(http_server_address(fixture->server), expected);
    run_with_client(fixture->loop, ipv6_script, fixture);
    assert_int_equal(fixture->answers[0].status, 200);
}

static void bad_addresses(void **state)
{
    struct fixture *fixture = *state;
    const char *const bad[] = {
        "",
        "127.0.0.1",
        "localhost:80",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "::1:80",
        "[::1]",
        "[127.0.0.1]:80",
        "[]:80",
        "300.0.0.1:80",
        "127.0.0.1:80x",
        "192.0.2.1:0",                        /* not ours (RFC 5737) */
        http_server_address(fixture->server), /* taken */
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct error error = ERROR_INIT;
        struct http_server_options options = {.listen = bad[i]};
        assert_null(http_server_new(fixture->loop, &options, handle, fixture, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_non_null(strstr(error.text, bad[i]));
    }
}

static void null_is_fine(void **state)
{
    (void)state;
    http_server_free(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests),
        TEST(keep_alive),
        TEST(pipelined),
        TEST(late_answer),
        TEST(answers_from_another_handler),
        TEST(client_gone_before_the_answer),
        TEST(free_with_pending_exchanges),
        TEST(answer_then_free),
        TEST(endless_body_is_cut),
        TEST(idle_connections_are_closed),
        TEST(addresses),
        TEST(bad_addresses),
        TEST(null_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
