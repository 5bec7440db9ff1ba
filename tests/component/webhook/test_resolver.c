/* SPDX-License-Identifier: Apache-2.0 */
/* Host names against a name server on loopback, and against none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../waiting.h"
#include "dns_server.h"
#include "webhook/resolver.h"

static struct fixture {
    struct loop *loop;
    struct dns_server dns;
    struct resolver *resolver;
} fixture;

/* A copy of an answer, since all in it is borrowed. */
struct got {
    int calls;
    bool at_once;
    enum resolver_verdict verdict;
    char addresses[256], detail[256];
    uint64_t version;
    struct resolver_query *query;
};

static void keep(void *arg, const struct resolver_answer *answer)
{
    struct got *got = arg;
    got->calls++;
    got->verdict = answer->verdict;
    snprintf(got->addresses, sizeof got->addresses, "%s", answer->addresses);
    snprintf(got->detail, sizeof got->detail, "%s", answer->detail);
    got->version = answer->version;
}

static void new_resolver(const char *servers)
{
    struct error error = ERROR_INIT;
    resolver_free(fixture.resolver);
    fixture.resolver = resolver_new(fixture.loop, servers, &error);
    if (!fixture.resolver)
        fail_msg("%s", error.text);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    fixture.loop = loop_new();
    dns_server_start(&fixture.dns);
    new_resolver(fixture.dns.address);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    resolver_free(fixture.resolver);
    dns_server_stop(&fixture.dns);
    loop_free(fixture.loop);
    return 0;
}

static void know(const char *name, const char *address, int ttl_s)
{
    dns_set(&fixture.dns, &(struct dns_name){name, {address}, ttl_s});
}

static void begin(struct got *got, const char *host, int64_t timeout_ms)
{
    memset(got, 0, sizeof *got);
    const struct resolver_answer *answer =
        resolver_ask(fixture.resolver, host, timeout_ms, keep, got, &got->query);
    assert_int_equal(got->calls, 0); /* never from within the call */
    got->at_once = answer != NULL;
    if (answer)
        keep(got, answer);
}

static bool answered(void *arg)
{
    return ((struct got *)arg)->calls > 0;
}

static struct got ask_within(const char *host, int64_t timeout_ms)
{
    struct got got;
    begin(&got, host, timeout_ms);
    assert_true(run_until(fixture.loop, answered, &got));
    assert_int_equal(got.calls, 1);
    return got;
}

static struct got ask(const char *host)
{
    return ask_within(host, 30000);
}

static void a_name_is_found_and_kept(void **state)
{
    (void)state;
    know("hook.test", "192.0.2.7", 300);
    struct got first = ask("hook.test");
    assert_int_equal(first.verdict, RESOLVER_FOUND);
    assert_string_equal(first.addresses, "192.0.2.7");
    assert_string_equal(first.detail, "");
    assert_true(first.version > 0);
    assert_false(first.at_once);
    struct got again = ask("hook.test");
    assert_true(again.at_once);
    assert_string_equal(again.addresses, "192.0.2.7");
    assert_true(again.version == first.version);
    assert_int_equal(dns_asked(&fixture.dns, "hook.test"), 1);
}

static void all_addresses_of_both_families(void **state)
{
    (void)state;
    dns_set(&fixture.dns,
        &(struct dns_name){"hook.test", {"192.0.2.7", "2001:db8::7", "192.0.2.8"}, 300});
    struct got got = ask("hook.test");
    assert_non_null(strstr(got.addresses, "192.0.2.7"));
    assert_non_null(strstr(got.addresses, "192.0.2.8"));
    assert_non_null(strstr(got.addresses, "[2001:db8::7]"));
}

static void one_query_for_all_who_ask(void **state)
{
    (void)state;
    struct got got[5];
    know("hook.test", "192.0.2.7", 300);
    for (int i = 0; i < 5; i++)
        begin(&got[i], "hook.test", 30000);
    resolver_cancel(got[3].query);
    for (int i = 0; i < 5; i++)
        if (i != 3)
            assert_true(run_until(fixture.loop, answered, &got[i]));
    run_for(fixture.loop, 20);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(got[i].calls, i != 3);
        if (i != 3)
            assert_string_equal(got[i].addresses, "192.0.2.7");
    }
    assert_int_equal(dns_asked(&fixture.dns, "hook.test"), 1);
}

