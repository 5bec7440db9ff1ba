/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses and ports a request may go to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "webhook/guard.h"

static struct guard *guard_with(const struct guard_options *options)
{
    struct error error = ERROR_INIT;
    struct guard *guard = guard_new(options, &error);
    if (!guard)
        fail_msg("%s", error.text);
    return guard;
}

static const struct {
    const char *address;
    enum guard_rule rule;
} table[] = {
    /* The first, the last, and the neighbours of each range. */
    {"0.0.0.0", GUARD_UNSPECIFIED},
    {"0.0.0.1", GUARD_RESERVED},
    {"0.255.255.255", GUARD_RESERVED},
    {"1.0.0.0", GUARD_NONE},
    {"9.255.255.255", GUARD_NONE},
    {"10.0.0.0", GUARD_PRIVATE},
    {"10.255.255.255", GUARD_PRIVATE},
    {"11.0.0.0", GUARD_NONE},
    {"100.63.255.255", GUARD_NONE},
    {"100.64.0.0", GUARD_SHARED},
    {"100.100.100.200", GUARD_METADATA},
    {"100.100.100.201", GUARD_SHARED},
    {"100.127.255.255", GUARD_SHARED},
    {"100.128.0.0", GUARD_NONE},
    {"126.255.255.255", GUARD_NONE},
    {"127.0.0.0", GUARD_LOOPBACK},
    {"127.0.0.1", GUARD_LOOPBACK},
    {"127.1.2.3", GUARD_LOOPBACK},
    {"127.255.255.255", GUARD_LOOPBACK},
    {"128.0.0.0", GUARD_NONE},
    {"168.63.129.15", GUARD_NONE},
    {"168.63.129.16", GUARD_METADATA},
    {"169.253.255.255", GUARD_NONE},
    {"169.254.0.0", GUARD_LINK_LOCAL},
    {"169.254.169.253", GUARD_LINK_LOCAL},
    {"169.254.169.254", GUARD_METADATA},
    {"169.254.170.2", GUARD_METADATA},
    {"169.254.170.23", GUARD_METADATA},
    {"169.254.255.255", GUARD_LINK_LOCAL},
    {"169.255.0.0", GUARD_NONE},
    {"172.15.255.255", GUARD_NONE},
    {"172.16.0.0", GUARD_PRIVATE},
    {"172.31.255.255", GUARD_PRIVATE},
    {"172.32.0.0", GUARD_NONE},
    {"191.255.255.255", GUARD_NONE},
    {"192.0.0.0", GUARD_RESERVED},
    {"192.0.0.192", GUARD_METADATA},
    {"192.0.0.255", GUARD_RESERVED},
    {"192.0.1.0", GUARD_NONE},
    {"192.0.2.0", GUARD_DOCUMENTATION},
    {"192.0.2.255", GUARD_DOCUMENTATION},
    {"192.0.3.0", GUARD_NONE},
    {"192.88.98.255", GUARD_NONE},
    {"192.88.99.0", GUARD_RESERVED},
    {"192.88.99.255", GUARD_RESERVED},
    {"192.88.100.0", GUARD_NONE},
    {"192.167.255.255", GUARD_NONE},
    {"192.168.0.0", GUARD_PRIVATE},
    {"192.168.255.255", GUARD_PRIVATE},
    {"192.169.0.0", GUARD_NONE},
    {"198.17.255.255", GUARD_NONE},
    {"198.18.0.0", GUARD_RESERVED},
    {"198.19.255.255", GUARD_RESERVED},
    {"198.20.0.0", GUARD_NONE},
    {"198.51.99.255", GUARD_NONE},
    {"198.51.100.0", GUARD_DOCUMENTATION},
    {"198.51.100.255", GUARD_DOCUMENTATION},
    {"198.51.101.0", GUARD_NONE},
    {"203.0.112.255", GUARD_NONE},
    {"203.0.113.0", GUARD_DOCUMENTATION},
    {"203.0.113.255", GUARD_DOCUMENTATION},
    {"203.0.114.0", GUARD_NONE},
    {"223.255.255.255", GUARD_NONE},
    {"224.0.0.0", GUARD_MULTICAST},
    {"239.255.255.255", GUARD_MULTICAST},
    {"240.0.0.0", GUARD_RESERVED},
    {"255.255.255.254", GUARD_RESERVED},
    {"255.255.255.255", GUARD_RESERVED},
    {"::", GUARD_UNSPECIFIED},
    {"::1", GUARD_LOOPBACK},
    {"1::", GUARD_RESERVED},
    {"100::1", GUARD_RESERVED}, /* discard */
    {"1fff:ffff::", GUARD_RESERVED},
    {"2000::1", GUARD_NONE},
    {"2001:1ff:ffff::", GUARD_RESERVED},
    {"2001:2::1", GUARD_RESERVED},  /* benchmarks */
    {"2001:10::1", GUARD_RESERVED}, /* ORCHID */
    {"2001:20::1", GUARD_RESERVED},
    {"2001:200::", GUARD_NONE},
    {"2001:db7:ffff::", GUARD_NONE},
    {"2001:db8::", GUARD_DOCUMENTATION},
    {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", GUARD_DOCUMENTATION},
    {"2001:db9::", GUARD_NONE},
    {"2606:4700::1111", GUARD_NONE},
    {"2620:4f:8000::1", GUARD_NONE},
    {"3ffe:ffff::", GUARD_NONE},
    {"3fff::1", GUARD_DOCUMENTATION},
    {"3fff:1000::", GUARD_NONE},
    {"4000::", GUARD_RESERVED},
    {"5f00::1", GUARD_RESERVED}, /* segment routing */
    {"fbff::", GUARD_RESERVED},
    {"fc00::", GUARD_PRIVATE},
    {"fd00:ec2::254", GUARD_METADATA},
    {"fd00:ec2::23", GUARD_METADATA},
    {"fd20:ce::254", GUARD_METADATA},
    {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GUARD_PRIVATE},
    {"fe00::", GUARD_RESERVED},
    {"fe80::1", GUARD_LINK_LOCAL},
    {"febf::", GUARD_LINK_LOCAL},
    {"fec0::1", GUARD_PRIVATE},
    {"feff::", GUARD_PRIVATE},
    {"ff00::", GUARD_MULTICAST},
    {"ff02::1", GUARD_MULTICAST},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GUARD_MULTICAST},
    /* IPv4 within IPv6: mapped, */
    {"::ffff:127.0.0.1", GUARD_LOOPBACK},
    {"::ffff:7f00:1", GUARD_LOOPBACK},
    {"::ffff:10.1.2.3", GUARD_PRIVATE},
    {"::ffff:169.254.169.254", GUARD_METADATA},
    {"::ffff:0.0.0.0", GUARD_UNSPECIFIED},
    {"::ffff:8.8.8.8", GUARD_RESERVED}, /* nobody has such a one for a server */
    /* translated, compatible, */
    {"::ffff:0:192.168.0.1", GUARD_PRIVATE},
    {"::127.0.0.1", GUARD_LOOPBACK},
    {"::10.0.0.1", GUARD_PRIVATE},
    /* NAT64, */
    {"64:ff9b::127.0.0.1", GUARD_LOOPBACK},
    {"64:ff9b::169.254.169.254", GUARD_METADATA},
    {"64:ff9b::c0a8:1", GUARD_PRIVATE},
    {"64:ff9b::8.8.8.8", GUARD_NONE},
    {"64:ff9b:1::1", GUARD_PRIVATE},
    {"64:ff9b::1:0:0", GUARD_RESERVED},
    /* 6to4, */
    {"2002:7f00:1::", GUARD_LOOPBACK},
    {"2002:a9fe:a9fe::1", GUARD_METADATA},
    {"2002:c0a8:101::1", GUARD_PRIVATE},
    {"2002:808:808::1", GUARD_NONE},
    /* Teredo: server, then client, whose bits are turned, */
    {"2001:0:7f00:1::", GUARD_LOOPBACK},
    {"2001:0:808:808:0:0:80ff:fffe", GUARD_LOOPBACK},
    {"2001:0:808:808:0:0:f7f7:f7f7", GUARD_RESERVED},
    /* ISATAP. */
    {"2606:4700::5efe:127.0.0.1", GUARD_LOOPBACK},
    {"2606:4700::200:5efe:10.0.0.1", GUARD_PRIVATE},
    {"2606:4700::5efe:8.8.8.8", GUARD_NONE},
    {"fe80::5efe:8.8.8.8", GUARD_LINK_LOCAL},
    /* What is no address. */
    {"", GUARD_RESERVED},
    {"[]", GUARD_RESERVED},
    {"localhost", GUARD_RESERVED},
    {"127.1", GUARD_RESERVED},
    {"0x7f000001", GUARD_RESERVED},
    {"2130706433", GUARD_RESERVED},
    {"0177.0.0.1", GUARD_RESERVED},
    {"fe80::1%eth0", GUARD_RESERVED},
};

