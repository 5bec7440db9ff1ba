/* SPDX-License-Identifier: Apache-2.0 */
/* POSTs to hosts by name, with a name server of the test's own and with one that is dead. */
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
#include "common/http_server.h"
#include "dns_server.h"
#include "webhook/http_client.h"

#define DEAD 50

static struct fixture {
    struct loop *loop;
    struct dns_server dns;
    struct http_server *server;
    struct http_client *client;
    int requests;
    bool close;
} fixture;

struct got {
    int calls;
    enum http_fault fault;
    int status;
    enum guard_rule rule;
    char detail[256], remote_ip[64];
    bool reused;
    int64_t dns_us, total_us;
};

static void keep(void *arg, const struct http_answer *answer)
{
    struct got *got = arg;
    got->calls++;
    got->fault = answer->fault;
    got->status = answer->status;
    got->rule = answer->rule;
    snprintf(got->detail, sizeof got->detail, "%s", answer->detail);
    snprintf(got->remote_ip, sizeof got->remote_ip, "%s", answer->remote_ip);
    got->reused = answer->reused;
    got->dns_us = answer->dns_us;
    got->total_us = answer->total_us;
    assert_int_equal(answer->body[answer->body_len], '\0');
}

static void serve(struct http_exchange *exchange, void *arg)
{
    (void)arg;
    fixture.requests++;
    if (fixture.close)
        http_exchange_add_header(exchange, "connection", "close");
    http_exchange_answer(exchange, 200, "text/plain", "ok", 2);
}

static const struct guard_options open_guard = {.allow_http = true, .allow_private = true};

static void new_guarded_client(
    const char *dns_servers, const char *proxy, const struct guard_options *guard)
{
    struct error error = ERROR_INIT;
    http_client_free(fixture.client);
    struct http_client_options options = {.dns_servers = dns_servers,
        .proxy = proxy,
        .guard = *guard,
        .max_answer_bytes = 65536,
        .max_connections = 64};
    fixture.client = http_client_new(fixture.loop, &options, &error);
    if (!fixture.client)
        fail_msg("%s", error.text);
}

static void new_client(const char *dns_servers, const char *proxy)
{
    new_guarded_client(dns_servers, proxy, &open_guard);
}

