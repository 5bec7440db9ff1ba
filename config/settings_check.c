/* SPDX-License-Identifier: Apache-2.0 */
/* What a value must be beyond its type and range, and how it is shown if it holds a secret. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "config/settings_internal.h"
#include "events/event.h"
#include "subscriptions/ttl.h"

#define MASK "********"
/* The characters of a topic's name, and how many it may have (Kafka's Topic.java). */
#define TOPIC_CHARACTERS  "A-Za-z0-9._-"
#define TOPIC_MAX         249
#define HOST_NAME_MAX_LEN 253 /* RFC 1035, 2.3.4, as text */

static bool is_port(const char *text, int64_t min)
{
    int64_t port;
    return text_parse_int(text, &port) && port >= min && port <= 65535;
}

/* What follows the last colon, unless that is inside an IPv6 address or a scheme; else NULL. */
static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon && !strchr(colon, ']') && colon[1] != '/' ? colon + 1 : NULL;
}

static bool check_broker(const char *broker, struct error *error)
{
    const char *port = port_of(broker);
    if (!*broker || port == broker + 1 || strpbrk(broker, " \t"))
        return error_set(error, ERROR_CONFIG, "\"%s\" is no host:port", broker);
    if (port && !is_port(port, 1))
        return error_set(error, ERROR_CONFIG, "\"%s\" is no port, in \"%s\"", port, broker);
    return true;
}

bool check_brokers(const char *value, struct error *error)
{
    bool good = true;
    for (const char *next = value; good; next++) {
        size_t len = strcspn(next, ",");
        char *broker = mem_dup(next, len);
        good = check_broker(broker, error);
        free(broker);
        next += len;
        if (!*next)
            break;
    }
    return good;
}

/* Whether the value of the property "name=value" must not be shown. */
static bool is_secret(const char *property)
{
    static const char *const patterns[] = {
        "*password*", "*secret*", "ssl.*.pem", "sasl.oauthbearer.config", "sasl.jaas.config", NULL};
    char *name = mem_dup(property, strcspn(property, "="));
    bool secret = false;
    for (size_t i = 0; patterns[i] && !secret; i++)
        secret = text_glob(patterns[i], name);
    free(name);
    return secret;
}

bool check_property(const char *value, struct error *error)
{
    /* Not repeated: it may be a password, in a line whose "=" was forgotten. */
    if (!strchr(value, '='))
        return error_set(error, ERROR_CONFIG, "not of the form name=value");
    return kafka_property_check(value, error);
}

void mask_property(const char *value, struct buffer *out)
{
    size_t name_len = strcspn(value, "=");
    if (is_secret(value) && value[name_len])
        buffer_printf(out, "%.*s=%s", (int)name_len, value, MASK);
    else
        buffer_add_text(out, value);
}

/* User and password, up to the last @ before the path, as curl reads it. */
void mask_url(const char *value, struct buffer *out)
{
    const char *scheme = strstr(value, "://");
    const char *authority = scheme ? scheme + 3 : value;
    const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
    if (at)
        buffer_printf(out, "%.*s%s%s", (int)(authority - value), value, MASK, at);
    else
        buffer_add_text(out, value);
}

bool check_topic_prefix(const char *value, struct error *error)
{
    return text_matches_set(value, TOPIC_MAX, TOPIC_CHARACTERS) ||
           error_set(error, ERROR_CONFIG,
               "\"%s\" has characters that topic names must not have; they may have "
               "letters, digits and . _ -",
               value);
}

bool check_topic(const char *value, struct error *error)
{
    if (!strcmp(value, ".") || !strcmp(value, ".."))
        return error_set(error, ERROR_CONFIG, "\"%s\" is no name for a topic", value);
    return text_matches_set(value, TOPIC_MAX, TOPIC_CHARACTERS) ||
           error_set(error, ERROR_CONFIG,
               "\"%s\" is no name for a topic: 1 to %d letters, digits and . _ -", value,
               TOPIC_MAX);
}

/* Two things are ours to say: a registry that is deleted from loses subscriptions. */
bool check_topic_config(const char *value, struct error *error)
{
    size_t name_len = strcspn(value, "=");
    if (!name_len || !value[name_len])
        return error_set(error, ERROR_CONFIG, "\"%s\" is not of the form name=value", value);
    if (!strncmp(value, "cleanup.policy=", name_len + 1))
        return error_set(
            error, ERROR_CONFIG, "cleanup.policy cannot be set: each topic has the one it needs");
    if (!strncmp(value, "retention.ms=", name_len + 1))
        return error_set(error, ERROR_CONFIG,
            "retention.ms cannot be set here; there are topics.deliveries_retention, "
            "topics.results_retention and topics.dead_letters_retention");
    return true;
}

bool check_replication_factor(const char *value, struct error *error)
{
    int64_t factor;
    return !text_parse_int(value, &factor) || factor != 0 ||
           error_set(error, ERROR_CONFIG,
               "0 replicas would hold nothing; -1 is the broker's "
               "default");
}

bool check_tenant(const char *value, struct error *error)
{
    return !*value || event_tenant_valid(value) ||
           error_set(error, ERROR_CONFIG, "\"%s\" is no tenant id: 1 to %d of a-z 0-9 _ -", value,
               EVENT_TENANT_MAX);
}

bool check_tenant_pattern(const char *value, struct error *error)
{
    return text_matches_set(value, EVENT_TENANT_MAX, "a-z0-9*_-") ||
           error_set(error, ERROR_CONFIG,
               "\"%s\" is no pattern of a tenant id: 1 to %d of a-z 0-9 _ - *", value,
               EVENT_TENANT_MAX);
}

bool check_ttl(const char *value, struct error *error)
{
    const char *const entries[] = {value, NULL};
    struct ttl_table table;
    if (!ttl_table_init(&table, entries, INT64_MAX / 2, error))
        return false;
    ttl_table_release(&table);
    return true;
}

bool check_pointer(const char *value, struct error *error)
{
    return !*value || *value == '/' ||
           error_set(error, ERROR_CONFIG, "\"%s\" is no JSON pointer: write \"/%s\"", value, value);
}

bool check_proxy(const char *value, struct error *error)
{
    static const char *const schemes[] = {
        "http://*", "https://*", "socks5://*", "socks5h://*", NULL};
    if (!*value)
        return true;
    for (size_t i = 0; schemes[i]; i++)
        if (text_glob(schemes[i], value))
            return true;
    /* Not repeated: it may hold a password. */
    return error_set(
        error, ERROR_CONFIG, "must begin with http://, https://, socks5:// or socks5h://");
}

bool check_listen(const char *value, struct error *error)
{
    const char *port = port_of(value);
    return !*value || (port && is_port(port, 0)) ||
           error_set(error, ERROR_CONFIG,
               "\"%s\" is no address to listen on, such as \"127.0.0.1:9464\" or \":9464\"", value);
}

bool check_host_name(const char *value, struct error *error)
{
    return !*value || text_matches_set(value, HOST_NAME_MAX_LEN, "A-Za-z0-9.-") ||
           error_set(error, ERROR_CONFIG,
               "\"%s\" is no host name, such as \"hookline.example.com\"", value);
}
