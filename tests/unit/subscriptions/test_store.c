/* SPDX-License-Identifier: Apache-2.0 */
/* The store, fed record by record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/log.h"
#include "subscriptions/store.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t next_offset;

static struct store *new_store(void)
{
    next_offset = 0;
    struct store_options options = {.topic = "hookline.subscriptions", .max_per_tenant = 3};
    return store_new_detached(&options);
}

/* `value` NULL = deleted. */
static void apply(struct store *store, const char *key, const char *value)
{
    struct record record = {.topic = "hookline.subscriptions",
        .offset = next_offset++,
        .timestamp_ms = -1,
        .key = {key, key ? strlen(key) : 0},
        .value = {value, value ? strlen(value) : 0}};
    store_apply(store, &record);
    assert_int_equal(store_offset(store), next_offset);
}

static void put(struct store *store, const char *tenant, const char *id, const char *more)
{
    char key[256], value[1024];
    snprintf(key, sizeof key, "%s/%s", tenant, id);
    snprintf(value, sizeof value,
        "{\"tenant\":\"%s\",\"id\":\"%s\",\"url\":\"https://x/\",\"events\":[\"*\"]%s}", tenant, id,
        more);
    apply(store, key, value);
}

static void put_and_delete(void **state)
{
    (void)state;
    struct store *store = new_store();
    assert_true(store_ready(store));
    assert_null(store_tenant(store, "acme"));
    put(store, "acme", "b", "");
    put(store, "acme", "a", ",\"enabled\":false");
    put(store, "acme", "c", "");
    const struct store_tenant *tenant = store_tenant(store, "acme");
    assert_int_equal(tenant->partitions, 0);
    assert_int_equal(tenant->subscription_count, 3);
    assert_string_equal(tenant->subscriptions[0]->id, "a");
    assert_string_equal(tenant->subscriptions[1]->id, "b");
    assert_string_equal(tenant->subscriptions[2]->id, "c");
    put(store, "acme", "b", ",\"name\":\"new\",\"enabled\":false");
    assert_int_equal(store_tenant(store, "acme")->subscription_count, 3);
    assert_string_equal(store_find(store, "acme", "b")->name, "new");
    apply(store, "acme/b", NULL);
    assert_null(store_find(store, "acme", "b"));
    assert_int_equal(store_subscription_count(store), 2);
    apply(store, "acme/a", NULL);
    apply(store, "acme/c", NULL);
    apply(store, "acme/c", NULL);
    assert_null(store_tenant(store, "acme"));
    assert_int_equal(store_invalid_count(store), 0);
    store_free(store);
}

static void put_events(struct store *store, const char *id, const char *events)
{
    char key[256], value[1024];
    snprintf(key, sizeof key, "acme/%s", id);
    snprintf(value, sizeof value,
        "{\"tenant\":\"acme\",\"id\":\"%s\",\"url\":\"https://x/\",\"events\":[%s]}", id, events);
    apply(store, key, value);
}

static void expect_wanting(struct store *store, const char *type, const char *expected)
{
    struct store_wanting wanting = store_wanting(store_tenant(store, "acme"), type);
    assert_int_equal(wanting.count, strlen(expected));
    for (size_t i = 0; i < wanting.count; i++)
        assert_memory_equal(wanting.subscriptions[i]->id, expected + i, 1);
}

/* Found by type, also after a change, and after more types than are remembered. */
static void wanting(void **state)
{
    (void)state;
    struct store *store = new_store();
    put_events(store, "b", "\"call.*\",\"agent.login\"");
    put_events(store, "a", "\"call.ended\"");
    put(store, "acme", "c", "");
    put(store, "other", "o", "");
    for (int round = 0; round < 2; round++) {
        expect_wanting(store, "call.ended", "abc");
        expect_wanting(store, "call.ringing", "bc");
        expect_wanting(store, "agent.login", "bc");
        expect_wanting(store, "agent.logout", "c");
    }
    put(store, "acme", "a", "");
    expect_wanting(store, "agent.logout", "ac");
    put(store, "acme", "c", ",\"enabled\":false");
    expect_wanting(store, "agent.logout", "a");
    apply(store, "acme/a", NULL);
    expect_wanting(store, "agent.logout", "");
    for (int i = 0; i < 1000; i++) {
        char type[32];
        snprintf(type, sizeof type, "%s.%d", i % 2 ? "call" : "other", i);
        expect_wanting(store, type, i % 2 ? "b" : "");
    }
    store_free(store);
}

static void tenant_records(void **state)
{
    (void)state;
    struct store *store = new_store();
    char *record = store_tenant_record("acme", 4);
    assert_string_equal(record, "{\"tenant\":\"acme\",\"partitions\":4}");
    apply(store, "acme", record);
    free(record);
    assert_int_equal(store_tenant(store, "acme")->partitions, 4);
    put(store, "acme", "a", "");
    apply(store, "acme", NULL);
    assert_int_equal(store_tenant(store, "acme")->partitions, 0);
    assert_int_equal(store_tenant(store, "acme")->subscription_count, 1);
    apply(store, "acme", "{\"tenant\":\"acme\",\"partitions\":10000,\"note\":\"passes\"}");
    assert_int_equal(store_tenant(store, "acme")->partitions, 10000);
    apply(store, "acme", NULL);
    apply(store, "acme/a", NULL);
    assert_null(store_tenant(store, "acme"));
    apply(store, "acme", NULL);
    assert_int_equal(store_invalid_count(store), 0);
    store_free(store);
}

