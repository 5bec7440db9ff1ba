/* SPDX-License-Identifier: Apache-2.0 */
/* What a file would change in the registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "subscriptions/plan.h"

#define SUB(tenant, id, more)                                                                     \
    "{\"tenant\":\"" tenant "\",\"id\":\"" id "\",\"url\":\"https://x/\",\"events\":[\"*\"]" more \
    "}"

static const struct plan_options defaults = {
    .max_per_tenant = 3, .max_fan_out = 100, .now = {1772439245318}};

static struct store *store_with(const char *const *values)
{
    struct store_options options = {.topic = "t", .max_per_tenant = 3};
    struct store *store = store_new_detached(&options);
    for (int64_t i = 0; values[i]; i++) {
        json_t *json = json_loads(values[i], 0, NULL);
        char key[SUBSCRIPTION_KEY_SIZE];
        snprintf(key, sizeof key, "%s/%s", json_string_value(json_object_get(json, "tenant")),
            json_string_value(json_object_get(json, "id")));
        struct record record = {.topic = "t",
            .offset = i,
            .key = {key, strlen(key)},
            .value = {values[i], strlen(values[i])}};
        store_apply(store, &record);
        json_decref(json);
    }
    assert_int_equal(store_invalid_count(store), 0);
    return store;
}

static const char *const registry[] = {
    SUB("acme", "a", ",\"version\":4,\"created_at\":\"C\",\"updated_at\":\"U\",\"reset_at\":\"R\""),
    SUB("acme", "b", ",\"name\":\"n\",\"later\":[1]"),
    SUB("other", "o", ""),
    NULL,
};

/* The plan as text, or the problems. */
static char *describe(const struct plan *plan)
{
    struct buffer out = BUFFER_INIT;
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct plan_item *item = &plan->items[i];
        buffer_printf(&out, "%c%s/%s", "+~=-"[item->action], item->tenant, item->id);
        if (item->changes)
            buffer_printf(&out, "(%s)", item->changes);
        assert_int_equal(
            item->json != NULL, item->action == PLAN_ADD || item->action == PLAN_CHANGE);
        buffer_add_text(&out, " ");
    }
    for (size_t i = 0; i < plan->problem_count; i++)
        buffer_printf(&out, "%s: %s\n", plan->problems[i].pointer, plan->problems[i].text);
    return buffer_take(&out);
}

static void check(const char *file, const struct plan_options *options, const char *expected)
{
    json_error_t fault;
    json_t *desired = json_loads(file, 0, &fault);
    if (!desired)
        fail_msg("%s", fault.text);
    struct store *store = store_with(registry);
    struct plan plan;
    bool made = plan_make(desired, store, options, &plan);
    assert_int_equal(made, plan.problem_count == 0);
    char *text = describe(&plan);
    assert_string_equal(text, expected);
    free(text);
    plan_release(&plan);
    store_free(store);
    json_decref(desired);
}

static void compares(void **state)
{
    (void)state;
    check("[]", &defaults, "");
    check("[" SUB("acme", "a", "") "]", &defaults, "=acme/a ");
    check("[" SUB("acme", "new", "") "," SUB("acme", "a", ",\"version\":9") "]", &defaults,
        "+acme/new =acme/a ");
    check("{\"subscriptions\":[" SUB("other", "o", ",\"name\":\"x\",\"timeout_ms\":100") "]}",
        &defaults, "~other/o(name, timeout_ms) ");
    check("[" SUB("acme", "b", "") "]", &defaults, "~acme/b(name, later) ");
}

static void prunes(void **state)
{
    (void)state;
    struct plan_options options = defaults;
    options.tenant = "acme";
    check("[" SUB("acme", "a", "") "]", &options, "=acme/a ");
    options.prune = true;
    check("[" SUB("acme", "a", "") "]", &options, "=acme/a -acme/b ");
    check("[]", &options, "-acme/a -acme/b ");
    check("[" SUB("other", "o", "") "]", &options,
        "/0/tenant: other, where only subscriptions of acme are expected\n");
    options.tenant = "nobody";
    check("[]", &options, "");
}

static void problems(void **state)
{
    (void)state;
    check("{}", &defaults, ": expected an array of subscriptions, or {\"subscriptions\": […]}\n");
    check("{\"subscriptions\":7}", &defaults,
        "/subscriptions: expected an array of subscriptions, or {\"subscriptions\": […]}\n");
    check("{\"subscriptions\":[1],\"x\":1}", &defaults,
        "/x: no such field\n/subscriptions/0: expected an object, found an integer\n");
    check("[" SUB("acme", "new", "") "," SUB("acme", "new", "") "," SUB(
              "ACME", "x", ",\"ordering\":1") "]",
        &defaults,
        "/1/id: acme/new stands in the file already, at /0\n"
        "/2/tenant: a tenant is 1 to 64 of a-z, 0-9, _ and -\n"
        "/2/ordering: expected a string, found an integer\n");
    check("[" SUB("acme", "c", "") "," SUB("acme", "d", "") "]", &defaults,
        ": tenant acme would have 4 subscriptions, more than 3 (subscriptions.max_per_tenant)\n");
    struct plan_options options = defaults;
    options.tenant = "acme";
    options.prune = true;
    check("[" SUB("acme", "c", "") "," SUB("acme", "d", "") "]", &options,
        "+acme/c +acme/d -acme/a -acme/b ");
}

