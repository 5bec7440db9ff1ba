/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts read from a topic with several partitions, from a little before its end. Partitions that are
 * added later the embedded broker cannot have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cluster.h"
#include "common/buffer.h"
#include "console/attempts.h"

#define T0 1772439251000

static struct cluster cluster;

static const struct attempts_options roomy = {
    .topic = "results", .max_bytes = 64 << 20, .max_per_tenant = 10000};
/* Room for so much that 200 records are worth reading, shared by two partitions. */
static const struct attempts_options small = {
    .topic = "results", .max_bytes = 200 * 1024, .max_per_tenant = 10000};

static int set_up(void **state)
{
    (void)state;
    cluster_start(&cluster);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cluster_stop(&cluster);
    return 0;
}

static struct attempts *start(const struct attempts_options *options)
{
    struct error error = ERROR_INIT;
    struct attempts *attempts = attempts_new(cluster.loop, &cluster.kafka, options, &error);
    assert_non_null(attempts);
    assert_false(attempts_ready(attempts));
    return attempts;
}

/* "m<n>" of `tenant`, `n` seconds after T0. */
static void put(int32_t partition, const char *tenant, int n)
{
    char id[24];
    struct buffer text = BUFFER_INIT;
    (void)snprintf(id, sizeof id, "m%d", n);
    result_encode(&(struct result){.id = id,
                      .tenant = tenant,
                      .subscription = "crm",
                      .event = "call.ended",
                      .at = {T0 + 1000 * n}},
        &text);
    cluster_put(&cluster, "results", partition, "acme/crm", buffer_text(&text));
    buffer_release(&text);
}

static bool is_ready(void *arg)
{
    return attempts_ready(arg);
}

static void wait_ready(struct attempts *attempts)
{
    assert_true(run_until(cluster.loop, is_ready, attempts));
}

struct counted {
    struct attempts *attempts;
    size_t count;
};

static bool has_count(void *arg)
{
    const struct counted *counted = arg;
    return attempts_count(counted->attempts) >= counted->count;
}

static void wait_count(struct attempts *attempts, size_t count)
{
    struct counted counted = {attempts, count};
    if (!run_until(cluster.loop, has_count, &counted))
        fail_msg("%zu attempts in place of %zu", attempts_count(attempts), count);
    assert_int_equal(attempts_count(attempts), count);
}

struct found {
    int ids[1000];
    size_t count;
};

static void on_found(uint64_t number, const char *json, size_t len, void *arg)
{
    (void)number;
    (void)len;
    struct found *found = arg;
    assert_true(found->count < 1000);
    found->ids[found->count++] = (int)strtol(json + strlen("{\"id\":\"m"), NULL, 10);
}

static struct found find(const struct attempts *attempts, const char *tenant)
{
    struct found found = {.count = 0};
    const struct attempts_query query = {
        .tenant = tenant, .outcome = -1, .from = {-1}, .to = {-1}, .limit = 1000};
    assert_int_equal(attempts_find(attempts, &query, on_found, &found), 0);
    return found;
}

static void all_partitions_and_on(void **state)
{
    (void)state;
    cluster_topic(&cluster, "results", 4); /* the last stays empty */
    for (int n = 0; n < 300; n++)
        put(n % 3, "acme", n);
    cluster_put(&cluster, "results", 1, "acme/crm", "no result");
    cluster_flush(&cluster);
    struct attempts *attempts = start(&roomy);
    wait_ready(attempts);
    assert_int_equal(attempts_count(attempts), 300);
    assert_int_equal(attempts_skipped_count(attempts), 1);
    /* Newest first, whatever the order of the partitions was. */
    struct found found = find(attempts, "acme");
    assert_int_equal(found.count, 300);
    for (int i = 0; i < 300; i++)
        assert_int_equal(found.ids[i], 299 - i);
    put(3, "acme", 300);
    put(0, "other", 301);
    cluster_flush(&cluster);
    wait_count(attempts, 302);
    assert_int_equal(find(attempts, "acme").ids[0], 300);
    assert_int_equal(find(attempts, "other").ids[0], 301);
    attempts_free(attempts);
}

