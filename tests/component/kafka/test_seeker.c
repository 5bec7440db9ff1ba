/* SPDX-License-Identifier: Apache-2.0 */
/* Any partitions, from wherever. The embedded broker keeps the newest 5 MiB of a partition, which will
 * do for retention; transaction markers and compaction it does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cluster.h"
#include "kafka/seeker.h"

#define SEEKS 4

static struct cluster cluster;
static struct kafka_seeker *seeker;

static int set_up(void **state)
{
    (void)state;
    static const struct kafka_seeker_options options = {.fetch_partition_bytes = 1 << 20};
    cluster_start(&cluster);
    cluster_topic(&cluster, "t", SEEKS);
    seeker = kafka_seeker_new(cluster.loop, &cluster.kafka, &options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kafka_seeker_free(seeker);
    cluster_stop(&cluster);
    return 0;
}

/* What a seek said, and what it is told from within. */
struct heard {
    struct kafka_seek *seek;
    int64_t first, last; /* offsets since the last kafka_seek_to() */
    int64_t end, asked, began;
    int64_t hold_at;  /* this offset is not taken; -1 = none */
    int64_t leave_at; /* at this offset it leaves */
    int64_t leave_to;
    enum { STAY, MOVE, STOP, FREE } leave;
    int records, out_of_order, ends, gone, offers;
};

static void leave(struct heard *heard)
{
    heard->leave_at = -1;
    if (heard->leave == MOVE) {
        heard->records = 0;
        kafka_seek_to(heard->seek, heard->leave_to);
    } else if (heard->leave == STOP) {
        kafka_seek_stop(heard->seek);
    } else if (heard->leave == FREE) {
        kafka_seek_free(heard->seek);
        heard->seek = NULL;
    }
}

static enum kafka_intake on_record(void *arg, const struct record *record)
{
    struct heard *heard = arg;
    heard->offers++;
    if (record->offset == heard->hold_at)
        return KAFKA_HOLD;
    if (heard->records++ == 0)
        heard->first = record->offset;
    else
        heard->out_of_order += record->offset != heard->last + 1;
    heard->last = record->offset;
    if (record->offset == heard->leave_at) {
        leave(heard);
        return KAFKA_HOLD; /* does not count */
    }
    return KAFKA_TAKEN;
}

static void on_end(void *arg, int64_t offset)
{
    struct heard *heard = arg;
    heard->ends++;
    heard->end = offset;
}

static void on_gone(void *arg, int64_t asked, int64_t first)
{
    struct heard *heard = arg;
    heard->gone++;
    heard->asked = asked;
    heard->began = first;
    assert_int_equal(heard->records, 0); /* said before the record */
    if (heard->leave_at == asked)
        leave(heard);
}

static const struct kafka_seek_callbacks callbacks = {on_record, on_end, on_gone};

static void open_seek(struct heard *heard, int32_t partition)
{
    *heard = (struct heard){.hold_at = -1, .leave_at = -1};
    heard->seek = kafka_seek_new(seeker, "t", partition, &callbacks, heard);
    assert_false(kafka_seek_reading(heard->seek));
}

static void seek_to(struct heard *heard, int64_t offset)
{
    heard->records = heard->ends = heard->gone = heard->out_of_order = 0;
    kafka_seek_to(heard->seek, offset);
    assert_true(kafka_seek_reading(heard->seek));
    assert_int_equal(heard->records, 0); /* never from within */
}

static void put(int32_t partition, int count, size_t size)
{
    char *value = mem_zalloc(size + 1);
    memset(value, 'v', size);
    for (int i = 0; i < count; i++)
        cluster_put(&cluster, "t", partition, "k", value);
    cluster_flush(&cluster);
    free(value);
}

static bool has_end(void *arg)
{
    return ((struct heard *)arg)->ends > 0;
}

