/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer on an embedded broker. Joining a group takes seconds there, so that these tests share
 * one consumer, and each has a tenant of its own. Stopping is in test_consumer_stop.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/result.h"
#include "receiver.h"

static struct consumer *consumer;
static struct tape letters, results;

static const char *const tenants[] = {"plain", "lanes", "head", "window", "retry", "reject", "gone",
    "gone-away", "off", "ahead", "wrong", "pause", "trace", "loose", "dead", "replay", "test",
    "tests", "end", NULL};

static void store_changed(const char *tenant_id, const char *id)
{
    if (consumer)
        consumer_store_changed(consumer, tenant_id, id);
}

static int set_up(void **state)
{
    (void)state;
    fixture_start();
    for (const char *const *id = tenants; *id; id++)
        tenant(*id, 1);
    roles_read_registry(&fixture);
    fixture.changed = store_changed;
    consumer = start_consumer(&base_options);
    tape_start(&letters, &fixture.cluster, DEAD_LETTERS, 1);
    tape_start(&results, &fixture.cluster, RESULTS, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    consumer_free(consumer);
    tape_stop(&letters);
    tape_stop(&results);
    fixture_stop();
    return 0;
}

static int always_park(const struct hit *hit)
{
    (void)hit;
    return PARK;
}

static int always_500(const struct hit *hit)
{
    (void)hit;
    return 500;
}

static int always_404(const struct hit *hit)
{
    (void)hit;
    return 404;
}

static int always_410(const struct hit *hit)
{
    (void)hit;
    return 410;
}

/* What the results say of a delivery's attempts: "retry 500, delivered 200" */
static const char *story_of(const char *id)
{
    static char text[512];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < results.count; i++) {
        struct result_decoded decoded;
        struct error error = ERROR_INIT;
        if (!result_decode(results.records[i], &decoded, &error))
            fail_msg("%s", error.text);
        const struct result *result = &decoded.result;
        if (strcmp(result->id, id) == 0)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%s%s %jd", len ? ", " : "",
                result_outcomes[result->outcome], result->reason ? " " : "",
                result->reason ? result->reason : "", (intmax_t)result->status);
        result_decoded_release(&decoded);
    }
    return text;
}

struct story_wait {
    const char *id, *end;
};

static bool story_ends(void *arg)
{
    const struct story_wait *wait = arg;
    const char *story = story_of(wait->id);
    size_t len = strlen(story), end = strlen(wait->end);
    return len >= end && strcmp(story + len - end, wait->end) == 0;
}

static void wait_story(const char *id, const char *end)
{
    struct story_wait wait = {id, end};
    if (!run_until(fixture.cluster.loop, story_ends, &wait))
        fail_msg("%s: %s", id, story_of(id));
}

static void a_delivery(void **state)
{
    (void)state;
    receiver_reset(NULL);
    subscribe("plain", ",\"headers\":{\"x-api-key\":\"secret\"}");
    deliver("plain", "call-1", "{\"a\":1}");
    wait_hits(1);
    const struct hit *hit = &receiver.hits[0];
    assert_string_equal(hit->path, "/plain");
    assert_string_equal(hit->body, "{\"a\":1}");
    assert_int_equal(hit->attempt, 1);
    assert_non_null(strstr(hit->headers, "hookline-event=call.ringing\n"));
    assert_non_null(strstr(hit->headers, "hookline-tenant=plain\n"));
    assert_non_null(strstr(hit->headers, "user-agent=Hookline/" HOOKLINE_VERSION "\n"));
    assert_non_null(strstr(hit->headers, "x-api-key=secret\n"));
    assert_null(strstr(hit->headers, "traceparent="));
    wait_story(hit->id, "delivered 200");
    assert_string_equal(story_of(hit->id), "delivered 200");
    assert_int_equal(letters.count, 0);
}