static void no_such_name(void **state)
{
    (void)state;
    struct got first = ask("nowhere.test");
    assert_int_equal(first.verdict, RESOLVER_FAILED);
    assert_non_null(strstr(first.detail, "nowhere.test"));
    assert_string_equal(first.addresses, "");
    assert_true(ask("nowhere.test").at_once);
    know("nowhere.test", "192.0.2.7", 300); /* from now on there is one */
    run_for(fixture.loop, 1100);
    struct got later = ask("nowhere.test");
    assert_false(later.at_once);
    assert_string_equal(later.addresses, "192.0.2.7");
}

static void a_name_without_addresses(void **state)
{
    (void)state;
    dns_set(&fixture.dns, &(struct dns_name){.name = "empty.test"});
    assert_int_equal(ask("empty.test").verdict, RESOLVER_FAILED);
    assert_int_equal(ask("no good name.test").verdict, RESOLVER_FAILED);
}

/* When its time is over the old answer is given once more, while the new one is on its way. */
static void an_answer_is_renewed_behind(void **state)
{
    (void)state;
    know("hook.test", "192.0.2.7", 0);
    struct got first = ask("hook.test");
    know("hook.test", "192.0.2.8", 60);
    run_for(fixture.loop, 1100);
    struct got old = ask("hook.test");
    assert_true(old.at_once);
    assert_string_equal(old.addresses, "192.0.2.7");
    assert_true(old.version == first.version);
    run_for(fixture.loop, 200);
    struct got new = ask("hook.test");
    assert_true(new.at_once);
    assert_string_equal(new.addresses, "192.0.2.8");
    assert_true(new.version != first.version);
    assert_int_equal(dns_asked(&fixture.dns, "hook.test"), 2);
}

static void the_same_addresses_are_the_same_version(void **state)
{
    (void)state;
    know("hook.test", "192.0.2.7", 1);
    struct got first = ask("hook.test");
    run_for(fixture.loop, 1100);
    ask("hook.test");
    run_for(fixture.loop, 200);
    assert_true(ask("hook.test").version == first.version);
    assert_int_equal(dns_asked(&fixture.dns, "hook.test"), 2);
}

/* What is known stays good while the name servers are down, unless they say that it is gone. */
static void an_outage_of_the_name_servers(void **state)
{
    (void)state;
    know("hook.test", "192.0.2.7", 1);
    know("gone.test", "192.0.2.8", 1);
    ask("hook.test");
    ask("gone.test");
    dns_set(&fixture.dns, &(struct dns_name){.name = "hook.test", .rcode = DNS_SERVFAIL});
    dns_set(&fixture.dns, &(struct dns_name){.name = "gone.test", .rcode = DNS_NXDOMAIN});
    run_for(fixture.loop, 1100);
    for (int i = 0; i < 5; i++) {
        struct got got = ask("hook.test");
        assert_true(got.at_once);
        assert_string_equal(got.addresses, "192.0.2.7");
        ask("gone.test");
        run_for(fixture.loop, 300);
    }
    struct got gone = ask("gone.test");
    assert_int_equal(gone.verdict, RESOLVER_FAILED);
}

static void a_name_server_that_does_not_answer(void **state)
{
    (void)state;
    dns_set(&fixture.dns, &(struct dns_name){.name = "hangs.test", .silent = true});
    struct mono_time begun = mono_now();
    struct got got = ask_within("hangs.test", 200);
    int64_t ms = mono_diff_ms(mono_now(), begun);
    assert_int_equal(got.verdict, RESOLVER_FAILED);
    assert_non_null(strstr(got.detail, "hangs.test"));
    assert_non_null(strstr(got.detail, "200 ms"));
    assert_in_range(ms, 190, 2000);
    know("hook.test", "192.0.2.7", 300); /* others are not held up by it */
    assert_string_equal(ask_within("hook.test", 30000).addresses, "192.0.2.7");
}

/* c-ares has a deadline of its own. */
static void without_a_deadline(void **state)
{
    (void)state;
    dns_set(&fixture.dns, &(struct dns_name){.name = "hangs.test", .silent = true});
    assert_int_equal(ask_within("hangs.test", 0).verdict, RESOLVER_FAILED);
}