static void begins_a_little_before_the_end(void **state)
{
    (void)state;
    cluster_topic(&cluster, "results", 2);
    for (int n = 0; n < 500; n++)
        put(0, "acme", n);
    for (int n = 500; n < 530; n++) /* fewer than its share */
        put(1, "acme", n);
    cluster_flush(&cluster);
    struct attempts *attempts = start(&small);
    wait_ready(attempts);
    struct found found = find(attempts, "acme");
    assert_int_equal(found.count, 130);
    assert_int_equal(found.ids[0], 529);
    assert_int_equal(found.ids[129], 400);
    attempts_free(attempts);
}

static void an_empty_topic(void **state)
{
    (void)state;
    cluster_topic(&cluster, "results", 2);
    struct attempts *attempts = start(&roomy);
    wait_ready(attempts);
    assert_int_equal(attempts_count(attempts), 0);
    put(1, "acme", 1);
    wait_count(attempts, 1);
    attempts_free(attempts);
}

static void no_topic_yet(void **state)
{
    (void)state;
    cluster_topic(&cluster, "results", 2);
    put(0, "acme", 1);
    cluster_flush(&cluster);
    kafka_embedded_set_missing(cluster.embedded, "results", true);
    struct attempts *attempts = start(&roomy);
    run_for(cluster.loop, 1000);
    assert_false(attempts_ready(attempts));
    kafka_embedded_set_missing(cluster.embedded, "results", false);
    wait_ready(attempts);
    assert_int_equal(attempts_count(attempts), 1);
    attempts_free(attempts);
}

static void the_broker_goes_and_comes(void **state)
{
    (void)state;
    cluster_topic(&cluster, "results", 2);
    put(0, "acme", 1);
    cluster_flush(&cluster);
    kafka_embedded_set_down(cluster.embedded, true);
    struct attempts *attempts = start(&roomy);
    run_for(cluster.loop, 1000);
    assert_false(attempts_ready(attempts));
    kafka_embedded_set_down(cluster.embedded, false);
    wait_ready(attempts);
    kafka_embedded_set_down(cluster.embedded, true);
    run_for(cluster.loop, 300);
    kafka_embedded_set_down(cluster.embedded, false);
    put(1, "acme", 2);
    wait_count(attempts, 2);
    attempts_free(attempts);
}

struct waiter {
    int calls, given_up;
};

static void on_over(const char *json, size_t len, void *arg)
{
    (void)len;
    struct waiter *waiter = arg;
    waiter->calls++;
    waiter->given_up += !json;
}

static bool was_called(void *arg)
{
    return ((struct waiter *)arg)->calls > 0;
}

static void is_awaited(void **state)
{
    (void)state;
    struct waiter waiter = {0, 0};
    cluster_topic(&cluster, "results", 2);
    struct attempts *attempts = start(&roomy);
    wait_ready(attempts);
    attempts_await(attempts, "acme", "m5", 60000, on_over, &waiter);
    put(0, "acme", 4);
    put(1, "acme", 5);
    assert_true(run_until(cluster.loop, was_called, &waiter));
    assert_int_equal(waiter.given_up, 0);
    attempts_free(attempts);
}

/* While a worker looks at the topic, and while records come. */
static void is_freed_at_any_time(void **state)
{
    (void)state;
    cluster_topic(&cluster, "results", 2);
    for (int n = 0; n < 2000; n++)
        put(n % 2, "acme", n);
    cluster_flush(&cluster);
    for (int ms = 0; ms < 150; ms += 10) {
        struct attempts *attempts = start(&roomy);
        run_for(cluster.loop, ms);
        attempts_free(attempts);
    }
    run_for(cluster.loop, 200);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_partitions_and_on),
        TEST(begins_a_little_before_the_end),
        TEST(an_empty_topic),
        TEST(no_topic_yet),
        TEST(the_broker_goes_and_comes),
        TEST(is_awaited),
        TEST(is_freed_at_any_time),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