static void fan_out(void **state)
{
    (void)state;
    struct plan_options options = defaults;
    options.max_fan_out = 2;
    check("[" SUB("acme", "c", "") "]", &options,
        ": tenant acme: an event could go to 3 subscriptions, more than 2 "
        "(subscriptions.max_fan_out)\n");
    check("[" SUB("acme", "c", "") "," SUB("acme", "a", ",\"enabled\":false") "]", &options,
        "+acme/c ~acme/a(enabled) ");
    options.tenant = "acme";
    options.prune = true;
    check("[" SUB("acme", "c", "") "," SUB("acme", "d", "") "]", &options,
        "+acme/c +acme/d -acme/a -acme/b ");
}

static void many_problems(void **state)
{
    (void)state;
    json_t *desired = json_array();
    for (int i = 0; i < 130; i++)
        json_array_append_new(desired, json_integer(i));
    struct store *store = store_with(registry);
    struct plan plan;
    assert_false(plan_make(desired, store, &defaults, &plan));
    assert_int_equal(plan.problem_count, PLAN_PROBLEMS_MAX);
    assert_int_equal(plan.problems_left_out, 30);
    plan_release(&plan);
    store_free(store);
    json_decref(desired);
}

/* What is written: the file's object, and our own fields carried on. */
static void records(void **state)
{
    (void)state;
    json_t *desired = json_loads(
        "[" SUB("acme", "a", ",\"name\":\"n\",\"version\":77,\"created_at\":\"X\"") "," SUB(
            "acme", "new", ",\"version\":77,\"created_at\":\"X\",\"reset_at\":\"X\"") "]",
        0, NULL);
    struct store *store = store_with(registry);
    struct plan plan;
    assert_true(plan_make(desired, store, &defaults, &plan));
    static const char *const expected[] = {
        SUB("acme", "a",
            ",\"name\":\"n\",\"version\":5,\"created_at\":\"C\","
            "\"updated_at\":\"2026-03-02T08:14:05.318Z\",\"reset_at\":\"R\""),
        SUB("acme", "new",
            ",\"version\":1,\"created_at\":\"2026-03-02T08:14:05.318Z\","
            "\"updated_at\":\"2026-03-02T08:14:05.318Z\""),
    };
    for (size_t i = 0; i < 2; i++) {
        json_t *json = json_loads(expected[i], 0, NULL);
        char *text = json_dumps(plan.items[i].json, JSON_COMPACT);
        if (!json_equal(json, plan.items[i].json))
            fail_msg("%s", text);
        free(text);
        json_decref(json);
    }
    plan_release(&plan);
    store_free(store);
    json_decref(desired);
}

#define SECRET ",\"secrets\":[{\"id\":\"a\",\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}]"
#define SECRET2 \
    ",\"secrets\":[{\"id\":\"a\",\"secret\":\"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"}]"

static const char keys[] = "k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n";

/* What the file would make of a registry that has `current`, as text; `record` NULL or what is written. */
static char *plan_over(
    json_t *current, const char *file, const struct seal_ring *ring, json_t **record)
{
    struct plan_options options = defaults;
    struct plan plan;
    options.ring = ring;
    char *text = json_dumps(current, 0);
    const char *const values[] = {text, NULL};
    struct store *store = store_with(values);
    json_t *desired = json_loads(file, 0, NULL);
    assert_true(plan_make(desired, store, &options, &plan));
    char *made = describe(&plan);
    if (record)
        *record = json_incref(plan.items[0].json);
    plan_release(&plan);
    store_free(store);
    json_decref(desired);
    free(text);
    return made;
}

static void expect_plan(
    json_t *current, const char *file, const struct seal_ring *ring, const char *expected)
{
    char *made = plan_over(current, file, ring, NULL);
    assert_string_equal(made, expected);
    free(made);
}

/* Sealed when written; what is the same below the seal is no change; left alone if the file is silent. */
static void sealed_secrets(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    json_t *record, *again;
    struct seal_ring *ring = seal_ring_parse(keys, sizeof keys - 1, &error);
    json_t *nothing = json_loads(SUB("other", "o", ""), 0, NULL);
    free(plan_over(nothing, "[" SUB("acme", "a", SECRET ",\"headers\":{\"x-a\":\"v4lue\"}") "]",
        ring, &record));
    char *text = json_dumps(record, 0);
    assert_null(strstr(text, "whsec_"));
    assert_null(strstr(text, "v4lue"));
    free(text);

    expect_plan(record, "[" SUB("acme", "a", SECRET ",\"headers\":{\"x-a\":\"v4lue\"}") "]", ring,
        "=acme/a ");
    expect_plan(record, "[" SUB("acme", "a", SECRET2 ",\"headers\":{\"x-a\":\"v4lue\"}") "]", ring,
        "~acme/a(secrets) ");
    expect_plan(
        record, "[" SUB("acme", "a", ",\"headers\":{\"x-a\":\"v4lue\"}") "]", ring, "=acme/a ");
    expect_plan(
        record, "[" SUB("acme", "a", ",\"secrets\":[]") "]", ring, "~acme/a(secrets, headers) ");
    /* Without the key nobody can tell. */
    expect_plan(record, "[" SUB("acme", "a", SECRET) "]", NULL, "~acme/a(secrets, headers) ");

    free(plan_over(record, "[" SUB("acme", "a", ",\"name\":\"n\"") "]", ring, &again));
    assert_true(json_equal(json_object_get(again, "secrets"), json_object_get(record, "secrets")));
    json_decref(again);
    json_decref(record);
    json_decref(nothing);
    seal_ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(prunes),
        cmocka_unit_test(problems),
        cmocka_unit_test(fan_out),
        cmocka_unit_test(many_problems),
        cmocka_unit_test(records),
        cmocka_unit_test(sealed_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
