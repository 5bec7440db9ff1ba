/* SPDX-License-Identifier: Apache-2.0 */
/* Every record ends in one call. */
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

/* What became of one record. */
struct ending {
    int calls;
    enum error_kind kind;
    char text[sizeof((struct error *)0)->text];
    int32_t partition;
    int64_t offset;
};

static void keep(void *arg, const struct kafka_receipt *receipt)
{
    struct ending *ending = arg;
    ending->calls++;
    ending->kind = receipt->error ? receipt->error->kind : ERROR_NONE;
    snprintf(ending->text, sizeof ending->text, "%s", receipt->error ? receipt->error->text : "");
    ending->partition = receipt->partition;
    ending->offset = receipt->offset;
}

static bool ended(void *arg)
{
    return ((struct ending *)arg)->calls > 0;
}

static struct kafka_producer *new_producer(const struct kafka_producer_options *options)
{
    struct error error = ERROR_INIT;
    struct kafka_producer *producer =
        kafka_producer_new(cluster.loop, &cluster.kafka, options, &error);
    if (!producer)
        fail_msg("%s", error.text);
    return producer;
}

static void send_to(struct kafka_producer *producer, const struct record *record, bool keep_value,
    struct ending *ending)
{
    struct error error = ERROR_INIT;
    if (!kafka_producer_send(producer, record, keep_value, keep, ending, &error))
        fail_msg("%s", error.text);
}

static void receipts_have_offsets(void **state)
{
    (void)state;
    struct ending endings[100] = {{0}};
    cluster_topic(&cluster, "t", 2);
    for (size_t i = 0; i < 100; i++) {
        struct record record = {.topic = "t",
            .partition = (int32_t)(i % 2),
            .timestamp_ms = -1,
            .key = text_bytes("k"),
            .value = text_bytes("v")};
        send_to(cluster.producer, &record, false, &endings[i]);
        assert_int_equal(endings[i].calls, 0); /* never from within the call */
    }
    assert_int_equal(kafka_producer_outstanding(cluster.producer), 100);
    struct mono_time before = mono_now();
    cluster_flush(&cluster);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(endings[i].calls, 1);
        assert_int_equal(endings[i].kind, ERROR_NONE);
        assert_int_equal(endings[i].partition, i % 2);
        assert_int_equal(endings[i].offset, i / 2);
    }
    assert_false(mono_before(kafka_producer_last_ack(cluster.producer), before));
}

/* Everything comes back as it went in; what is absent stays absent. */
static void what_is_written_can_be_read(void **state)
{
    (void)state;
    struct tape tape;
    const struct header headers[] = {{"a", text_bytes("1")}, {"empty", {"", 0}},
        {"none", {NULL, 0}}, {"a", text_bytes("2")}, {"bytes", {"x\0y", 3}}};
    const struct record records[] = {
        {.topic = "t",
            .partition = 0,
            .timestamp_ms = 1700000000123,
            .key = {"k\0y", 3},
            .value = {"v\0l", 3},
            .headers = headers,
            .header_count = 5},
        {.topic = "t",
            .partition = 0,
            .timestamp_ms = 1,
            .key = text_bytes("gone"),
            .value = {NULL, 0}},
        {.topic = "t", .partition = 0, .timestamp_ms = -1, .key = {NULL, 0}, .value = {"", 0}},
    };
    cluster_topic(&cluster, "t", 1);
    int64_t now = wall_now().ms;
    for (size_t i = 0; i < 3; i++)
        cluster_send(&cluster, &records[i]);
    cluster_flush(&cluster);
    tape_start(&tape, &cluster, "t", 1);
    tape_wait(&tape, 3);

    const struct record *full = tape.records[0], *deleted = tape.records[1],
                        *bare = tape.records[2];
    assert_string_equal(full->topic, "t");
    assert_int_equal(full->offset, 0);
    assert_int_equal(full->timestamp_ms, 1700000000123);
    assert_int_equal(full->key.len, 3);
    assert_memory_equal(full->key.data, "k\0y", 3);
    assert_int_equal(full->value.len, 3);
    assert_memory_equal(full->value.data, "v\0l", 3);
    assert_int_equal(full->header_count, 5);
    assert_string_equal(full->headers[1].name, "empty");
    assert_int_equal(full->headers[1].value.len, 0);
    assert_non_null(full->headers[1].value.data);
    assert_null(full->headers[2].value.data);
    assert_string_equal(record_header_text(full, "a"), "2");
    assert_int_equal(full->headers[4].value.len, 3);
    assert_memory_equal(full->headers[4].value.data, "x\0y", 3);

    assert_null(deleted->value.data);
    assert_int_equal(deleted->timestamp_ms, 1);
    assert_null(bare->key.data);
    assert_non_null(bare->value.data);
    assert_int_equal(bare->value.len, 0);
    assert_true(bare->timestamp_ms >= now - 1000 && bare->timestamp_ms <= wall_now().ms + 1000);
    assert_int_equal(bare->header_count, 0);
    tape_stop(&tape);
}

