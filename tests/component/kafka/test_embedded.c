/* SPDX-License-Identifier: Apache-2.0 */
/* The broker inside the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cluster.h"
#include "kafka/topics.h"

static void lives_and_dies(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    for (int brokers = 1; brokers <= 3; brokers++) {
        struct kafka_embedded *embedded = kafka_embedded_new(brokers, &error);
        assert_non_null(embedded);
        const char *addresses = kafka_embedded_brokers(embedded);
        int count = 1;
        for (const char *comma = addresses; (comma = strchr(comma, ',')); comma++)
            count++;
        assert_int_equal(count, brokers);
        assert_non_null(strstr(addresses, "127.0.0.1:"));
        kafka_embedded_free(embedded);
    }
    kafka_embedded_free(NULL);
}

static void topics(void **state)
{
    (void)state;
    struct cluster cluster;
    struct error error = ERROR_INIT;
    struct kafka_topic_list list;
    cluster_start(&cluster);
    cluster_topic(&cluster, "two", 2);
    cluster_topic(&cluster, "seven", 7);
    assert_true(kafka_topics_list(&cluster.kafka, 10000, &list, &error));
    assert_int_equal(list.count, 2);
    assert_int_equal(kafka_topic_find(&list, "two")->partitions, 2);
    assert_int_equal(kafka_topic_find(&list, "seven")->partitions, 7);
    assert_null(kafka_topic_find(&list, "three"));
    kafka_topic_list_release(&list);
    /* Made already: an error, and no second one. */
    assert_false(kafka_embedded_create_topic(cluster.embedded, "two", 2, &error));
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.text, "two"));
    cluster_stop(&cluster);
}

static void down_and_up(void **state)
{
    (void)state;
    struct cluster cluster;
    struct error error = ERROR_INIT;
    struct kafka_topic_list list;
    cluster_start(&cluster);
    cluster_topic(&cluster, "t", 1);
    kafka_embedded_set_down(cluster.embedded, true);
    assert_false(kafka_topics_list(&cluster.kafka, 300, &list, &error));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_non_null(strstr(error.text, "kafka.brokers"));
    kafka_embedded_set_down(cluster.embedded, false);
    error = (struct error)ERROR_INIT;
    assert_true(kafka_topics_list(&cluster.kafka, 30000, &list, &error));
    assert_int_equal(list.count, 1);
    kafka_topic_list_release(&list);
    cluster_stop(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_and_dies),
        cmocka_unit_test(topics),
        cmocka_unit_test(down_and_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
