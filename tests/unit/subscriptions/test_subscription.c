/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription read from JSON: what is taken, what is refused, and what it wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "subscriptions/subscription.h"

#define MINIMAL      "\"tenant\":\"acme\",\"id\":\"crm\",\"url\":\"https://crm.example/hook\","
#define EVENTS       "\"events\":[\"*\"]"
#define SECRET       "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static json_t *load(const char *text)
{
    json_error_t fault;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
    if (!json)
        fail_msg("%s in %s", fault.text, text);
    return json;
}

/* NULL where it is refused; then the text is in `error`. */
static struct subscription *parse(const char *text, bool strict, struct error *error)
{
    json_t *json = load(text);
    struct subscription *sub = subscription_parse(json, strict, error);
    json_decref(json);
    if (!sub) {
        assert_true(error_is_set(error));
        assert_int_equal(error->kind, ERROR_CONFIG);
    }
    return sub;
}

static struct subscription *parse_good(const char *text)
{
    struct error error = ERROR_INIT;
    struct subscription *sub = parse(text, true, &error);
    if (!sub)
        fail_msg("%s: %s", text, error.text);
    return sub;
}

static void defaults(void **state)
{
    (void)state;
    struct subscription *sub = parse_good("{" MINIMAL EVENTS "}");
    assert_string_equal(sub->tenant, "acme");
    assert_string_equal(sub->id, "crm");
    assert_string_equal(sub->url, "https://crm.example/hook");
    assert_null(sub->name);
    assert_int_equal(sub->event_count, 1);
    assert_true(sub->enabled);
    assert_false(sub->paused);
    assert_false(sub->unordered);
    assert_false(sub->http2);
    assert_int_equal(sub->header_count, 0);
    assert_int_equal(sub->timeout_ms, 0);
    assert_int_equal(sub->retry_max_attempts, 0);
    assert_true(sub->rate_per_second == 0);
    assert_string_equal(sub->key, "acme/crm");
    subscription_unref(sub);
}

static const char full[] =
    "{" MINIMAL
    "\"events\":[\"call.ringing\",\"agent.*\"],\"name\":\"CRM\",\"description\":\"a\\nb\","
    "\"headers\":{\"X-Api-Key\":\"s3cret\",\"x-b\":\"2\"},\"enabled\":false,\"paused\":true,"
    "\"ordering\":\"none\",\"http2\":true,\"trace\":true,\"timeout_ms\":60000,"
    "\"connect_timeout_ms\":100,\"retry\":{\"max_age_s\":3600,\"max_attempts\":7,\"retry_4xx\":1},"
    "\"ttl_s\":{\"call.ringing\":30,\"*\":60},\"rate_limit\":{\"per_second\":2.5,\"burst\":10},"
    "\"max_in_flight\":64,\"disable_after_s\":86400,\"format\":\"raw\",\"version\":3,"
    "\"created_at\":\"2026-03-02T08:14:05.318Z\",\"updated_at\":\"2026-03-02T08:14:05.318Z\"}";

static void all_fields(void **state)
{
    (void)state;
    struct subscription *sub = parse_good(full);
    assert_string_equal(sub->name, "CRM");
    assert_string_equal(sub->description, "a\nb");
    assert_int_equal(sub->event_count, 2);
    assert_string_equal(sub->events[1], "agent.*");
    assert_int_equal(sub->header_count, 2);
    assert_string_equal(sub->headers[0].name, "X-Api-Key");
    assert_string_equal(sub->headers[0].value, "s3cret");
    assert_false(sub->enabled);
    assert_true(sub->paused);
    assert_true(sub->unordered);
    assert_true(sub->http2);
    assert_true(sub->trace);
    assert_int_equal(sub->timeout_ms, 60000);
    assert_int_equal(sub->connect_timeout_ms, 100);
    assert_int_equal(sub->retry_max_age_ms, 3600000);
    assert_int_equal(sub->retry_max_attempts, 7);
    assert_int_equal(sub->retry_4xx, 1);
    assert_true(sub->rate_per_second == 2.5);
    assert_int_equal(sub->rate_burst, 10);
    assert_int_equal(sub->max_in_flight, 64);
    assert_int_equal(sub->disable_after_ms, 86400000);
    assert_int_equal(sub->version, 3);
    assert_int_equal(subscription_ttl_ms(sub, "call.ringing"), 30000);
    assert_int_equal(subscription_ttl_ms(sub, "call.ended"), 60000);
    subscription_unref(sub);
}