/* As a socket has it. */
static enum guard_rule check_socket(const struct guard *guard, const char *text)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        return guard_check_address(guard, (const struct sockaddr *)&four);
    assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    return guard_check_address(guard, (const struct sockaddr *)&six);
}

static void addresses(void **state)
{
    (void)state;
    struct guard *guard = guard_with(&(struct guard_options){0});
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        enum guard_rule found = guard_check_text(guard, table[i].address);
        if (found != table[i].rule)
            fail_msg("%s: %s, not %s", table[i].address, guard_rule_names[found],
                guard_rule_names[table[i].rule]);
        struct in6_addr any;
        bool four = inet_pton(AF_INET, table[i].address, &any) == 1;
        if (four || inet_pton(AF_INET6, table[i].address, &any) == 1)
            assert_int_equal(check_socket(guard, table[i].address), table[i].rule);
    }
    assert_int_equal(guard_check_text(guard, "[::1]"), GUARD_LOOPBACK);
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_int_equal(guard_check_address(guard, &local), GUARD_RESERVED);
    guard_free(guard);
}

static void lists(void **state)
{
    (void)state;
    static const char *const allow[] = {"10.1.0.0/16", "fd12::/16", "::ffff:127.0.0.1", NULL};
    static const char *const deny[] = {"10.1.2.3", "8.8.0.0/16", "fd12:1::/32", NULL};
    struct guard *guard = guard_with(&(struct guard_options){.allow = allow, .deny = deny});
    static const struct {
        const char *address;
        enum guard_rule rule;
    } expected[] = {
        {"10.1.0.1", GUARD_NONE},
        {"10.2.0.1", GUARD_PRIVATE},
        {"10.1.2.3", GUARD_DENIED},
        {"8.8.8.8", GUARD_DENIED},
        {"::ffff:8.8.8.8", GUARD_DENIED},
        {"64:ff9b::8.8.8.8", GUARD_DENIED},
        {"fd12::1", GUARD_NONE},
        {"fd12:1::1", GUARD_DENIED},
        {"fd13::1", GUARD_PRIVATE},
        {"::ffff:127.0.0.1", GUARD_NONE},
        {"127.0.0.1", GUARD_LOOPBACK},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (guard_check_text(guard, expected[i].address) != expected[i].rule)
            fail_msg("%s", expected[i].address);
    guard_free(guard);

    guard = guard_with(&(struct guard_options){.allow_private = true, .deny = deny});
    assert_int_equal(guard_check_text(guard, "127.0.0.1"), GUARD_NONE);
    assert_int_equal(guard_check_text(guard, "169.254.169.254"), GUARD_NONE);
    assert_int_equal(guard_check_text(guard, "10.1.2.3"), GUARD_DENIED);
    guard_free(guard);
}

static void hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        enum guard_rule rule;
    } expected[] = {
        {"127.0.0.1", GUARD_LOOPBACK},
        {"127.0.0.1.", GUARD_LOOPBACK},
        {"[::1]", GUARD_LOOPBACK},
        {"8.8.8.8", GUARD_NONE},
        {"[2606:4700::1111]", GUARD_NONE},
        {"localhost", GUARD_LOOPBACK},
        {"LocalHost.", GUARD_LOOPBACK},
        {"a.b.localhost", GUARD_LOOPBACK},
        {"notlocalhost", GUARD_NONE},
        {"localhost.example", GUARD_NONE},
        {"hooks.example.com", GUARD_NONE},
        {"[fe80::1%25eth0]", GUARD_RESERVED},
        {".", GUARD_NONE},
        {"", GUARD_NONE},
    };
    struct guard *guard = guard_with(&(struct guard_options){0});
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (guard_check_host(guard, expected[i].host) != expected[i].rule)
            fail_msg("%s", expected[i].host);
    guard_free(guard);
    guard = guard_with(&(struct guard_options){.allow_private = true});
    assert_int_equal(guard_check_host(guard, "localhost"), GUARD_NONE);
    assert_int_equal(guard_check_host(guard, "127.0.0.1."), GUARD_NONE);
    guard_free(guard);
}

