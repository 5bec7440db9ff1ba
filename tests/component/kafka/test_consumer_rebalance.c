/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions that are taken away, and the ends that a member can have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/client_internal.h"
#include "member.h"

/* A second member takes everything away from the first, and each gets its share then. */
static const struct kafka_consumer_options eager = {.group = "g",
    .assignment = "roundrobin",
    .commit_interval_ms = 50,
    .session_timeout_ms = 6000,
    .fetch_partition_bytes = 1 << 20};

/* It takes away its share only. */
static const struct kafka_consumer_options cooperative = {.group = "g",
    .assignment = "cooperative-sticky",
    .commit_interval_ms = 50,
    .session_timeout_ms = 6000,
    .fetch_partition_bytes = 1 << 20};

static bool has_joined(void *arg)
{
    return kafka_consumer_joined(((struct member *)arg)->consumer);
}

static bool has_settling(void *arg)
{
    return ((struct member *)arg)->settling_count == PARTITIONS;
}

static bool both_have_some(void *arg)
{
    struct member *const *members = arg;
    int count[2] = {0};
    for (int m = 0; m < 2; m++)
        for (int32_t p = 0; p < PARTITIONS; p++)
            count[m] += members[m]->assigned[p] != NULL;
    return count[0] > 0 && count[1] > 0 && count[0] + count[1] == PARTITIONS;
}

static bool all_were_taken(void *arg)
{
    struct member *const *members = arg;
    for (int32_t p = 0; p < PARTITIONS; p++)
        for (int offset = 0; offset < 30; offset++)
            if (members[0]->seen[p][offset] + members[1]->seen[p][offset] == 0)
                return false;
    return true;
}

/* The second member gets its share only when the first has settled. (A real broker then repeats
 * nothing; this one refuses commits as long as the group rebalances.) */
static void a_revocation_is_answered_late(void **state)
{
    (void)state;
    static struct member first, second;
    struct member *const both[] = {&first, &second};
    first = (struct member){.keep_undone = true, .settle_late = true};
    second = (struct member){.hold = false};
    put_each(25);
    join(&first, &eager);
    wait_taken(&first, 25 * PARTITIONS);
    struct kafka_partition *kept[PARTITIONS];
    for (int32_t p = 0; p < PARTITIONS; p++)
        kept[p] = kafka_partition_ref(first.assigned[p]);
    join(&second, &eager);
    assert_true(run_until(cluster.loop, has_settling, &first));
    for (int32_t p = 0; p < PARTITIONS; p++)
        assert_false(kafka_partition_active(kept[p]));
    put_each(5); /* nobody's for the moment */
    run_for(cluster.loop, 1000);
    assert_int_equal(first.total, 25 * PARTITIONS);
    assert_int_equal(second.total, 0);
    assert_int_equal(second.assignments, 0);
    /* What was under way ends now, although the partition was revoked. */
    for (int32_t p = 0; p < PARTITIONS; p++)
        for (int64_t offset = 0; offset < 25; offset++)
            kafka_partition_done(kept[p], offset);
    first.keep_undone = first.settle_late = false;
    settle(&first);
    for (int32_t p = 0; p < PARTITIONS; p++) /* a handle of an assignment that is over */
        kafka_partition_done(kept[p], 3);
    assert_true(run_until(cluster.loop, both_have_some, (void *)both));
    assert_true(run_until(cluster.loop, all_were_taken, (void *)both));
    run_for(cluster.loop, 200);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        for (int offset = 0; offset < 30; offset++)
            /* The embedded broker refuses commits while a group rebalances, and may do so twice. */
            assert_in_range(first.seen[p][offset] + second.seen[p][offset], 1, 4);
        assert_string_equal(kafka_partition_topic(kept[p]), "t");
        assert_int_equal(kafka_partition_number(kept[p]), p);
        kafka_partition_unref(kept[p]);
    }
    leave(&first);
    leave(&second);
}

static bool has_settling_half(void *arg)
{
    return ((struct member *)arg)->settling_count == PARTITIONS / 2;
}

/* Where the group shares out cooperatively, the first member gives half away, late, and keeps the rest:
 * its own all the time, though the library fetches nothing for it until the first has settled. */
