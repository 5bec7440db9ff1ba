/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a group that takes records, and a topic of four partitions for it. */
#ifndef HOOKLINE_TESTS_MEMBER_H
#define HOOKLINE_TESTS_MEMBER_H

#include "../cluster.h"
#include "kafka/consumer.h"

#define PARTITIONS 4
#define RECORDS    2000 /* per partition and test, at most */

static struct cluster cluster;

static inline int set_up(void **state)
{
    (void)state;
    cluster_start(&cluster);
    cluster_topic(&cluster, "t", PARTITIONS);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    cluster_stop(&cluster);
    return 0;
}

/* A role: takes records, and what it does with them is up to the test. */
struct member {
    struct kafka_consumer *consumer;
    struct kafka_partition *assigned[PARTITIONS]; /* by number; NULL = not ours */
    int seen[PARTITIONS][RECORDS];                /* how often each offset was taken */
    int total, offered, repeated, backwards, assignments, revocations, losses, failures;
    int64_t next[PARTITIONS];
    char order[RECORDS * PARTITIONS + 1]; /* partition numbers as taken, 'a' for 0 */
    /* What it does. */
    bool hold;        /* has no room */
    bool keep_undone; /* takes, and is never done */
    bool settle_late; /* answers a revocation later: `settling` */
    int undone_from;  /* offsets from there on are not done; 0 = all are */
    struct kafka_partition *settling[PARTITIONS];
    size_t settling_count;
    bool closed;
};

static inline enum kafka_intake on_record(
    void *arg, struct kafka_partition *partition, const struct record *record)
{
    struct member *member = arg;
    int32_t number = kafka_partition_number(partition);
    member->offered++;
    if (member->hold)
        return KAFKA_HOLD;
    if (record->offset < RECORDS && member->seen[number][record->offset]++)
        member->repeated++;
    if (record->offset < member->next[number])
        member->backwards++;
    member->next[number] = record->offset + 1;
    if (member->total < RECORDS * PARTITIONS)
        member->order[member->total] = (char)('a' + number);
    member->total++;
    if (!member->keep_undone && (!member->undone_from || record->offset < member->undone_from))
        kafka_partition_done(partition, record->offset);
    return KAFKA_TAKEN;
}

static inline void on_assigned(void *arg, struct kafka_partition *partition)
{
    struct member *member = arg;
    member->assignments++;
    member->assigned[kafka_partition_number(partition)] = kafka_partition_ref(partition);
}

static inline void on_revoked(void *arg, struct kafka_partition *partition, bool lost)
{
    struct member *member = arg;
    int32_t number = kafka_partition_number(partition);
    member->revocations++;
    member->losses += lost;
    member->next[number] = 0;
    if (member->assigned[number])
        kafka_partition_unref(member->assigned[number]);
    member->assigned[number] = NULL;
    if (member->settle_late && !lost) {
        member->settling[member->settling_count++] = kafka_partition_ref(partition);
        return;
    }
    kafka_partition_settled(partition);
}

static inline void settle(struct member *member)
{
    for (size_t i = 0; i < member->settling_count; i++) {
        kafka_partition_settled(member->settling[i]);
        kafka_partition_unref(member->settling[i]);
    }
    member->settling_count = 0;
}

static inline void on_closed(void *arg)
{
    ((struct member *)arg)->closed = true;
}

static inline void on_failed(void *arg, const struct error *error)
{
    (void)error;
    ((struct member *)arg)->failures++;
}

static const struct kafka_consumer_callbacks callbacks = {.record = on_record,
    .assigned = on_assigned,
    .revoked = on_revoked,
    .closed = on_closed,
    .failed = on_failed};

static const struct kafka_consumer_options options = {.group = "g",
    .assignment = "auto",
    .commit_interval_ms = 50,
    .session_timeout_ms = 6000,
    .fetch_partition_bytes = 1 << 20};

static inline void join(struct member *member, const struct kafka_consumer_options *how)
{
    static const char *const topics[] = {"t"};
    struct error error = ERROR_INIT;
    member->consumer =
        kafka_consumer_new(cluster.loop, &cluster.kafka, how, &callbacks, member, "test", &error);
    if (!member->consumer || !kafka_consumer_subscribe(member->consumer, topics, 1, &error))
        fail_msg("%s", error.text);
}

static inline bool is_closed(void *arg)
{
    return ((struct member *)arg)->closed;
}

static inline void leave(struct member *member)
{
    kafka_consumer_close(member->consumer);
    assert_true(run_until(cluster.loop, is_closed, member));
    kafka_consumer_free(member->consumer);
    member->consumer = NULL;
    assert_int_equal(member->assignments, member->revocations);
}

static inline void put_each(int count)
{
    for (int i = 0; i < count; i++)
        for (int32_t p = 0; p < PARTITIONS; p++)
            cluster_put(&cluster, "t", p, "k", "v");
    cluster_flush(&cluster);
}

struct wanted {
    const struct member *member;
    int total;
};

static inline bool has_taken(void *arg)
{
    const struct wanted *wanted = arg;
    return wanted->member->total >= wanted->total;
}

static inline void wait_taken(const struct member *member, int total)
{
    struct wanted wanted = {member, total};
    if (!run_until(cluster.loop, has_taken, &wanted))
        fail_msg("%d records taken in place of %d", member->total, total);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

#endif
