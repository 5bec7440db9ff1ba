/* SPDX-License-Identifier: Apache-2.0 */
/* What the strings of a subscription may be. */
#include "subscriptions/validate.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "events/event.h"
#include "subscriptions/subscription.h"

bool validate_tenant(const char *tenant, struct error *error)
{
    if (event_tenant_valid(tenant))
        return true;
    return error_set(
        error, ERROR_CONFIG, "a tenant is 1 to %d of a-z, 0-9, _ and -", SUBSCRIPTION_TENANT_MAX);
}

bool validate_id(const char *id, struct error *error)
{
    if (subscription_id_valid(id))
        return true;
    return error_set(
        error, ERROR_CONFIG, "an id is 1 to %d of A-Z, a-z, 0-9, _ and -", SUBSCRIPTION_ID_MAX);
}

/* The characters that RFC 3986 gives a place in a URL; "%" is looked at separately. */
static bool url_char(unsigned char c)
{
    return c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool check_url_chars(const char *url, struct error *error)
{
    for (const char *p = url; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < ' ' || c == 0x7f)
            return error_set(error, ERROR_CONFIG, "control character at offset %td", p - url);
        if (c > 0x7e)
            return error_set(error, ERROR_CONFIG,
                "non-ASCII character at offset %td: percent-encode it, or use the "
                "xn-- form of a host",
                p - url);
        if (!url_char(c))
            return error_set(
                error, ERROR_CONFIG, "'%c' at offset %td has to be percent-encoded", *p, p - url);
        if (c == '%' && !(is_hex(p[1]) && is_hex(p[2])))
            return error_set(error, ERROR_CONFIG,
                "'%%' at offset %td without two hex digits behind it", p - url);
        if (c == '#')
            return error_set(error, ERROR_CONFIG, "a fragment (#…) is never sent: leave it out");
    }
    return true;
}

static bool check_port(const char *port, size_t len, struct error *error)
{
    unsigned value = 0;
    for (size_t i = 0; i < len && value <= 65535; i++) {
        if (port[i] < '0' || port[i] > '9')
            return error_set(error, ERROR_CONFIG, "the port is not a number");
        value = value * 10 + (unsigned)(port[i] - '0');
    }
    if (value < 1 || value > 65535)
        return error_set(error, ERROR_CONFIG, "the port is not 1 to 65535");
    return true;
}

static bool check_host(const char *host, size_t len, struct error *error)
{
    if (len == 0)
        return error_set(error, ERROR_CONFIG, "no host");
    if (len > 253)
        return error_set(error, ERROR_CONFIG, "the host is longer than 253 characters");
    char copy[254];
    memcpy(copy, host, len);
    copy[len] = '\0';
    if (!text_matches_set(copy, 253, "A-Za-z0-9._-") || copy[0] == '.' || strstr(copy, ".."))
        return error_set(error, ERROR_CONFIG, "the host is not a name or an address");
    return true;
}