static void only_a_kept_value_is_borrowed(void **state)
{
    (void)state;
    struct tape tape;
    struct ending kept = {0}, copied = {0};
    cluster_topic(&cluster, "t", 1);
    char *key = mem_strdup("key"), *name = mem_strdup("name"), *text = mem_strdup("text");
    char *value = mem_strdup("value"), *other = mem_strdup("other"), *topic = mem_strdup("t");
    struct header header = {name, text_bytes(text)};
    struct record record = {.topic = topic,
        .partition = 0,
        .timestamp_ms = -1,
        .key = text_bytes(key),
        .value = text_bytes(value),
        .headers = &header,
        .header_count = 1};
    send_to(cluster.producer, &record, true, &kept);
    record.value = text_bytes(other);
    send_to(cluster.producer, &record, false, &copied);
    free(key);
    free(name);
    free(text);
    free(topic);
    free(other);
    cluster_flush(&cluster);
    assert_int_equal(kept.kind, ERROR_NONE);
    free(value);
    tape_start(&tape, &cluster, "t", 1);
    tape_wait(&tape, 2);
    assert_string_equal(tape.records[0]->value.data, "value");
    assert_string_equal(tape.records[0]->key.data, "key");
    assert_string_equal(record_header_text(tape.records[0], "name"), "text");
    assert_string_equal(tape.records[1]->value.data, "other");
    tape_stop(&tape);
}

static void a_key_goes_where_kafka_puts_it(void **state)
{
    (void)state;
    static const char *const keys[] = {"21", "foobar", "abc", "acme/crm", "x"};
    struct ending endings[5] = {{0}};
    cluster_topic(&cluster, "t", 4);
    for (size_t i = 0; i < 5; i++) {
        struct record record = {.topic = "t",
            .partition = KAFKA_ANY_PARTITION,
            .timestamp_ms = -1,
            .key = text_bytes(keys[i]),
            .value = text_bytes("v")};
        send_to(cluster.producer, &record, false, &endings[i]);
    }
    cluster_flush(&cluster);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(endings[i].kind, ERROR_NONE);
        assert_int_equal(endings[i].partition, kafka_partition_of(keys[i], strlen(keys[i]), 4));
    }
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

static bool was_called(void *arg)
{
    return *(int *)arg > 0;
}

static void room(void **state)
{
    (void)state;
    const struct kafka_producer_options options = {
        .linger_ms = 1, .max_outstanding = 8, .max_outstanding_bytes = 1 << 20};
    struct kafka_producer *producer = new_producer(&options);
    struct ending endings[12] = {{0}};
    int calls = 0;
    struct record record = {
        .topic = "t", .partition = 0, .timestamp_ms = -1, .value = text_bytes("v")};
    cluster_topic(&cluster, "t", 1);
    kafka_producer_on_room(producer, count_call, &calls);
    for (size_t i = 0; i < 7; i++)
        send_to(producer, &record, false, &endings[i]);
    assert_true(kafka_producer_has_room(producer));
    assert_true(kafka_producer_flush(producer, 30000));
    run_for(cluster.loop, 20);
    assert_int_equal(calls, 0);     /* there has been room all the time */
    for (size_t i = 0; i < 12; i++) /* a no can be ignored */
        send_to(producer, &record, false, &endings[i]);
    assert_false(kafka_producer_has_room(producer));
    assert_true(run_until(cluster.loop, was_called, &calls));
    assert_true(kafka_producer_has_room(producer));
    assert_true(kafka_producer_flush(producer, 30000));
    run_for(cluster.loop, 20);
    assert_int_equal(calls, 1);
    kafka_producer_free(producer);
}

