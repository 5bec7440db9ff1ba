/* SPDX-License-Identifier: Apache-2.0 */
/* What the page /endpoints shows, and which endpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "consumers/engine.h"
#include "consumers/status.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          INT64_C(1772439245318) /* 2026-03-02T08:14:05.318Z */

static json_t *parse(const struct buffer *out)
{
    json_error_t error;
    json_t *json = json_loadb(buffer_text(out), out->len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %s", error.text, buffer_text(out));
    return json;
}

/* --- One ------------------------------------------------------------------------------------ */

static struct status quiet(void)
{
    return (struct status){
        .key = "acme/crm",
        .host = "hooks.example.com",
        .since = {-1},
        .phase = "closed",
        .open_until = {-1},
        .paused_until = {-1},
        .window = 8,
        .last_error = "",
        .last_error_at = {-1},
        .last_success_at = {-1},
        .oldest_waiting = {-1},
        .bookmark = -1,
        .records = -1,
        .live_in_ms = -1,
    };
}

static void shows_a_quiet_one(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    struct status status = quiet();
    status_print(&status, (struct wall_time){NOW}, &out);
    assert_string_equal(buffer_text(&out),
        "{\"endpoint\":\"acme/crm\",\"host\":\"hooks.example.com\",\"state\":\"live\","
        "\"reason\":null,\"since\":null,\"circuit\":\"closed\",\"open_until\":null,"
        "\"paused_until\":null,\"window\":8,\"in_flight\":0,\"queued\":0,\"waiting\":0,"
        "\"aside\":0,\"recording\":0,\"held_bytes\":0,\"rate\":null,\"last_error\":null,"
        "\"last_success_at\":null,\"oldest_waiting\":null,\"behind\":null}");
    buffer_release(&out);
}

static void shows_one_that_is_behind(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    struct status status = quiet();
    status.host = NULL;
    status.state = STATUS_BEHIND;
    status.reason = "failing";
    status.since.ms = NOW - 60000;
    status.phase = "open";
    status.open_until.ms = NOW + 5000;
    status.rate_per_second = 2.5;
    status.last_error = "it answered 503";
    status.last_error_at.ms = NOW - 1;
    status.oldest_waiting.ms = NOW - 90500;
    status.bookmark = 4711;
    status.records = 100;
    status.passed_over = 7;
    status.live_in_ms = 1500;
    status_print(&status, (struct wall_time){NOW}, &out);
    json_t *json = parse(&out);
    json_t *rate = json_object_get(json, "rate"), *behind = json_object_get(json, "behind");
    json_t *error = json_object_get(json, "last_error");
    assert_true(json_is_null(json_object_get(json, "host")));
    assert_string_equal(json_string_value(json_object_get(json, "state")), "behind");
    assert_string_equal(json_string_value(json_object_get(json, "reason")), "failing");
    assert_string_equal(
        json_string_value(json_object_get(json, "since")), "2026-03-02T08:13:05.318Z");
    assert_string_equal(
        json_string_value(json_object_get(json, "open_until")), "2026-03-02T08:14:10.318Z");
    assert_true(json_real_value(json_object_get(rate, "per_second")) == 2.5);
    assert_int_equal(json_integer_value(json_object_get(rate, "burst")), 1);
    assert_string_equal(json_string_value(json_object_get(error, "text")), "it answered 503");
    assert_string_equal(
        json_string_value(json_object_get(error, "at")), "2026-03-02T08:14:05.317Z");
    assert_int_equal(json_integer_value(json_object_get(behind, "bookmark")), 4711);
    assert_int_equal(json_integer_value(json_object_get(behind, "records")), 100);
    assert_int_equal(json_integer_value(json_object_get(behind, "passed_over")), 7);
    assert_int_equal(json_integer_value(json_object_get(behind, "age_s")), 90);
    assert_int_equal(json_integer_value(json_object_get(behind, "live_in_s")), 2);
    json_decref(json);
    buffer_clear(&out);

    status.oldest_waiting.ms = status.live_in_ms = status.records = -1;
    status_print(&status, (struct wall_time){NOW}, &out);
    json = parse(&out);
    behind = json_object_get(json, "behind");
    assert_true(json_is_null(json_object_get(behind, "age_s")));
    assert_true(json_is_null(json_object_get(behind, "live_in_s")));
    assert_true(json_is_null(json_object_get(behind, "records")));
    json_decref(json);
    buffer_release(&out);
}

/* --- Which ---------------------------------------------------------------------------------- */

static const struct {
    const char *state, *limit;
    bool good;
    int want_state;
    int64_t want_limit;
} queries[] = {
    {NULL, NULL, true, -1, STATUS_LIMIT_DEFAULT},
    {"live", "1", true, STATUS_LIVE, 1},
    {"behind", "10000", true, STATUS_BEHIND, 10000},
    {"joining", NULL, true, STATUS_JOINING, STATUS_LIMIT_DEFAULT},
    {"disabled", NULL, true, STATUS_DISABLED, STATUS_LIMIT_DEFAULT},
    {"Behind", NULL, false, 0, 0},
    {"", NULL, false, 0, 0},
    {NULL, "0", false, 0, 0},
    {NULL, "10001", false, 0, 0},
    {NULL, "-1", false, 0, 0},
    {NULL, "10x", false, 0, 0},
    {NULL, "", false, 0, 0},
    {NULL, "99999999999999999999", false, 0, 0},
};

static void parses_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(queries); i++) {
        struct status_query query = {.limit = -7};
        struct error error = ERROR_INIT;
        bool good = status_query_parse(&query, "acme", queries[i].state, queries[i].limit, &error);
        assert_int_equal(good, queries[i].good);
        assert_int_equal(error_is_set(&error), !queries[i].good);
        if (!good) {
            assert_int_equal(query.limit, -7);
            continue;
        }
        assert_string_equal(query.tenant, "acme");
        assert_int_equal(query.state, queries[i].want_state);
        assert_int_equal(query.limit, queries[i].want_limit);
    }
}

