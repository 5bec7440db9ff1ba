/* SPDX-License-Identifier: Apache-2.0 */
/* Where requests may go. A tenant chooses a webhook's URL, and names its own name servers with it: no
 * request may reach the operator's network through us. Pure.
 *
 * The ranges are those that the IANA registries of special-purpose addresses (RFC 6890; for IPv4 and
 * IPv6) do not call globally reachable, multicast, and addresses where clouds keep credentials. An IPv6
 * address with an IPv4 address in it (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) is judged by
 * both. */
#ifndef HOOKLINE_WEBHOOK_GUARD_H
#define HOOKLINE_WEBHOOK_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/error.h"

struct guard_options {
    bool allow_http;          /* not only https */
    bool allow_private;       /* any address that `deny` does not have */
    const char *const *deny;  /* "192.0.2.0/24", "2001:db8::1"; NULL-terminated; NULL = none */
    const char *const *allow; /* in the same way: although it is private; `deny` comes first */
    const char *const *ports; /* "443", "8000-8999"; none = any */
};

/* Why a request may not be made: the value of `rule` in results and metrics. */
enum guard_rule {
    GUARD_NONE, /* it may */
    GUARD_LOOPBACK,
    GUARD_PRIVATE,
    GUARD_LINK_LOCAL,
    GUARD_SHARED, /* carrier-grade NAT */
    GUARD_METADATA,
    GUARD_MULTICAST,
    GUARD_DOCUMENTATION,
    GUARD_RESERVED,
    GUARD_UNSPECIFIED,
    GUARD_DENIED, /* by `deny` */
    GUARD_PORT,
    GUARD_SCHEME, /* http */
    GUARD_RULES,
};
extern const char *const guard_rule_names[]; /* "none", "loopback", …; NULL-terminated */

struct guard;

/* Returns new, or NULL (ERROR_CONFIG, with the element at fault). The lists are not kept. */
must_check struct guard *guard_new(const struct guard_options *options, struct error *error);
/* NULL is fine. */
void guard_free(struct guard *guard);

/* An IPv4 or IPv6 socket address; another family is GUARD_RESERVED. The port is not looked at. */
enum guard_rule guard_check_address(const struct guard *guard, const struct sockaddr *address);
/* The same for its text, with or without the brackets of a URL; a text that is no address is
 * GUARD_RESERVED. */
enum guard_rule guard_check_text(const struct guard *guard, const char *text);
/* The host of a URL, as far as it can be judged without asking a name server: an address, or localhost
 * and what is below it (RFC 6761, 6.3); a full stop behind it changes nothing. */
enum guard_rule guard_check_host(const struct guard *guard, const char *host);
/* Scheme and port of a URL. */
enum guard_rule guard_check_origin(const struct guard *guard, bool is_https, int port);

/* Both, of a URL; GUARD_NONE for a text that is none. */
enum guard_rule guard_check_url(const struct guard *guard, const char *url);

/* Whether it is a range, or an address, as lists have them; a list of ports. */
must_check bool guard_range_valid(const char *text, struct error *error);
must_check bool guard_ports_valid(const char *text, struct error *error);

#endif