static void lanes_keep_their_order(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c"};
    receiver_reset(always_park);
    subscribe("lanes", "");
    for (int i = 0; i < 60; i++)
        deliver("lanes", keys[i % 3], numbered(keys[i % 3], i / 3));
    wait_parked(3);
    run_for(fixture.cluster.loop, 50);
    assert_int_equal(receiver.parked_count, 3); /* one of each lane, although 8 may be in flight */
    receiver.rule = NULL;
    receiver_release(3, 200);
    wait_hits(60);
    int next[3] = {0};
    for (int i = 0; i < 60; i++) {
        int lane = receiver.hits[i].body[0] - 'a';
        assert_string_equal(receiver.hits[i].body, numbered(keys[lane], next[lane]++));
    }
}

static int fail_the_first(const struct hit *hit)
{
    return strcmp(hit->body, "a0") == 0 && hit->attempt < 4 ? 500 : 200;
}

static void a_failing_head_holds_only_its_lane(void **state)
{
    (void)state;
    receiver_reset(fail_the_first);
    subscribe("head", "");
    for (int i = 0; i < 5; i++) {
        deliver("head", "a", numbered("a", i));
        deliver("head", "b", numbered("b", i));
        deliver("head", NULL, numbered("none", i)); /* a lane of its own each */
    }
    wait_hits(15 + 3);
    int a0 = 0, others = 0;
    for (int i = 0; i < receiver.count; i++) {
        const char *body = receiver.hits[i].body;
        if (body[0] != 'a')
            others += a0 < 4; /* before the head got through */
        else if (strcmp(body, "a0") == 0)
            assert_int_equal(receiver.hits[i].attempt, ++a0);
        else
            assert_int_equal(a0, 4); /* the rest of the lane comes behind */
    }
    assert_int_equal(a0, 4);
    assert_true(others >= 5);
    wait_story(hit_of("a0")->id, "delivered 200");
    assert_string_equal(
        story_of(hit_of("a0")->id), "retry 500, retry 500, retry 500, delivered 200");
    assert_int_equal(letters.count, 0);
}

static void the_window_is_never_exceeded(void **state)
{
    (void)state;
    receiver_reset(always_park);
    subscribe("window", ",\"ordering\":\"none\",\"max_in_flight\":3");
    for (int i = 0; i < 30; i++)
        deliver("window", "same", numbered("", i)); /* the key does not matter any more */
    for (int done = 0; done < 30; done += 3) {
        wait_parked(3);
        run_for(fixture.cluster.loop, 20);
        assert_int_equal(receiver.parked_count, 3);
        receiver_release(3, done % 2 ? 200 : 204);
    }
    run_for(fixture.cluster.loop, 50);
    assert_int_equal(receiver.count, 30);
    assert_int_equal(receiver.parked_most, 3);
    /* Without a wish of its own, the consumer's. */
    receiver_reset(always_park);
    subscribe("window", ",\"ordering\":\"none\"");
    for (int i = 0; i < 30; i++)
        deliver("window", NULL, numbered("", i));
    wait_parked(8);
    run_for(fixture.cluster.loop, 50);
    assert_int_equal(receiver.parked_count, 8);
    receiver.rule = NULL;
    receiver_release(8, 200);
    wait_hits(30);
}

/* The dead letter of a delivery. */
static const struct record *letter_of(const char *body)
{
    for (size_t i = 0; i < letters.count; i++)
        if (strcmp(letters.records[i]->value.data, body) == 0)
            return letters.records[i];
    return NULL;
}

static bool has_letter(void *arg)
{
    return letter_of(arg) != NULL;
}

static const struct record *wait_letter(const char *body)
{
    if (!run_until(fixture.cluster.loop, has_letter, (void *)body))
        fail_msg("no dead letter of %s", body);
    return letter_of(body);
}