/* The literal without its brackets; a zone (fe80::1%eth0) is of no use in a registry. */
static bool check_ipv6(const char *host, size_t len, struct error *error)
{
    char copy[46];
    if (len >= sizeof copy || len < 2)
        return error_set(error, ERROR_CONFIG, "the host is not an IPv6 address");
    memcpy(copy, host, len);
    copy[len] = '\0';
    struct in6_addr address;
    if (inet_pton(AF_INET6, copy, &address) != 1)
        return error_set(error, ERROR_CONFIG, "the host is not an IPv6 address");
    return true;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool check_authority(const char *authority, size_t len, struct error *error)
{
    if (memchr(authority, '@', len))
        return error_set(
            error, ERROR_CONFIG, "a user or password in the URL: use a header instead");
    const char *end = authority + len;
    const char *host_end;
    if (len && authority[0] == '[') {
        const char *close = memchr(authority, ']', len);
        if (!close)
            return error_set(error, ERROR_CONFIG, "the host's [ is not closed");
        if (!check_ipv6(authority + 1, (size_t)(close - authority - 1), error))
            return false;
        host_end = close + 1;
    } else {
        const char *colon = memchr(authority, ':', len);
        host_end = colon ? colon : end;
        if (!check_host(authority, (size_t)(host_end - authority), error))
            return false;
    }
    if (host_end == end)
        return true;
    if (*host_end != ':')
        return error_set(error, ERROR_CONFIG, "the host is not a name or an address");
    return check_port(host_end + 1, (size_t)(end - host_end - 1), error);
}

bool validate_url(const char *url, struct error *error)
{
    if (strlen(url) > SUBSCRIPTION_URL_MAX)
        return error_set(error, ERROR_CONFIG, "longer than %d bytes", SUBSCRIPTION_URL_MAX);
    const char *rest;
    if (strncmp(url, "https://", 8) == 0)
        rest = url + 8;
    else if (strncmp(url, "http://", 7) == 0)
        rest = url + 7;
    else
        return error_set(error, ERROR_CONFIG, "does not begin with https:// or http://");
    return check_url_chars(url, error) && check_authority(rest, strcspn(rest, "/?"), error);
}

bool validate_event_pattern(const char *pattern, struct error *error)
{
    size_t len = strlen(pattern);
    if (len == 0)
        return error_set(error, ERROR_CONFIG, "is empty");
    if (len > EVENT_TYPE_MAX)
        return error_set(error, ERROR_CONFIG, "longer than %d characters", EVENT_TYPE_MAX);
    if (strcmp(pattern, "*") == 0)
        return true;
    char type[EVENT_TYPE_MAX + 1];
    memcpy(type, pattern, len + 1);
    if (len > 2 && strcmp(type + len - 2, ".*") == 0)
        type[len - 2] = '\0';
    if (event_type_valid(type))
        return true;
    if (strchr(type, '*'))
        return error_set(error, ERROR_CONFIG,
            "a * stands alone (\"*\") or after the last dot "
            "(\"call.*\")");
    return error_set(
        error, ERROR_CONFIG, "an event type is made of A-Z, a-z, 0-9, '.', '_' and '-'");
}

bool validate_event_or_all(const char *event, struct error *error)
{
    if (strcmp(event, "*") == 0 || event_type_valid(event))
        return true;
    return error_set(error, ERROR_CONFIG,
        "neither an event type (1 to %d of A-Z, a-z, 0-9, '.', "
        "'_' and '-') nor \"*\"",
        EVENT_TYPE_MAX);
}

/* Headers that are ours or the connection's; a "*" stands for any ending. */
static const struct {
    const char *pattern;
    const char *why;
} reserved_headers[] = {
    {"host", "it comes from the URL"},
    {"content-*", "it describes the body, which Hookline makes"},
    {"webhook-*", "it belongs to Standard Webhooks"},
    {"hookline-*", "it belongs to Hookline"},
    {"connection", "it belongs to the connection"},
    {"keep-alive", "it belongs to the connection"},
    {"proxy-*", "it belongs to the connection"},
    {"te", "it belongs to the connection"},
    {"trailer", "it belongs to the connection"},
    {"transfer-encoding", "it belongs to the connection"},
    {"upgrade", "it belongs to the connection"},
    {"http2-settings", "it belongs to the connection"},
    {"expect", "Hookline never waits for 100 Continue"},
};

static bool matches_reserved(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    if (pattern[len - 1] == '*')
        return strncasecmp(pattern, name, len - 1) == 0;
    return strcasecmp(pattern, name) == 0;
}

bool validate_header_name(const char *name, struct error *error)
{
    if (!text_matches_set(name, SUBSCRIPTION_HEADER_NAME_MAX, "A-Za-z0-9!#$%&'*+.^_`|~-"))
        return error_set(error, ERROR_CONFIG,
            "not a header name: 1 to %d characters, without "
            "blanks, colons and the like",
            SUBSCRIPTION_HEADER_NAME_MAX);
    for (size_t i = 0; i < sizeof reserved_headers / sizeof reserved_headers[0]; i++)
        if (matches_reserved(reserved_headers[i].pattern, name))
            return error_set(error, ERROR_CONFIG, "a reserved header (%s): %s",
                reserved_headers[i].pattern, reserved_headers[i].why);
    return true;
}

/* C0, DEL, and C1 in UTF-8 (C2 80 to C2 9F), which some terminals obey. */
static const char *find_control(const char *text, const char *except)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool c1 = c == 0xc2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] <= 0x9f;
        if ((c < ' ' && !strchr(except, c)) || c == 0x7f || c1)
            return p;
    }
    return NULL;
}

static bool check_controls(const char *text, const char *except, struct error *error)
{
    const char *found = find_control(text, except);
    if (!found)
        return true;
    return error_set(error, ERROR_CONFIG, "control character at offset %td", found - text);
}

bool validate_header_value(const char *value, struct error *error)
{
    size_t len = strlen(value);
    if (len == 0)
        return error_set(error, ERROR_CONFIG, "is empty");
    if (!check_controls(value, "\t", error))
        return false;
    if (strchr(" \t", value[0]) || strchr(" \t", value[len - 1]))
        return error_set(
            error, ERROR_CONFIG, "begins or ends with a blank, which would be cut off");
    return true;
}

bool validate_line(const char *text, struct error *error)
{
    return check_controls(text, "", error);
}

bool validate_paragraphs(const char *text, struct error *error)
{
    return check_controls(text, "\n\t", error);
}

/* RFC 7617, 2: a colon would end it. */
bool validate_username(const char *text, struct error *error)
{
    if (strchr(text, ':'))
        return error_set(error, ERROR_CONFIG, "a colon, which HTTP Basic cannot carry");
    return validate_credential(text, error);
}

bool validate_credential(const char *text, struct error *error)
{
    if (!*text)
        return error_set(error, ERROR_CONFIG, "is empty");
    return check_controls(text, "", error);
}

/* RFC 6749, 3.3. */
bool validate_scope(const char *text, struct error *error)
{
    for (const char *p = text; *p; p++)
        if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
            return error_set(error, ERROR_CONFIG, "no scope: a character at offset %td", p - text);
    return validate_credential(text, error);
}