static void wait_end(struct heard *heard, int64_t first, int64_t end)
{
    assert_true(run_until(cluster.loop, has_end, heard));
    assert_int_equal(heard->end, end);
    assert_int_equal(heard->records, end - first);
    assert_int_equal(heard->out_of_order, 0);
    if (heard->records > 0) {
        assert_int_equal(heard->first, first);
        assert_int_equal(heard->last, end - 1);
    }
    assert_int_equal(heard->gone, 0);
}

struct wanted {
    const struct heard *heard;
    int records;
};

static bool has_records(void *arg)
{
    const struct wanted *wanted = arg;
    return wanted->heard->records >= wanted->records;
}

static void wait_records(struct heard *heard, int records)
{
    struct wanted wanted = {heard, records};
    if (!run_until(cluster.loop, has_records, &wanted))
        fail_msg("%d records in place of %d", heard->records, records);
}

static void from_an_offset_to_the_end_and_on(void **state)
{
    (void)state;
    struct heard heard;
    put(1, 500, 10);
    open_seek(&heard, 1);
    seek_to(&heard, 123);
    wait_end(&heard, 123, 500);
    heard.ends = 0;
    put(1, 20, 10);
    wait_end(&heard, 123, 520);
    /* Told again to who asks again, there and a little behind. */
    seek_to(&heard, 520);
    wait_end(&heard, 520, 520);
    kafka_seek_free(heard.seek);
}

static void an_empty_partition(void **state)
{
    (void)state;
    struct heard heard;
    open_seek(&heard, 0);
    seek_to(&heard, 0);
    wait_end(&heard, 0, 0);
    kafka_seek_free(heard.seek);
}

static void ahead_and_back(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 6000, 10);
    open_seek(&heard, 0);
    seek_to(&heard, 0);
    wait_records(&heard, 100);
    seek_to(&heard, heard.last + 500); /* near: reads on, and says nothing of those between */
    int64_t first = heard.last + 500;
    wait_records(&heard, 10);
    assert_int_equal(heard.first, first);
    seek_to(&heard, 5500); /* far */
    wait_end(&heard, 5500, 6000);
    seek_to(&heard, 7); /* back */
    wait_end(&heard, 7, 6000);
    seek_to(&heard, 5999);
    wait_end(&heard, 5999, 6000);
    kafka_seek_free(heard.seek);
}

/* Back and forth, with records of every place under way: none of an earlier place comes. */
static void nothing_outdated(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 6000, 10);
    open_seek(&heard, 0);
    for (int i = 0; i < 60; i++) {
        int64_t to = (i * 3697) % 5900;
        seek_to(&heard, to);
        if (i % 3 == 0)
            run_for(cluster.loop, i % 7);
        else
            wait_records(&heard, 1 + i % 50);
        if (heard.records > 0)
            assert_int_equal(heard.first, to);
        assert_int_equal(heard.out_of_order, 0);
    }
    kafka_seek_free(heard.seek);
}

static void stop_drops_what_is_fetched(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 3000, 10);
    open_seek(&heard, 0);
    seek_to(&heard, 0);
    wait_records(&heard, 50);
    kafka_seek_stop(heard.seek);
    assert_false(kafka_seek_reading(heard.seek));
    int records = heard.records;
    assert_in_range(records, 50, 2999);
    run_for(cluster.loop, 200);
    assert_int_equal(heard.records, records);
    kafka_seek_stop(heard.seek); /* once more changes nothing */
    seek_to(&heard, heard.last + 1);
    wait_end(&heard, records, 3000);
    kafka_seek_free(heard.seek);

    /* One of the same partition gets nothing of the one before. */
    open_seek(&heard, 0);
    seek_to(&heard, 0);
    wait_records(&heard, 50);
    kafka_seek_free(heard.seek);
    open_seek(&heard, 0);
    run_for(cluster.loop, 100);
    assert_int_equal(heard.records, 0);
    seek_to(&heard, 2000);
    wait_end(&heard, 2000, 3000);
    kafka_seek_free(heard.seek);
}

