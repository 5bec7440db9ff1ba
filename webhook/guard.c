/* SPDX-License-Identifier: Apache-2.0 */
/* Where requests may go. */
#include "webhook/guard.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/text.h"
#include "webhook/url.h"

#define PORT_MAX 65535

const char *const guard_rule_names[] = {
    [GUARD_NONE] = "none",
    [GUARD_LOOPBACK] = "loopback",
    [GUARD_PRIVATE] = "private",
    [GUARD_LINK_LOCAL] = "link_local",
    [GUARD_SHARED] = "shared",
    [GUARD_METADATA] = "metadata",
    [GUARD_MULTICAST] = "multicast",
    [GUARD_DOCUMENTATION] = "documentation",
    [GUARD_RESERVED] = "reserved",
    [GUARD_UNSPECIFIED] = "unspecified",
    [GUARD_DENIED] = "denied",
    [GUARD_PORT] = "port",
    [GUARD_SCHEME] = "scheme",
    [GUARD_RULES] = NULL,
};

/* --- Ranges ---------------------------------------------------------------------------------- */

/* An address; IPv4 has 4 bytes of them. */
struct address {
    int bytes; /* 4 or 16 */
    uint8_t data[16];
};

struct range {
    struct address first;
    int bits; /* of the prefix */
};

struct ranges_of_list {
    struct range *items;
    size_t count;
};

struct port_range {
    int from, to;
};

struct guard {
    bool allow_http, allow_private;
    struct ranges_of_list deny, allow;
    struct port_range *ports;
    size_t port_count;
};

struct known_range {
    const char *text;
    enum guard_rule rule;
};

/* The narrower before the wider: the first one that has an address names it. */
static const struct known_range known[] = {
    {"0.0.0.0/32", GUARD_UNSPECIFIED},
    {"0.0.0.0/8", GUARD_RESERVED}, /* this network */
    {"10.0.0.0/8", GUARD_PRIVATE},
    {"100.100.100.200/32", GUARD_METADATA}, /* Alibaba Cloud */
    {"100.64.0.0/10", GUARD_SHARED},
    {"127.0.0.0/8", GUARD_LOOPBACK},
    {"168.63.129.16/32", GUARD_METADATA},   /* Azure */
    {"169.254.169.254/32", GUARD_METADATA}, /* AWS, Azure, Google, DigitalOcean, … */
    {"169.254.170.2/32", GUARD_METADATA},   /* AWS containers */
    {"169.254.170.23/32", GUARD_METADATA},  /* AWS pods */
    {"169.254.0.0/16", GUARD_LINK_LOCAL},
    {"172.16.0.0/12", GUARD_PRIVATE},
    {"192.0.0.192/32", GUARD_METADATA}, /* Oracle Cloud */
    {"192.0.0.0/24", GUARD_RESERVED},   /* IETF protocol assignments */
    {"192.0.2.0/24", GUARD_DOCUMENTATION},
    {"192.88.99.0/24", GUARD_RESERVED}, /* 6to4 relays, no longer in use */
    {"192.168.0.0/16", GUARD_PRIVATE},
    {"198.18.0.0/15", GUARD_RESERVED}, /* benchmarks */
    {"198.51.100.0/24", GUARD_DOCUMENTATION},
    {"203.0.113.0/24", GUARD_DOCUMENTATION},
    {"224.0.0.0/4", GUARD_MULTICAST},
    {"240.0.0.0/4", GUARD_RESERVED}, /* broadcast included */
    {"::/128", GUARD_UNSPECIFIED},
    {"::1/128", GUARD_LOOPBACK},
    {"fd00:ec2::254/128", GUARD_METADATA}, /* AWS */
    {"fd00:ec2::23/128", GUARD_METADATA},
    {"fd20:ce::254/128", GUARD_METADATA}, /* Google */
    {"fc00::/7", GUARD_PRIVATE},
    {"fe80::/10", GUARD_LINK_LOCAL},
    {"fec0::/10", GUARD_PRIVATE}, /* site-local, no longer in use */
    {"ff00::/8", GUARD_MULTICAST},
    {"64:ff9b:1::/48", GUARD_PRIVATE}, /* NAT64 of local use */
    {"2001:db8::/32", GUARD_DOCUMENTATION},
    {"3fff::/20", GUARD_DOCUMENTATION},
    {"2001::/23", GUARD_RESERVED}, /* IETF protocol assignments; Teredo and ORCHID are in it */
};

/* Of IPv6 only this is given out for use in the Internet, and the one below for NAT64. */
#define GLOBAL_IPV6 "2000::/3"
#define NAT64       "64:ff9b::/96"

static bool read_address(const char *text, struct address *ret)
{
    *ret = (struct address){.bytes = 4};
    if (inet_pton(AF_INET, text, ret->data) == 1)
        return true;
    ret->bytes = 16;
    return inet_pton(AF_INET6, text, ret->data) == 1;
}

