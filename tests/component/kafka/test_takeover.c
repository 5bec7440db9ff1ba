/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions of a fenced consumer: an epoch for each owner, and what one owner had done is known to
 * the next. (Compaction and transaction markers cannot be had from the embedded broker.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/buffer.h"
#include "kafka/consumer_internal.h"
#include "member.h"

/* A member whose partitions follow one plan: a letter per offset, d done, c covered, else open. */
struct owner {
    struct member member; /* first, so that its callbacks can be used */
    const char *plan;
    bool stay; /* does not start what it gets */
    int64_t epochs[PARTITIONS];
    int confirmations, confirmed;
    int64_t retake_above; /* 0 = no */
    int overtakings;
    int64_t overtaken; /* records */
};

static enum kafka_intake take(
    void *arg, struct kafka_partition *partition, const struct record *record)
{
    struct owner *owner = arg;
    enum kafka_intake answer = on_record(&owner->member, partition, record);
    if (answer == KAFKA_HOLD)
        return answer;
    kafka_partition_tag(partition, (uint32_t)record->offset + 1000);
    char what = '.';
    if (owner->plan && record->offset < (int64_t)strlen(owner->plan))
        what = owner->plan[record->offset];
    if (what == 'd')
        kafka_partition_done(partition, record->offset);
    else if (what == 'c')
        kafka_partition_covered(partition, record->offset);
    return answer;
}

static void took_over(void *arg, struct kafka_partition *partition)
{
    struct owner *owner = arg;
    if (!owner->epochs[kafka_partition_number(partition)])
        on_assigned(&owner->member, partition);
    owner->epochs[kafka_partition_number(partition)] = kafka_partition_epoch(partition);
    if (kafka_partition_epoch(partition) <= owner->retake_above) {
        kafka_partition_retake(partition, owner->retake_above);
        kafka_partition_start(partition); /* too early: no more than a mistake */
    } else if (!owner->stay) {
        kafka_partition_start(partition);
    }
}

static void gave_back(void *arg, struct kafka_partition *partition, bool lost)
{
    struct owner *owner = arg;
    owner->epochs[kafka_partition_number(partition)] = 0;
    on_revoked(&owner->member, partition, lost);
}

static void on_confirmed(void *arg, bool still_member)
{
    struct owner *owner = arg;
    owner->confirmations++;
    owner->confirmed += still_member;
}

static void on_overtaken(void *arg, struct kafka_partition *partition, int64_t records)
{
    struct owner *owner = arg;
    assert_int_equal(kafka_partition_number(partition), 0);
    owner->overtakings++;
    owner->overtaken += records;
}

static const struct kafka_consumer_callbacks owner_callbacks = {.record = take,
    .assigned = took_over,
    .revoked = gave_back,
    .closed = on_closed,
    .confirmed = on_confirmed,
    .overtaken = on_overtaken,
    .failed = on_failed};

static const struct kafka_consumer_options fenced = {.group = "g",
    .assignment = "auto",
    .commit_interval_ms = 50,
    .session_timeout_ms = 6000,
    .fetch_partition_bytes = 1 << 20,
    .fenced = true};

static struct owner new_owner(const char *plan)
{
    return (struct owner){.member.keep_undone = true, .plan = plan};
}

static void enter(struct owner *owner)
{
    static const char *const topics[] = {"t"};
    struct error error = ERROR_INIT;
    owner->member.consumer = kafka_consumer_new(
        cluster.loop, &cluster.kafka, &fenced, &owner_callbacks, owner, "test", &error);
    if (!owner->member.consumer ||
        !kafka_consumer_subscribe(owner->member.consumer, topics, 1, &error))
        fail_msg("%s", error.text);
}

static bool owns_all(void *arg)
{
    return ((struct owner *)arg)->member.assignments == PARTITIONS;
}

static bool has_joined(void *arg)
{
    return kafka_consumer_joined(((struct owner *)arg)->member.consumer);
}

/* Each partition gave exactly what `plan` has as letters other than 'd', from `first` on. */
static void assert_seen(const struct owner *owner, const char *plan, int first)
{
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; plan[i]; i++) {
            bool wanted = i >= first && plan[i] != 'd';
            if (owner->member.seen[p][i] != wanted)
                fail_msg("partition %d, offset %d: %d times", p, i, owner->member.seen[p][i]);
        }
}

