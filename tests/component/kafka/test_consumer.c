/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a group: everything once, fairly, and committed only when it is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "member.h"

static bool has_offers(void *arg)
{
    return ((struct member *)arg)->offered > 0;
}

static void everything_once_and_fairly(void **state)
{
    (void)state;
    static struct member member;
    member = (struct member){.hold = false};
    /* A full partition and three short ones: those must not wait behind it. */
    for (int i = 0; i < 2000; i++)
        cluster_put(&cluster, "t", 0, "k", "v");
    for (int32_t p = 1; p < PARTITIONS; p++)
        for (int i = 0; i < 50; i++)
            cluster_put(&cluster, "t", p, "k", "v");
    cluster_flush(&cluster);
    /* All are fetched before the first is taken, so that only our own turns count. */
    member.hold = true;
    join(&member, &options);
    assert_false(kafka_consumer_joined(member.consumer));
    assert_true(run_until(cluster.loop, has_offers, &member));
    run_for(cluster.loop, 1000);
    member.hold = false;
    kafka_consumer_go(member.consumer);
    wait_taken(&member, 2150);
    assert_true(kafka_consumer_joined(member.consumer));
    assert_int_equal(member.assignments, PARTITIONS);
    run_for(cluster.loop, 100);
    assert_int_equal(member.total, 2150);
    assert_int_equal(member.repeated, 0);
    assert_int_equal(member.backwards, 0);
    /* Where the last of the short ones came: behind about as many of the full one. */
    int last = 0;
    for (int i = 0; i < 2150; i++)
        if (member.order[i] != 'a')
            last = i;
    assert_in_range(last, 149, 800);
    leave(&member);
}

static void held_records_wait(void **state)
{
    (void)state;
    static struct member member;
    member = (struct member){.hold = true};
    put_each(20);
    join(&member, &options);
    assert_true(run_until(cluster.loop, has_offers, &member));
    run_for(cluster.loop, 300);
    /* Each partition offered one record and is not served until told. */
    assert_in_range(member.offered, 1, PARTITIONS);
    assert_int_equal(member.total, 0);
    int offered = member.offered;
    run_for(cluster.loop, 300);
    assert_int_equal(member.offered, offered);
    for (int32_t p = 0; p < PARTITIONS; p++)
        if (member.assigned[p])
            kafka_partition_go(member.assigned[p]); /* still no room: offered once more */
    run_for(cluster.loop, 100);
    assert_in_range(member.offered, offered + 1, offered + PARTITIONS);
    member.hold = false;
    kafka_consumer_go(member.consumer);
    wait_taken(&member, 20 * PARTITIONS);
    assert_int_equal(member.repeated, 0);
    assert_int_equal(member.backwards, 0);
    leave(&member);
}

/* Two lives of one group: what was done does not come again, what was not done does. */
static void a_restart(void **state)
{
    (void)state;
    static struct member first, second;
    first = (struct member){.undone_from = 30};
    second = (struct member){.hold = false};
    put_each(50);
    join(&first, &options);
    wait_taken(&first, 50 * PARTITIONS);
    /* Beyond the gap all the others are done, too: no commit may pass it. */
    for (int32_t p = 0; p < PARTITIONS; p++)
        for (int64_t offset = 31; offset < 50; offset++)
            kafka_partition_done(first.assigned[p], offset);
    leave(&first);
    put_each(10);
    join(&second, &options);
    wait_taken(&second, 30 * PARTITIONS);
    run_for(cluster.loop, 200);
    assert_int_equal(second.total, 30 * PARTITIONS);
    for (int32_t p = 0; p < PARTITIONS; p++)
        for (int offset = 0; offset < 60; offset++)
            assert_int_equal(second.seen[p][offset], offset >= 30);
    assert_int_equal(first.losses + second.losses, 0);
    assert_int_equal(first.failures + second.failures, 0);
    leave(&second);
}

/* Without a farewell: committed in passing, and asked for. */
static void commits_in_passing(void **state)
{
    (void)state;
    static struct member first, second;
    struct kafka_consumer_options rarely = options;
    rarely.commit_interval_ms = 3600000;
    rarely.session_timeout_ms = 4500; /* more than the first join takes */
    first = (struct member){.hold = false};
    second = (struct member){.hold = false};
    put_each(20);
    join(&first, &rarely);
    wait_taken(&first, 20 * PARTITIONS);
    kafka_consumer_commit(first.consumer); /* now and not in an hour */
    run_for(cluster.loop, 300);
    kafka_consumer_free(first.consumer); /* as if killed */
    assert_int_equal(first.losses, PARTITIONS);
    put_each(1);
    join(&second, &rarely);
    wait_taken(&second, PARTITIONS);
    run_for(cluster.loop, 200);
    assert_int_equal(second.total, PARTITIONS);
    leave(&second);
}

static void the_broker_goes_and_comes(void **state)
{
    (void)state;
    static struct member member;
    member = (struct member){.hold = false};
    put_each(20);
    join(&member, &options);
    wait_taken(&member, 20 * PARTITIONS);
    kafka_embedded_set_down(cluster.embedded, true);
    run_for(cluster.loop, 500);
    kafka_embedded_set_down(cluster.embedded, false);
    put_each(20);
    wait_taken(&member, 40 * PARTITIONS);
    run_for(cluster.loop, 200);
    assert_int_equal(member.failures, 0);
    assert_int_equal(member.backwards, 0);
    leave(&member);
    /* The commits of the meantime have not been lost. */
    static struct member next;
    next = (struct member){.hold = false};
    put_each(1);
    join(&next, &options);
    wait_taken(&next, PARTITIONS);
    run_for(cluster.loop, 200);
    assert_int_equal(next.total, PARTITIONS);
    leave(&next);
}

static void bad_options(void **state)
{
    (void)state;
    static struct member member;
    struct kafka_consumer_options bad = options;
    struct error error = ERROR_INIT;
    bad.assignment = "by-moonlight";
    assert_null(kafka_consumer_new(
        cluster.loop, &cluster.kafka, &bad, &callbacks, &member, "test", &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    const char *const properties[] = {"group.id=other", NULL};
    struct kafka_options kafka = {.brokers = "127.0.0.1:1", .properties = properties};
    error = (struct error)ERROR_INIT;
    assert_null(
        kafka_consumer_new(cluster.loop, &kafka, &options, &callbacks, &member, "test", &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "group.id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_once_and_fairly),
        TEST(held_records_wait),
        TEST(a_restart),
        TEST(commits_in_passing),
        TEST(the_broker_goes_and_comes),
        TEST(bad_options),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