static bool has(const struct range *range, const struct address *address)
{
    int whole = range->bits / 8, rest = range->bits % 8;
    if (range->first.bytes != address->bytes ||
        memcmp(range->first.data, address->data, (size_t)whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return rest == 0 || (range->first.data[whole] & mask) == (address->data[whole] & mask);
}

/* "192.0.2.0/24", or an address alone. Bits behind the prefix have to be zero. */
static bool read_range(const char *text, struct range *ret)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!read_address(address, &ret->first))
        return false;
    int64_t bits = 8 * ret->first.bytes;
    if (slash && (!text_parse_int(slash + 1, &bits) || bits < 0 || bits > 8 * ret->first.bytes))
        return false;
    ret->bits = (int)bits;
    for (int bit = ret->bits; bit < 8 * ret->first.bytes; bit++)
        if (ret->first.data[bit / 8] & (0x80 >> bit % 8))
            return false;
    return true;
}

bool guard_range_valid(const char *text, struct error *error)
{
    struct range range;
    return read_range(text, &range) ||
           error_set(error, ERROR_CONFIG,
               "'%s' is neither an address nor a range such as 192.0.2.0/24 or 2001:db8::/32, with "
               "nothing but zeros behind its prefix",
               text);
}

static bool is_in(const struct ranges_of_list *list, const struct address *address)
{
    for (size_t i = 0; i < list->count; i++)
        if (has(&list->items[i], address))
            return true;
    return false;
}

static bool is_in_text(const char *text, const struct address *address)
{
    struct range range;
    bug_on(!read_range(text, &range));
    return has(&range, address);
}

/* --- IPv4 within IPv6 ------------------------------------------------------------------------ */

static struct address four_at(const struct address *six, int at, uint8_t turned)
{
    struct address four = {.bytes = 4};
    for (int i = 0; i < 4; i++)
        four.data[i] = six->data[at + i] ^ turned;
    return four;
}

/* How many there are in it: Teredo has the server's and the client's. */
static int inner_addresses(const struct address *six, struct address ret[2])
{
    static const struct {
        const char *range;
        int at;
    } wrappers[] = {
        {"::ffff:0:0/96", 12},   /* mapped, RFC 4291 */
        {"::ffff:0:0:0/96", 12}, /* translated, RFC 2765 */
        {"::/96", 12},           /* compatible, no longer in use */
        {NAT64, 12},             /* RFC 6052 */
        {"2002::/16", 2},        /* 6to4, RFC 3056 */
    };
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++)
        if (is_in_text(wrappers[i].range, six)) {
            ret[0] = four_at(six, wrappers[i].at, 0);
            return 1;
        }
    if (is_in_text("2001::/32", six)) { /* Teredo, RFC 4380 */
        ret[0] = four_at(six, 4, 0);
        ret[1] = four_at(six, 12, 0xff);
        return 2;
    }
    /* ISATAP, RFC 5214: in the interface's id, below any prefix */
    if ((six->data[8] & 0xfc) == 0 && six->data[9] == 0 && six->data[10] == 0x5e &&
        six->data[11] == 0xfe) {
        ret[0] = four_at(six, 12, 0);
        return 1;
    }
    return 0;
}

/* --- Judging --------------------------------------------------------------------------------- */

static enum guard_rule check_known(const struct address *address)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (is_in_text(known[i].text, address))
            return known[i].rule;
    bool global =
        address->bytes == 4 || is_in_text(GLOBAL_IPV6, address) || is_in_text(NAT64, address);
    return global ? GUARD_NONE : GUARD_RESERVED;
}

static enum guard_rule check_one(const struct guard *guard, const struct address *address)
{
    if (is_in(&guard->deny, address))
        return GUARD_DENIED;
    if (guard->allow_private || is_in(&guard->allow, address))
        return GUARD_NONE;
    return check_known(address);
}

/* What is inside says more than that the whole is reserved. */
static enum guard_rule check(const struct guard *guard, const struct address *address)
{
    struct address inner[2];
    int count = address->bytes == 16 ? inner_addresses(address, inner) : 0;
    enum guard_rule rule = check_one(guard, address);
    if ((rule != GUARD_NONE && rule != GUARD_RESERVED) || count == 0)
        return rule;
    for (int i = 0; i < count; i++) {
        enum guard_rule inner_rule = check_one(guard, &inner[i]);
        bool allowed = is_in(&guard->allow, address) && inner_rule != GUARD_DENIED;
        if (inner_rule != GUARD_NONE && !allowed)
            return inner_rule;
    }
    return rule;
}

