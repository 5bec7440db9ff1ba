/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription: which events of a tenant go to which URL, and how. docs/contract.md,
 * "Subscription", is the interface; docs/schemas/subscription.json its schema. */
#ifndef HOOKLINE_SUBSCRIPTIONS_SUBSCRIPTION_H
#define HOOKLINE_SUBSCRIPTIONS_SUBSCRIPTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "subscriptions/pattern.h"
#include "subscriptions/secret.h"
#include "subscriptions/selection.h"

/* Stated in docs/schemas/subscription.json too. Lengths are bytes of UTF-8. */
#define SUBSCRIPTION_TENANT_MAX       64
#define SUBSCRIPTION_ID_MAX           64
#define SUBSCRIPTION_NAME_MAX         256
#define SUBSCRIPTION_DESCRIPTION_MAX  4096
#define SUBSCRIPTION_URL_MAX          2048
#define SUBSCRIPTION_EVENTS_MAX       64
#define SUBSCRIPTION_TTLS_MAX         64
#define SUBSCRIPTION_HEADERS_MAX      32
#define SUBSCRIPTION_HEADER_NAME_MAX  128
#define SUBSCRIPTION_HEADER_BYTES_MAX 4096 /* names and values together */
#define SUBSCRIPTION_SECRETS_MAX      8
#define SUBSCRIPTION_SEALED_MAX       8192 /* of a secret or a header value, as it is stored */
#define SUBSCRIPTION_POINTERS_MAX     64   /* in each list of `fields` */
#define SUBSCRIPTION_POINTER_MAX      512
#define SUBSCRIPTION_CREDENTIAL_MAX   1024 /* a user, a password, what a token is asked for with */
#define SUBSCRIPTION_PEM_MAX          16384
/* "<tenant>/<id>" and a NUL. */
#define SUBSCRIPTION_KEY_SIZE (SUBSCRIPTION_TENANT_MAX + 1 + SUBSCRIPTION_ID_MAX + 1)

/* What stands in place of a header's value and of a secret wherever a subscription is shown. */
#define SUBSCRIPTION_MASK "***"

struct subscription_header {
    const char *name;
    const char *value;
};

struct subscription_secret {
    const char *id;
    enum secret_kind kind; /* the scheme that it signs in */
    const char *text;      /* "whsec_…", "whsk_…", or either of them sealed (seal.h) */
    int64_t expires_at_ms; /* wall clock; 0 = never */
};

struct subscription_ttl {
    const char *event; /* a canonical or own type, or "*" */
    int64_t ms;
};

/* What is sent of an event. */
enum subscription_format {
    FORMAT_RAW, /* the event's own bytes */
    FORMAT_STANDARD,
    FORMAT_CLOUDEVENTS, /* binary mode */
    FORMAT_CLOUDEVENTS_STRUCTURED,
    FORMAT_FORM,
    FORMAT_XML,
};
extern const char *const subscription_format_names[]; /* "raw", …; ends with NULL */

/* How Hookline says who it is (`auth`): one of the two, or neither. Passwords may be sealed. */
struct subscription_auth {
    /* HTTP Basic (RFC 7617); NULL = not this. */
    const char *username, *password;
    /* OAuth 2.0, client credentials (RFC 6749, 4.4); token_url NULL = not this. */
    const char *token_url, *client_id, *client_secret;
    const char *scope, *audience; /* NULL = not sent */
    bool secret_in_body;          /* and not as HTTP Basic (RFC 6749, 2.3.1) */
};

/* PEM; NULL = not given. The key may be sealed. */
struct subscription_tls {
    const char *ca; /* instead of the operator's: whom the endpoint's certificate is from */
    const char *certificate, *key; /* our own, for an endpoint that asks for one; both or neither */
};

/* Immutable after parsing and shared by reference count. Zero or NULL = not given: the role's
 * default holds. All pointers live as long as the subscription. */