static int set_up(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    memset(&fixture, 0, sizeof fixture);
    fixture.loop = loop_new();
    dns_server_start(&fixture.dns);
    struct http_server_options server = {.listen = "127.0.0.1:0", .max_body_bytes = 1 << 20};
    fixture.server = http_server_new(fixture.loop, &server, serve, NULL, &error);
    assert_non_null(fixture.server);
    new_client(fixture.dns.address, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(fixture.client);
    http_server_free(fixture.server);
    dns_server_stop(&fixture.dns);
    loop_free(fixture.loop);
    return 0;
}

static void know(const char *name, const char *address)
{
    dns_set(&fixture.dns, &(struct dns_name){name, {address}, 1});
}

/* That of the server, with another host. */
static const char *url_at(const char *host)
{
    static char url[512];
    snprintf(url, sizeof url, "http://%s%s/hook", host,
        strrchr(http_server_address(fixture.server), ':'));
    return url;
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

static int threads(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/task");
    while (directory && readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void a_name(void **state)
{
    (void)state;
    int before = threads();
    know("hook.test", "127.0.0.1");
    struct got first = post_to(url_at("hook.test"));
    assert_int_equal(first.status, 200);
    assert_string_equal(first.remote_ip, "127.0.0.1");
    assert_true(first.dns_us > 0);
    assert_true(first.total_us > first.dns_us);
    struct got second = post_to(url_at("hook.test"));
    assert_int_equal(second.status, 200);
    assert_int_equal(second.dns_us, 0);
    assert_true(second.reused);
    assert_int_equal(dns_asked(&fixture.dns, "hook.test"), 1);
    assert_int_equal(threads(), before);
}

/* Whatever a URL may make of a name, curl must look for it where it was put. A name that it resolved
 * itself would not be found: only our name server knows it. */
static void every_form_of_a_name(void **state)
{
    (void)state;
    static const char *const hosts[] = {"hook.test", "HOOK.Test", "hook.test.", "h%6Fok.test",
        "user:secret@hook.test", "localhost"};
    int before = threads();
    know("hook.test", "127.0.0.1");
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct got got = post_to(url_at(hosts[i]));
        if (got.status != 200)
            fail_msg("%s: %s", hosts[i], got.detail);
    }
    assert_int_equal(threads(), before);
}

static void addresses_are_not_asked_for(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "127.1", "2130706433", "0x7f000001"};
    int before = threads();
    new_client("127.0.0.1:1", NULL); /* nobody listens there */
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct got got = post_to(url_at(hosts[i]));
        assert_int_equal(got.status, 200);
        assert_int_equal(got.dns_us, 0);
    }
    assert_int_equal(post_to("http://[::1]:9/").fault, HTTP_CONNECT);
    assert_int_equal(threads(), before);
}

static void the_second_address(void **state)
{
    (void)state;
    dns_set(&fixture.dns, &(struct dns_name){"hook.test", {"127.0.0.9", "::1", "127.0.0.1"}, 1});
    struct got got = post_to(url_at("hook.test"));
    assert_int_equal(got.status, 200);
    assert_string_equal(got.remote_ip, "127.0.0.1");
}

/* An open connection stays where it is, a new one goes where the name is now. */
static void a_host_that_moves(void **state)
{
    (void)state;
    struct http_request request = request_to(url_at("hook.test"));
    struct http_target *targets[] = {NULL, http_target_new(fixture.client)};
    fixture.close = true;
    for (size_t i = 0; i < 2; i++) {
        request.target = targets[i];
        know("hook.test", "127.0.0.9");
        post(&request);
        run_for(fixture.loop, 1100);
        post(&request); /* the old address, while the new one is asked for */
        run_for(fixture.loop, 100);
        assert_int_equal(post(&request).fault, HTTP_CONNECT); /* nobody there */
        know("hook.test", "127.0.0.1");
        run_for(fixture.loop, 1100);
        post(&request);
        run_for(fixture.loop, 100);
        struct got got = post(&request);
        assert_int_equal(got.status, 200);
        assert_string_equal(got.remote_ip, "127.0.0.1");
    }
    http_target_free(targets[1]);
}

/* In these, 127.0.0.1 stands for the Internet: it is what the list allows. */
static const char *const allowed[] = {"127.0.0.1", NULL};
static const struct guard_options guard = {.allow_http = true, .allow = allowed};

/* Harmless when it was first asked for, the name points inwards later. */
static void a_name_that_is_rebound(void **state)
{
    (void)state;
    struct got got;
    int asked = 0;
    new_guarded_client(fixture.dns.address, NULL, &guard);
    fixture.close = true;
    know("evil.test", "127.0.0.1");
    assert_int_equal(post_to(url_at("evil.test")).status, 200);
    know("evil.test", "127.0.0.2"); /* where the server would be found, too */
    do {
        run_for(fixture.loop, 100);
        got = post_to(url_at("evil.test"));
        if (got.fault != HTTP_BLOCKED)
            assert_string_equal(got.remote_ip, "127.0.0.1");
    } while (got.fault != HTTP_BLOCKED && asked++ < 100);
    assert_int_equal(got.rule, GUARD_LOOPBACK);
    assert_string_equal(got.detail, "evil.test: Its address 127.0.0.2 is not allowed (loopback)");
    int before = fixture.requests;
    for (int i = 0; i < 3; i++)
        assert_int_equal(post_to(url_at("evil.test")).fault, HTTP_BLOCKED);
    assert_int_equal(fixture.requests, before);
}

static void one_address_of_several(void **state)
{
    (void)state;
    new_guarded_client(fixture.dns.address, NULL, &guard);
    dns_set(&fixture.dns, &(struct dns_name){"mixed.test", {"127.0.0.1", "10.0.0.1"}, 1});
    dns_set(&fixture.dns, &(struct dns_name){"six.test", {"127.0.0.1", "fd00::1"}, 1});
    assert_int_equal(post_to(url_at("mixed.test")).rule, GUARD_PRIVATE);
    assert_int_equal(post_to(url_at("six.test")).rule, GUARD_PRIVATE);
    assert_int_equal(post_to(url_at("127.0.0.2")).rule, GUARD_LOOPBACK);
    assert_int_equal(post_to(url_at("[::ffff:127.0.0.1]")).rule, GUARD_RESERVED);
    assert_int_equal(fixture.requests, 0);
    assert_int_equal(post_to(url_at("127.0.0.1")).status, 200);
}

/* The proxy is the operator's own, and has to be on no list; what the URL says is looked at still. */
/* Also over a connection that is kept, to an address that was allowed when it was looked up, and whatever is under way
 * when it changes. */
static void another_guard(void **state)
{
    (void)state;
    static const char *const deny[] = {"127.0.0.0/8", NULL};
    struct http_client_options options = {.guard = open_guard, .max_answer_bytes = 65536};
    struct error error = ERROR_INIT;
    know("hook.test", "127.0.0.1");
    const char *hosts[] = {"hook.test", "127.0.0.1"};
    struct http_target *target = http_target_new(fixture.client);
    for (size_t i = 0; i < 2; i++) {
        struct http_request request = request_to(url_at(hosts[i]));
        struct got under_way = {0};
        request.target = target;
        assert_int_equal(post(&request).status, 200);
        assert_true(post(&request).reused);
        http_client_post(fixture.client, &request, keep, &under_way);
        options.guard.deny = deny;
        assert_true(http_client_reload(fixture.client, &options, &error));
        assert_true(run_until(fixture.loop, answered, &under_way));
        struct got got = post(&request);
        assert_int_equal(got.fault, HTTP_BLOCKED);
        assert_int_equal(got.rule, GUARD_DENIED);
        options.guard.deny = NULL;
        assert_true(http_client_reload(fixture.client, &options, &error));
        assert_int_equal(post(&request).status, 200);
    }
    http_target_free(target);
    static const char *const bad[] = {"nonsense", NULL};
    options.guard.deny = bad;
    assert_false(http_client_reload(fixture.client, &options, &error));
    assert_non_null(strstr(error.text, "egress: "));
    assert_int_equal(post_to(url_at("hook.test")).status, 200);
}

static void behind_a_proxy(void **state)
{
    (void)state;
    static const struct guard_options strict = {.allow_http = true};
    const char *proxy = http_server_address(fixture.server);
    new_guarded_client(fixture.dns.address, proxy, &strict);
    assert_int_equal(post_to("http://hook.test/").status, 200);
    assert_int_equal(post_to("http://169.254.169.254/").rule, GUARD_METADATA);
    assert_int_equal(fixture.requests, 1);
}

static void a_name_that_does_not_exist(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* the second time it is known already */
        struct got got = post_to("http://no-such-host.test/");
        assert_int_equal(got.fault, HTTP_DNS);
        assert_int_equal(got.status, 0);
        assert_non_null(strstr(got.detail, "no-such-host.test"));
        assert_string_equal(got.remote_ip, "");
        assert_false(got.reused);
    }
}

