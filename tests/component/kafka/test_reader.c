/* SPDX-License-Identifier: Apache-2.0 */
/* One partition, read without a group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cluster.h"

static struct cluster cluster;

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

/* What a reader said. */
struct heard {
    int64_t first, next; /* offsets */
    int records, out_of_order, ends, troubles;
    int64_t end;
    int records_at_end; /* when it was said last */
    char trouble[sizeof((struct error *)0)->text];
};

static void on_record(void *arg, const struct record *record)
{
    struct heard *heard = arg;
    if (heard->records++ == 0)
        heard->first = record->offset;
    else
        heard->out_of_order += record->offset < heard->next;
    heard->next = record->offset + 1;
}

static void on_end(void *arg, int64_t offset)
{
    struct heard *heard = arg;
    heard->ends++;
    heard->end = offset;
    heard->records_at_end = heard->records;
}

static void on_trouble(void *arg, const struct error *error)
{
    struct heard *heard = arg;
    heard->troubles++;
    snprintf(heard->trouble, sizeof heard->trouble, "%s", error->text);
}

static const struct kafka_reader_callbacks callbacks = {on_record, on_end, on_trouble};

static struct kafka_reader *read_from(
    const char *topic, int32_t partition, int64_t offset, struct heard *heard)
{
    struct error error = ERROR_INIT;
    struct kafka_reader *reader = kafka_reader_new(
        cluster.loop, &cluster.kafka, topic, partition, offset, &callbacks, heard, &error);
    if (!reader)
        fail_msg("%s", error.text);
    return reader;
}

static bool ended(void *arg)
{
    return ((struct heard *)arg)->ends > 0;
}

static bool has_trouble(void *arg)
{
    return ((struct heard *)arg)->troubles > 0;
}

struct wanted {
    struct heard *heard;
    int records;
};

static bool has_records(void *arg)
{
    const struct wanted *wanted = arg;
    return wanted->heard->records >= wanted->records && wanted->heard->end >= wanted->records;
}

static void put(const char *topic, int32_t partition, int count)
{
    for (int i = 0; i < count; i++)
        cluster_put(&cluster, topic, partition, "k", "v");
    cluster_flush(&cluster);
}

static void an_empty_partition_ends_at_once(void **state)
{
    (void)state;
    struct heard heard = {0};
    cluster_topic(&cluster, "t", 1);
    struct kafka_reader *reader = read_from("t", 0, KAFKA_BEGINNING, &heard);
    assert_true(run_until(cluster.loop, ended, &heard));
    assert_int_equal(heard.records, 0);
    assert_int_equal(heard.end, 0);
    kafka_reader_free(reader);
}

static void to_the_end_and_on(void **state)
{
    (void)state;
    struct heard heard = {0};
    cluster_topic(&cluster, "t", 2);
    put("t", 1, 2500);
    put("t", 0, 3); /* not ours */
    struct kafka_reader *reader = read_from("t", 1, KAFKA_BEGINNING, &heard);
    struct wanted wanted = {&heard, 2500};
    assert_true(run_until(cluster.loop, has_records, &wanted));
    assert_int_equal(heard.records, 2500);
    assert_int_equal(heard.records_at_end, 2500); /* not before the last */
    assert_int_equal(heard.end, 2500);
    assert_int_equal(heard.first, 0);
    assert_int_equal(heard.out_of_order, 0);
    for (int i = 1; i <= 3; i++) {
        int ends = heard.ends;
        put("t", 1, 1);
        wanted.records = 2500 + i;
        assert_true(run_until(cluster.loop, has_records, &wanted));
        assert_true(heard.ends > ends); /* again each time */
    }
    assert_int_equal(heard.troubles, 0);
    kafka_reader_free(reader);
}