static void out_of_attempts(void **state)
{
    (void)state;
    receiver_reset(always_500);
    subscribe("retry", ",\"retry\":{\"max_attempts\":3}");
    deliver("retry", "k", "no luck");
    deliver("retry", "k", "behind it");
    const struct record *letter = wait_letter("no luck");
    assert_string_equal(header_of(letter, "hookline-reason"), "attempts_exhausted");
    assert_string_equal(header_of(letter, "hookline-attempts"), "3");
    assert_string_equal(header_of(letter, "hookline-status"), "500");
    assert_string_equal(header_of(letter, "hookline-response"), "thank you");
    assert_string_equal(header_of(letter, "hookline-host"), "127.0.0.1");
    assert_string_equal(header_of(letter, "hookline-tenant"), "retry");
    assert_string_equal(header_of(letter, "hookline-order-key"), "k");
    assert_string_equal(letter->key.data, "retry/crm");
    assert_true(strtoll(header_of(letter, "hookline-first-attempt-at"), NULL, 10) <=
                strtoll(header_of(letter, "hookline-last-attempt-at"), NULL, 10));
    assert_int_equal(hits_of("no luck"), 3);
    wait_letter("behind it"); /* then its turn came */
    assert_int_equal(hits_of("behind it"), 3);
    wait_story(hit_of("no luck")->id, "dead_letter attempts_exhausted 500");
    assert_string_equal(story_of(hit_of("no luck")->id),
        "retry 500, retry 500, dead_letter attempts_exhausted 500");
}

/* A replay counts on, but has its own attempts. */
static void a_replay(void **state)
{
    (void)state;
    receiver_reset(always_500);
    subscribe("replay", ",\"retry\":{\"max_attempts\":2}");
    deliver_with(&(struct deliver){.tenant = "replay", .body = "replayed", .attempts = 7});
    const struct record *letter = wait_letter("replayed");
    assert_int_equal(hits_of("replayed"), 2);
    assert_int_equal(hit_of("replayed")->attempt, 8);
    assert_string_equal(header_of(letter, "hookline-attempts"), "9");
}

static void rejected(void **state)
{
    (void)state;
    receiver_reset(always_404);
    subscribe("reject", ",\"retry\":{\"retry_4xx\":2}");
    deliver("reject", "k", "unwanted");
    const struct record *letter = wait_letter("unwanted");
    assert_string_equal(header_of(letter, "hookline-reason"), "rejected");
    assert_string_equal(header_of(letter, "hookline-status"), "404");
    assert_int_equal(hits_of("unwanted"), 2);
}

static void gone(void **state)
{
    (void)state;
    receiver_reset(always_410);
    subscribe("gone", "");
    deliver("gone", "k", "nobody there");
    const struct record *letter = wait_letter("nobody there");
    assert_string_equal(header_of(letter, "hookline-reason"), "gone");
    assert_int_equal(hits_of("nobody there"), 1);
}

static void no_connection(void **state)
{
    (void)state;
    receiver_reset(NULL);
    roles_subscription(
        &fixture, "dead", "crm", "http://127.0.0.1:1/", ",\"retry\":{\"max_attempts\":2}");
    registry_count++;
    roles_wait_registry(&fixture, registry_count);
    deliver("dead", "k", "into the void");
    const struct record *letter = wait_letter("into the void");
    assert_string_equal(header_of(letter, "hookline-reason"), "attempts_exhausted");
    assert_string_equal(header_of(letter, "hookline-status"), "");
    assert_non_null(strstr(header_of(letter, "hookline-detail"), "connect"));
    assert_string_equal(header_of(letter, "hookline-attempts"), "2");
}

/* One in flight, one behind it in its lane, and one that comes later: `end` is what the one in flight
 * is answered. */
static void subscription_ends(
    const char *id, int end, const char *reason, void (*finish)(const char *))
{
    receiver_reset(always_park);
    subscribe(id, "");
    char *flight = mem_printf("%s %d in flight", id, end),
         *queued = mem_printf("%s %d queued", id, end);
    char *late = mem_printf("%s %d late", id, end);
    deliver(id, "a", flight);
    deliver(id, "a", queued);
    wait_parked(1);
    finish(id);
    deliver(id, "b", late);
    wait_letter(queued);
    wait_letter(late);
    assert_string_equal(header_of(letter_of(queued), "hookline-reason"), reason);
    assert_string_equal(header_of(letter_of(late), "hookline-reason"), reason);
    receiver.rule = always_500;
    receiver_release(1, end);
    if (end == 200) {
        wait_story(hit_of(flight)->id, "delivered 200");
    } else { /* there must be no further attempt */
        assert_string_equal(header_of(wait_letter(flight), "hookline-reason"), reason);
    }
    run_for(fixture.cluster.loop, 100);
    assert_int_equal(hits_of(flight), 1);
    assert_int_equal(receiver.count, 1);
    free(flight);
    free(queued);
    free(late);
}