static void from_within(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 3000, 10);
    open_seek(&heard, 0);
    heard.leave_at = 100;
    heard.leave = MOVE;
    heard.leave_to = 2500;
    seek_to(&heard, 10);
    assert_true(run_until(cluster.loop, has_end, &heard));
    assert_int_equal(heard.first, 2500);
    assert_int_equal(heard.records, 500);

    heard.leave_at = 100; /* a little ahead, from within */
    heard.leave_to = 200;
    seek_to(&heard, 10);
    wait_records(&heard, 1000);
    assert_int_equal(heard.first, 200);
    assert_int_equal(heard.out_of_order, 0);

    heard.leave_at = 100; /* the same once more */
    heard.leave_to = 100;
    seek_to(&heard, 10);
    assert_true(run_until(cluster.loop, has_end, &heard));
    assert_int_equal(heard.first, 100);

    heard.leave_at = 100;
    heard.leave = STOP;
    seek_to(&heard, 10);
    wait_records(&heard, 91);
    run_for(cluster.loop, 100);
    assert_int_equal(heard.records, 91);

    heard.leave_at = 100;
    heard.leave = FREE;
    seek_to(&heard, 10);
    wait_records(&heard, 91);
    run_for(cluster.loop, 100);
    assert_int_equal(heard.records, 91);
    assert_null(heard.seek);
}

static bool has_offers(void *arg)
{
    return ((struct heard *)arg)->offers > 0;
}

static void a_held_record_waits(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 3000, 10);
    open_seek(&heard, 0);
    heard.hold_at = 100;
    seek_to(&heard, 50);
    wait_records(&heard, 50);
    run_for(cluster.loop, 100);
    assert_int_equal(heard.records, 50);
    assert_int_equal(heard.offers, 51); /* once, not again and again */
    seek_to(&heard, 100);               /* still no room */
    heard.offers = 0;
    assert_true(run_until(cluster.loop, has_offers, &heard));
    run_for(cluster.loop, 100);
    assert_int_equal(heard.records, 0);
    assert_int_equal(heard.offers, 1);
    heard.hold_at = -1;
    seek_to(&heard, 100);
    wait_end(&heard, 100, 3000);

    heard.hold_at = 100; /* passed over */
    seek_to(&heard, 90);
    wait_records(&heard, 10);
    run_for(cluster.loop, 50);
    seek_to(&heard, 400);
    wait_end(&heard, 400, 3000);

    seek_to(&heard, 90); /* back, while it is held */
    wait_records(&heard, 10);
    run_for(cluster.loop, 50);
    heard.hold_at = -1;
    seek_to(&heard, 95);
    wait_end(&heard, 95, 3000);

    heard.hold_at = 100; /* stopped, and freed, while it is held */
    seek_to(&heard, 90);
    wait_records(&heard, 10);
    run_for(cluster.loop, 50);
    kafka_seek_stop(heard.seek);
    seek_to(&heard, 99);
    wait_records(&heard, 1);
    run_for(cluster.loop, 50);
    kafka_seek_free(heard.seek);
}

static void several_partitions(void **state)
{
    (void)state;
    struct heard heard[SEEKS];
    for (int32_t p = 0; p < SEEKS; p++) {
        put(p, p == 0 ? 6000 : 300, 10);
        open_seek(&heard[p], p);
    }
    for (int32_t p = 0; p < SEEKS; p++)
        seek_to(&heard[p], 10 * p);
    for (int32_t p = 1; p < SEEKS; p++)
        wait_end(&heard[p], 10 * p, 300);
    kafka_seek_free(heard[2].seek);
    wait_end(&heard[0], 0, 6000);
    seek_to(&heard[1], 0);
    wait_end(&heard[1], 0, 300);
    kafka_seek_free(heard[0].seek);
    kafka_seek_free(heard[1].seek);
    kafka_seek_free(heard[3].seek);
}