#define SECRET_URL "https://user:secret@hooks.example.com:8443/secret?token=secret"

/* An engine without Kafka, whose endpoints are live or disabled. */
struct fixture {
    struct engine engine;
    struct intake intake;
    struct subscription subscription;
    struct credentials credentials;
    struct endpoint endpoints[5];
};

static int set_up(void **state)
{
    static const char *const keys[] = {"b/2", "a/1", "ab/1", "a/2", "b/1"};
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    *state = fixture;
    fixture->engine.options.endpoint_window = 16;
    fixture->engine.held = 3;
    fixture->subscription.url = SECRET_URL;
    fixture->subscription.enabled = true;
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct endpoint *endpoint = &fixture->endpoints[i];
        endpoint->engine = &fixture->engine;
        endpoint->intake = &fixture->intake;
        endpoint->key = mem_strdup(keys[i]);
        endpoint->subscription = i == 0 ? NULL : &fixture->subscription;
        endpoint->sender.credentials = i == 0 ? NULL : &fixture->credentials;
        endpoint->last_error_at.ms = endpoint->last_success_at.ms = -1;
        TAILQ_INIT(&endpoint->deliveries);
        TAILQ_INIT(&endpoint->aside);
        window_init(&endpoint->window, 4);
        circuit_init(&endpoint->circuit);
        HASH_ADD_KEYPTR(
            hh, fixture->engine.endpoints, endpoint->key, strlen(endpoint->key), endpoint);
    }
    fixture->endpoints[4].disabled = true;
    fixture->endpoints[4].disabled_reason = mem_strdup("it answered 410");
    fixture->endpoints[4].disabled_since.ms = NOW;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    HASH_CLEAR(hh, fixture->engine.endpoints);
    for (size_t i = 0; i < COUNT(fixture->endpoints); i++) {
        free(fixture->endpoints[i].key);
        free(fixture->endpoints[i].disabled_reason);
    }
    free(fixture);
    return 0;
}