static void an_epoch_for_each_owner(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(10);
    for (int64_t life = 1; life <= 3; life++) {
        owner = new_owner("");
        owner.stay = true;
        enter(&owner);
        assert_true(run_until(cluster.loop, owns_all, &owner));
        run_for(cluster.loop, 300);
        assert_int_equal(owner.member.offered, 0); /* not before it is started */
        for (int p = 0; p < PARTITIONS; p++) {
            assert_int_equal(owner.epochs[p], life);
            assert_int_equal(kafka_partition_position(owner.member.assigned[p]), 0);
        }
        kafka_partition_start(owner.member.assigned[1]);
        wait_taken(&owner.member, 10);
        run_for(cluster.loop, 100);
        assert_int_equal(owner.member.total, 10);
        assert_int_equal(kafka_partition_position(owner.member.assigned[1]), 10);
        for (int p = 0; p < PARTITIONS; p++)
            kafka_partition_start(owner.member.assigned[p]);
        wait_taken(&owner.member, 10 * PARTITIONS);
        leave(&owner.member);
        assert_int_equal(owner.overtakings, 0);
    }
}

static void print_each(void *arg, int64_t offset, uint32_t tag, bool done)
{
    assert_true(tag == offset + 1000 || (done && tag == 0)); /* not offered: not tagged */
    buffer_printf(arg, "%d%s ", (int)offset, done ? "!" : "");
}

static void what_was_done_survives(void **state)
{
    (void)state;
    static const char plan[] = "ddd.cddddd.dddddddddd.....";
    static struct owner first, second, third;
    put_each((int)strlen(plan));
    first = new_owner(plan);
    enter(&first);
    wait_taken(&first.member, (int)strlen(plan) * PARTITIONS);
    struct buffer text = BUFFER_INIT;
    kafka_partition_each(first.member.assigned[0], 8, print_each, &text);
    assert_string_equal(
        buffer_text(&text), "8! 9! 10 11! 12! 13! 14! 15! 16! 17! 18! 19! 20! 21 22 23 24 25 ");
    leave(&first.member);

    /* Done by the second: nothing, and one partition it does not even start. */
    second = new_owner("");
    second.stay = true;
    enter(&second);
    assert_true(run_until(cluster.loop, owns_all, &second));
    for (int p = 0; p < PARTITIONS; p++) {
        struct kafka_partition *partition = second.member.assigned[p];
        for (int i = 0; plan[i]; i++)
            assert_int_equal(kafka_partition_was_done(partition, i), i > 3 && plan[i] == 'd');
        assert_false(kafka_partition_was_done(partition, 26));
        assert_int_equal(kafka_partition_position(partition), 3);
        if (p > 0)
            kafka_partition_start(partition);
    }
    wait_taken(&second.member, (PARTITIONS - 1) * 8);
    run_for(cluster.loop, 200);
    assert_int_equal(second.member.total, (PARTITIONS - 1) * 8);
    buffer_clear(&text);
    kafka_partition_each(second.member.assigned[1], 18, print_each, &text);
    assert_string_equal(buffer_text(&text), "18! 19! 20! 21 22 23 24 25 ");
    leave(&second.member);

    third = new_owner("");
    enter(&third);
    wait_taken(&third.member, PARTITIONS * 8);
    run_for(cluster.loop, 200);
    assert_seen(&third, plan, 3);
    for (int p = 0; p < PARTITIONS; p++) {
        assert_int_equal(third.epochs[p], 3);
        assert_int_equal(kafka_partition_position(third.member.assigned[p]), strlen(plan));
        for (int64_t i = 0; plan[i]; i++) /* done twice, and of owners before, change nothing */
            kafka_partition_done(third.member.assigned[p], i);
    }
    leave(&third.member);

    put_each(1);
    third = new_owner("");
    enter(&third);
    wait_taken(&third.member, PARTITIONS);
    run_for(cluster.loop, 200);
    assert_int_equal(third.member.total, PARTITIONS);
    leave(&third.member);
    buffer_release(&text);
}