static void no_name_server_is_our_own_fault(void **state)
{
    (void)state;
    new_client("127.0.0.1:1", NULL); /* nobody listens there */
    struct got got = post_to("http://hook.test/");
    assert_int_equal(got.fault, HTTP_OURS);
    assert_non_null(strstr(got.detail, "hook.test"));
}

static void bad_name_servers_are_said_at_once(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct http_client_options options = {.dns_servers = "not a server", .max_answer_bytes = 1};
    assert_null(http_client_new(fixture.loop, &options, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "http.dns_servers"));
    assert_non_null(strstr(error.text, "not a server"));
}

/* All of the time counts from the beginning. */
static void deadlines_count_from_the_beginning(void **state)
{
    (void)state;
    dns_set(&fixture.dns, &(struct dns_name){.name = "hangs.test", .silent = true});
    struct http_request request = request_to("http://hangs.test/");
    request.connect_timeout_ms = 150;
    struct got got = post(&request);
    assert_int_equal(got.fault, HTTP_DNS);
    assert_in_range(got.total_us, 145000, 1000000);
    assert_true(got.dns_us == got.total_us);
    request.connect_timeout_ms = 10000;
    request.timeout_ms = 150;
    assert_in_range(post(&request).total_us, 145000, 1000000);
}

static void through_a_proxy(void **state)
{
    (void)state;
    char proxy[64];
    int before = threads();
    know("proxy.test", "127.0.0.1");
    snprintf(proxy, sizeof proxy, "http://proxy.test%s",
        strrchr(http_server_address(fixture.server), ':'));
    new_client(fixture.dns.address, proxy);
    assert_int_equal(post_to("http://only-the-proxy-knows.test/").status, 200);
    assert_int_equal(fixture.requests, 1);
    assert_int_equal(dns_asked(&fixture.dns, "only-the-proxy-knows.test"), 0);

    new_client(fixture.dns.address, "no-such-proxy.test:3128");
    struct got got = post_to("http://127.0.0.1/");
    assert_int_equal(got.fault, HTTP_OURS);
    assert_non_null(strstr(got.detail, "no-such-proxy.test"));
    assert_int_equal(threads(), before);
}

static void cancelled_while_it_waits(void **state)
{
    (void)state;
    struct got got[3] = {{0}};
    struct http_request request = request_to(url_at("hook.test"));
    struct http_target *target = http_target_new(fixture.client);
    know("hook.test", "127.0.0.1");
    post_to("http://no-such-host.test/");
    struct http_post *waits = http_client_post(fixture.client, &request, keep, &got[0]);
    request.target = target;
    struct http_post *other = http_client_post(fixture.client, &request, keep, &got[1]);
    request.url = "http://no-such-host.test/"; /* fails at once, and is told later */
    struct http_post *failed = http_client_post(fixture.client, &request, keep, &got[2]);
    http_target_free(target);
    http_post_cancel(waits);
    http_post_cancel(failed);
    assert_true(run_until(fixture.loop, answered, &got[1]));
    run_for(fixture.loop, 50);
    assert_int_equal(got[0].calls, 0);
    assert_int_equal(got[1].status, 200);
    assert_int_equal(got[2].calls, 0);
    (void)other;
    request.target = NULL;
    request.url = url_at("hook.test"); /* cancelled before curl had put the addresses down */
    http_post_cancel(http_client_post(fixture.client, &request, keep, &got[0]));
    assert_int_equal(post(&request).status, 200);
}

