/* SPDX-License-Identifier: Apache-2.0 */
/* The request that a delivery becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "webhook/request.h"

/* A subscription with `more` fields; NULL if they are refused. */
static struct subscription *parse(const char *more, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    buffer_printf(&text,
        "{\"tenant\":\"acme\",\"id\":\"crm\",\"url\":\"https://crm.example/hook?a=b\","
        "\"events\":[\"*\"]%s}",
        more);
    json_t *json = json_loads(text.data, 0, NULL);
    assert_non_null(json);
    struct subscription *subscription = subscription_parse(json, true, error);
    json_decref(json);
    buffer_release(&text);
    return subscription;
}

static struct subscription *subscribe(const char *more)
{
    struct error error = ERROR_INIT;
    struct subscription *subscription = parse(more, &error);
    if (!subscription)
        fail_msg("%s", error.text);
    return subscription;
}

/* As the consumer makes one: with credentials, that only the headers have to outlive. */
static void build(struct webhook_request *request, const struct subscription *subscription,
    const struct webhook_delivery *delivery)
{
    struct credentials credentials = {.subscription = (struct subscription *)subscription};
    struct rendering rendering;
    struct error error = ERROR_INIT;
    assert_true(rendering_make(&rendering, subscription, delivery, &error));
    webhook_request_build(request, &credentials, delivery, &rendering, NULL);
}

static const char body[] = "{\"type\":\"call.ended\",\"callID\":\"c1\"}";

static const struct record event = {.value = {body, sizeof body - 1}};

static const struct webhook_delivery delivery = {
    .id = "msg_0123456789abcdef0123456789abcdef",
    .event = "call.ended",
    .attempt = 7,
    .at = {1700000000999},
    .record = &event,
};

/* A header's value, or NULL; fails where there are two. */
static const char *value_of(const struct webhook_request *request, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < request->http.header_count; i++)
        if (strcasecmp(request->http.headers[i].name, name) == 0) {
            assert_null(found);
            found = request->http.headers[i].value;
        }
    return found;
}

static void own_headers(void **state)
{
    (void)state;
    struct subscription *subscription = subscribe("");
    struct webhook_request request;
    build(&request, subscription, &delivery);
    static const struct http_header expected[] = {
        {"content-type", "application/json"},
        {"user-agent", "Hookline/" HOOKLINE_VERSION},
        {"webhook-id", "msg_0123456789abcdef0123456789abcdef"},
        {"webhook-timestamp", "1700000000"},
        {"hookline-event", "call.ended"},
        {"hookline-attempt", "7"},
        {"hookline-tenant", "acme"},
    };
    assert_int_equal(request.http.header_count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(request.http.headers[i].name, expected[i].name);
        assert_string_equal(request.http.headers[i].value, expected[i].value);
    }
    assert_string_equal(request.http.url, "https://crm.example/hook?a=b");
    assert_ptr_equal(request.http.body, body);
    assert_int_equal(request.http.body_len, sizeof body - 1);
    assert_false(request.http.http2);
    subscription_unref(subscription);
}

static void subscription_headers(void **state)
{
    (void)state;
    struct subscription *subscription =
        subscribe(",\"headers\":{\"X-Api-Key\":\"k3y: with; both\",\"authorization\":\"Bearer x\"},"
                  "\"http2\":true");
    struct webhook_request request;
    build(&request, subscription, &delivery);
    assert_string_equal(value_of(&request, "x-api-key"), "k3y: with; both");
    assert_string_equal(value_of(&request, "authorization"), "Bearer x");
    assert_int_equal(request.own_count, 7); /* the subscription's come behind */
    assert_int_equal(request.http.header_count, 9);
    assert_true(request.http.http2);
    subscription_unref(subscription);
}

static void user_agent_can_be_its_own(void **state)
{
    (void)state;
    struct subscription *subscription = subscribe(",\"headers\":{\"User-Agent\":\"acme/1\"}");
    struct webhook_request request;
    build(&request, subscription, &delivery);
    assert_string_equal(value_of(&request, "user-agent"), "acme/1");
    subscription_unref(subscription);
}