/* What is covered lets the offset pass, and is not offered again below it, but above it is. */
static void covered_is_not_done(void **state)
{
    (void)state;
    static const char plan[] = "cdcc.cdcd";
    static struct owner first, second;
    put_each((int)strlen(plan));
    first = new_owner(plan);
    enter(&first);
    wait_taken(&first.member, (int)strlen(plan) * PARTITIONS);
    leave(&first.member);
    second = new_owner("");
    enter(&second);
    wait_taken(&second.member, 3 * PARTITIONS);
    run_for(cluster.loop, 200);
    assert_seen(&second, plan, 4);
    leave(&second.member);
}

/* Without a farewell: ranges are committed though the offset does not move. */
static void ranges_in_passing(void **state)
{
    (void)state;
    static const char plan[] = "..dddddddd";
    static struct owner first, second;
    put_each((int)strlen(plan));
    first = new_owner(plan);
    enter(&first);
    wait_taken(&first.member, (int)strlen(plan) * PARTITIONS);
    run_for(cluster.loop, 1500);
    kafka_consumer_free(first.member.consumer); /* as if killed */
    assert_int_equal(first.member.losses, PARTITIONS);
    second = new_owner("");
    enter(&second);
    wait_taken(&second.member, 2 * PARTITIONS);
    run_for(cluster.loop, 200);
    assert_seen(&second, plan, 0);
    leave(&second.member);
}

static void a_held_record_is_not_taken(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(3);
    owner = new_owner("dd");
    owner.member.hold = true;
    enter(&owner);
    assert_true(run_until(cluster.loop, owns_all, &owner));
    run_for(cluster.loop, 300);
    struct kafka_partition *partition = owner.member.assigned[2];
    struct buffer text = BUFFER_INIT;
    kafka_partition_each(partition, 0, print_each, &text);
    assert_string_equal(buffer_text(&text), "");
    assert_int_equal(kafka_partition_position(partition), 0);
    owner.member.hold = false;
    kafka_partition_go(partition);
    wait_taken(&owner.member, 3);
    kafka_partition_each(partition, 0, print_each, &text);
    assert_string_equal(buffer_text(&text), "2 ");
    assert_int_equal(kafka_partition_position(partition), 3);
    kafka_partition_covered(partition, 2);
    buffer_clear(&text);
    kafka_partition_each(partition, 0, print_each, &text);
    assert_string_equal(buffer_text(&text), "");
    buffer_release(&text);
    leave(&owner.member);
}

/* An epoch that is known of from elsewhere, higher than what is committed. */
static void taken_over_anew(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(5);
    for (int life = 0; life < 2; life++) {
        owner = new_owner(".dd.d");
        owner.retake_above = 41;
        enter(&owner);
        wait_taken(&owner.member, (life == 0 ? 5 : 2) * PARTITIONS);
        for (int p = 0; p < PARTITIONS; p++)
            assert_int_equal(owner.epochs[p], 42 + life);
        assert_int_equal(owner.member.backwards, 0);
        assert_int_equal(owner.member.repeated, 0);
        leave(&owner.member);
    }
}

static bool was_overtaken(void *arg)
{
    return ((struct owner *)arg)->overtakings > 0;
}

/* The embedded broker keeps the newest 5 MiB of a partition. */
static void retention_was_faster(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(5);
    owner = new_owner("d.d.d"); /* 1 and 3 are not done */
    enter(&owner);
    wait_taken(&owner.member, 5 * PARTITIONS);
    leave(&owner.member);
    assert_int_equal(owner.overtakings, 0);
    char *value = mem_zalloc(100001);
    memset(value, 'v', 100000);
    for (int i = 0; i < 70; i++)
        cluster_put(&cluster, "t", 0, "k", value);
    cluster_flush(&cluster);
    free(value);
    double before = metric_value(&kafka_records_overtaken, 0);
    owner = new_owner("");
    enter(&owner);
    assert_true(run_until(cluster.loop, was_overtaken, &owner));
    run_for(cluster.loop, 500);
    assert_int_equal(owner.overtakings, 1);
    int64_t first = 0;
    while (!owner.member.seen[0][first])
        first++;
    assert_in_range(first, 6, 74);
    /* 1 and 3, and from 5 on; 2 and 4 were done. */
    assert_int_equal(owner.overtaken, 2 + first - 5);
    assert_int_equal(metric_value(&kafka_records_overtaken, 0) - before, owner.overtaken);
    leave(&owner.member);
}