static void disable(const char *id)
{
    subscribe(id, ",\"enabled\":false");
}

static void deleted_in_mid_queue(void **state)
{
    (void)state;
    subscription_ends("gone-away", 200, "subscription_deleted", unsubscribe);
    subscription_ends("gone-away", 500, "subscription_deleted", unsubscribe);
}

static void disabled_in_mid_queue(void **state)
{
    (void)state;
    subscription_ends("off", 200, "endpoint_disabled", disable);
    subscription_ends("off", 500, "endpoint_disabled", disable);
}

/* The URL of the next attempt is that of the subscription as it is now. */
static void changed_in_mid_queue(void **state)
{
    (void)state;
    receiver_reset(always_park);
    subscribe("off", "");
    deliver("off", "k", "moved");
    wait_parked(1);
    char *url = mem_printf("%s/elsewhere", receiver.url);
    roles_subscription(&fixture, "off", "crm", url, "");
    free(url);
    registry_count++;
    roles_wait_registry(&fixture, registry_count);
    receiver.rule = NULL;
    receiver_release(1, 500);
    wait_hits(2);
    assert_string_equal(receiver.hits[0].path, "/off");
    assert_string_equal(receiver.hits[1].path, "/elsewhere");
    assert_int_equal(receiver.hits[1].attempt, 2);
}

static void matched_with_a_later_registry(void **state)
{
    (void)state;
    receiver_reset(NULL);
    subscribe("ahead", "");
    deliver_with(&(struct deliver){
        .tenant = "ahead", .body = "from the future", .registry = store_offset(fixture.store) + 1});
    run_for(fixture.cluster.loop, 300);
    assert_int_equal(receiver.count, 0);
    subscribe("ahead", ",\"name\":\"now\"");
    wait_hits(1);
    assert_string_equal(receiver.hits[0].body, "from the future");
}

static void what_is_no_delivery(void **state)
{
    (void)state;
    receiver_reset(NULL);
    subscribe("wrong", "");
    /* In another tenant's topic. */
    deliver_with(
        &(struct deliver){.tenant = "plain", .topic_tenant = "wrong", .body = "misplaced"});
    const struct record *letter = wait_letter("misplaced");
    assert_string_equal(header_of(letter, "hookline-reason"), "tenant_unresolved");
    assert_string_equal(header_of(letter, "hookline-tenant"), "");
    /* No headers at all. */
    cluster_put(&fixture.cluster, "hookline.deliveries.wrong", 0, "wrong/crm", "bare");
    assert_string_equal(header_of(wait_letter("bare"), "hookline-reason"), "tenant_unresolved");
    /* A header that would end a line of the request. */
    static const char *const names[] = {"hookline-id", "hookline-event"};
    for (size_t i = 0; i < 2; i++) {
        struct header headers[6] = {
            {"hookline-id", text_bytes("msg_1")},
            {"hookline-tenant", text_bytes("wrong")},
            {"hookline-event", text_bytes("call.ended")},
            {"hookline-event-at", text_bytes("1")},
            {"hookline-accepted-at", text_bytes("1")},
            {"hookline-registry", text_bytes("0")},
        };
        for (size_t j = 0; j < 6; j++)
            if (strcmp(headers[j].name, names[i]) == 0)
                headers[j].value = text_bytes("x\r\nx-evil: 1");
        struct record record = {.topic = "hookline.deliveries.wrong",
            .partition = 0,
            .timestamp_ms = -1,
            .key = text_bytes("wrong/crm"),
            .value = text_bytes(names[i]),
            .headers = headers,
            .header_count = 6};
        cluster_send(&fixture.cluster, &record);
        assert_string_equal(header_of(wait_letter(names[i]), "hookline-reason"), "invalid_event");
    }
    deliver("wrong", "k", "good");
    wait_hits(1);
    assert_string_equal(receiver.hits[0].body, "good");
    assert_int_equal(receiver.count, 1);
}

