/* SPDX-License-Identifier: Apache-2.0 */
/* The event of a test or a preview: what is refused, and what becomes of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/trial.h"

#define BOTH (TRIAL_HEADERS | TRIAL_SUBSCRIPTION)

static const struct event_options events = {.order_key_header = "order-key"};

static const struct {
    const char *body; /* NULL = none */
    unsigned fields;
    const char *pointers; /* of what is wrong; "" = nothing */
} checks[] = {
    {NULL, 0, ""},
    {NULL, TRIAL_HEADERS, ""},
    {"{}", 0, ""},
    {"{\"type\":\"call.ended\",\"body\":{}}", 0, ""},
    {"{\"type\":\"a b\",\"body\":1,\"x\":1}", 0, "/type /body /x"},
    {"{\"type\":\"\"}", 0, "/type"},
    {"{\"type\":null}", 0, "/type"},
    {"{\"headers\":{}}", 0, "/headers"},
    {"{\"subscription\":{}}", TRIAL_HEADERS, "/subscription"},
    {"{\"headers\":{\"ce_source\":\"/pbx\",\"content-type\":\"\"}}", TRIAL_HEADERS, ""},
    {"{\"headers\":[]}", TRIAL_HEADERS, "/headers"},
    {"{\"headers\":{\"a\":1}}", TRIAL_HEADERS, "/headers"},
    {"{\"headers\":{\"a b\":\"\"}}", TRIAL_HEADERS, "/headers"},
    {"{\"headers\":{\"\":\"\"}}", TRIAL_HEADERS, "/headers"},
    {"{\"subscription\":{}}", BOTH, ""},
    {"{\"subscription\":[]}", BOTH, "/subscription"},
    {"{}", BOTH, "/subscription"},
};

/* Returns new. */
static char *pointers_of(const struct problem *problem)
{
    char *all = mem_strdup("");
    size_t index;
    json_t *error;
    json_array_foreach(problem->errors, index, error) {
        char *longer = mem_printf(
            "%s%s%s", all, *all ? " " : "", json_string_value(json_object_get(error, "pointer")));
        free(all);
        all = longer;
    }
    return all;
}

static void bodies_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct problem problem = {0};
        json_t *body = checks[i].body ? json_loads(checks[i].body, 0, NULL) : NULL;
        bool good = trial_check(body, checks[i].fields, &problem);
        char *pointers = pointers_of(&problem);
        if (good != !*checks[i].pointers || strcmp(pointers, checks[i].pointers) != 0)
            fail_msg("case %zu: %s", i, pointers);
        assert_int_equal(problem.status, good ? 0 : 422);
        free(pointers);
        problem_release(&problem);
        json_decref(body);
    }
}

