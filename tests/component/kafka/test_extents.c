/* SPDX-License-Identifier: Apache-2.0 */
/* What partitions hold. The embedded broker keeps the newest 5 MiB of each, as retention would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cluster.h"
#include "kafka/extents.h"

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

static void put(int32_t partition, int count, size_t size)
{
    char *value = mem_zalloc(size + 1);
    memset(value, 'v', size);
    for (int i = 0; i < count; i++)
        cluster_put(&cluster, "t", partition, "k", value);
    cluster_flush(&cluster);
    free(value);
}

static void of_each_partition(void **state)
{
    (void)state;
    struct kafka_extents extents;
    struct error error = ERROR_INIT;
    cluster_topic(&cluster, "t", 3);
    put(1, 10, 10);
    put(2, 80, 100 * 1000);
    if (!kafka_extents_read(&cluster.kafka, "t", 10000, &extents, &error))
        fail_msg("%s", error.text);
    assert_int_equal(extents.count, 3);
    assert_int_equal(extents.partitions[0].first, 0);
    assert_int_equal(extents.partitions[0].end, 0);
    assert_int_equal(extents.partitions[1].first, 0);
    assert_int_equal(extents.partitions[1].end, 10);
    assert_in_range(extents.partitions[2].first, 1, 79);
    assert_int_equal(extents.partitions[2].end, 80);
    kafka_extents_release(&extents);
    assert_int_equal(extents.count, 0);
}

static void no_such_topic(void **state)
{
    (void)state;
    struct kafka_extents extents;
    struct error error = ERROR_INIT;
    kafka_embedded_set_missing(cluster.embedded, "t", true);
    assert_false(kafka_extents_read(&cluster.kafka, "t", 10000, &extents, &error));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_non_null(strstr(error.text, "t: "));
}

static void nobody_answers(void **state)
{
    (void)state;
    struct kafka_extents extents;
    struct error error = ERROR_INIT;
    struct mono_time start = mono_now();
    kafka_embedded_set_down(cluster.embedded, true);
    assert_false(kafka_extents_read(&cluster.kafka, "t", 300, &extents, &error));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_in_range(mono_diff_ms(mono_now(), start), 0, 10000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_each_partition),
        TEST(no_such_topic),
        TEST(nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
