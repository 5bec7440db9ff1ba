/* SPDX-License-Identifier: Apache-2.0 */
/* /livez, /readyz and /metrics over a real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "common/memory.h"
#include "common/probes.h"
#include "http_client.h"
#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct probes *probes;
    uint16_t port;
    const char *request;
    struct answer answer;
};

static int set_up(void **state)
{
    struct error error = ERROR_INIT;
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    *state = fixture;
    fixture->loop = loop_new();
    struct probes_options options = {.listen = "127.0.0.1:0"};
    fixture->probes = probes_new(fixture->loop, &options, &error);
    if (!fixture->probes)
        return -1;
    const char *colon = strrchr(probes_address(fixture->probes), ':');
    fixture->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    probes_free(fixture->probes);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void script(void *arg)
{
    struct fixture *fixture = arg;
    int fd = client_connect(fixture->port);
    client_ask(fd, fixture->request, &fixture->answer);
    close(fd);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"

static const char *ask(struct fixture *fixture, const char *request, int status)
{
    fixture->request = request;
    run_with_client(fixture->loop, script, fixture);
    assert_int_equal(fixture->answer.status, status);
    return fixture->answer.body;
}

static void livez(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(ask(fixture, GET("/livez"), 200), "alive\n");
    probes_dead(fixture->probes, "fenced");
    probes_dead(fixture->probes, "later");
    assert_string_equal(ask(fixture, GET("/livez"), 503), "dead: fenced\n");
}

static void readyz(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, GET("/readyz"), 503);
    assert_false(probes_ready(fixture->probes));

    probes_condition(fixture->probes, "bridge: registry read", false, "at offset 12 of 900");
    probes_condition(fixture->probes, "bridge: assigned", true, NULL);
    probes_condition(fixture->probes, "receiver: Kafka", false, NULL);
    assert_string_equal(ask(fixture, GET("/readyz"), 503),
        "[-]bridge: registry read: at offset 12 of 900\n"
        "[+]bridge: assigned\n"
        "[-]receiver: Kafka\n");

    probes_condition(fixture->probes, "bridge: registry read", true, "at offset 900 of 900");
    probes_condition(fixture->probes, "receiver: Kafka", true, NULL);
    assert_true(probes_ready(fixture->probes));
    assert_string_equal(ask(fixture, GET("/readyz"), 200), "ready\n");

    probes_condition(fixture->probes, "bridge: assigned", false, "no partitions");
    assert_false(probes_ready(fixture->probes));
    ask(fixture, GET("/readyz"), 503);
}

static void metrics(void **state)
{
    struct fixture *fixture = *state;
    const char *body = ask(fixture, GET("/metrics"), 200);
    assert_non_null(strstr(body, "\nprocess_start_time_seconds "));
    assert_non_null(strstr(body, "\nhookline_log_messages_total{level=\"error\"} 0\n"));
    assert_non_null(strstr(
        fixture->answer.text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
}

static void other_requests(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, GET("/"), 404);
    ask(fixture, GET("/livez/"), 404);
    ask(fixture, "HEAD /livez HTTP/1.1\r\nHost: test\r\n\r\n", 200);
    ask(fixture, "POST /livez HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi", 405);
    assert_non_null(strstr(fixture->answer.text, "\r\nAllow: GET, HEAD\r\n"));
}

static int print_greeting(struct buffer *out, const struct http_exchange *exchange, void *arg)
{
    const char *name = http_exchange_query(exchange, "name");
    buffer_printf(out, "{\"%s\":\"%s\"}", (const char *)arg, name ? name : "");
    return name ? 200 : 400;
}

static void pages_of_roles(void **state)
{
    struct fixture *fixture = *state;
    char hello[] = "hello", good_day[] = "good day";
    ask(fixture, GET("/greeting"), 404);
    probes_page(fixture->probes, "/greeting", NULL, NULL, NULL);

    probes_page(fixture->probes, "/greeting", print_greeting, hello, "application/json");
    assert_string_equal(ask(fixture, GET("/greeting?name=J%20D"), 200), "{\"hello\":\"J D\"}");
    assert_non_null(strstr(fixture->answer.text, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(fixture->answer.text, "\r\nCache-Control: no-store\r\n"));
    ask(fixture, GET("/greeting"), 400);
    ask(fixture, "HEAD /greeting?name=x HTTP/1.1\r\nHost: test\r\n\r\n", 200);
    ask(fixture, "POST /greeting HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi", 405);

    for (int i = 0; i < 20; i++) /* replaced each time: they do not add up */
        probes_page(fixture->probes, "/greeting", print_greeting, good_day, "text/plain");
    assert_string_equal(ask(fixture, GET("/greeting?name=x"), 200), "{\"good day\":\"x\"}");

    probes_page(fixture->probes, "/greeting", NULL, NULL, NULL);
    ask(fixture, GET("/greeting?name=x"), 404);
    ask(fixture, GET("/livez"), 200);
    ask(fixture, GET("/metrics"), 200);
}

static void without_an_address(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    struct probes *probes = probes_new(fixture->loop, &(struct probes_options){""}, &error);
    assert_non_null(probes);
    assert_string_equal(probes_address(probes), "");
    probes_condition(probes, "a", true, NULL);
    probes_page(probes, "/greeting", print_greeting, NULL, "text/plain");
    assert_true(probes_ready(probes));
    probes_dead(probes, "x");
    probes_free(probes);
    probes_free(NULL);
}

static void address_in_use(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    struct probes_options options = {.listen = probes_address(fixture->probes)};
    assert_null(probes_new(fixture->loop, &options, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, options.listen));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(livez),
        TEST(readyz),
        TEST(metrics),
        TEST(other_requests),
        TEST(pages_of_roles),
        TEST(without_an_address),
        TEST(address_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