static void traceparent(void **state)
{
    (void)state;
    static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    static const char continued[] = "traceparent=00-0af7651916cd43dd8448eb211c80319c-";
    static const char *const evil[] = {"00-0af7\r\nx-evil: 1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-evil: 1", "x y", ""};
    receiver_reset(NULL);
    subscribe("trace", ",\"trace\":true");
    struct header header = {"traceparent", text_bytes(good)};
    deliver_with(
        &(struct deliver){.tenant = "trace", .body = "t", .headers = &header, .header_count = 1});
    wait_hits(1);
    assert_non_null(strstr(receiver.hits[0].headers, continued));
    assert_null(strstr(receiver.hits[0].headers, "b7ad6b7169203331")); /* the span is ours */
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        receiver_reset(NULL);
        header.value = text_bytes(evil[i]);
        deliver_with(&(struct deliver){
            .tenant = "trace", .body = "t", .headers = &header, .header_count = 1});
        wait_hits(1);
        assert_null(strstr(receiver.hits[0].headers, "traceparent"));
        assert_null(strstr(receiver.hits[0].headers, "evil"));
    }
}

static int busy_once(const struct hit *hit)
{
    return strcmp(hit->body, "first") == 0 && hit->attempt == 1 ? 503 : 200;
}

static void retry_after_pauses_the_endpoint(void **state)
{
    (void)state;
    receiver_reset(busy_once);
    subscribe("pause", ",\"max_in_flight\":1");
    receiver.retry_after = "1";
    deliver("pause", "a", "first");
    wait_hits(1);
    deliver("pause", "b", "second");
    deliver("pause", "c", "third");
    wait_hits(4);
    for (int i = 1; i < 4; i++) {
        /* Not a moment before, whatever the lane; and only the answered one is charged. */
        assert_true(mono_diff_ms(receiver.hits[i].at, receiver.hits[0].at) >= 990);
        assert_int_equal(
            receiver.hits[i].attempt, strcmp(receiver.hits[i].body, "first") == 0 ? 2 : 1);
    }
    receiver.retry_after = NULL;
}

/* --- Test deliveries --- */

#define TESTS_MOST 8

static double tests_of(const char *outcome)
{
    char *sample = mem_printf("hookline_tests_total{outcome=\"%s\"}", outcome);
    double count = roles_metric(sample);
    free(sample);
    return count;
}

/* To an endpoint that takes nothing, and whose only place is taken. */
static void test_beside_everything(void **state)
{
    (void)state;
    receiver_reset(always_park);
    subscribe("test", ",\"max_in_flight\":1");
    deliver("test", "a", "in flight");
    wait_parked(1);
    receiver.rule = NULL;
    static const char *const states[] = {
        ",\"max_in_flight\":1", ",\"paused\":true", ",\"enabled\":false"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        const char *body = numbered("test ", (int)i);
        subscribe("test", states[i]);
        deliver_test("test", body);
        wait_hits(2 + (int)i);
        assert_int_equal(hits_of(body), 1);
        assert_int_equal(hit_of(body)->attempt, 1);
        wait_story(hit_of(body)->id, "delivered 200");
        assert_string_equal(story_of(hit_of(body)->id), "delivered 200");
    }
    subscribe("test", "");
    receiver_release(1, 200);
}

static bool nothing_is_parked(void *arg)
{
    (void)arg;
    return tests_of("failed") >= TESTS_MOST;
}

