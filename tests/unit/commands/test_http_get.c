/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of running processes, and what is asked of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "commands/http_get.h"
#include "common/listener.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text, *host, *port; /* host NULL: refused */
} addresses[] = {
    {"127.0.0.1:9465", "127.0.0.1", "9465"},
    {"http://127.0.0.1:9465", "127.0.0.1", "9465"},
    {"HTTP://consumer-0.consumers:80/", "consumer-0.consumers", "80"},
    {"localhost", "localhost", "9464"},
    {":9466", "127.0.0.1", "9466"},
    {"[::1]:9464", "::1", "9464"},
    {"[::1]", "::1", "9464"},
    {"", NULL, NULL},
    {"http://", NULL, NULL},
    {"https://127.0.0.1:9464", NULL, NULL},
    {"127.0.0.1:0", NULL, NULL},
    {"127.0.0.1:65536", NULL, NULL},
    {"127.0.0.1:", NULL, NULL},
    {"127.0.0.1:x", NULL, NULL},
    {"127.0.0.1:9464/endpoints", NULL, NULL},
    {"user@host:1", NULL, NULL},
    {"::1", NULL, NULL},
    {"[::1", NULL, NULL},
    {"[::1]9464", NULL, NULL},
    {"two words:1", NULL, NULL},
    {"h\r\nX: y:1", NULL, NULL},
};

static void parses_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct http_address address;
        struct error error = ERROR_INIT;
        bool good = http_address_parse(addresses[i].text, &address, &error);
        if (good != (addresses[i].host != NULL))
            fail_msg("\"%s\" is %s", addresses[i].text, good ? "taken" : "refused");
        if (good) {
            assert_string_equal(address.host, addresses[i].host);
            assert_string_equal(address.port, addresses[i].port);
        } else {
            assert_int_equal(error.kind, ERROR_CONFIG);
            assert_non_null(strstr(error.text, addresses[i].text));
        }
    }
    char lengthy[400];
    struct http_address address;
    memset(lengthy, 'a', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_false(http_address_parse(lengthy, &address, NULL));
}

static void escapes_queries(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    http_add_query(&out, "a-Z_0.9~ &=%/\r\n\xc3\xbc");
    assert_string_equal(buffer_text(&out), "a-Z_0.9~%20%26%3D%25%2F%0D%0A%C3%BC");
    buffer_release(&out);
}

/* --- Answers -------------------------------------------------------------------------------- */

struct server {
    int fd;
    const char *answer; /* NULL = none: the connection stays open until the client goes */
};

/* Takes one connection. */
static void *serve(void *arg)
{
    const struct server *server = arg;
    char request[4096];
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) < 0)
        usleep(1000); /* the listener does not block */
    ssize_t n = recv(fd, request, sizeof request, 0);
    while (!server->answer && n > 0)
        n = recv(fd, request, sizeof request, 0);
    if (server->answer)
        n = send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static bool get(const char *answer, int64_t timeout_ms, int *ret_status, struct buffer *ret_body,
    struct error *error)
{
    struct server server = {listener_open("127.0.0.1:0", error), answer};
    uint16_t port;
    char *text = listener_address(server.fd, &port);
    struct http_address address;
    pthread_t thread;
    assert_true(http_address_parse(text, &address, error));
    assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
    bool good = http_get(&address, "/x", timeout_ms, ret_status, ret_body, error);
    pthread_join(thread, NULL);
    if (!good)
        assert_ptr_equal(strstr(error->text, text), error->text);
    close(server.fd);
    free(text);
    return good;
}

static const struct {
    const char *answer;
    int status; /* 0: no good */
    const char *body;
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"},
    {"HTTP/1.0 404 Not Found\r\n\r\nno\r\n\r\n", 404, "no\r\n\r\n"},
    {"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi", 0, NULL},
    {"HTTP/1.1 200 OK\r\n\r\ncontent-length: 3\r\n", 200, "content-length: 3\r\n"},
    {"HTTP/1.1 200 OK\r\nContent-Le", 0, NULL},
    {"SSH-2.0-OpenSSH\r\n\r\n", 0, NULL},
    {"", 0, NULL},
    {NULL, 0, NULL},
};

static void takes_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct buffer body = BUFFER_INIT;
        struct error error = ERROR_INIT;
        int status = 0;
        int64_t timeout_ms = answers[i].answer ? 10000 : 50;
        bool good = get(answers[i].answer, timeout_ms, &status, &body, &error);
        if (good != (answers[i].status > 0))
            fail_msg("%zu: %s", i, error.text);
        assert_int_equal(status, answers[i].status);
        assert_string_equal(buffer_text(&body), good ? answers[i].body : "");
        buffer_release(&body);
    }
}

static void nobody_listens(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct buffer body = BUFFER_INIT;
    struct http_address address;
    uint16_t port;
    int status, fd = listener_open("127.0.0.1:0", &error);
    char *text = listener_address(fd, &port);
    close(fd);
    assert_true(http_address_parse(text, &address, &error));
    assert_false(http_get(&address, "/x", 10000, &status, &body, &error));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_non_null(strstr(error.text, text));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_addresses),
        cmocka_unit_test(escapes_queries),
        cmocka_unit_test(takes_answers),
        cmocka_unit_test(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