static void from_an_offset(void **state)
{
    (void)state;
    static const struct {
        int64_t offset;
        int records; /* of 10 */
    } cases[] = {{0, 10}, {1, 9}, {7, 3}, {9, 1}, {10, 0}, {KAFKA_END, 0}, {KAFKA_BEGINNING, 10}};
    cluster_topic(&cluster, "t", 1);
    put("t", 0, 10);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard heard = {0};
        struct kafka_reader *reader = read_from("t", 0, cases[i].offset, &heard);
        assert_true(run_until(cluster.loop, ended, &heard));
        assert_int_equal(heard.records, cases[i].records);
        assert_int_equal(heard.end, 10);
        if (cases[i].records)
            assert_int_equal(heard.first, 10 - cases[i].records);
        kafka_reader_free(reader);
    }
}

/* Retention may have overtaken a bookmark: then from the earliest that is there. */
static void from_an_offset_that_is_not_there(void **state)
{
    (void)state;
    struct heard heard = {0};
    cluster_topic(&cluster, "t", 1);
    put("t", 0, 5);
    struct kafka_reader *reader = read_from("t", 0, 1000, &heard);
    assert_true(run_until(cluster.loop, ended, &heard));
    assert_int_equal(heard.records, 5);
    kafka_reader_free(reader);
}

static void an_unknown_topic(void **state)
{
    (void)state;
    struct heard heard = {0};
    kafka_embedded_set_missing(cluster.embedded, "no-such-topic", true);
    struct kafka_reader *reader = read_from("no-such-topic", 0, KAFKA_BEGINNING, &heard);
    assert_true(run_until(cluster.loop, has_trouble, &heard));
    assert_non_null(strstr(heard.trouble, "no-such-topic"));
    assert_int_equal(heard.records, 0);
    kafka_reader_free(reader);
}

static void a_bad_partition_or_topic(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct heard heard = {0};
    assert_null(
        kafka_reader_new(cluster.loop, &cluster.kafka, "t", -5, 0, &callbacks, &heard, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    const char *const properties[] = {"no.such.property=1", NULL};
    struct kafka_options bad = {.brokers = cluster.kafka.brokers, .properties = properties};
    error = (struct error)ERROR_INIT;
    assert_null(kafka_reader_new(cluster.loop, &bad, "t", 0, 0, &callbacks, &heard, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
}

static void the_broker_goes_and_comes(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct wanted wanted = {&heard, 10};
    cluster_topic(&cluster, "t", 1);
    put("t", 0, 10);
    struct kafka_reader *reader = read_from("t", 0, KAFKA_BEGINNING, &heard);
    assert_true(run_until(cluster.loop, has_records, &wanted));
    kafka_embedded_set_down(cluster.embedded, true);
    run_for(cluster.loop, 300);
    kafka_embedded_set_down(cluster.embedded, false);
    put("t", 0, 10);
    wanted.records = 20;
    assert_true(run_until(cluster.loop, has_records, &wanted));
    assert_int_equal(heard.records, 20);
    assert_int_equal(heard.out_of_order, 0);
    kafka_reader_free(reader);
}

/* At any moment: before it connected, with records prefetched, with the broker gone. */
static void freed(void **state)
{
    (void)state;
    struct heard heard = {0};
    cluster_topic(&cluster, "t", 1);
    put("t", 0, 3000);
    kafka_reader_free(NULL);
    kafka_reader_free(read_from("t", 0, KAFKA_BEGINNING, &heard));
    struct kafka_reader *reader = read_from("t", 0, KAFKA_BEGINNING, &heard);
    struct wanted some = {&heard, 1};
    heard.end = 1; /* the first record will do */
    assert_true(run_until(cluster.loop, has_records, &some));
    kafka_reader_free(reader);
    reader = read_from("t", 0, KAFKA_BEGINNING, &heard);
    run_for(cluster.loop, 20);
    kafka_embedded_set_down(cluster.embedded, true);
    kafka_reader_free(reader);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_partition_ends_at_once),
        TEST(to_the_end_and_on),
        TEST(from_an_offset),
        TEST(from_an_offset_that_is_not_there),
        TEST(an_unknown_topic),
        TEST(a_bad_partition_or_topic),
        TEST(the_broker_goes_and_comes),
        TEST(freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