#define TRACE_ID    "0af7651916cd43dd8448eb211c80319c"
#define PARENT      "b7ad6b7169203331"
#define TRACEPARENT "00-" TRACE_ID "-" PARENT "-01"

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

/* The trace goes on with a span of each attempt's own, if the subscription asks for it. */
static void trace(void **state)
{
    (void)state;
    const struct header headers[] = {{"traceparent", bytes_of(TRACEPARENT)},
        {"tracestate", bytes_of("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")}};
    const struct record record = {.value = event.value, .headers = headers, .header_count = 2};
    struct webhook_delivery traced = delivery;
    struct webhook_request request;
    char first[64];
    traced.record = &record;

    struct subscription *subscription = subscribe("");
    build(&request, subscription, &traced);
    assert_null(value_of(&request, "traceparent"));
    assert_null(value_of(&request, "tracestate"));
    subscription_unref(subscription);

    subscription = subscribe(",\"trace\":true");
    build(&request, subscription, &delivery);
    assert_null(value_of(&request, "traceparent"));

    build(&request, subscription, &traced);
    const char *value = value_of(&request, "traceparent");
    assert_int_equal(strlen(value), strlen(TRACEPARENT));
    assert_memory_equal(value, "00-" TRACE_ID "-", strlen("00-" TRACE_ID "-"));
    assert_null(strstr(value, PARENT));
    assert_string_equal(value + strlen(value) - 3, "-01");
    assert_string_equal(
        value_of(&request, "tracestate"), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    snprintf(first, sizeof first, "%s", value);

    traced.attempt++;
    build(&request, subscription, &traced);
    assert_string_not_equal(value_of(&request, "traceparent"), first);
    subscription_unref(subscription);

    /* What the subscription says itself stands for what would be ours. */
    subscription =
        subscribe(",\"trace\":true,\"headers\":{\"Traceparent\":\"mine\",\"tracestate\":\"a=b\"}");
    build(&request, subscription, &traced);
    assert_string_equal(value_of(&request, "traceparent"), "mine");
    assert_string_equal(value_of(&request, "tracestate"), "a=b");
    subscription_unref(subscription);
}

static void empty_value(void **state)
{
    (void)state;
    const struct subscription_header headers[] = {{"x-empty", ""}, {"x-full", "1"}};
    const struct subscription subscription = {
        .tenant = "acme", .id = "crm", .url = "https://x/", .headers = headers, .header_count = 2};
    struct webhook_request request;
    build(&request, &subscription, &delivery);
    assert_string_equal(value_of(&request, "x-empty"), "");
    assert_string_equal(value_of(&request, "x-full"), "1");
}

static void no_body(void **state)
{
    (void)state;
    struct subscription *subscription = subscribe("");
    struct webhook_delivery empty = delivery;
    struct webhook_request request;
    const struct record nothing = {0};
    empty.record = &nothing;
    build(&request, subscription, &empty);
    assert_int_equal(request.http.body_len, 0);
    subscription_unref(subscription);
}

/* Two secrets that live, and one that has expired at that second. The signatures are of fixed input, by
 * `printf '%s' 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac
 * HMAC -macopt hexkey:…`, and for the second of the examples of Standard Webhooks. */
static void signed_with_each_living_secret(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct subscription *subscription =
        subscribe(",\"secrets\":["
                  "{\"id\":\"a\",\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"},"
                  "{\"id\":\"old\",\"secret\":\"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\","
                  "\"expires_at\":\"2021-02-25T15:02:10Z\"},"
                  "{\"id\":\"k\",\"scheme\":\"v1a\",\"secret\":\"whsk_6Xb/dCcHpPea21PS1N9VY/"
                  "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==\"}]");
    struct credentials *credentials = credentials_new(subscription, NULL, &error);
    assert_non_null(credentials);
    static const char text[] = "{\"test\": 2432232314}";
    const struct record record = {.value = {text, sizeof text - 1}};
    const struct rendering rendering = {.content_type = "application/json", .body = record.value};
    struct webhook_delivery signed_one = {.id = "msg_p5jXN8AQM9LWM0D4loKWxJek",
        .event = "call.ended",
        .attempt = 1,
        .at = {1614265330999},
        .record = &record};
    struct webhook_request request;
    webhook_request_build(&request, credentials, &signed_one, &rendering, NULL);
    assert_string_equal(value_of(&request, "webhook-signature"),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/"
        "enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
        "");
    signed_one.at.ms -= 1000; /* a second before it expires */
    webhook_request_build(&request, credentials, &signed_one, &rendering, NULL);
    const char *value = value_of(&request, "webhook-signature");
    size_t blanks = 0;
    for (const char *p = value; *p; p++)
        blanks += *p == ' ';
    assert_int_equal(blanks, 2); /* between three */
    credentials_free(credentials);
    subscription_unref(subscription);
}

