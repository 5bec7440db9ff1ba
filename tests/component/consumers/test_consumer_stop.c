/* SPDX-License-Identifier: Apache-2.0 */
/* How the consumer lets go: stopping, hurrying, giving partitions to another member. And that its
 * loop needs no push. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receiver.h"

static struct consumer *consumer, *other;

static void store_changed(const char *tenant_id, const char *id)
{
    if (consumer)
        consumer_store_changed(consumer, tenant_id, id);
    if (other)
        consumer_store_changed(other, tenant_id, id);
}

static int set_up(void **state)
{
    (void)state;
    fixture_start();
    tenant("acme", 1);
    tenant("beta", 1);
    subscribe("acme", "");
    subscribe("beta", "");
    roles_read_registry(&fixture);
    fixture.changed = store_changed;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    consumer_free(consumer);
    consumer_free(other);
    consumer = other = NULL;
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

static void free_consumer(void)
{
    consumer_free(consumer);
    consumer = NULL;
}

/* What is in flight is waited for, nothing new begins, and nothing of it comes again. */
static void a_stop_drains(void **state)
{
    (void)state;
    bool stopped = false;
    consumer = start_consumer(&base_options);
    receiver_reset(NULL);
    deliver("acme", "k", "before");
    wait_hits(1);
    receiver_reset(always_park);
    deliver("acme", "a", "in flight");
    wait_parked(1);
    deliver("acme", "a", "queued");
    run_for(fixture.cluster.loop, 100);
    consumer_stop(consumer, set_true, &stopped);
    deliver("acme", "b", "late");
    run_for(fixture.cluster.loop, 300);
    assert_false(stopped);
    assert_int_equal(receiver.count, 1);
    receiver.rule = NULL;
    receiver_release(1, 200);
    assert_true(run_until(fixture.cluster.loop, is_true, &stopped));
    assert_int_equal(receiver.count, 1);
    free_consumer();

    receiver_reset(NULL);
    consumer = new_consumer(&base_options);
    wait_hits(2);
    run_for(fixture.cluster.loop, 200);
    assert_int_equal(receiver.count, 2);
    assert_int_equal(hits_of("queued"), 1);
    assert_int_equal(hits_of("late"), 1);
}

/* A request that fails while we drain is the next owner's, and nothing waits for its back-off. */
static void a_stop_does_not_wait_for_retries(void **state)
{
    (void)state;
    bool stopped = false;
    struct consumer_options slow = base_options;
    slow.backoff_first_ms = slow.backoff_max_ms = 600000;
    slow.retry_horizon_ms = 86400000;
    slow.drain_timeout_ms = 600000;
    consumer = start_consumer(&slow);
    receiver_reset(always_500);
    deliver("acme", "a", "waiting");
    wait_hits(1);
    receiver.rule = always_park;
    deliver("acme", "b", "in flight");
    wait_parked(1);
    consumer_stop(consumer, set_true, &stopped);
    run_for(fixture.cluster.loop, 200);
    assert_false(stopped);
    receiver_release(1, 500);
    assert_true(run_until(fixture.cluster.loop, is_true, &stopped));
    free_consumer();
}

/* The second call cancels. */
static void a_hurry_cancels(void **state)
{
    (void)state;
    bool stopped = false;
    struct consumer_options patient = base_options;
    patient.drain_timeout_ms = 600000;
    consumer = start_consumer(&patient);
    receiver_reset(always_park);
    for (int i = 0; i < 4; i++)
        deliver("acme", NULL, numbered("", i));
    wait_parked(4);
    consumer_stop(consumer, set_true, &stopped);
    run_for(fixture.cluster.loop, 200);
    assert_false(stopped);
    consumer_stop(consumer, set_true, &stopped);
    assert_true(run_until(fixture.cluster.loop, is_true, &stopped));
    free_consumer();

    receiver_reset(NULL); /* all of it comes again */
    consumer = new_consumer(&base_options);
    wait_hits(4);
}

static void a_drain_has_an_end(void **state)
{
    (void)state;
    bool stopped = false;
    struct consumer_options hasty = base_options;
    hasty.drain_timeout_ms = 100;
    consumer = start_consumer(&hasty);
    receiver_reset(always_park);
    deliver("acme", "a", "hanging");
    wait_parked(1);
    consumer_stop(consumer, set_true, &stopped);
    assert_true(run_until(fixture.cluster.loop, is_true, &stopped));
    free_consumer();
}

