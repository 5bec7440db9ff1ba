/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge on an embedded broker. Joining a group takes seconds there, so that the tests share one
 * bridge, and each has a tenant of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../roles.h"
#include "bridge/bridge.h"
#include "producers/delivery_record.h"

#define BODY "{\"type\":\"ringing\",\"callID\":\"c-1\"}"

static struct roles_fixture fixture;
static struct bridge *bridge;
static struct tape letters;
static int64_t registry_count;

static const struct bridge_options options = {
    .consumer = {.group = "bridge",
        .assignment = "auto",
        .commit_interval_ms = 50,
        .session_timeout_ms = 6000,
        .fetch_partition_bytes = 1 << 20},
    .events = {.tenant_header = "tenant-id",
        .type_pointer = "/type",
        .order_key_header = "order-key",
        .max_bytes = 100000},
};

static bool is_ready(void *arg)
{
    return probes_ready(arg);
}

static struct bridge *start_bridge(void)
{
    struct error error = ERROR_INIT;
    struct bridge_deps deps = {fixture.cluster.loop, fixture.probes, &fixture.cluster.kafka,
        &fixture.topics, fixture.producer, fixture.store};
    struct bridge *started = bridge_new(&deps, &options, &error);
    if (!started)
        fail_msg("%s", error.text);
    bridge_store_ready(started);
    assert_true(run_until(fixture.cluster.loop, is_ready, fixture.probes));
    return started;
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

static void stop_bridge(void)
{
    bool stopped = false;
    bridge_stop(bridge, set_true, &stopped);
    assert_true(run_until(fixture.cluster.loop, is_true, &stopped));
    bridge_free(bridge);
    bridge = NULL;
}

static void tenant(const char *id, int32_t partitions)
{
    roles_tenant(&fixture, id, partitions);
    registry_count++;
}

static void subscription(const char *tenant_id, const char *id, const char *more)
{
    roles_subscription(&fixture, tenant_id, id, "http://127.0.0.1:1/", more);
    registry_count++;
}

static int set_up(void **state)
{
    (void)state;
    roles_start(&fixture);
    roles_read_registry(&fixture);
    bridge = start_bridge();
    tape_start(&letters, &fixture.cluster, DEAD_LETTERS, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bridge_free(bridge);
    tape_stop(&letters);
    roles_stop(&fixture);
    return 0;
}

/* An event of a tenant, from a header; more of them behind it. */
static void event(const char *tenant_id, const char *key, const char *body)
{
    const struct header headers[] = {
        {"tenant-id", text_bytes(tenant_id)},
        {"traceparent", text_bytes("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
        {"ce_source", text_bytes("/pbx")},
        {"hookline-id", text_bytes("msg_forged")},
        {"x-other", text_bytes("stays behind")},
    };
    struct record record = {.topic = "calls",
        .partition = 1,
        .timestamp_ms = 1700000000123,
        .key = text_bytes(key),
        .value = text_bytes(body),
        .headers = headers,
        .header_count = 5};
    cluster_send(&fixture.cluster, &record);
}

static bool bridge_is_idle(void *arg)
{
    (void)arg;
    return kafka_producer_outstanding(fixture.producer) == 0;
}

static void fan_out(void **state)
{
    (void)state;
    struct tape tape;
    tenant("acme", 4);
    subscription("acme", "all", "");
    subscription("acme", "ringing", ",\"events\":[\"call.ringing\"]");
    subscription("acme", "calls", ",\"events\":[\"call.*\"]");
    subscription("acme", "ended", ",\"events\":[\"call.ended\"]");
    subscription("acme", "off", ",\"enabled\":false");
    tenant("other", 1);
    subscription("other", "all", "");
    roles_wait_registry(&fixture, registry_count);
    int64_t registry = store_offset(fixture.store);
    event("acme", "a key", BODY);
    tape_start(&tape, &fixture.cluster, "hookline.deliveries.acme", 4);
    tape_wait(&tape, 3);
    run_for(fixture.cluster.loop, 100);
    assert_int_equal(tape.count, 3);

    static const char *const ids[] = {"all", "ringing", "calls"};
    for (size_t i = 0; i < 3; i++) {
        const struct record *record = NULL;
        char *key = mem_printf("acme/%s", ids[i]);
        for (size_t j = 0; j < 3; j++)
            if (strcmp(tape.records[j]->key.data, key) == 0)
                record = tape.records[j];
        assert_non_null(record);
        assert_int_equal(record->partition, kafka_partition_of(key, strlen(key), 4));
        free(key);
        assert_string_equal(record->value.data, BODY);

        struct delivery_decoded decoded;
        struct error error = ERROR_INIT;
        if (!delivery_decode(record, &decoded, &error))
            fail_msg("%s", error.text);
        const struct delivery_record *delivery = &decoded.delivery;
        char id[DELIVERY_ID_SIZE], source[64];
        struct record source_record = {
            .topic = "calls", .partition = 1, .timestamp_ms = 1700000000123};
        assert_int_equal(sscanf(delivery->source, "calls/1/%jd", &source_record.offset), 1);
        snprintf(source, sizeof source, "calls/1/%jd", (intmax_t)source_record.offset);
        assert_string_equal(delivery->source, source);
        struct sha256 *hash = sha256_new();
        delivery_id(hash, &source_record, "acme", ids[i], id);
        sha256_free(hash);
        assert_string_equal(delivery->id, id);
        assert_string_equal(delivery->tenant, "acme");
        assert_string_equal(delivery->subscription, ids[i]);
        assert_string_equal(delivery->event, "call.ringing");
        assert_string_equal(delivery->order_key, "a key");
        assert_int_equal(delivery->event_at.ms, 1700000000123);
        assert_int_equal(delivery->registry, registry);
        assert_true(delivery->accepted_at.ms > wall_now().ms - 60000);
        assert_false(delivery->redact);
        assert_int_equal(delivery->replay, 0);
        assert_string_equal(header_of(record, "traceparent"),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_string_equal(header_of(record, "ce_source"), "/pbx");
        assert_string_equal(header_of(record, "x-other"), "");
    }
    assert_int_equal(letters.count, 0);
    tape_stop(&tape);
}

static void order_is_kept(void **state)
{
    (void)state;
    struct tape tape;
    tenant("orderly", 2);
    subscription("orderly", "one", "");
    subscription("orderly", "two", "");
    roles_wait_registry(&fixture, registry_count);
    for (int i = 0; i < 300; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"type\":\"ended\",\"n\":%d}", i);
        event("orderly", "k", body);
    }
    tape_start(&tape, &fixture.cluster, "hookline.deliveries.orderly", 2);
    tape_wait(&tape, 600);
    static const char *const keys[] = {"orderly/one", "orderly/two"};
    for (size_t k = 0; k < 2; k++) {
        int next = 0;
        for (size_t i = 0; i < tape.count; i++) {
            if (strcmp(tape.records[i]->key.data, keys[k]) != 0)
                continue;
            char body[64];
            snprintf(body, sizeof body, "{\"type\":\"ended\",\"n\":%d}", next++);
            assert_string_equal(tape.records[i]->value.data, body);
        }
        assert_int_equal(next, 300);
    }
    tape_stop(&tape);
}

struct metric_wait {
    const char *sample;
    double value;
};

static bool metric_is(void *arg)
{
    const struct metric_wait *wait = arg;
    return roles_metric(wait->sample) >= wait->value;
}

static void nobody_wants_it(void **state)
{
    (void)state;
    tenant("quiet", 1);
    subscription("quiet", "off", ",\"enabled\":false");
    subscription("quiet", "ended", ",\"events\":[\"call.ended\"]");
    roles_wait_registry(&fixture, registry_count);
    double before = roles_metric("hookline_events_unmatched_total");
    double unknown = roles_metric("hookline_events_unknown_type_total");
    event("quiet", "k", BODY);
    event("unheard-of", "k", BODY);
    event("quiet", "k", "{\"type\":\"own.type\"}");
    struct metric_wait wait = {"hookline_events_unmatched_total", before + 3};
    assert_true(run_until(fixture.cluster.loop, metric_is, &wait));
    assert_true(roles_metric("hookline_events_unknown_type_total") == unknown + 1);
    assert_int_equal(letters.count, 0);
}

static const struct {
    const char *tenant, *body, *reason;
} bad[] = {
    {"acme", "not JSON", "invalid_event"},
    {"acme", "[1,2]", "invalid_event"},
    {"acme", "{\"callID\":\"no type\"}", "invalid_event"},
    {"acme", "{\"type\":\"hookline.endpoint.failing\",\"tenant\":\"acme\"}", "invalid_event"},
    {"acme", "{\"type\":\"ringing\",\"type\":\"ended\"}", "invalid_event"},
    {"Not A Tenant", BODY, "tenant_unresolved"},
    {NULL, BODY, "tenant_unresolved"},
};

static void bad_events(void **state)
{
    (void)state;
    size_t before = letters.count, count = sizeof bad / sizeof *bad;
    for (size_t i = 0; i < count; i++)
        event(bad[i].tenant, "k", bad[i].body);
    char *large = mem_alloc(100002);
    memset(large, ' ', 100001);
    memcpy(large, "{}", 2);
    large[100001] = '\0';
    event("acme", "k", large);
    tape_wait(&letters, before + count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct record *letter = letters.records[before + i];
        assert_string_equal(header_of(letter, "hookline-reason"), bad[i].reason);
        assert_true(strlen(header_of(letter, "hookline-detail")) > 5);
        assert_true(strncmp(header_of(letter, "hookline-source"), "calls/1/", 8) == 0);
        assert_string_equal(letter->key.data, "k");
        assert_string_equal(letter->value.data, bad[i].body);
        assert_string_equal(header_of(letter, "hookline-id"), ""); /* no delivery, and no forgery */
        assert_string_equal(header_of(letter, "hookline-tenant"),
            strcmp(bad[i].reason, "tenant_unresolved") == 0 ? "" : "acme");
    }
    const struct record *letter = letters.records[before + count];
    assert_string_equal(header_of(letter, "hookline-reason"), "event_too_large");
    assert_int_equal(letter->value.len, 65536);
    assert_memory_equal(letter->value.data, large, 65536);
    free(large);
}

/* Puts an operational event about a subscription; returns its body, for the call. */
static const char *operational(const char *tenant_id, const char *id, const char *type)
{
    static char body[256];
    char *key = mem_printf("%s/%s", tenant_id, id);
    snprintf(body, sizeof body, "{\"type\":\"%s\",\"tenant\":\"%s\",\"subscription\":\"%s\"}", type,
        tenant_id, id);
    cluster_put(&fixture.cluster, OPERATIONAL, 0, key, body);
    free(key);
    return body;
}

/* Those who ask for them get them; whom they are about does not, nor who asked for all. */
static void operational_events(void **state)
{
    (void)state;
    static const char failing[] = "hookline.endpoint.failing";
    struct tape tape;
    size_t before = letters.count;
    double consumed = roles_metric("hookline_events_consumed_total");
    double unmatched = roles_metric("hookline_events_unmatched_total");
    tenant("ops", 1);
    subscription("ops", "all", "");
    subscription("ops", "about", ",\"events\":[\"*\",\"hookline.*\"]");
    subscription("ops", "asks", ",\"events\":[\"hookline.*\"]");
    subscription("ops", "disabled", ",\"events\":[\"hookline.endpoint.disabled\"]");
    subscription("ops", "filter",
        ",\"events\":[\"hookline.*\"],\"filter\":{\"subscription\":[\"another\"]}");
    roles_wait_registry(&fixture, registry_count);
    tape_start(&tape, &fixture.cluster, "hookline.deliveries.ops", 1);
    operational("ops", "nobody", "hookline.other.event");
    operational("quiet", "off", failing);
    operational("unheard-of", "x", failing);
    const char *body = operational("ops", "about", failing);
    cluster_put(&fixture.cluster, OPERATIONAL, 0, "ops/about", "{\"type\":\"call.ended\"}");
    tape_wait(&tape, 3);
    tape_wait(&letters, before + 1);
    run_for(fixture.cluster.loop, 100);
    assert_int_equal(tape.count, 3); /* the first one's two and one */
    static const char *const keys[] = {"ops/about", "ops/asks", "ops/asks"};
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(tape.records[i]->key.data, keys[i]);
    const struct record *record = tape.records[2];
    assert_string_equal(record->value.data, body);
    assert_string_equal(header_of(record, "hookline-event"), failing);
    assert_string_equal(header_of(record, "hookline-order-key"), "ops/about");
    assert_true(strncmp(header_of(record, "hookline-source"), OPERATIONAL "/0/",
                    strlen(OPERATIONAL "/0/")) == 0);
    assert_string_equal(header_of(letters.records[before], "hookline-reason"), "invalid_event");
    assert_true(roles_metric("hookline_events_consumed_total") == consumed);
    assert_true(roles_metric("hookline_events_unmatched_total") == unmatched);
    tape_stop(&tape);
}

/* The tenant's topic cannot be written although Kafka is there. */
static void unroutable(void **state)
{
    (void)state;
    size_t before = letters.count;
    kafka_embedded_set_missing(fixture.cluster.embedded, "hookline.deliveries.lost", true);
    char *record = store_tenant_record("lost", 1);
    cluster_put(&fixture.cluster, REGISTRY, 0, "lost", record);
    free(record);
    registry_count++;
    subscription("lost", "crm", "");
    /* A tenant without a record has no topic at all. */
    subscription("homeless", "crm", "");
    roles_wait_registry(&fixture, registry_count);
    event("homeless", "k", BODY);
    tape_wait(&letters, before + 1);
    event("lost", "k", BODY);
    tape_wait(&letters, before + 2);
    static const char *const keys[] = {"homeless/crm", "lost/crm"};
    for (size_t i = 0; i < 2; i++) {
        const struct record *letter = letters.records[before + i];
        assert_string_equal(header_of(letter, "hookline-reason"), "unroutable");
        assert_string_equal(letter->key.data, keys[i]);
        assert_string_equal(letter->value.data, BODY);
        assert_true(strncmp(header_of(letter, "hookline-id"), "msg_", 4) == 0);
        assert_string_equal(header_of(letter, "hookline-event"), "call.ringing");
        assert_true(strlen(header_of(letter, "hookline-detail")) > 5);
    }
    /* Others are not in its way. */
    struct tape tape;
    tenant("routable", 1);
    subscription("routable", "crm", "");
    roles_wait_registry(&fixture, registry_count);
    event("routable", "k", BODY);
    tape_start(&tape, &fixture.cluster, "hookline.deliveries.routable", 1);
    tape_wait(&tape, 1);
    tape_stop(&tape);
}

/* Nothing is lost when the broker goes in mid flow, and nobody is at fault for it. */
static void the_broker_goes_and_comes(void **state)
{
    (void)state;
    struct tape tape;
    size_t before = letters.count;
    tenant("steady", 1);
    subscription("steady", "crm", "");
    roles_wait_registry(&fixture, registry_count);
    tape_start(&tape, &fixture.cluster, "hookline.deliveries.steady", 1);
    for (int i = 0; i < 200; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"type\":\"ended\",\"n\":%d}", i);
        event("steady", "k", body);
        if (i == 100) {
            tape_wait(&tape, 1);
            kafka_embedded_set_down(fixture.cluster.embedded, true);
        }
    }
    run_for(fixture.cluster.loop, 300);
    kafka_embedded_set_down(fixture.cluster.embedded, false);
    tape_wait(&tape, 200);
    for (int i = 0; i < 200; i++) {
        char body[64];
        bool found = false;
        snprintf(body, sizeof body, "{\"type\":\"ended\",\"n\":%d}", i);
        for (size_t j = 0; j < tape.count; j++)
            found |= strcmp(tape.records[j]->value.data, body) == 0;
        if (!found)
            fail_msg("event %d is lost", i);
    }
    assert_int_equal(letters.count, before);
    tape_stop(&tape);
}

/* Everything that was done so far, dead letters and unmatched ones too, is committed. */
static void a_restart_repeats_nothing(void **state)
{
    (void)state;
    struct tape tape;
    tenant("again", 1);
    subscription("again", "crm", "");
    roles_wait_registry(&fixture, registry_count);
    event("again", "k", BODY);
    tape_start(&tape, &fixture.cluster, "hookline.deliveries.again", 1);
    tape_wait(&tape, 1);
    assert_true(run_until(fixture.cluster.loop, bridge_is_idle, NULL));
    size_t dead = letters.count;
    stop_bridge();
    double before = roles_metric("hookline_events_consumed_total");
    bridge = start_bridge();
    event("again", "k", BODY);
    tape_wait(&tape, 2);
    run_for(fixture.cluster.loop, 200);
    assert_int_equal(tape.count, 2);
    assert_int_equal(letters.count, dead);
    assert_true(roles_metric("hookline_events_consumed_total") == before + 1);
    tape_stop(&tape);
}

/* The last one: freed with records under way, and with some that wait to be sent again. */
static void freed_in_mid_flow(void **state)
{
    (void)state;
    tenant("last", 1);
    subscription("last", "crm", "");
    roles_wait_registry(&fixture, registry_count);
    kafka_embedded_set_missing(fixture.cluster.embedded, DEAD_LETTERS, true);
    for (int i = 0; i < 50; i++) {
        event("last", "k", BODY);
        event("last", "k", "not JSON");
    }
    struct metric_wait wait = {
        "hookline_events_consumed_total", roles_metric("hookline_events_consumed_total") + 20};
    assert_true(run_until(fixture.cluster.loop, metric_is, &wait));
    kafka_embedded_set_down(fixture.cluster.embedded, true);
    bridge_free(bridge);
    bridge = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fan_out),
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(nobody_wants_it),
        cmocka_unit_test(bad_events),
        cmocka_unit_test(operational_events),
        cmocka_unit_test(unroutable),
        cmocka_unit_test(the_broker_goes_and_comes),
        cmocka_unit_test(a_restart_repeats_nothing),
        cmocka_unit_test(freed_in_mid_flow),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