static void headers_are_bounded(void **state)
{
    (void)state;
    struct {
        size_t count, name_len, value_len;
        bool good;
    } cases[] = {{32, 128, 1024, true}, {33, 8, 1, false}, {1, 129, 1, false}, {1, 8, 1025, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problem problem = {0};
        json_t *headers = json_object();
        for (size_t n = 0; n < cases[i].count; n++) {
            char *name = mem_printf("%0*zu", (int)cases[i].name_len, n);
            json_object_set_new(headers, name, json_sprintf("%0*d", (int)cases[i].value_len, 0));
            free(name);
        }
        json_t *body = json_pack("{s:o}", "headers", headers);
        assert_int_equal(trial_check(body, TRIAL_HEADERS, &problem), cases[i].good);
        problem_release(&problem);
        json_decref(body);
    }
}

static const struct {
    const char *body;
    const char *wrong; /* pointer; NULL = nothing */
    const char *type, *order_key;
    bool redact;
} opened[] = {
    {NULL, NULL, "call.ringing", "", false},
    {"{\"type\":\"app.own\"}", "/body", NULL, NULL, false},
    {"{\"type\":\"app.own\",\"body\":{\"callID\":\"c1\"}}", NULL, "app.own", "c1", false},
    {"{\"body\":{\"a\":[{\"password\":\"x\"}]}}", NULL, "call.ringing", "", true},
    {"{\"body\":{},\"headers\":{\"ce_type\":\"app.own\",\"order-key\":\"k\"}}", NULL, "app.own",
        "k", false},
    {"{\"type\":\"app.mine\",\"body\":{},\"headers\":{\"ce_type\":\"app.own\"}}", NULL, "app.mine",
        "", false},
    {"{\"body\":{},\"headers\":{\"ce_type\":\"not a type\"}}", "/type", NULL, NULL, false},
    {"{\"body\":{\"type\":\"app.own\",\"data\":{\"callID\":\"c2\",\"ccPassword\":1}},"
     "\"headers\":{\"content-type\":\"application/cloudevents+json\"}}",
        NULL, "app.own", "c2", true},
    {"{\"body\":{\"type\":\"app.own\"},"
     "\"headers\":{\"content-type\":\"application/cloudevents+json\"}}",
        "/body", NULL, NULL, false},
    {"{\"type\":\"app.own\",\"body\":{},"
     "\"headers\":{\"content-type\":\"application/cloudevents-batch+json\"}}",
        "/body", NULL, NULL, false},
};

static struct subscription *subscription_of(const char *text)
{
    struct error error = ERROR_INIT;
    json_t *json = json_loads(text, 0, NULL);
    struct subscription *subscription = subscription_parse(json, true, &error);
    json_decref(json);
    if (!subscription)
        fail_msg("%s", error.text);
    return subscription;
}

static void an_event_is_made_of_it(void **state)
{
    (void)state;
    struct subscription *subscription =
        subscription_of("{\"tenant\":\"acme\",\"id\":\"a\",\"url\":\"https://hooks.example.com/\","
                        "\"events\":[\"app.*\",\"call.ringing\"]}");
    for (size_t i = 0; i < sizeof opened / sizeof *opened; i++) {
        struct problem problem = {0};
        struct trial trial;
        json_t *body = opened[i].body ? json_loads(opened[i].body, 0, NULL) : NULL;
        assert_true(trial_check(body, TRIAL_HEADERS, &problem));
        bool good = trial_open(&trial, body, subscription, &events, &problem);
        char *pointers = pointers_of(&problem);
        if (good != !opened[i].wrong || (!good && strcmp(pointers, opened[i].wrong) != 0))
            fail_msg("case %zu: %s", i, problem.detail);
        if (good) {
            assert_string_equal(trial.type, opened[i].type);
            if (opened[i].body) /* samples have keys of their own */
                assert_string_equal(trial.order_key, opened[i].order_key);
            assert_int_equal(trial.redact, opened[i].redact);
            assert_int_equal(trial.record.value.len, strlen(trial.text));
        }
        free(pointers);
        trial_release(&trial);
        problem_release(&problem);
        json_decref(body);
    }
    subscription_unref(subscription);
}

/* As deep as the console's parser lets it through, and far deeper than an event may be. */
static void depth_is_bounded(void **state)
{
    (void)state;
    struct subscription *subscription =
        subscription_of("{\"tenant\":\"acme\",\"id\":\"a\",\"url\":\"https://hooks.example.com/"
                        "\",\"events\":[\"*\"]}");
    json_t *inner = json_object();
    for (int i = 0; i < 1000; i++)
        inner = json_pack("{s:o}", "a", inner);
    json_t *body = json_pack("{s:o}", "body", inner);
    struct problem problem = {0};
    struct trial trial;
    assert_true(trial_check(body, 0, &problem));
    assert_false(trial_open(&trial, body, subscription, &events, &problem));
    assert_non_null(strstr(problem.detail, "/body: nested deeper"));
    trial_release(&trial);
    problem_release(&problem);
    json_decref(body);
    subscription_unref(subscription);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_checked),
        cmocka_unit_test(headers_are_bounded),
        cmocka_unit_test(an_event_is_made_of_it),
        cmocka_unit_test(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