static void good(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "\"url\":\"http://x\"",
        "\"url\":\"https://10.0.0.1:8443?a=b&c=%20\"",
        "\"url\":\"https://[2001:db8::1]:443/a/b\"",
        "\"url\":\"https://[::1]\"",
        "\"url\":\"https://a.example./p?q=/@:\"",
        "\"events\":[\"a\"]",
        "\"events\":[\"call.*\",\"*\",\"x_1-2.y\"]",
        "\"headers\":{}",
        "\"headers\":{\"Authorization\":\"Bearer a b\\tc\",\"user-agent\":\"x\",\"x-host\":\"é\"}",
        "\"rate_limit\":{\"per_second\":1}",
        "\"retry\":{}",
        "\"ordering\":\"key\"",
        "\"name\":\"\\u0645\\u0631\\u062d\\u0628\\u0627\"",
        "\"reset_at\":\"2026-03-02T08:14:05.318Z\"",
    };
    for (size_t i = 0; i < COUNT(fields); i++) {
        char text[1024];
        json_t *json = load("{" MINIMAL EVENTS "}");
        snprintf(text, sizeof text, "{%s}", fields[i]);
        json_t *more = load(text);
        json_object_update(json, more);
        struct error error = ERROR_INIT;
        struct subscription *sub = subscription_parse(json, true, &error);
        if (!sub)
            fail_msg("%s: %s", fields[i], error.text);
        subscription_unref(sub);
        json_decref(more);
        json_decref(json);
    }
}