static bool was_freed(void *arg)
{
    return !((struct heard *)arg)->seek;
}

static void what_is_gone(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 10, 10);
    open_seek(&heard, 0);
    seek_to(&heard, 2);
    wait_end(&heard, 2, 10);
    kafka_seek_stop(heard.seek);
    put(0, 70, 100 * 1000);
    seek_to(&heard, 3);
    assert_true(run_until(cluster.loop, has_end, &heard));
    assert_int_equal(heard.gone, 1);
    assert_int_equal(heard.asked, 3);
    assert_in_range(heard.began, 11, 79);
    assert_int_equal(heard.first, heard.began);
    assert_int_equal(heard.records, 80 - heard.began);
    assert_int_equal(heard.out_of_order, 0);

    heard.leave_at = 5; /* goes elsewhere when it hears of it */
    heard.leave = MOVE;
    heard.leave_to = 78;
    seek_to(&heard, 5);
    assert_true(run_until(cluster.loop, has_end, &heard));
    assert_int_equal(heard.first, 78);
    assert_int_equal(heard.records, 2);
    heard.leave_at = 5;
    heard.leave = FREE;
    seek_to(&heard, 5);
    assert_true(run_until(cluster.loop, was_freed, &heard));
    run_for(cluster.loop, 100);
}

/* Beyond the end, which only a broker that lost records can bring about. */
static void beyond_the_end(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 10, 10);
    open_seek(&heard, 0);
    seek_to(&heard, 500);
    assert_true(run_until(cluster.loop, has_end, &heard));
    assert_int_equal(heard.gone, 1);
    assert_int_equal(heard.asked, 500);
    assert_int_equal(heard.began, 0);
    assert_int_equal(heard.records, 10);
    assert_int_equal(heard.end, 10);
    kafka_seek_free(heard.seek);
    /* The same with nothing at all. */
    open_seek(&heard, 1);
    seek_to(&heard, 500);
    assert_true(run_until(cluster.loop, has_end, &heard));
    assert_int_equal(heard.gone, 1);
    assert_int_equal(heard.began, 0);
    assert_int_equal(heard.end, 0);
    kafka_seek_free(heard.seek);
}

static void the_broker_goes_and_comes(void **state)
{
    (void)state;
    struct heard heard;
    put(0, 3000, 10);
    open_seek(&heard, 0);
    seek_to(&heard, 0);
    wait_end(&heard, 0, 3000);
    kafka_embedded_set_down(cluster.embedded, true);
    run_for(cluster.loop, 300);
    seek_to(&heard, 100);
    run_for(cluster.loop, 500);
    kafka_embedded_set_down(cluster.embedded, false);
    wait_end(&heard, 100, 3000);
    kafka_embedded_set_down(cluster.embedded, true);
    run_for(cluster.loop, 100);
    kafka_seek_free(heard.seek); /* waits for nobody */
}

static void no_such_topic(void **state)
{
    (void)state;
    struct heard heard = {.hold_at = -1, .leave_at = -1};
    kafka_embedded_set_missing(cluster.embedded, "other", true);
    heard.seek = kafka_seek_new(seeker, "other", 0, &callbacks, &heard);
    seek_to(&heard, 5);
    run_for(cluster.loop, 1000);
    assert_int_equal(heard.records + heard.ends + heard.gone, 0);
    kafka_seek_free(heard.seek);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(from_an_offset_to_the_end_and_on),
        TEST(an_empty_partition),
        TEST(ahead_and_back),
        TEST(nothing_outdated),
        TEST(stop_drops_what_is_fetched),
        TEST(from_within),
        TEST(a_held_record_waits),
        TEST(several_partitions),
        TEST(what_is_gone),
        TEST(beyond_the_end),
        TEST(the_broker_goes_and_comes),
        TEST(no_such_topic),
    };
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