static void room_in_bytes(void **state)
{
    (void)state;
    const struct kafka_producer_options options = {
        .linger_ms = 1, .max_outstanding = 1000, .max_outstanding_bytes = 100000};
    struct kafka_producer *producer = new_producer(&options);
    struct ending endings[2] = {{0}};
    char *value = mem_zalloc(60000);
    int calls = 0;
    cluster_topic(&cluster, "t", 1);
    kafka_producer_on_room(producer, count_call, &calls);
    struct record record = {
        .topic = "t", .partition = 0, .timestamp_ms = -1, .value = {value, 60000}};
    send_to(producer, &record, true, &endings[0]);
    assert_true(kafka_producer_has_room(producer));
    send_to(producer, &record, true, &endings[1]);
    assert_false(kafka_producer_has_room(producer));
    assert_true(run_until(cluster.loop, was_called, &calls));
    assert_true(kafka_producer_flush(producer, 30000));
    free(value);
    kafka_producer_free(producer);
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct ending ending = {0};
    cluster_topic(&cluster, "t", 1);
    struct record record = {
        .topic = "t", .partition = 7, .timestamp_ms = -1, .value = text_bytes("v")};
    /* A partition that is not there may be told at once or with the receipt. */
    if (kafka_producer_send(cluster.producer, &record, false, keep, &ending, &error)) {
        assert_true(run_until(cluster.loop, ended, &ending));
        assert_int_equal(ending.kind, ERROR_PERMANENT);
    } else {
        assert_int_equal(error.kind, ERROR_PERMANENT);
    }
    /* Too large: told at once, and `done` is not called. */
    struct ending large = {0};
    char *value = mem_zalloc(17 << 20);
    error = (struct error)ERROR_INIT;
    record = (struct record){
        .topic = "t", .partition = 0, .timestamp_ms = -1, .value = {value, 17 << 20}};
    assert_false(kafka_producer_send(cluster.producer, &record, false, keep, &large, &error));
    free(value);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.text, "topic t"));
    cluster_flush(&cluster);
    assert_int_equal(large.calls, 0);
    assert_int_equal(kafka_producer_outstanding(cluster.producer), 0);
}

static void an_unknown_topic(void **state)
{
    (void)state;
    struct ending ending = {0};
    kafka_embedded_set_missing(cluster.embedded, "no-such-topic", true);
    struct record record = {
        .topic = "no-such-topic", .partition = 0, .timestamp_ms = -1, .value = text_bytes("v")};
    send_to(cluster.producer, &record, false, &ending);
    assert_true(run_until(cluster.loop, ended, &ending));
    assert_int_equal(ending.kind, ERROR_PERMANENT);
    assert_non_null(strstr(ending.text, "no-such-topic"));
    assert_int_equal(ending.calls, 1);
}

static void the_broker_goes_and_comes(void **state)
{
    (void)state;
    struct ending before = {0}, while_down = {0};
    cluster_topic(&cluster, "t", 1);
    struct record record = {
        .topic = "t", .partition = 0, .timestamp_ms = -1, .value = text_bytes("v")};
    send_to(cluster.producer, &record, false, &before);
    cluster_flush(&cluster);
    kafka_embedded_set_down(cluster.embedded, true);
    send_to(cluster.producer, &record, false, &while_down);
    run_for(cluster.loop, 300);
    assert_int_equal(while_down.calls, 0); /* waits: nobody is told of an outage */
    assert_false(kafka_producer_flush(cluster.producer, 50));
    kafka_embedded_set_down(cluster.embedded, false);
    assert_true(run_until(cluster.loop, ended, &while_down));
    assert_int_equal(while_down.kind, ERROR_NONE);
    assert_int_equal(while_down.offset, 1);
}

static void a_record_that_is_out_of_time(void **state)
{
    (void)state;
    static const char *const properties[] = {"message.timeout.ms=300", NULL};
    struct kafka_options kafka = {.brokers = cluster.kafka.brokers, .properties = properties};
    struct error error = ERROR_INIT;
    struct ending ending = {0};
    cluster_topic(&cluster, "t", 1);
    kafka_embedded_set_down(cluster.embedded, true);
    struct kafka_producer *producer =
        kafka_producer_new(cluster.loop, &kafka, &cluster_producer_options, &error);
    assert_non_null(producer);
    struct record record = {
        .topic = "t", .partition = 0, .timestamp_ms = -1, .value = text_bytes("v")};
    send_to(producer, &record, false, &ending);
    assert_true(run_until(cluster.loop, ended, &ending));
    assert_int_equal(ending.kind, ERROR_RETRY);
    kafka_producer_free(producer);
}