/* A field with a fault, and how the error begins. */
static const struct {
    const char *field;
    const char *text;
} faults[] = {
    {"\"tenant\":\"Acme\"", "/tenant: a tenant is 1 to 64 of"},
    {"\"tenant\":\"\"", "/tenant: a tenant is"},
    {"\"tenant\":7", "/tenant: expected a string, found an integer"},
    {"\"tenant\":null", "/tenant: expected a string, found null"},
    {"\"id\":\"a/b\"", "/id: an id is 1 to 64 of"},
    {"\"id\":\"a\\u0000b\"", "/id: contains a NUL"},
    {"\"name\":\"a\\u001bb\"", "/name: control character at offset 1"},
    {"\"name\":\"a\\u009bb\"", "/name: control character at offset 1"},
    {"\"url\":\"ftp://x\"", "/url: does not begin with https:// or http://"},
    {"\"url\":\"x.example/hook\"", "/url: does not begin with"},
    {"\"url\":\"https://\"", "/url: no host"},
    {"\"url\":\"https:///path\"", "/url: no host"},
    {"\"url\":\"https://?q\"", "/url: no host"},
    {"\"url\":\"https://:443/\"", "/url: no host"},
    {"\"url\":\"https://u:p@x/\"", "/url: a user or password"},
    {"\"url\":\"https://x/#f\"", "/url: a fragment"},
    {"\"url\":\"https://x/a b\"", "/url: ' ' at offset 11 has to be percent-encoded"},
    {"\"url\":\"https://x/a\\rb\"", "/url: control character at offset 11"},
    {"\"url\":\"https://x/é\"", "/url: non-ASCII character at offset 10"},
    {"\"url\":\"https://good.example\\\\@evil.example/\"", "/url: '\\' at offset 20"},
    {"\"url\":\"https://x/%zz\"", "/url: '%' at offset 10 without two hex digits"},
    {"\"url\":\"https://x/%\"", "/url: '%' at offset 10 without two hex digits"},
    {"\"url\":\"https://x:0/\"", "/url: the port is not 1 to 65535"},
    {"\"url\":\"https://x:/\"", "/url: the port is not 1 to 65535"},
    {"\"url\":\"https://x:65536/\"", "/url: the port is not 1 to 65535"},
    {"\"url\":\"https://x:99999999999999999999/\"", "/url: the port is not 1 to 65535"},
    {"\"url\":\"https://x:a/\"", "/url: the port is not a number"},
    {"\"url\":\"https://a:1:2/\"", "/url: the port is not a number"},
    {"\"url\":\"https://a..b/\"", "/url: the host is not a name"},
    {"\"url\":\"https://a%41/\"", "/url: the host is not a name"},
    {"\"url\":\"https://[::1/\"", "/url: the host's [ is not closed"},
    {"\"url\":\"https://[fe80::1%25eth0]/\"", "/url: the host is not an IPv6 address"},
    {"\"url\":\"https://[::1]x/\"", "/url: the host is not a name"},
    {"\"url\":\"https://[]/\"", "/url: the host is not an IPv6 address"},
    {"\"url\":\"https://[64:ff9b::a0001]/\"", "/url: the host is not an IPv6 address"},
    {"\"events\":[]", "/events: has fewer than 1 elements"},
    {"\"events\":\"*\"", "/events: expected an array, found a string"},
    {"\"events\":[\"*\",1]", "/events/1: expected a string, found an integer"},
    {"\"events\":[\"call*\"]", "/events/0: a * stands alone"},
    {"\"events\":[\"*.ended\"]", "/events/0: a * stands alone"},
    {"\"events\":[\"call.*.x\"]", "/events/0: a * stands alone"},
    {"\"events\":[\".*\"]", "/events/0: a * stands alone"},
    {"\"events\":[\"\"]", "/events/0: is empty"},
    {"\"events\":[\"a b\"]", "/events/0: an event type is made of"},
    {"\"events\":[\"a\",\"b\",\"a\"]", "/events/2: stands there twice"},
    {"\"headers\":[]", "/headers: expected an object, found an array"},
    {"\"headers\":{\"x\":1}", "/headers/x: expected a string, found an integer"},
    {"\"headers\":{\"x\":\"\"}", "/headers/x: is empty"},
    {"\"headers\":{\"x\":\"a\\r\\nb: c\"}", "/headers/x: control character at offset 1"},
    {"\"headers\":{\"x\":\"a\\u0000\"}", "/headers/x: contains a NUL"},
    {"\"headers\":{\"x\":\"a \"}", "/headers/x: begins or ends with a blank"},
    {"\"headers\":{\"x\":\"\\ta\"}", "/headers/x: begins or ends with a blank"},
    {"\"headers\":{\"\":\"a\"}", "/headers/: not a header name"},
    {"\"headers\":{\"a b\":\"c\"}", "/headers/a b: not a header name"},
    {"\"headers\":{\"a:b\":\"c\"}", "/headers/a:b: not a header name"},
    {"\"headers\":{\"a/b~\":\"c\"}", "/headers/a~1b~0: not a header name"},
    {"\"headers\":{\"Host\":\"c\"}", "/headers/Host: a reserved header (host)"},
    {"\"headers\":{\"CONTENT-Type\":\"c\"}",
        "/headers/CONTENT-Type: a reserved header (content-*)"},
    {"\"headers\":{\"Webhook-Id\":\"c\"}", "/headers/Webhook-Id: a reserved header"},
    {"\"headers\":{\"hookline-x\":\"c\"}", "/headers/hookline-x: a reserved header"},
    {"\"headers\":{\"Connection\":\"c\"}", "/headers/Connection: a reserved header"},
    {"\"headers\":{\"Proxy-Authorization\":\"c\"}",
        "/headers/Proxy-Authorization: a reserved header"},
    {"\"headers\":{\"Transfer-Encoding\":\"c\"}", "/headers/Transfer-Encoding: a reserved header"},
    {"\"headers\":{\"Expect\":\"c\"}", "/headers/Expect: a reserved header"},
    {"\"headers\":{\"X-A\":\"1\",\"x-a\":\"2\"}", "/headers/x-a: the same header"},
    {"\"enabled\":1", "/enabled: expected true or false, found an integer"},
    {"\"enabled\":\"true\"", "/enabled: expected true or false, found a string"},
    {"\"ordering\":\"strict\"", "/ordering: neither \"key\" nor \"none\""},
    {"\"timeout_ms\":99", "/timeout_ms: 99 is not from 100 to 60000"},
    {"\"timeout_ms\":60001", "/timeout_ms: 60001 is not from 100 to 60000"},
    {"\"timeout_ms\":1000.5", "/timeout_ms: expected an integer, found a number with a fraction"},
    {"\"timeout_ms\":-9223372036854775808", "/timeout_ms: -9223372036854775808 is not from"},
    {"\"retry\":{\"max_age_s\":9223372036854775807}",
        "/retry/max_age_s: 9223372036854775807 is not"},
    {"\"retry\":7", "/retry: expected an object, found an integer"},
    {"\"retry\":{\"max_attempts\":0}", "/retry/max_attempts: 0 is not from 1 to 10000"},
    {"\"retry\":{\"max_atempts\":1}",
        "/retry/max_atempts: no such field; did you mean max_attempts?"},
    {"\"rate_limit\":{\"burst\":1}", "/rate_limit/per_second: missing"},
    {"\"rate_limit\":{\"per_second\":0}", "/rate_limit/per_second: 0 is not from 0.001 to 10000"},
    {"\"rate_limit\":{\"per_second\":\"1\"}",
        "/rate_limit/per_second: expected a number, found a string"},
    {"\"max_in_flight\":65", "/max_in_flight: 65 is not from 1 to 64"},
    {"\"ttl_s\":{\"call.*\":1}", "/ttl_s/call.*: neither an event type"},
    {"\"ttl_s\":{\"call.ended\":0}", "/ttl_s/call.ended: 0 is not from 1 to"},
    {"\"disable_after_s\":59", "/disable_after_s: 59 is not from 60"},
    {"\"version\":-1", "/version: -1 is not from 0"},
    {"\"format\":\"yaml\"", "/format: not one of raw, standard, cloudevents"},
    {"\"filter\":7", "/filter: expected an object, found an integer"},
    {"\"filter\":{\"a\":7}", "/filter/a: "},
    {"\"filter\":{\"duration\":[{\"numeric\":[\"<<\",7]}]}", "/filter/duration/0/numeric"},
    {"\"fields\":{\"only\":[]}", "/fields/only: no such field"},
    {"\"fields\":{\"include\":[]}", "/fields/include: has fewer than 1 elements"},
    {"\"fields\":{\"include\":[\"callID\"]}", "/fields/include/0: \"callID\" is no JSON pointer"},
    {"\"fields\":{\"exclude\":[\"\"]}", "/fields/exclude/0: \"\" is no JSON pointer"},
    {"\"fields\":{\"exclude\":[7]}", "/fields/exclude/0: expected a string"},
    {"\"fields\":{\"allow_denied\":1}", "/fields/allow_denied: expected true or false"},
    {"\"auth\":{}", "/auth: has fewer than 1 members"},
    {"\"auth\":{\"digest\":{}}", "/auth/digest: no such field"},
    {"\"auth\":{\"basic\":{\"username\":\"a:b\",\"password\":\"p\"}}",
        "/auth/basic/username: a colon"},
    {"\"auth\":{\"basic\":{\"username\":\"a\"}}", "/auth/basic/password: missing"},
    {"\"auth\":{\"basic\":{\"username\":\"a\",\"password\":\"a\\nb\"}}",
        "/auth/basic/password: control character at offset 1"},
    {"\"auth\":{\"oauth2\":{\"token_url\":\"ftp://a/"
     "\",\"client_id\":\"a\",\"client_secret\":\"b\"}}",
        "/auth/oauth2/token_url: does not begin with https:// or http://"},
    {"\"auth\":{\"oauth2\":{\"token_url\":\"https://a/"
     "\",\"client_id\":\"\",\"client_secret\":\"b\"}}",
        "/auth/oauth2/client_id: is empty"},
    {"\"auth\":{\"oauth2\":{\"token_url\":\"https://a/"
     "\",\"client_id\":\"a\",\"client_secret\":\"b\","
     "\"scope\":\"a\\\"b\"}}",
        "/auth/oauth2/scope: no scope"},
    {"\"auth\":{\"oauth2\":{\"token_url\":\"https://a/"
     "\",\"client_id\":\"a\",\"client_secret\":\"b\","
     "\"credentials_in\":\"query\"}}",
        "/auth/oauth2/credentials_in: neither \"header\" nor \"body\""},
    {"\"headers\":{\"Authorization\":\"x\"},"
     "\"auth\":{\"basic\":{\"username\":\"a\",\"password\":\"p\"}}",
        "/auth: /headers has an authorization of its own"},
    {"\"tls\":{}", "/tls: has fewer than 1 members"},
    {"\"tls\":{\"ca\":\"x\"}", "/tls/ca: no certificate in PEM"},
    {"\"tls\":{\"client_key\":\"x\"}", "/tls/client_key: no private key in PEM"},
    {"\"secrets\":{}", "/secrets: expected an array, found an object"},
    {"\"secrets\":[7]", "/secrets/0: expected an object, found an integer"},
    {"\"secrets\":[{\"secret\":\"" SECRET "\"}]", "/secrets/0/id: missing"},
    {"\"secrets\":[{\"id\":\"a\"}]", "/secrets/0/secret: missing"},
    {"\"secrets\":[{\"id\":\"a b\",\"secret\":\"" SECRET "\"}]", "/secrets/0/id: "},
    {"\"secrets\":[{\"id\":\"a\",\"secret\":\"hunter2\"}]",
        "/secrets/0/secret: a secret begins with whsec_"},
    {"\"secrets\":[{\"id\":\"a\",\"secret\":\"whsec_c2hvcnQ=\"}]",
        "/secrets/0/secret: the whsec_ secret has 5 bytes after decoding, not 24 to 64"},
    {"\"secrets\":[{\"id\":\"a\",\"scheme\":\"v1a\",\"secret\":\"" SECRET "\"}]",
        "/secrets/0/secret: a secret of this scheme begins with whsk_, not with whsec_"},
    {"\"secrets\":[{\"id\":\"a\",\"scheme\":\"v2\",\"secret\":\"" SECRET "\"}]",
        "/secrets/0/scheme: neither \"v1\" nor \"v1a\""},
    {"\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET "\",\"expires_at\":\"soon\"}]",
        "/secrets/0/expires_at: not a time (RFC 3339)"},
    {"\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET
     "\",\"expires_at\":\"2030-01-01T00:00:00Z\"}]",
        "/secrets: one of them must be without expires_at"},
    {"\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET "\"},{\"id\":\"a\",\"secret\":\"" SECRET
     "\"}]",
        "/secrets/1: the id a stands there twice"},
    {"\"secret_file\":\"a\"", "/secret_file: only in a file"},
    {"\"header_files\":{}", "/header_files: only in a file"},
};