static void origins(void **state)
{
    (void)state;
    static const char *const ports[] = {"443", "8000-8999", NULL};
    struct guard *guard = guard_with(&(struct guard_options){.ports = ports});
    assert_int_equal(guard_check_origin(guard, true, 443), GUARD_NONE);
    assert_int_equal(guard_check_origin(guard, true, 8000), GUARD_NONE);
    assert_int_equal(guard_check_origin(guard, true, 8999), GUARD_NONE);
    assert_int_equal(guard_check_origin(guard, true, 9000), GUARD_PORT);
    assert_int_equal(guard_check_origin(guard, true, 22), GUARD_PORT);
    assert_int_equal(guard_check_origin(guard, false, 443), GUARD_SCHEME);
    guard_free(guard);
    guard = guard_with(&(struct guard_options){.allow_http = true});
    assert_int_equal(guard_check_origin(guard, false, 22), GUARD_NONE);
    guard_free(guard);
}

static void settings_that_are_wrong(void **state)
{
    (void)state;
    static const char *const ranges[] = {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
        "10.0.0.1/8", "10.0.0", "::/129", "2001:db8::1/32", "localhost", "10.0.0.0/8 ",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999/12"};
    static const char *const ports[] = {
        "", "0", "65536", "a", "-1", "1-", "-", "2-1", "1-2-3", " 1", "+1", "1- 2", "99999-99999"};
    struct error error = ERROR_INIT;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (guard_range_valid(ranges[i], &error))
            fail_msg("'%s'", ranges[i]);
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
        if (guard_ports_valid(ports[i], &error))
            fail_msg("'%s'", ports[i]);
    static const char *const bad[] = {"10.0.0.1/8", NULL};
    error = (struct error)ERROR_INIT;
    assert_null(guard_new(&(struct guard_options){.deny = bad}, &error));
    assert_non_null(strstr(error.text, "'10.0.0.1/8' is neither an address nor a range"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(lists),
        cmocka_unit_test(hosts),
        cmocka_unit_test(origins),
        cmocka_unit_test(settings_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