static const struct {
    const char *key;
    const char *value;
} garbage[] = {
    {NULL, "{}"},
    {"", "{}"},
    {"/", "{}"},
    {"acme/", NULL},
    {"/crm", NULL},
    {"Acme", NULL},
    {"acme/a/b", NULL},
    {"acme/a b", NULL},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaa/b",
        "{}"},
    {"acme/crm", ""},
    {"acme/crm", "null"},
    {"acme/crm", "[1"},
    {"acme/crm", "{}"},
    {"acme/crm",
        "{\"tenant\":\"acme\",\"id\":\"other\",\"url\":\"https://x/\",\"events\":[\"*\"]}"},
    {"acme/crm", "{\"tenant\":\"evil\",\"id\":\"crm\",\"url\":\"https://x/\",\"events\":[\"*\"]}"},
    {"acme/crm",
        "{\"tenant\":\"acme\",\"id\":\"crm\",\"url\":\"https://x/\",\"url\":\"https://y/\","
        "\"events\":[\"*\"]}"},
    {"acme/crm", "{\"tenant\":\"acme\",\"id\":\"crm\",\"url\":\"https://x/\",\"events\":[\"*\"],"
                 "\"auth\":{\"a\":[1]}}"},
    {"acme", "{\"tenant\":\"other\",\"partitions\":1}"},
    {"acme", "{\"partitions\":1}"},
    {"acme", "{\"tenant\":\"acme\",\"partitions\":0}"},
    {"acme", "{\"tenant\":\"acme\",\"partitions\":10001}"},
    {"acme", "{\"tenant\":\"acme\",\"partitions\":\"1\"}"},
    {"acme", "[]"},
    {"acme", "7"},
};

/* Each is counted and changes nothing; what was good before stays. */
static void invalid_records(void **state)
{
    (void)state;
    struct store *store = new_store();
    apply(store, "acme", "{\"tenant\":\"acme\",\"partitions\":2}");
    put(store, "acme", "crm", ",\"name\":\"good\"");
    for (size_t i = 0; i < COUNT(garbage); i++) {
        apply(store, garbage[i].key, garbage[i].value);
        if (store_invalid_count(store) != (int64_t)i + 1)
            fail_msg("taken: %s %s", garbage[i].key, garbage[i].value);
    }
    assert_string_equal(store_find(store, "acme", "crm")->name, "good");
    assert_int_equal(store_tenant(store, "acme")->partitions, 2);
    assert_int_equal(store_subscription_count(store), 1);
    store_free(store);
}

static void bytes_that_are_no_text(void **state)
{
    (void)state;
    struct store *store = new_store();
    struct record record = {.topic = "t", .key = {"acme\0/crm", 9}, .value = {NULL, 0}};
    store_apply(store, &record);
    record.key = (struct bytes){"\xff\xfe", 2};
    store_apply(store, &record);
    char *large = malloc(STORE_VALUE_MAX + 1);
    memset(large, ' ', STORE_VALUE_MAX + 1);
    record.key = (struct bytes){"acme/crm", 8};
    record.value = (struct bytes){large, STORE_VALUE_MAX + 1};
    store_apply(store, &record);
    free(large);
    assert_int_equal(store_invalid_count(store), 3);
    store_free(store);
}

static void most_per_tenant(void **state)
{
    (void)state;
    struct store *store = new_store();
    put(store, "acme", "a", "");
    put(store, "acme", "b", "");
    put(store, "acme", "c", "");
    put(store, "acme", "d", "");
    put(store, "other", "a", "");
    assert_int_equal(store_invalid_count(store), 1);
    assert_null(store_find(store, "acme", "d"));
    put(store, "acme", "c", ",\"name\":\"n\"");
    assert_string_equal(store_find(store, "acme", "c")->name, "n");
    apply(store, "acme/a", NULL);
    put(store, "acme", "d", "");
    assert_non_null(store_find(store, "acme", "d"));
    assert_int_equal(store_invalid_count(store), 1);
    store_free(store);
}

static void on_changed(void *arg, const char *tenant, const char *id)
{
    buffer_printf(arg, "%s/%s ", tenant, id ? id : "-");
}

static void tells_of_changes(void **state)
{
    (void)state;
    struct store *store = new_store();
    struct buffer seen = BUFFER_INIT;
    struct store_callbacks callbacks = {.changed = on_changed};
    store_set_callbacks(store, &callbacks, &seen);
    apply(store, "acme", "{\"tenant\":\"acme\",\"partitions\":2}");
    apply(store, "acme", "{\"tenant\":\"acme\",\"partitions\":2}");
    put(store, "acme", "a", "");
    put(store, "acme", "a", ",\"name\":\"n\"");
    put(store, "acme", "a", ",\"name\":1");
    apply(store, "acme/a", NULL);
    apply(store, "acme/a", NULL);
    apply(store, "acme", NULL);
    apply(store, "acme", NULL);
    assert_string_equal(buffer_text(&seen), "acme/- acme/a acme/a acme/a acme/- ");
    buffer_release(&seen);
    store_free(store);
}

