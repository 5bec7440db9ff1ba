/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the registry on the embedded broker: decided one after the other on what the store has read,
 * written, read back; with others that come between, and without a broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cluster.h"
#include "subscriptions/writer.h"

#define TOPIC "hookline.subscriptions"

static struct cluster cluster;
static struct store *store;
static struct writer *writer;

static void new_writer(int64_t timeout_ms)
{
    struct error error = ERROR_INIT;
    struct writer_options options = {TOPIC, "hookline.registry-writer", timeout_ms};
    writer_free(writer);
    writer = writer_new(cluster.loop, &cluster.kafka, store, &options, &error);
    if (!writer)
        fail_msg("%s", error.text);
}

static int set_up(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct store_options options = {.topic = TOPIC, .max_per_tenant = 10000};
    cluster_start(&cluster);
    cluster_topic(&cluster, TOPIC, 1);
    store = store_new(cluster.loop, &cluster.kafka, &options, NULL, NULL, &error);
    assert_non_null(store);
    writer = NULL;
    new_writer(20000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    writer_free(writer);
    store_free(store);
    cluster_stop(&cluster);
    return 0;
}

static char *value_of(int n, int version)
{
    return mem_printf(
        "{\"tenant\":\"acme\",\"id\":\"s%d\",\"url\":\"https://x/\",\"events\":[\"*\"],"
        "\"version\":%d}",
        n, version);
}

/* Adds one to the version of a subscription, or writes its first. */
struct bump {
    int number;  /* of the subscription */
    int count;   /* how many are bumped from it on */
    int decided; /* how often it was asked */
    int before;  /* the version that it found last */
    bool done, nothing;
    enum writer_outcome outcome;
    struct error error;
    struct bump *next; /* asked for when this one is done */
};

static int version_of(int number)
{
    char id[16];
    snprintf(id, sizeof id, "s%d", number);
    const struct subscription *subscription = store_find(store, "acme", id);
    return subscription ? (int)subscription->version : 0;
}

static void bump(struct writer_batch *batch, void *arg)
{
    struct bump *self = arg;
    self->decided++;
    self->before = version_of(self->number);
    for (int n = self->number; !self->nothing && n < self->number + self->count; n++) {
        char key[32];
        snprintf(key, sizeof key, "acme/s%d", n);
        char *value = value_of(n, version_of(n) + 1);
        writer_put(batch, key, value);
        free(value);
    }
}

static void ended(enum writer_outcome outcome, const struct error *error, void *arg)
{
    struct bump *self = arg;
    assert_false(self->done);
    self->done = true;
    self->outcome = outcome;
    if (error)
        self->error = *error;
    if (self->next)
        writer_change(writer, bump, ended, self->next);
}

static bool is_done(void *arg)
{
    return ((struct bump *)arg)->done;
}

static enum writer_outcome await(struct bump *change)
{
    assert_true(run_until(cluster.loop, is_done, change));
    return change->outcome;
}

static enum writer_outcome carry_out(struct bump *change)
{
    writer_change(writer, bump, ended, change);
    assert_int_equal(change->decided, 0); /* later */
    return await(change);
}

static void one_after_the_other(void **state)
{
    (void)state;
    struct bump last = {.number = 1, .count = 1};
    struct bump changes[5];
    for (size_t i = 0; i < 5; i++) {
        changes[i] = (struct bump){.number = 1, .count = 1};
        writer_change(writer, bump, ended, &changes[i]);
    }
    changes[4].next = &last;
    await(&last);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(changes[i].outcome, WRITER_DONE);
        assert_int_equal(changes[i].before, i); /* each found what the one before had written */
        assert_int_equal(changes[i].decided, 1);
    }
    assert_int_equal(version_of(1), 6);
}

static void nothing_to_write(void **state)
{
    (void)state;
    struct bump none = {.number = 1, .count = 1, .nothing = true};
    assert_int_equal(carry_out(&none), WRITER_NOTHING);
    assert_int_equal(store_offset(store), 0);
}

static void what_was_written_before_is_read_first(void **state)
{
    (void)state;
    struct bump change = {.number = 1, .count = 1};
    for (int version = 1; version <= 300; version++) {
        char *value = value_of(1, version);
        cluster_put(&cluster, TOPIC, 0, "acme/s1", value);
        free(value);
    }
    cluster_flush(&cluster);
    assert_int_equal(carry_out(&change), WRITER_DONE);
    assert_int_equal(change.before, 300);
    assert_int_equal(version_of(1), 301);
}

static void a_large_batch(void **state)
{
    (void)state;
    struct bump change = {.number = 0, .count = 2 * WRITER_RECORDS_MAX + 10};
    assert_int_equal(carry_out(&change), WRITER_DONE);
    assert_int_equal(store_subscription_count(store), change.count);
}

static void decided_again_when_fenced(void **state)
{
    (void)state;
    struct bump first = {.number = 1, .count = 1}, second = {.number = 1, .count = 1};
    assert_int_equal(carry_out(&first), WRITER_DONE);
    kafka_embedded_fence(cluster.embedded, 2);
    assert_int_equal(carry_out(&second), WRITER_DONE);
    assert_int_equal(second.decided, 3);
    assert_int_equal(version_of(1), 2);
}

static void given_up_when_fenced_again_and_again(void **state)
{
    (void)state;
    struct bump first = {.number = 1, .count = 1}, second = {.number = 1, .count = 1};
    kafka_embedded_fence(cluster.embedded, 5);
    assert_int_equal(carry_out(&first), WRITER_FENCED);
    assert_int_equal(first.decided, 5);
    assert_int_equal(first.error.kind, ERROR_RETRY);
    assert_int_equal(carry_out(&second), WRITER_DONE);
    assert_int_equal(version_of(1), 1);
}

static void without_a_broker(void **state)
{
    (void)state;
    struct bump first = {.number = 1, .count = 1}, second = first, third = first;
    kafka_embedded_set_down(cluster.embedded, true);
    new_writer(500);
    writer_change(writer, bump, ended, &first);
    writer_change(writer, bump, ended, &second);
    struct mono_time began = mono_now();
    assert_int_equal(await(&second), WRITER_FAILED);
    assert_in_range(mono_diff_ms(mono_now(), began), 400, 2500); /* together */
    assert_int_equal(first.outcome, WRITER_FAILED);
    assert_int_equal(first.error.kind, ERROR_RETRY);
    assert_int_equal(second.error.kind, ERROR_RETRY);
    assert_int_equal(first.decided + second.decided, 0);
    kafka_embedded_set_down(cluster.embedded, false);
    new_writer(20000);
    assert_int_equal(carry_out(&third), WRITER_DONE);
}

/* Also while a worker is in the library. */
static void freed_with_changes_open(void **state)
{
    (void)state;
    struct bump first = {.number = 1, .count = 1}, second = first;
    kafka_embedded_set_down(cluster.embedded, true);
    new_writer(1000);
    writer_change(writer, bump, ended, &first);
    writer_change(writer, bump, ended, &second);
    run_for(cluster.loop, 100);
    writer_free(writer);
    writer = NULL;
    assert_true(first.done && second.done);
    assert_int_equal(first.outcome, WRITER_FAILED);
    assert_int_equal(second.outcome, WRITER_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_after_the_other),
        TEST(nothing_to_write),
        TEST(what_was_written_before_is_read_first),
        TEST(a_large_batch),
        TEST(decided_again_when_fenced),
        TEST(given_up_when_fenced_again_and_again),
        TEST(without_a_broker),
        TEST(freed_with_changes_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