/* Whatever is outstanding, and whatever the broker does, each record has its call. */
static void free_ends_everything(void **state)
{
    (void)state;
    cluster_topic(&cluster, "t", 1);
    for (int down = 0; down <= 1; down++) {
        const struct kafka_producer_options options = {.linger_ms = down ? 1 : 60000,
            .max_outstanding = 1000,
            .max_outstanding_bytes = 1 << 20};
        struct kafka_producer *producer = new_producer(&options);
        struct ending endings[50] = {{0}};
        char *value = mem_strdup("borrowed");
        struct record record = {
            .topic = "t", .partition = 0, .timestamp_ms = -1, .value = text_bytes(value)};
        if (down) { /* some under way to a broker that goes */
            struct ending first = {0};
            send_to(producer, &record, true, &first);
            assert_true(kafka_producer_flush(producer, 30000));
        }
        for (size_t i = 0; i < 50; i++) {
            send_to(producer, &record, true, &endings[i]);
            if (down && i == 25) {
                run_for(cluster.loop, 2);
                kafka_embedded_set_down(cluster.embedded, true);
            }
        }
        kafka_producer_free(producer);
        free(value);
        for (size_t i = 0; i < 50; i++) {
            assert_int_equal(endings[i].calls, 1);
            assert_true(endings[i].kind == ERROR_RETRY || (down && endings[i].kind == ERROR_NONE));
        }
    }
}

static void nobody_needs_to_be_told(void **state)
{
    (void)state;
    cluster_topic(&cluster, "t", 1);
    cluster_put(&cluster, "t", 0, "k", "v");
    cluster_flush(&cluster);
    cluster_put(&cluster, "t", 0, "k", "left outstanding");
    kafka_producer_free(NULL);
}

/* A receipt that sends the next record. */
struct chain {
    int left, calls;
};

static void send_next(void *arg, const struct kafka_receipt *receipt)
{
    struct chain *chain = arg;
    struct error error = ERROR_INIT;
    struct record record = {
        .topic = "t", .partition = 0, .timestamp_ms = -1, .value = text_bytes("v")};
    chain->calls += receipt->error == NULL;
    if (chain->left-- > 0 &&
        !kafka_producer_send(cluster.producer, &record, false, send_next, chain, &error))
        abort();
}

static void a_receipt_may_send(void **state)
{
    (void)state;
    struct chain chain = {.left = 20};
    cluster_topic(&cluster, "t", 1);
    send_next(&chain, &(struct kafka_receipt){NULL, 0, 0});
    cluster_flush(&cluster);
    assert_int_equal(chain.calls, 21);
}

static void bad_options(void **state)
{
    (void)state;
    static const struct {
        const char *property, *text;
    } cases[] = {
        {"no.such.property=1", "no.such.property"},
        {"acks=1", "may not be set"},
        {"nonsense", "name=value"},
        {"compression.codec=rar", "compression.codec"},
        {"security.protocol=sasl_ssl", "Kafka client"}, /* SASL without a mechanism's settings */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const properties[] = {
            "fetch.wait.max.ms=10", cases[i].property, "sasl.mechanism=PLAIN", NULL};
        struct kafka_options kafka = {.brokers = "127.0.0.1:1", .properties = properties};
        struct error error = ERROR_INIT;
        struct kafka_producer *producer =
            kafka_producer_new(cluster.loop, &kafka, &cluster_producer_options, &error);
        if (producer && i == 4) { /* newer libraries complain later */
            kafka_producer_free(producer);
            continue;
        }
        assert_null(producer);
        assert_int_equal(error.kind, ERROR_CONFIG);
        if (!strstr(error.text, cases[i].text))
            fail_msg("%s: %s", cases[i].property, error.text);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(receipts_have_offsets),
        TEST(what_is_written_can_be_read),
        TEST(only_a_kept_value_is_borrowed),
        TEST(a_key_goes_where_kafka_puts_it),
        TEST(room),
        TEST(room_in_bytes),
        TEST(what_cannot_be_written),
        TEST(an_unknown_topic),
        TEST(the_broker_goes_and_comes),
        TEST(a_record_that_is_out_of_time),
        TEST(free_ends_everything),
        TEST(nobody_needs_to_be_told),
        TEST(a_receipt_may_send),
        TEST(bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