static void collect_tenant(const struct store_tenant *tenant, void *arg)
{
    buffer_printf(arg, "%s:%zu ", tenant->id, tenant->subscription_count);
}

static void walks_by_id(void **state)
{
    (void)state;
    struct store *store = new_store();
    static const char *const tenants[] = {"m", "b", "z", "a", "m"};
    for (size_t i = 0; i < COUNT(tenants); i++) {
        char id[2] = {(char)('a' + i), 0};
        put(store, tenants[i], id, "");
    }
    apply(store, "b/b", NULL);
    struct buffer seen = BUFFER_INIT;
    store_each(store, collect_tenant, &seen);
    assert_string_equal(buffer_text(&seen), "a:1 m:2 z:1 ");
    buffer_release(&seen);
    store_free(store);
}

/* Many tenants and changes in a random order, against a plain array. */
static void random_changes(void **state)
{
    (void)state;
    struct store *store = new_store();
    bool there[20][4] = {{false}};
    size_t count = 0;
    srand(7);
    for (int i = 0; i < 4000; i++) {
        int t = rand() % 20, s = rand() % 3;
        char tenant[8], id[8], key[16];
        snprintf(tenant, sizeof tenant, "t%d", t);
        snprintf(id, sizeof id, "s%d", s);
        snprintf(key, sizeof key, "%s/%s", tenant, id);
        bool wanted = rand() % 2;
        if (wanted)
            put(store, tenant, id, "");
        else
            apply(store, key, NULL);
        count = count + (wanted && !there[t][s]) - (!wanted && there[t][s]);
        there[t][s] = wanted;
        assert_int_equal(store_subscription_count(store), count);
        assert_int_equal(store_find(store, tenant, id) != NULL, wanted);
    }
    for (int t = 0; t < 20; t++)
        for (int s = 0; s < 3; s++) {
            char tenant[8], id[8];
            snprintf(tenant, sizeof tenant, "t%d", t);
            snprintf(id, sizeof id, "s%d", s);
            assert_int_equal(store_find(store, tenant, id) != NULL, there[t][s]);
        }
    store_free(store);
}

/* Waiting for an offset. */

struct waiter {
    struct store *store;
    struct store_wait wait;
    int called;
    int64_t offset_then;
    int64_t again;        /* waits for this one next */
    struct waiter *other; /* stopped when called */
};

static void reached(void *arg)
{
    struct waiter *waiter = arg;
    waiter->called++;
    waiter->offset_then = store_offset(waiter->store);
    if (waiter->other)
        store_await_stop(&waiter->other->wait);
    if (waiter->again) {
        int64_t again = waiter->again;
        waiter->again = 0;
        assert_false(store_await(waiter->store, &waiter->wait, again, reached, waiter));
    }
}

static void await(struct waiter *waiter, int64_t offset)
{
    assert_false(store_await(waiter->store, &waiter->wait, offset, reached, waiter));
}

static void awaits_offsets(void **state)
{
    (void)state;
    struct store *store = new_store();
    struct waiter early = {.store = store, .again = 4}, late = {.store = store},
                  stopped = {.store = store}, other = {.store = store, .other = &stopped};
    assert_true(store_await(store, &early.wait, 0, reached, &early));
    await(&early, 2);
    await(&late, 3);
    put(store, "acme", "a", "");
    assert_int_equal(early.called + late.called, 0);
    put(store, "acme", "b", "");
    assert_int_equal(early.called, 1);
    assert_int_equal(early.offset_then, 2);
    apply(store, "acme/b", "{"); /* one that is not valid has been read too */
    assert_int_equal(late.called, 1);
    assert_int_equal(early.called, 1);
    assert_true(store_await(store, &late.wait, 3, reached, &late));
    next_offset = 9; /* a gap */
    put(store, "acme", "c", "");
    assert_int_equal(early.called, 2);
    assert_int_equal(early.offset_then, 10);

    await(&stopped, 11); /* the last to wait is the first to be called */
    await(&other, 11);
    put(store, "acme", "c", "");
    assert_int_equal(other.called, 1);
    assert_int_equal(stopped.called, 0);
    store_await_stop(&stopped.wait);
    store_free(store);
}

int main(void)
{
    struct log_options quiet = {.level = LOG_LEVEL_ERROR};
    log_apply(&quiet);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_and_delete),
        cmocka_unit_test(wanting),
        cmocka_unit_test(tenant_records),
        cmocka_unit_test(invalid_records),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(most_per_tenant),
        cmocka_unit_test(tells_of_changes),
        cmocka_unit_test(walks_by_id),
        cmocka_unit_test(random_changes),
        cmocka_unit_test(awaits_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
