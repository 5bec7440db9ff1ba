/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on the embedded broker, which lets them through and undoes none: what becomes of those that
 * are aborted or fenced is seen on a real one (tests/system/test_registry_writers.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cluster.h"
#include "kafka/transaction.h"

#define TIMEOUT_MS 10000

static struct cluster cluster;
static const struct kafka_transaction_record one[] = {{"k", "v"}};

static int set_up(void **state)
{
    (void)state;
    cluster_start(&cluster);
    cluster_topic(&cluster, "t", 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cluster_stop(&cluster);
    return 0;
}

static struct kafka_transaction *new_transaction(const char *topic)
{
    struct error error = ERROR_INIT;
    struct kafka_transaction *transaction =
        kafka_transaction_new(&cluster.kafka, topic, "writer", &error);
    if (!transaction)
        fail_msg("%s", error.text);
    return transaction;
}

static int64_t take_over(struct kafka_transaction *transaction)
{
    struct error error = ERROR_INIT;
    int64_t end = -1;
    if (!kafka_transaction_take_over(transaction, TIMEOUT_MS, &end, &error))
        fail_msg("%s", error.text);
    return end;
}

static int64_t write_all(struct kafka_transaction *transaction,
    const struct kafka_transaction_record *records, size_t count)
{
    struct error error = ERROR_INIT;
    int64_t next = -1;
    if (!kafka_transaction_write(transaction, records, count, TIMEOUT_MS, &next, &error))
        fail_msg("%s", error.text);
    return next;
}

static void writes_and_tells_the_end(void **state)
{
    (void)state;
    static const struct kafka_transaction_record two[] = {{"a", "1"}, {"b", NULL}};
    struct tape tape;
    cluster_put(&cluster, "t", 0, "x", "0");
    cluster_flush(&cluster);
    struct kafka_transaction *transaction = new_transaction("t");
    assert_int_equal(take_over(transaction), 1);
    assert_int_equal(write_all(transaction, two, 2), 3);
    assert_int_equal(write_all(transaction, one, 1), 4);
    kafka_transaction_free(transaction);

    tape_start(&tape, &cluster, "t", 1);
    tape_wait(&tape, 4);
    assert_memory_equal(tape.records[1]->key.data, "a", 1);
    assert_memory_equal(tape.records[1]->value.data, "1", 1);
    assert_null(tape.records[2]->value.data);
    assert_memory_equal(tape.records[3]->key.data, "k", 1);
    tape_stop(&tape);

    transaction = new_transaction("t");
    assert_int_equal(take_over(transaction), 4);
    kafka_transaction_free(transaction);
}

static void a_fenced_one_says_so(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    int64_t next = -1;
    struct kafka_transaction *transaction = new_transaction("t");
    take_over(transaction);
    assert_false(kafka_transaction_is_fenced(transaction));
    kafka_embedded_fence(cluster.embedded, 1);
    assert_false(kafka_transaction_write(transaction, one, 1, TIMEOUT_MS, &next, &error));
    assert_true(kafka_transaction_is_fenced(transaction));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_int_equal(next, -1);
    kafka_transaction_free(transaction);

    transaction = new_transaction("t"); /* the next one is the owner */
    take_over(transaction);
    write_all(transaction, one, 1);
    kafka_transaction_free(transaction);
}

static void without_a_broker(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    int64_t end = -1;
    kafka_embedded_set_down(cluster.embedded, true);
    struct kafka_transaction *transaction = new_transaction("t");
    struct mono_time began = mono_now();
    assert_false(kafka_transaction_take_over(transaction, 300, &end, &error));
    assert_in_range(mono_diff_ms(mono_now(), began), 290, 3000);
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_false(kafka_transaction_is_fenced(transaction));
    assert_int_equal(end, -1);
    kafka_transaction_free(transaction);
}

static void a_broker_that_goes(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    int64_t next = -1;
    struct kafka_transaction *transaction = new_transaction("t");
    take_over(transaction);
    kafka_embedded_set_down(cluster.embedded, true);
    assert_false(kafka_transaction_write(transaction, one, 1, 300, &next, &error));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_non_null(strstr(error.text, "may have been written or not"));
    assert_int_equal(next, -1);
    kafka_transaction_free(transaction);
}

/* The library refuses to start where these do not fit together. */
static void user_properties_that_would_not_fit(void **state)
{
    (void)state;
    static const char *const properties[] = {"message.timeout.ms=300000",
        "delivery.timeout.ms=300000", "socket.timeout.ms=60000", "transaction.timeout.ms=1000",
        "linger.ms=50", NULL};
    struct kafka_options kafka = cluster.kafka;
    struct error error = ERROR_INIT;
    kafka.properties = properties;
    struct kafka_transaction *transaction = kafka_transaction_new(&kafka, "t", "writer", &error);
    if (!transaction)
        fail_msg("%s", error.text);
    take_over(transaction);
    write_all(transaction, one, 1);
    kafka_transaction_free(transaction);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_and_tells_the_end),
        TEST(a_fenced_one_says_so),
        TEST(without_a_broker),
        TEST(a_broker_that_goes),
        TEST(user_properties_that_would_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