static void check_fault(const char *field, const char *text, bool strict)
{
    char wrapped[1024];
    snprintf(wrapped, sizeof wrapped, "{%s}", field);
    json_t *json = load("{" MINIMAL EVENTS "}");
    json_t *more = load(wrapped);
    json_object_update(json, more);
    struct error error = ERROR_INIT;
    struct subscription *sub = subscription_parse(json, strict, &error);
    if (sub)
        fail_msg("taken: %s", field);
    if (strncmp(error.text, text, strlen(text)) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", field, error.text, text);
    json_decref(more);
    json_decref(json);
}

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        check_fault(faults[i].field, faults[i].text, true);
        if (!strstr(faults[i].text, "no such field"))
            check_fault(faults[i].field, faults[i].text, false);
    }
}

static void missing(void **state)
{
    (void)state;
    static const char *const names[] = {"tenant", "id", "url", "events"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char expected[64];
        json_t *json = load("{" MINIMAL EVENTS "}");
        json_object_del(json, names[i]);
        struct error error = ERROR_INIT;
        assert_null(subscription_parse(json, false, &error));
        snprintf(expected, sizeof expected, "/%s: missing", names[i]);
        assert_string_equal(error.text, expected);
        json_decref(json);
    }
    struct error error = ERROR_INIT;
    assert_null(parse("[1]", true, &error));
    assert_string_equal(error.text, "expected an object, found an array");
}