/* --- Take-overs that do not come to their end ------------------------------------------------ */

static void a_refused_commit_is_tried_again(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(2);
    owner = new_owner("dd");
    kafka_embedded_refuse_commits(cluster.embedded, 3, false);
    enter(&owner);
    wait_taken(&owner.member, 2 * PARTITIONS);
    for (int p = 0; p < PARTITIONS; p++)
        assert_int_equal(owner.epochs[p], 1);
    leave(&owner.member);
}

static void revoked_before_it_is_ours(void **state)
{
    (void)state;
    static struct owner first, second;
    put_each(2);
    first = new_owner("");
    kafka_embedded_refuse_commits(cluster.embedded, 1000, false);
    enter(&first);
    assert_true(run_until(cluster.loop, has_joined, &first));
    run_for(cluster.loop, 1000);
    assert_int_equal(first.member.assignments, 0);
    /* One that joins takes some of it away, in the middle. */
    second = new_owner("");
    enter(&second);
    assert_true(run_until(cluster.loop, has_joined, &second));
    run_for(cluster.loop, 1000);
    assert_int_equal(first.member.assignments + second.member.assignments, 0);
    assert_int_equal(first.member.revocations, 0);
    leave(&second.member);
    leave(&first.member);
    assert_int_equal(first.member.revocations, 0);
    assert_int_equal(first.member.offered + second.member.offered, 0);
}

static void closed_before_it_is_ours(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(2);
    owner = new_owner("");
    owner.stay = true;
    enter(&owner);
    assert_true(run_until(cluster.loop, has_joined, &owner));
    kafka_consumer_close(owner.member.consumer); /* a worker is at it */
    assert_true(run_until(cluster.loop, is_closed, &owner));
    kafka_consumer_free(owner.member.consumer);
    assert_int_equal(owner.member.assignments, owner.member.revocations);
    assert_int_equal(owner.member.offered, 0);
}

static void freed_before_it_is_ours(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(2);
    owner = new_owner("");
    enter(&owner);
    assert_true(run_until(cluster.loop, has_joined, &owner));
    kafka_embedded_set_down(cluster.embedded, true);
    kafka_consumer_free(owner.member.consumer); /* a worker is at it, and gets no answer */
    run_for(cluster.loop, 500);
    assert_int_equal(owner.member.assignments, owner.member.revocations);
}

static void taken_over_after_an_outage(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(2);
    owner = new_owner("dd");
    enter(&owner);
    assert_true(run_until(cluster.loop, has_joined, &owner));
    kafka_embedded_set_down(cluster.embedded, true);
    run_for(cluster.loop, 1500);
    kafka_embedded_set_down(cluster.embedded, false);
    wait_taken(&owner.member, 2 * PARTITIONS);
    leave(&owner.member);
}

/* --- What stands there that is not ours ------------------------------------------------------ */