static void freed_while_it_waits(void **state)
{
    (void)state;
    struct got got[3] = {{0}};
    struct http_request request = request_to("http://hook.test/");
    dns_set(&fixture.dns, &(struct dns_name){.name = "hook.test", .silent = true});
    post_to("http://no-such-host.test/");
    http_client_post(fixture.client, &request, keep, &got[0]);
    http_client_post(fixture.client, &request, keep, &got[1]);
    request.url = "http://no-such-host.test/";
    http_client_post(fixture.client, &request, keep, &got[2]);
    http_client_free(fixture.client);
    fixture.client = NULL;
    run_for(fixture.loop, 20);
    for (int i = 0; i < 3; i++)
        assert_int_equal(got[i].calls, 0);
}

/* --- A dead name server ----------------------------------------------------------------------- */

/* How long the loop stood still, at most, and what was done meanwhile. */
struct watch {
    struct mono_time last;
    int64_t longest_us;
    int threads;
    int answered;
    struct got dead[DEAD];
    struct http_request good;
};

static void tick(void *arg)
{
    struct watch *watch = arg;
    struct mono_time now = mono_now();
    int64_t pause_us = mono_diff_us(now, watch->last);
    watch->last = now;
    watch->longest_us = pause_us > watch->longest_us ? pause_us : watch->longest_us;
    int count = threads();
    watch->threads = count > watch->threads ? count : watch->threads;
}

static void next_good(void *arg, const struct http_answer *answer)
{
    struct watch *watch = arg;
    assert_int_equal(answer->status, 200);
    watch->answered++;
    http_client_post(fixture.client, &watch->good, next_good, watch);
}

static bool all_dead_are_told(void *arg)
{
    struct watch *watch = arg;
    for (int i = 0; i < DEAD; i++)
        if (!watch->dead[i].calls)
            return false;
    return true;
}

static void a_dead_name_server_costs_others_nothing(void **state)
{
    (void)state;
    char address[32], url[64];
    int dead = dns_listen(address);
    new_client(address, NULL);
    struct watch watch = {.last = mono_now(), .good = request_to(url_at("127.0.0.1"))};
    char *good = strdup(watch.good.url);
    watch.good.url = good;
    post(&watch.good); /* its connection is open */
    int before = threads();
    struct loop_timer *timer = loop_timer_new(fixture.loop, tick, &watch);
    for (int i = 0; i < DEAD; i++) {
        snprintf(url, sizeof url, "http://h%d.test/", i);
        struct http_request request = request_to(url);
        request.connect_timeout_ms = 2000;
        http_client_post(fixture.client, &request, keep, &watch.dead[i]);
    }
    watch.last = mono_now();
    loop_timer_start(timer, 1, 1);
    http_client_post(fixture.client, &watch.good, next_good, &watch);
    assert_true(run_until(fixture.loop, all_dead_are_told, &watch));
    loop_timer_free(timer);
    for (int i = 0; i < DEAD; i++) {
        assert_int_equal(watch.dead[i].fault, HTTP_DNS);
        assert_in_range(watch.dead[i].total_us, 1990000, 10000000);
    }
    print_message("%d good requests meanwhile, longest pause %lld us\n", watch.answered,
        (long long)watch.longest_us);
    assert_true(watch.answered > 100);
    assert_int_equal(watch.threads, before);
    assert_in_range(watch.longest_us, 0, 500000); /* a query that blocks takes a second at least */
    free(good);
    close(dead);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name),
        TEST(every_form_of_a_name),
        TEST(addresses_are_not_asked_for),
        TEST(the_second_address),
        TEST(a_host_that_moves),
        TEST(a_name_that_is_rebound),
        TEST(one_address_of_several),
        TEST(another_guard),
        TEST(behind_a_proxy),
        TEST(a_name_that_does_not_exist),
        TEST(no_name_server_is_our_own_fault),
        TEST(bad_name_servers_are_said_at_once),
        TEST(deadlines_count_from_the_beginning),
        TEST(through_a_proxy),
        TEST(cancelled_while_it_waits),
        TEST(freed_while_it_waits),
        TEST(a_dead_name_server_costs_others_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