static void a_name_server_that_cannot_say(void **state)
{
    (void)state;
    dns_set(&fixture.dns, &(struct dns_name){.name = "fails.test", .rcode = DNS_SERVFAIL});
    struct got got = ask("fails.test");
    assert_int_equal(got.verdict, RESOLVER_FAILED);
    assert_non_null(strstr(got.detail, "fails.test"));
}

static void no_name_server_at_all(void **state)
{
    (void)state;
    /* Nobody listens there; a port that was free a moment ago may become that of c-ares' own socket,
     * which then answers itself. */
    new_resolver("127.0.0.1:1");
    struct got got = ask("hook.test");
    if (got.verdict != RESOLVER_UNUSABLE)
        fail_msg("%s", got.detail);
    assert_non_null(strstr(got.detail, "hook.test"));
}

static void the_hosts_file(void **state)
{
    (void)state;
    struct got got = ask("localhost"); /* or by RFC 6761, 6.3; no name server is asked */
    assert_int_equal(got.verdict, RESOLVER_FOUND);
    assert_true(strstr(got.addresses, "127.0.0.1") || strstr(got.addresses, "[::1]"));
}

static void bad_servers(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    assert_null(resolver_new(fixture.loop, "no:address:at all", &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "no:address:at all"));
}

static void ask_another(void *arg, const struct resolver_answer *answer)
{
    struct got *got = arg;
    keep(&got[0], answer);
    begin(&got[1], "hook.test", 30000); /* known by now */
    begin(&got[2], "other.test", 30000);
    resolver_cancel(got[3].query);
}

static void asked_from_within_an_answer(void **state)
{
    (void)state;
    struct got got[4] = {{0}};
    know("hook.test", "192.0.2.7", 300);
    know("other.test", "192.0.2.8", 300);
    assert_null(resolver_ask(fixture.resolver, "hook.test", 0, ask_another, got, &got[0].query));
    begin(&got[3], "hook.test", 30000);
    assert_true(run_until(fixture.loop, answered, &got[2]));
    assert_true(got[1].at_once);
    assert_string_equal(got[2].addresses, "192.0.2.8");
    run_for(fixture.loop, 20);
    assert_int_equal(got[3].calls, 0);
}

static void many(void **state)
{
    (void)state;
    static struct got got[200];
    char name[32];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "h%d.test", i);
        begin(&got[i], name, 30000);
    }
    for (int i = 0; i < 200; i++) {
        assert_true(run_until(fixture.loop, answered, &got[i]));
        assert_int_equal(got[i].verdict, RESOLVER_FAILED);
    }
}

/* More than are kept, all of them under way: the last ones are refused at once. */
static void too_many(void **state)
{
    (void)state;
    static struct got got[10001];
    char name[32], address[32];
    int fd = dns_listen(address);
    new_resolver(address);
    for (int i = 0; i < 10001; i++) {
        snprintf(name, sizeof name, "h%d.test", i);
        begin(&got[i], name, 60000);
    }
    assert_false(got[9999].at_once);
    assert_true(got[10000].at_once);
    assert_int_equal(got[10000].verdict, RESOLVER_UNUSABLE);
    resolver_free(fixture.resolver); /* with all who wait */
    fixture.resolver = NULL;
    run_for(fixture.loop, 5);
    assert_int_equal(got[0].calls, 0);
    close(fd);
}

static void null_is_fine(void **state)
{
    (void)state;
    resolver_free(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_is_found_and_kept),
        TEST(all_addresses_of_both_families),
        TEST(one_query_for_all_who_ask),
        TEST(no_such_name),
        TEST(a_name_without_addresses),
        TEST(an_answer_is_renewed_behind),
        TEST(the_same_addresses_are_the_same_version),
        TEST(an_outage_of_the_name_servers),
        TEST(a_name_server_that_does_not_answer),
        TEST(without_a_deadline),
        TEST(a_name_server_that_cannot_say),
        TEST(no_name_server_at_all),
        TEST(the_hosts_file),
        TEST(bad_servers),
        TEST(asked_from_within_an_answer),
        TEST(many),
        TEST(too_many),
        TEST(null_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