static void key_that_is_none(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    /* The second half is not the public key of the first: only who signs can tell. */
    struct subscription *subscription =
        subscribe(",\"secrets\":[{\"id\":\"k\",\"scheme\":\"v1a\",\"secret\":\"whsk_6Xb/"
                  "dCcHpPea21PS1N9VY/NZW72"
                  "3CEc77N4rJCubMbfpdv90Jwek95rbU9LU31Vj81lbvbcIRzvs3iskK5sxtw==\"}]");
    assert_null(credentials_new(subscription, NULL, &error));
    assert_string_equal(error.text,
        "/secrets/k: the second half of the whsk_ secret is not the public key of its first half");
    subscription_unref(subscription);
}

/* All that may be: 32 headers beside ours and a trace. */
static void as_many_headers_as_may_be(void **state)
{
    (void)state;
    struct subscription_header headers[SUBSCRIPTION_HEADERS_MAX];
    char names[SUBSCRIPTION_HEADERS_MAX][8];
    for (size_t i = 0; i < SUBSCRIPTION_HEADERS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "x-%zu", i);
        headers[i] = (struct subscription_header){names[i], "v"};
    }
    const struct subscription subscription = {.tenant = "acme",
        .id = "crm",
        .url = "https://x/",
        .headers = headers,
        .header_count = SUBSCRIPTION_HEADERS_MAX,
        .trace = true};
    const struct header trace_headers[] = {
        {"traceparent", bytes_of(TRACEPARENT)}, {"tracestate", bytes_of("a=b")}};
    const struct record record = {
        .value = event.value, .headers = trace_headers, .header_count = 2};
    struct webhook_delivery traced = delivery;
    struct webhook_request request;
    traced.record = &record;
    build(&request, &subscription, &traced);
    assert_int_equal(request.http.header_count, 9 + SUBSCRIPTION_HEADERS_MAX);
    assert_string_equal(value_of(&request, "x-31"), "v");
}

/* Nothing that a subscription says can end a line or stand for one of ours. */
static void nothing_is_injected(void **state)
{
    (void)state;
    static const char *const refused[] = {
        ",\"headers\":{\"x-a\":\"v\\r\\nx-evil: 1\"}",
        ",\"headers\":{\"x-a\":\"v\\nx-evil: 1\"}",
        ",\"headers\":{\"x-a\":\"v\\r\"}",
        ",\"headers\":{\"x-a\\r\\nx-evil\":\"1\"}",
        ",\"headers\":{\"x-a: 1\":\"v\"}",
        ",\"headers\":{\"host\":\"other\"}",
        ",\"headers\":{\"Content-Type\":\"text/xml\"}",
        ",\"headers\":{\"Webhook-Id\":\"x\"}",
        ",\"headers\":{\"HOOKLINE-tenant\":\"other\"}",
        ",\"headers\":{\"transfer-encoding\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct error error = ERROR_INIT;
        if (parse(refused[i], &error))
            fail_msg("%s", refused[i]);
        assert_int_equal(error.kind, ERROR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_headers),
        cmocka_unit_test(subscription_headers),
        cmocka_unit_test(user_agent_can_be_its_own),
        cmocka_unit_test(trace),
        cmocka_unit_test(empty_value),
        cmocka_unit_test(no_body),
        cmocka_unit_test(signed_with_each_living_secret),
        cmocka_unit_test(key_that_is_none),
        cmocka_unit_test(as_many_headers_as_may_be),
        cmocka_unit_test(nothing_is_injected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