static void stopped_before_it_began(void **state)
{
    (void)state;
    bool stopped = false;
    consumer = new_consumer(&base_options);
    consumer_stop(consumer, set_true, &stopped);
    assert_true(run_until(fixture.cluster.loop, is_true, &stopped));
    free_consumer();
}

static bool have_come(void *arg)
{
    const char *const *bodies = arg;
    while (*bodies && hits_of(*bodies))
        bodies++;
    return !*bodies;
}

/* Whether it was attempted a second time, and knew of the first. */
static bool have_come_again(void *arg)
{
    const char *const *bodies = arg;
    int again = 0, wanted = 0;
    for (; *bodies; bodies++, wanted++)
        for (int i = 0; i < receiver.count; i++)
            if (strcmp(receiver.hits[i].body, *bodies) == 0 && receiver.hits[i].attempt == 2) {
                again++;
                break;
            }
    return again == wanted;
}

/* Another member joins: what waits for its next attempt is handed on, with its attempts and its
 * back-off, to whoever has the partition then; what is in flight is waited for. */
static void a_revocation_hands_on_what_waits(void **state)
{
    (void)state;
    struct consumer_options slow = base_options;
    slow.backoff_first_ms = slow.backoff_max_ms = 8000;
    consumer = start_consumer(&slow);
    receiver_reset(always_500);
    deliver("acme", "a", "acme");
    deliver("beta", "a", "beta");
    wait_hits(2);
    receiver_reset(always_park);
    deliver("acme", "b", "in flight");
    wait_parked(1);
    other = new_consumer(&slow);
    run_for(fixture.cluster.loop, 300);
    receiver.rule = NULL;
    receiver_release(1, 200);
    static const char *const first[] = {"acme", "beta", NULL};
    static const char *const then[] = {"acme goes on", "beta goes on", NULL};
    assert_true(run_until(fixture.cluster.loop, have_come_again, (void *)first));
    deliver("acme", "c", "acme goes on");
    deliver("beta", "c", "beta goes on");
    assert_true(run_until(fixture.cluster.loop, have_come, (void *)then));
}

static bool has_all(void *arg)
{
    return receiver.count >= *(int *)arg;
}

/* Nothing else happens in the process: no result is published, no commit is due, nobody ticks. The
 * end of a request alone has to start the next. */
static void one_after_the_other_without_a_push(void **state)
{
    (void)state;
    struct consumer_options quiet = base_options;
    quiet.results = CONSUMER_RESULTS_NONE;
    quiet.consumer.commit_interval_ms = 3600000;
    consumer = start_consumer(&quiet);
    receiver_reset(always_park);
    for (int i = 0; i < 60; i++)
        deliver("acme", "k", numbered("", i));
    wait_parked(1);
    run_for(fixture.cluster.loop, 200); /* all are fetched */
    receiver.rule = NULL;
    int64_t tick_ms = waiting_tick_ms;
    int count = 60;
    struct mono_time start = mono_now();
    waiting_tick_ms = PATIENCE_MS;
    receiver_release(1, 200);
    bool all = run_until(fixture.cluster.loop, has_all, &count);
    waiting_tick_ms = tick_ms;
    assert_true(all);
    /* The Kafka clients wake up once a second: with their help alone it would be a minute. */
    assert_true(mono_diff_ms(mono_now(), start) < 20000);
}

/* Kafka is away when it is to stop: then it ends all the same. */
static void stopped_without_a_broker(void **state)
{
    (void)state;
    bool stopped = false;
    struct consumer_options hasty = base_options;
    hasty.drain_timeout_ms = 200;
    consumer = start_consumer(&hasty);
    receiver_reset(always_park);
    deliver("acme", "a", "hanging");
    wait_parked(1);
    kafka_embedded_set_down(fixture.cluster.embedded, true);
    consumer_stop(consumer, set_true, &stopped);
    assert_true(run_until(fixture.cluster.loop, is_true, &stopped));
    kafka_embedded_set_down(fixture.cluster.embedded, false);
    free_consumer();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stop_drains),
        TEST(a_stop_does_not_wait_for_retries),
        TEST(a_hurry_cancels),
        TEST(a_drain_has_an_end),
        TEST(stopped_before_it_began),
        TEST(a_revocation_hands_on_what_waits),
        TEST(one_after_the_other_without_a_push),
        TEST(stopped_without_a_broker),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