static void unknown_fields(void **state)
{
    (void)state;
    static const char text[] = "{" MINIMAL EVENTS ",\"timout_ms\":1000,\"zzz\":{\"a\":[1]}}";
    struct error error = ERROR_INIT;
    assert_null(parse(text, true, &error));
    assert_string_equal(error.text, "/timout_ms: no such field; did you mean timeout_ms?");
    struct error none = ERROR_INIT;
    struct subscription *sub = parse(text, false, &none);
    assert_non_null(sub);
    json_t *json = subscription_json(sub);
    assert_true(json_is_object(json_object_get(json, "zzz")));
    json_decref(json);
    subscription_unref(sub);
}

/* What list and get print is no value to apply; from the registry it has to be taken as it is. */
static void masked_values(void **state)
{
    (void)state;
    struct subscription *sub = parse_good(full);
    json_t *masked = subscription_masked(sub);
    const json_t *headers = json_object_get(masked, "headers");
    assert_string_equal(json_string_value(json_object_get(headers, "X-Api-Key")), "***");
    assert_string_equal(sub->headers[0].value, "s3cret");
    char *text = json_dumps(masked, 0);
    assert_null(strstr(text, "s3cret"));
    free(text);
    struct error error = ERROR_INIT;
    assert_null(subscription_parse(masked, true, &error));
    assert_memory_equal(error.text, "/headers/X-Api-Key: \"***\"", 25);
    json_decref(masked);
    subscription_unref(sub);
}