/* However many there are, they leave it to deliveries to make progress. */
static void no_more_tests_than_may_be(void **state)
{
    (void)state;
    size_t first = results.count;
    double failed = tests_of("failed"), refused = tests_of("refused");
    receiver_reset(always_park);
    subscribe("tests", "");
    for (int i = 0; i < TESTS_MOST + 3; i++)
        deliver_test("tests", numbered("one of many ", i));
    wait_parked(TESTS_MOST);
    deliver("tests", "a", "a delivery");
    wait_parked(TESTS_MOST + 1);
    assert_true(tests_of("refused") == refused + 3);
    receiver.rule = NULL;
    receiver_release(TESTS_MOST + 1, 503);
    assert_true(failed == 0);
    assert_true(run_until(fixture.cluster.loop, nothing_is_parked, NULL));
    wait_hits(TESTS_MOST + 2); /* the delivery again; tests are not */
    wait_story(hit_of("a delivery")->id, "delivered 200");
    int seen = 0, too_many = 0;
    for (size_t i = first; i < results.count; i++) {
        struct result_decoded decoded;
        assert_true(result_decode(results.records[i], &decoded, NULL));
        bool is_refused =
            decoded.result.error && strcmp(decoded.result.error, "too many tests at a time") == 0;
        seen += decoded.result.test;
        too_many += is_refused;
        if (decoded.result.test) {
            assert_int_equal(decoded.result.outcome, RESULT_FAILED);
            assert_true((decoded.exchange == NULL) == is_refused);
        }
        result_decoded_release(&decoded);
    }
    assert_int_equal(seen, TESTS_MOST + 3);
    assert_int_equal(too_many, 3);
    /* None was held against the endpoint: it is asked at once. */
    deliver("tests", "b", "another");
    wait_hits(TESTS_MOST + 3);
}

static bool one_more_failed(void *arg)
{
    return tests_of("failed") > *(double *)arg;
}

static void tests_that_are_not_made(void **state)
{
    (void)state;
    double dropped = tests_of("dropped"), test_failed = tests_of("failed");
    size_t letters_before = letters.count;
    receiver_reset(NULL);
    deliver_with(
        &(struct deliver){.tenant = "tests", .body = "too late", .test = true, .age_ms = 61000});
    deliver_with(&(struct deliver){
        .tenant = "plain", .topic_tenant = "tests", .body = "misplaced", .test = true});
    unsubscribe("tests");
    deliver_test("tests", "to nobody");
    assert_true(run_until(fixture.cluster.loop, one_more_failed, &test_failed));
    subscribe("tests", "");
    deliver_test("tests", "good");
    wait_hits(1);
    assert_string_equal(receiver.hits[0].body, "good");
    wait_story(receiver.hits[0].id, "delivered 200");
    assert_true(tests_of("dropped") == dropped + 2);
    assert_int_equal(receiver.count, 1);
    assert_int_equal(letters.count, letters_before);
}

/* The last one: freed with work in every state, a dead letter that cannot be written among it. */
static void freed_in_mid_flow(void **state)
{
    (void)state;
    receiver_reset(always_park);
    subscribe("end", "");
    subscribe("loose", ",\"retry\":{\"max_attempts\":1}");
    deliver("end", "a", "in flight");
    deliver("end", "a", "queued");
    deliver_test("end", "test");
    wait_parked(2);
    receiver.rule = always_500;
    for (int i = 0; i < 20; i++)
        deliver("end", numbered("w", i), numbered("waiting ", i));
    wait_hits(8);
    kafka_embedded_set_missing(fixture.cluster.embedded, DEAD_LETTERS, true);
    for (int i = 0; i < 5; i++)
        deliver("loose", numbered("l", i), numbered("recording ", i));
    int hits = receiver.count + 5;
    wait_hits(hits);
    run_for(fixture.cluster.loop, 1500); /* so that some have been sent again */
    consumer_free(consumer);
    consumer = NULL;
    run_for(fixture.cluster.loop, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delivery),
        cmocka_unit_test(lanes_keep_their_order),
        cmocka_unit_test(a_failing_head_holds_only_its_lane),
        cmocka_unit_test(the_window_is_never_exceeded),
        cmocka_unit_test(out_of_attempts),
        cmocka_unit_test(a_replay),
        cmocka_unit_test(rejected),
        cmocka_unit_test(gone),
        cmocka_unit_test(no_connection),
        cmocka_unit_test(deleted_in_mid_queue),
        cmocka_unit_test(disabled_in_mid_queue),
        cmocka_unit_test(changed_in_mid_queue),
        cmocka_unit_test(matched_with_a_later_registry),
        cmocka_unit_test(what_is_no_delivery),
        cmocka_unit_test(traceparent),
        cmocka_unit_test(retry_after_pauses_the_endpoint),
        cmocka_unit_test(test_beside_everything),
        cmocka_unit_test(no_more_tests_than_may_be),
        cmocka_unit_test(tests_that_are_not_made),
        cmocka_unit_test(freed_in_mid_flow),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