static void commit_text(int32_t partition, int64_t offset, const char *text)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", cluster.kafka.brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "g", why, sizeof why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    assert_non_null(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *item = rd_kafka_topic_partition_list_add(list, "t", partition);
    item->offset = offset;
    item->metadata_size = strlen(text);
    item->metadata = mem_strdup(text);
    assert_int_equal(rd_kafka_commit(client, list, 0), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

static void what_others_committed(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(10);
    commit_text(0, 5, "");
    commit_text(1, 5, "hl1;77;1+2");                   /* 6 and 7 */
    commit_text(2, 5, "hl1;77;1+4000000000000000000"); /* beyond the end */
    commit_text(3, 5, "{\"hl1\": \"\xff\xfe\"}");
    owner = new_owner("");
    enter(&owner);
    wait_taken(&owner.member, 18);
    run_for(cluster.loop, 200);
    assert_int_equal(owner.member.total, 18);
    assert_int_equal(owner.member.seen[1][6] + owner.member.seen[1][7], 0);
    assert_int_equal(owner.epochs[0], 1);
    assert_int_equal(owner.epochs[1], 78);
    assert_int_equal(owner.epochs[2], 78);
    assert_int_equal(owner.epochs[3], 1);
    leave(&owner.member);
}

/* An offset beyond the end: read from the beginning, and what was called done there is not. */
static void committed_beyond_the_end(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(10);
    commit_text(0, 500, "hl1;77;1+2");
    owner = new_owner("dddddddddd");
    enter(&owner);
    wait_taken(&owner.member, 10 * PARTITIONS);
    assert_int_equal(owner.epochs[0], 78);
    leave(&owner.member);
    put_each(1);
    owner = new_owner("");
    enter(&owner);
    wait_taken(&owner.member, PARTITIONS);
    run_for(cluster.loop, 200);
    assert_int_equal(owner.member.total, PARTITIONS);
    leave(&owner.member);
}

/* --- Are we still a member? ------------------------------------------------------------------ */

static bool has_confirmation(void *arg)
{
    return ((struct owner *)arg)->confirmations > 0;
}

static void confirm(struct owner *owner, bool wanted)
{
    owner->confirmations = owner->confirmed = 0;
    kafka_consumer_confirm(owner->member.consumer);
    assert_int_equal(owner->confirmations, 0); /* never from within */
    assert_true(run_until(cluster.loop, has_confirmation, owner));
    /* That we are no member any more is also told of a commit that nobody asked for (consumer.h). */
    assert_in_range(owner->confirmations, 1, wanted ? 1 : 2);
    assert_int_equal(owner->confirmed, wanted);
}

static bool lost_all(void *arg)
{
    return ((struct owner *)arg)->member.losses == PARTITIONS;
}

static bool owns_all_again(void *arg)
{
    return ((struct owner *)arg)->member.assignments == 2 * PARTITIONS;
}

static void confirmations(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(2);
    owner = new_owner("");
    enter(&owner);
    confirm(&owner, true); /* nothing is ours */
    wait_taken(&owner.member, 2 * PARTITIONS);
    confirm(&owner, true);
    confirm(&owner, true);
    kafka_embedded_refuse_commits(cluster.embedded, 1, false); /* for another reason: once more */
    confirm(&owner, true);
    kafka_consumer_confirm(owner.member.consumer);
    confirm(&owner, true); /* asked twice, answered once */
    kafka_embedded_refuse_commits(cluster.embedded, 1, true);
    confirm(&owner, false);
    assert_true(run_until(cluster.loop, lost_all, &owner));
    assert_true(run_until(cluster.loop, owns_all_again, &owner));
    for (int p = 0; p < PARTITIONS; p++)
        assert_int_equal(owner.epochs[p], 2);
    confirm(&owner, true);
    leave(&owner.member);
}

static void no_confirmation_without_a_broker(void **state)
{
    (void)state;
    static struct owner owner;
    put_each(2);
    owner = new_owner("");
    enter(&owner);
    wait_taken(&owner.member, 2 * PARTITIONS);
    kafka_embedded_set_down(cluster.embedded, true);
    confirm(&owner, false);
    kafka_embedded_set_down(cluster.embedded, false);
    run_for(cluster.loop, 3000);
    leave(&owner.member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_epoch_for_each_owner),
        TEST(what_was_done_survives),
        TEST(covered_is_not_done),
        TEST(ranges_in_passing),
        TEST(a_held_record_is_not_taken),
        TEST(taken_over_anew),
        TEST(retention_was_faster),
        TEST(a_refused_commit_is_tried_again),
        TEST(revoked_before_it_is_ours),
        TEST(closed_before_it_is_ours),
        TEST(freed_before_it_is_ours),
        TEST(taken_over_after_an_outage),
        TEST(what_others_committed),
        TEST(committed_beyond_the_end),
        TEST(confirmations),
        TEST(no_confirmation_without_a_broker),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