static void secrets(void **state)
{
    (void)state;
    struct subscription *sub =
        parse_good("{" MINIMAL EVENTS ",\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET
                   "\",\"created_at\":\"2026-01-01T00:00:00Z\"},"
                   "{\"id\":\"b\",\"secret\":\"" SECRET "\",\"scheme\":\"v1\","
                   "\"expires_at\":\"2026-03-02T08:14:05.318Z\"}]}");
    assert_int_equal(sub->secret_count, 2);
    assert_string_equal(sub->secrets[0].id, "a");
    assert_string_equal(sub->secrets[0].text, SECRET);
    assert_int_equal(sub->secrets[0].kind, SECRET_HMAC);
    assert_int_equal(sub->secrets[0].expires_at_ms, 0);
    assert_int_equal(sub->secrets[1].expires_at_ms, 1772439245318);
    json_t *masked = subscription_masked(sub);
    char *text = json_dumps(masked, 0);
    assert_null(strstr(text, "whsec_"));
    assert_non_null(strstr(text, "\"***\""));
    free(text);
    json_decref(masked);
    subscription_unref(sub);
}

/* The registry has sealed values; nobody is to write them by hand. */
static void sealed_values(void **state)
{
    (void)state;
    static const char sealed[] =
        "{" MINIMAL EVENTS ",\"secrets\":[{\"id\":\"a\",\"secret\":\"sealed:k:AAAA\"}]}";
    static const char header[] = "{" MINIMAL EVENTS ",\"headers\":{\"x-a\":\"sealed:k:AAAA\"}}";
    struct error error = ERROR_INIT;
    struct subscription *sub = parse(sealed, false, &error);
    assert_non_null(sub);
    subscription_unref(sub);
    sub = parse(header, false, &error);
    assert_non_null(sub);
    subscription_unref(sub);
    assert_null(parse(sealed, true, &error));
    assert_string_equal(error.text, "/secrets/0/secret: is a sealed value: give the value itself");
    error = (struct error)ERROR_INIT;
    assert_null(parse(header, true, &error));
    assert_string_equal(error.text, "/headers/x-a: is a sealed value: give the value itself");
}

static void limits(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    json_t *json = load("{" MINIMAL EVENTS "}");
    json_t *events = json_object_get(json, "events");
    for (int i = 0; i < SUBSCRIPTION_EVENTS_MAX; i++)
        json_array_append_new(events, json_sprintf("e%d", i));
    assert_null(subscription_parse(json, false, &error));
    assert_string_equal(error.text, "/events: has more than 64 elements");
    json_array_remove(events, 0);
    struct subscription *sub = subscription_parse(json, false, &error);
    assert_non_null(sub);
    subscription_unref(sub);

    char value[2060];
    memset(value, 'a', sizeof value);
    value[2059] = '\0';
    json_t *headers = json_pack("{s:s, s:s}", "x-a", value, "x-b", value);
    json_object_set_new(json, "headers", headers);
    error = (struct error)ERROR_INIT;
    assert_null(subscription_parse(json, false, &error));
    assert_string_equal(
        error.text, "/headers: names and values together are longer than 4096 bytes");
    json_object_set_new(headers, "x-b", json_string("b"));
    memcpy(value, "https://", 8);
    value[SUBSCRIPTION_URL_MAX] = '\0';
    value[8 + 100] = '/';
    json_object_set_new(json, "url", json_string(value));
    error = (struct error)ERROR_INIT;
    sub = subscription_parse(json, false, &error);
    assert_non_null(sub);
    subscription_unref(sub);
    value[SUBSCRIPTION_URL_MAX] = 'a';
    json_object_set_new(json, "url", json_string(value));
    assert_null(subscription_parse(json, false, &error));
    assert_string_equal(error.text, "/url: longer than 2048 bytes");
    json_decref(json);
}