static void a_half_is_revoked(void **state)
{
    (void)state;
    if (!kafka_library_at_least(2, 10)) { /* there it is not to be used */
        skip();
        return;
    }
    static struct member first, second;
    struct member *const both[] = {&first, &second};
    first = (struct member){.settle_late = true};
    second = (struct member){.hold = false};
    put_each(25);
    join(&first, &cooperative);
    wait_taken(&first, 25 * PARTITIONS);
    struct kafka_partition *before[PARTITIONS];
    for (int32_t p = 0; p < PARTITIONS; p++)
        before[p] = kafka_partition_ref(first.assigned[p]);
    run_for(cluster.loop,
        300); /* all of it is committed: while it rebalances this broker refuses that */
    join(&second, &cooperative);
    assert_true(run_until(cluster.loop, has_settling_half, &first));
    put_each(5); /* half of them nobody's for the moment */
    run_for(cluster.loop, 1000);
    assert_int_equal(second.assignments, 0);
    for (int32_t p = 0; p < PARTITIONS; p++)
        assert_int_equal(kafka_partition_active(before[p]), first.assigned[p] != NULL);
    first.settle_late = false;
    settle(&first);
    assert_true(run_until(cluster.loop, both_have_some, (void *)both));
    assert_true(run_until(cluster.loop, all_were_taken, (void *)both));
    run_for(cluster.loop, 200);
    assert_int_equal(first.assignments, PARTITIONS);
    assert_int_equal(first.revocations, PARTITIONS / 2);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        bool kept = first.assigned[p] != NULL;
        assert_true(!kept || first.assigned[p] == before[p]);
        for (int offset = 0; offset < 30; offset++) {
            assert_int_equal(first.seen[p][offset], kept || offset < 25);
            assert_in_range(second.seen[p][offset], !kept && offset >= 25, !kept);
        }
        kafka_partition_unref(before[p]);
    }
    leave(&first);
    leave(&second);
}

/* The ends that a consumer can have, in any order. */
static void ends(void **state)
{
    (void)state;
    static struct member member;
    struct error error = ERROR_INIT;
    put_each(10);

    kafka_consumer_free(NULL);
    /* Never subscribed: freed, and closed. */
    member = (struct member){.hold = false};
    member.consumer = kafka_consumer_new(
        cluster.loop, &cluster.kafka, &options, &callbacks, &member, "test", &error);
    assert_non_null(member.consumer);
    kafka_consumer_free(member.consumer);
    member.consumer = kafka_consumer_new(
        cluster.loop, &cluster.kafka, &options, &callbacks, &member, "test", &error);
    kafka_consumer_close(member.consumer);
    kafka_consumer_close(member.consumer); /* once more changes nothing */
    assert_true(run_until(cluster.loop, is_closed, &member));
    kafka_consumer_free(member.consumer);

    /* While joining: freed, and closed. */
    member = (struct member){.hold = false};
    join(&member, &options);
    run_for(cluster.loop, 50);
    kafka_consumer_free(member.consumer);
    join(&member, &options);
    run_for(cluster.loop, 50);
    leave(&member);

    /* Freed while closing, with work that is not settled and a record that is held. */
    member = (struct member){.settle_late = true};
    join(&member, &options);
    assert_true(run_until(cluster.loop, has_joined, &member));
    member.hold = true;
    put_each(5);
    run_for(cluster.loop, 100);
    kafka_consumer_close(member.consumer);
    assert_true(run_until(cluster.loop, has_settling, &member));
    run_for(cluster.loop, 50);
    kafka_consumer_free(member.consumer);
    settle(&member); /* of an assignment that is gone */
    assert_false(member.closed);
}

static bool last_was_taken(void *arg)
{
    struct member *const *members = arg;
    bool all = true;
    for (int32_t p = 0; p < PARTITIONS; p++)
        all = all && members[1]->seen[p][14];
    return all;
}

/* Closing in the middle of a revocation that is not answered yet. */
static void closed_while_settling(void **state)
{
    (void)state;
    static struct member first, second;
    first = (struct member){.settle_late = true};
    second = (struct member){.hold = false};
    put_each(10);
    join(&first, &eager);
    wait_taken(&first, 10 * PARTITIONS);
    join(&second, &eager);
    assert_true(run_until(cluster.loop, has_settling, &first));
    kafka_consumer_close(first.consumer);
    run_for(cluster.loop, 100);
    assert_false(first.closed);
    settle(&first);
    assert_true(run_until(cluster.loop, is_closed, &first));
    kafka_consumer_free(first.consumer);
    assert_int_equal(first.assignments, first.revocations);
    put_each(5);
    struct member *const both[] = {&first, &second};
    assert_true(run_until(cluster.loop, last_was_taken, (void *)both));
    leave(&second);
}

/* Down for good: closing may take its time, but it ends, and so does the process. */
static void closed_without_a_broker(void **state)
{
    (void)state;
    static struct member member;
    member = (struct member){.undone_from = 5};
    put_each(10);
    struct kafka_consumer_options rarely = options;
    rarely.commit_interval_ms = 3600000;
    join(&member, &rarely);
    wait_taken(&member, 10 * PARTITIONS);
    kafka_embedded_set_down(cluster.embedded, true);
    kafka_consumer_close(member.consumer);
    assert_true(run_until(cluster.loop, is_closed, &member));
    kafka_consumer_free(member.consumer);
    assert_int_equal(member.assignments, member.revocations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_revocation_is_answered_late),
        TEST(a_half_is_revoked),
        TEST(ends),
        TEST(closed_while_settling),
        TEST(closed_without_a_broker),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