enum guard_rule guard_check_address(const struct guard *guard, const struct sockaddr *address)
{
    struct address read = {.bytes = 4};
    if (address->sa_family == AF_INET) {
        memcpy(read.data, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        read.bytes = 16;
        memcpy(read.data, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    } else {
        return GUARD_RESERVED;
    }
    return check(guard, &read);
}

enum guard_rule guard_check_text(const struct guard *guard, const char *text)
{
    char bare[INET6_ADDRSTRLEN];
    struct address address;
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof bare)
        return GUARD_RESERVED;
    memcpy(bare, text, len);
    bare[len] = '\0';
    return read_address(bare, &address) ? check(guard, &address) : GUARD_RESERVED;
}

static bool is_localhost(const char *host, size_t len)
{
    static const char name[] = "localhost";
    size_t name_len = sizeof name - 1;
    return len >= name_len && strncasecmp(host + len - name_len, name, name_len) == 0 &&
           (len == name_len || host[len - name_len - 1] == '.');
}

enum guard_rule guard_check_host(const struct guard *guard, const char *host)
{
    char four[INET_ADDRSTRLEN];
    struct address address;
    size_t len = strlen(host);
    if (host[0] == '[')
        return guard_check_text(guard, host);
    if (len && host[len - 1] == '.')
        len--;
    if (is_localhost(host, len))
        return guard->allow_private ? GUARD_NONE : GUARD_LOOPBACK;
    if (len >= sizeof four)
        return GUARD_NONE;
    memcpy(four, host, len);
    four[len] = '\0';
    return read_address(four, &address) ? check(guard, &address) : GUARD_NONE;
}

enum guard_rule guard_check_origin(const struct guard *guard, bool is_https, int port)
{
    if (!is_https && !guard->allow_http)
        return GUARD_SCHEME;
    for (size_t i = 0; i < guard->port_count; i++)
        if (port >= guard->ports[i].from && port <= guard->ports[i].to)
            return GUARD_NONE;
    return guard->port_count ? GUARD_PORT : GUARD_NONE;
}

enum guard_rule guard_check_url(const struct guard *guard, const char *url)
{
    struct url_origin origin = url_origin(url);
    enum guard_rule rule = GUARD_NONE;
    if (origin.host)
        rule = guard_check_origin(guard, origin.is_https, origin.port);
    if (origin.host && rule == GUARD_NONE)
        rule = guard_check_host(guard, origin.host);
    url_origin_release(&origin);
    return rule;
}

/* --- Settings -------------------------------------------------------------------------------- */

static bool read_port(const char *text, size_t len, int64_t *ret)
{
    char digits[6];
    if (len >= sizeof digits)
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    return text_matches_set(digits, sizeof digits, "0-9") && text_parse_int(digits, ret);
}

/* "443" or "8000-8999" */
static bool read_ports(const char *text, struct port_range *ret)
{
    const char *dash = strchr(text, '-');
    int64_t from, to;
    if (!read_port(text, dash ? (size_t)(dash - text) : strlen(text), &from))
        return false;
    to = from;
    if (dash && !read_port(dash + 1, strlen(dash + 1), &to))
        return false;
    *ret = (struct port_range){(int)from, (int)to};
    return from >= 1 && from <= to && to <= PORT_MAX;
}

bool guard_ports_valid(const char *text, struct error *error)
{
    struct port_range range;
    return read_ports(text, &range) ||
           error_set(error, ERROR_CONFIG,
               "'%s' is neither a port nor a range of ports such as 8000-8999", text);
}

static size_t length(const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static bool read_list(struct ranges_of_list *ret, const char *const *list, struct error *error)
{
    ret->items = mem_array(NULL, length(list) + 1, sizeof *ret->items);
    for (; list && list[ret->count]; ret->count++) {
        if (!guard_range_valid(list[ret->count], error))
            return false;
        bug_on(!read_range(list[ret->count], &ret->items[ret->count]));
    }
    return true;
}

static bool read_port_list(struct guard *guard, const char *const *list, struct error *error)
{
    guard->ports = mem_array(NULL, length(list) + 1, sizeof *guard->ports);
    for (; list && list[guard->port_count]; guard->port_count++) {
        if (!guard_ports_valid(list[guard->port_count], error))
            return false;
        bug_on(!read_ports(list[guard->port_count], &guard->ports[guard->port_count]));
    }
    return true;
}

struct guard *guard_new(const struct guard_options *options, struct error *error)
{
    struct guard *guard = mem_zalloc(sizeof *guard);
    guard->allow_http = options->allow_http;
    guard->allow_private = options->allow_private;
    if (read_list(&guard->deny, options->deny, error) &&
        read_list(&guard->allow, options->allow, error) &&
        read_port_list(guard, options->ports, error))
        return guard;
    guard_free(guard);
    return NULL;
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    free(guard->deny.items);
    free(guard->allow.items);
    free(guard->ports);
    free(guard);
}