static void collect(void *arg, const char *pointer, const char *text)
{
    buffer_printf(arg, "%s: %s\n", pointer, text);
}

static void all_problems(void **state)
{
    (void)state;
    json_t *json = load("{\"tenant\":\"A\",\"url\":\"x\",\"events\":[\"\",\"a\",\"b c\"],\"uri\":1,"
                        "\"retry\":{\"max_age_s\":true}}");
    struct buffer out = BUFFER_INIT;
    assert_null(subscription_parse_all(json, true, collect, &out));
    assert_string_equal(buffer_text(&out),
        "/uri: no such field; did you mean url?\n"
        "/tenant: a tenant is 1 to 64 of a-z, 0-9, _ and -\n"
        "/id: missing\n"
        "/url: does not begin with https:// or http://\n"
        "/events/0: is empty\n"
        "/events/2: an event type is made of A-Z, a-z, 0-9, '.', '_' and '-'\n"
        "/retry/max_age_s: expected an integer, found true or false\n");
    buffer_release(&out);
    json_decref(json);
}

static void wants(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *type;
        bool wanted;
    } rows[] = {
        {"*", "call.ringing", true},
        {"*", "anything", true},
        {"call.*", "call.ringing", true},
        {"call.*", "call.a.b", true},
        {"call.*", "call", false},
        {"call.*", "call.", false},
        {"call.*", "calls.x", false},
        {"call.*", "agent.login", false},
        {"call.a.*", "call.a.b", true},
        {"call.a.*", "call.b", false},
        {"call.ended", "call.ended", true},
        {"call.ended", "call.ended2", false},
        {"call.ended", "call.ende", false},
        {"call.ended", "Call.ended", false},
        /* Operational events. */
        {"*", "hookline.endpoint.failing", false},
        {"hookline.*", "hookline.endpoint.failing", true},
        {"hookline.endpoint.*", "hookline.endpoint.failing", true},
        {"hookline.endpoint.failing", "hookline.endpoint.failing", true},
        {"hookline.endpoint.failing", "hookline.endpoint.recovered", false},
        {"hookline.tenant.*", "hookline.endpoint.failing", false},
        {"hookline.*", "hookline.", false},
        {"hookline.*", "hookline", false},
        {"hookline.*", "hookline2.endpoint.failing", false},
        {"hookline.*", "call.ringing", false},
        {"*", "hookline", true},
        {"*", "hookline-x", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[256];
        snprintf(text, sizeof text, "{" MINIMAL "\"events\":[\"none\",\"%s\"]}", rows[i].pattern);
        struct subscription *sub = parse_good(text);
        if (subscription_wants(sub, rows[i].type) != rows[i].wanted)
            fail_msg("%s and %s", rows[i].pattern, rows[i].type);
        subscription_unref(sub);
    }
}

/* The caller's JSON may change or go: the subscription has its own. */
static void owns_its_json(void **state)
{
    (void)state;
    json_t *json = load("{" MINIMAL EVENTS ",\"headers\":{\"x\":\"y\"}}");
    struct error error = ERROR_INIT;
    struct subscription *sub = subscription_parse(json, true, &error);
    json_object_clear(json);
    json_decref(json);
    struct subscription *other = subscription_ref(sub);
    subscription_unref(sub);
    assert_string_equal(other->url, "https://crm.example/hook");
    assert_string_equal(other->headers[0].value, "y");
    subscription_unref(other);
    subscription_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_fields),
        cmocka_unit_test(good),
        cmocka_unit_test(refused),
        cmocka_unit_test(missing),
        cmocka_unit_test(unknown_fields),
        cmocka_unit_test(masked_values),
        cmocka_unit_test(secrets),
        cmocka_unit_test(sealed_values),
        cmocka_unit_test(limits),
        cmocka_unit_test(all_problems),
        cmocka_unit_test(wants),
        cmocka_unit_test(owns_its_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
