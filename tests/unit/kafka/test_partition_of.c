/* SPDX-License-Identifier: Apache-2.0 */
/* The partition of a key: the vectors of Kafka's own UtilsTest.testMurmur2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "kafka/producer.h"

static const struct vector {
    const char *key;
    int32_t murmur2;
} vectors[] = {
    {"21", -973932308},
    {"foobar", -790332482},
    {"a-little-bit-long-string", -985981536},
    {"a-little-bit-longer-string", -1486304829},
    {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
    {"abc", 479470107},
};

static void as_the_java_client(void **state)
{
    (void)state;
    static const int32_t counts[] = {1, 2, 3, 4, 12, 100, 10000, INT32_MAX};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        int32_t positive = vectors[i].murmur2 & INT32_MAX; /* Utils.toPositive */
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++)
            assert_int_equal(kafka_partition_of(vectors[i].key, strlen(vectors[i].key), counts[j]),
                positive % counts[j]);
    }
}

/* Each tail length, and bytes above 127, which a signed char would spoil. */
static void all_partitions_are_used(void **state)
{
    (void)state;
    unsigned seen[12] = {0};
    for (unsigned n = 0; n < 4096; n++) {
        unsigned char key[8] = {(unsigned char)n, (unsigned char)(n >> 8), 0xff, 0x80, 0xfe,
            (unsigned char)~n, 0x81, 0x00};
        int32_t partition = kafka_partition_of(key, n % 9, 12);
        assert_in_range(partition, 0, 11);
        assert_int_equal(partition, kafka_partition_of(key, n % 9, 12));
        seen[partition]++;
    }
    for (size_t i = 0; i < 12; i++)
        assert_true(seen[i] > 0);
}

static void no_key_is_a_key(void **state)
{
    (void)state;
    int32_t partition = kafka_partition_of("", 0, INT32_MAX);
    assert_int_equal(partition, 275646681); /* murmur2 of nothing */
    assert_int_equal(kafka_partition_of(NULL, 0, INT32_MAX), partition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_java_client),
        cmocka_unit_test(all_partitions_are_used),
        cmocka_unit_test(no_key_is_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