/* The keys shown, separated by spaces. */
static void assert_shown(const struct fixture *fixture, const char *tenant, const char *state,
    const char *limit, const char *keys, int64_t count)
{
    struct status_query query;
    struct error error = ERROR_INIT;
    struct buffer out = BUFFER_INIT, shown = BUFFER_INIT;
    assert_true(status_query_parse(&query, tenant, state, limit, &error));
    status_print_all(&fixture->engine, &query, &out);
    json_t *json = parse(&out), *each;
    size_t i;
    json_array_foreach(json_object_get(json, "endpoints"), i, each) {
        buffer_printf(
            &shown, "%s%s", i ? " " : "", json_string_value(json_object_get(each, "endpoint")));
    }
    assert_string_equal(buffer_text(&shown), keys);
    assert_int_equal(json_integer_value(json_object_get(json, "count")), count);
    assert_int_equal(json_integer_value(json_object_get(json, "shown")), i);
    assert_int_equal(json_integer_value(json_object_get(json, "total")), 5);
    assert_int_equal(json_integer_value(json_object_get(json, "held")), 3);
    json_decref(json);
    buffer_release(&out);
    buffer_release(&shown);
}

static void selects(void **state)
{
    const struct fixture *fixture = *state;
    assert_shown(fixture, NULL, NULL, NULL, "b/1 a/1 a/2 ab/1 b/2", 5);
    assert_shown(fixture, NULL, NULL, "2", "b/1 a/1", 5);
    assert_shown(fixture, "a", NULL, NULL, "a/1 a/2", 2);
    assert_shown(fixture, "b", "live", NULL, "b/2", 1);
    assert_shown(fixture, NULL, "disabled", NULL, "b/1", 1);
    assert_shown(fixture, NULL, "behind", NULL, "", 0);
    assert_shown(fixture, "a/1", NULL, NULL, "", 0);
    assert_shown(fixture, "", NULL, NULL, "", 0);
}

static void shows_no_secrets(void **state)
{
    const struct fixture *fixture = *state;
    struct status_query query = {NULL, -1, 10};
    struct buffer out = BUFFER_INIT;
    status_print_all(&fixture->engine, &query, &out);
    assert_null(strstr(buffer_text(&out), "secret"));
    assert_null(strstr(buffer_text(&out), "user"));
    assert_non_null(strstr(buffer_text(&out), "\"host\":\"hooks.example.com\""));
    buffer_release(&out);
}

static void looks_at_deliveries(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint *endpoint = &fixture->endpoints[1];
    struct delivery queued = {.state = DELIVERY_QUEUED, .event_at.ms = NOW - 5};
    struct delivery waiting = {.state = DELIVERY_WAITING, .event_at.ms = NOW - 9};
    struct delivery aside = {.state = DELIVERY_ASIDE, .first_attempt_at.ms = NOW - 7};
    assert_int_equal(status_oldest(endpoint).ms, -1);
    TAILQ_INSERT_TAIL(&endpoint->deliveries, &queued, in_endpoint);
    assert_int_equal(status_oldest(endpoint).ms, NOW - 5);
    TAILQ_INSERT_TAIL(&endpoint->aside, &aside, in_aside);
    assert_int_equal(status_oldest(endpoint).ms, NOW - 7);
    TAILQ_INSERT_TAIL(&endpoint->deliveries, &waiting, in_endpoint);
    assert_int_equal(status_oldest(endpoint).ms, NOW - 9);
    struct status status = status_of(endpoint);
    assert_int_equal(status.queued, 1);
    assert_int_equal(status.waiting, 1);
    assert_int_equal(status.aside, 1);
    assert_int_equal(status.recording, 0);
    assert_int_equal(status.window, 4);
    assert_null(status.reason);
    TAILQ_INIT(&endpoint->deliveries);
    TAILQ_INIT(&endpoint->aside);

    endpoint->circuit.phase = CIRCUIT_OPEN;
    endpoint->circuit.open_until = mono_add_ms(mono_now(), 60000);
    status = status_of(endpoint);
    assert_string_equal(status.phase, "open");
    assert_string_equal(status.reason, "failing");
    assert_in_range(status.open_until.ms - wall_now().ms, 50000, 60001);
    status = status_of(&fixture->endpoints[0]); /* its subscription is deleted */
    assert_int_equal(status.state, STATUS_LIVE);
    assert_non_null(strstr(status.reason, "does not exist"));
    status = status_of(&fixture->endpoints[4]);
    assert_int_equal(status.state, STATUS_DISABLED);
    assert_int_equal(status.since.ms, NOW);
    assert_string_equal(status.reason, "it answered 410");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_a_quiet_one),
        cmocka_unit_test(shows_one_that_is_behind),
        cmocka_unit_test(parses_queries),
        TEST(selects),
        TEST(shows_no_secrets),
        TEST(looks_at_deliveries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