struct subscription {
    const char *tenant;
    const char *id;
    const char *key; /* "<tenant>/<id>": of its records in Kafka */
    const char *name;
    const char *url;
    const char *description;
    const char *const *events; /* patterns: "call.ringing", "call.*", "*"; event_count of them */
    size_t event_count;
    const struct pattern *filter; /* of those the events that it matches; NULL = all */
    enum subscription_format format;
    /* Of its fields those; NULL = all. And of those not these; NULL = none is left out. */
    const struct selection *include, *exclude;
    bool allow_denied; /* fields of the deny list are sent too */
    const struct subscription_header *headers;
    size_t header_count;
    struct subscription_auth auth;
    struct subscription_tls tls;
    const struct subscription_secret
        *secrets; /* requests are signed with each; none = not signed */
    size_t secret_count;
    bool enabled;
    bool paused;
    bool unordered; /* "ordering": "none" */
    bool http2;
    bool trace;
    int64_t timeout_ms;
    int64_t connect_timeout_ms;
    int64_t retry_max_age_ms;
    int64_t retry_max_attempts;
    int64_t retry_4xx;
    const struct subscription_ttl *ttl;
    size_t ttl_count;
    int64_t max_in_flight;
    double rate_per_second; /* 0 = no limit */
    int64_t rate_burst;
    int64_t disable_after_ms;
    int64_t
        reset_at_ms; /* wall clock: what was held against the endpoint before is forgotten; 0 = never */
    int64_t version;
    const char *creation; /* what the request that made it is known by */
    char *text;           /* all of it as it came, unknown fields included: compact JSON */
    char *strings;        /* what the pointers above point to */
    unsigned refs;
};

/* Parses and validates one subscription object (borrowed, and copied). Returns new with one
 * reference, or NULL with the field at fault as a JSON pointer in the text: "/events/1: …"
 * (ERROR_CONFIG). `strict` refuses unknown fields, naming the nearest known one, and masked
 * values: for what people write. Records of the registry are read without it, so that a newer
 * version's fields pass. Fields of the contract that this version does not implement are refused
 * either way: to ignore a filter would be to deliver what was not asked for. */
must_check struct subscription *subscription_parse(
    const json_t *json, bool strict, struct error *error);

/* One thing that is wrong: `pointer` (RFC 6901) leads to it, "" is the whole. Both are borrowed. */
typedef void subscription_problem(void *arg, const char *pointer, const char *text);

/* The same, but reports everything that is wrong and not only the first. */
must_check struct subscription *subscription_parse_all(
    const json_t *json, bool strict, subscription_problem *report, void *arg);

/* The same, strict, but SUBSCRIPTION_MASK may stand for a value of a header or a secret: what somebody was
 * shown, and writes back. */
must_check struct subscription *subscription_parse_masked(
    const json_t *json, subscription_problem *report, void *arg);

struct subscription *subscription_ref(struct subscription *subscription);
/* NULL is fine. */
void subscription_unref(struct subscription *subscription);

/* Whether an event of `type` is asked for by `events` (looking neither at `enabled` nor at `filter`). */
bool subscription_wants(const struct subscription *subscription, const char *type);

/* Whether `headers` has one of that name, in whatever case. */
bool subscription_has_header(const struct subscription *subscription, const char *name);

/* The time to live that `ttl_s` gives to events of `type`, by its name before "*"; 0 = nothing. */
int64_t subscription_ttl_ms(const struct subscription *subscription, const char *type);

/* All of it as JSON. Returns new. */
json_t *subscription_json(const struct subscription *subscription);

/* 1–64 of [A-Za-z0-9_-]. */
bool subscription_id_valid(const char *id);

/* A copy that may be shown: header values and secrets are replaced by SUBSCRIPTION_MASK, and "creation" is
 * left out. Returns new. */
json_t *subscription_masked(const struct subscription *subscription);

#endif
