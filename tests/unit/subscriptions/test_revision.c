/* SPDX-License-Identifier: Apache-2.0 */
/* The next record of a subscription. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "subscriptions/revision.h"
#include "subscriptions/sealing.h"

#define KEYS   "k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define BASE   "\"tenant\":\"acme\",\"id\":\"crm\",\"url\":\"https://x/\",\"events\":[\"*\"]"

static const struct wall_time now = {1772439245318};

static json_t *json_of(const char *text)
{
    json_error_t fault;
    json_t *json = json_loads(text, 0, &fault);
    if (!json)
        fail_msg("%s: %s", text, fault.text);
    return json;
}

static struct subscription *stored(const char *text)
{
    struct error error = ERROR_INIT;
    json_t *json = json_of(text);
    struct subscription *subscription = subscription_parse(json, false, &error);
    if (!subscription)
        fail_msg("%s", error.text);
    json_decref(json);
    return subscription;
}

static void assert_json(json_t *json, const char *expected)
{
    json_t *wanted = json_of(expected);
    char *text = json_dumps(json, JSON_COMPACT);
    if (!json_equal(json, wanted))
        fail_msg("%s\nis not\n%s", text, expected);
    free(text);
    json_decref(wanted);
    json_decref(json);
}

static void makes_the_first(void **state)
{
    (void)state;
    json_t *desired = json_of(
        "{" BASE ",\"version\":7,\"created_at\":\"x\",\"reset_at\":\"y\",\"creation\":\"z\"}");
    assert_json(revision_make(desired, NULL, NULL, now),
        "{" BASE ",\"version\":1,\"created_at\":\"2026-03-02T08:14:05.318Z\","
        "\"updated_at\":\"2026-03-02T08:14:05.318Z\"}");
    json_decref(desired);
}

static const char old_text[] =
    "{" BASE ",\"name\":\"n\",\"headers\":{\"x-a\":\"v\"},"
    "\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET "\"}],\"version\":3,\"created_at\":\"c\","
    "\"reset_at\":\"2026-01-01T00:00:00Z\",\"creation\":\"k/b\"}";

static void carries_on_what_is_not_given(void **state)
{
    (void)state;
    struct subscription *old = stored(old_text);
    json_t *desired = json_of("{" BASE "}");
    assert_json(revision_make(desired, old, NULL, now),
        "{" BASE ",\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET "\"}],\"version\":4,"
        "\"created_at\":\"c\",\"updated_at\":\"2026-03-02T08:14:05.318Z\","
        "\"reset_at\":\"2026-01-01T00:00:00Z\",\"creation\":\"k/b\"}");
    json_decref(desired);

    json_t *changes = json_of("{\"enabled\":false}");
    assert_json(revision_touch(old, changes, NULL, now),
        "{" BASE ",\"name\":\"n\",\"headers\":{\"x-a\":\"v\"},\"enabled\":false,"
        "\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET "\"}],\"version\":4,"
        "\"created_at\":\"c\",\"updated_at\":\"2026-03-02T08:14:05.318Z\","
        "\"reset_at\":\"2026-01-01T00:00:00Z\",\"creation\":\"k/b\"}");
    json_decref(changes);
    subscription_unref(old);
}

static void names_what_differs(void **state)
{
    (void)state;
    static const struct {
        const char *desired, *changes;
    } rows[] = {
        {"{" BASE ",\"name\":\"n\",\"headers\":{\"x-a\":\"v\"}}", ""},
        {"{" BASE ",\"name\":\"n\",\"headers\":{\"x-a\":\"v\"},\"version\":9,\"created_at\":\"q\"}",
            ""},
        {"{" BASE ",\"name\":\"m\",\"headers\":{\"x-a\":\"w\"}}", "name, headers"},
        {"{" BASE ",\"name\":\"n\"}", "headers"},
        {"{" BASE ",\"name\":\"n\",\"headers\":{\"x-a\":\"v\"},\"secrets\":[]}", "secrets"},
        {"{" BASE ",\"name\":\"n\",\"headers\":{\"x-a\":\"v\"},\"trace\":true}", "trace"},
    };
    struct seal_ring *ring = seal_ring_parse(KEYS, strlen(KEYS), NULL);
    for (int sealed = 0; sealed < 2; sealed++) {
        json_t *json = json_of(old_text);
        size_t changed;
        if (sealed)
            assert_true(sealing_close(json, ring, &changed, NULL));
        char *text = json_dumps(json, 0);
        struct subscription *old = stored(text);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            json_t *desired = json_of(rows[i].desired);
            char *changes = revision_changes(desired, old, ring);
            assert_string_equal(changes, rows[i].changes);
            free(changes);
            json_decref(desired);
        }
        subscription_unref(old);
        free(text);
        json_decref(json);
    }
    seal_ring_free(ring);
}

struct report {
    char text[256];
};

static void note(void *arg, const char *pointer, const char *text)
{
    struct report *report = arg;
    (void)text;
    snprintf(report->text, sizeof report->text, "%s", pointer);
}

static void puts_hidden_values_back(void **state)
{
    (void)state;
    static const struct {
        const char *desired, *expected; /* NULL = refused */
        const char *pointer;
    } rows[] = {
        {"{" BASE ",\"headers\":{\"x-a\":\"***\",\"x-b\":\"w\"}}",
            "{" BASE ",\"headers\":{\"x-a\":\"v\",\"x-b\":\"w\"}}", ""},
        {"{" BASE ",\"secrets\":[{\"id\":\"a\",\"secret\":\"***\"}]}",
            "{" BASE ",\"secrets\":[{\"id\":\"a\",\"secret\":\"" SECRET "\"}]}", ""},
        {"{" BASE ",\"headers\":{\"x-b\":\"***\"}}", NULL, "/headers/x-b"},
        {"{" BASE ",\"secrets\":[{\"id\":\"b\",\"secret\":\"***\"}]}", NULL, "/secrets/b"},
        {"{" BASE ",\"secrets\":[{\"id\":\"a\",\"scheme\":\"v1a\",\"secret\":\"***\"}]}", NULL,
            "/secrets/0/secret"},
    };
    struct subscription *old = stored(old_text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report report = {""};
        json_t *desired = json_of(rows[i].desired);
        assert_int_equal(
            revision_unmask(desired, old, NULL, note, &report), rows[i].expected != NULL);
        assert_string_equal(report.text, rows[i].pointer);
        if (rows[i].expected)
            assert_json(json_incref(desired), rows[i].expected);
        json_decref(desired);
    }
    subscription_unref(old);
}

/* What stands behind *** in `auth` and `tls`, sealed or not; one of the other kind is no such value. */
static void puts_hidden_passwords_back(void **state)
{
    (void)state;
    static const struct {
        const char *old, *desired, *expected; /* `expected` NULL = refused */
        const char *pointer;
    } rows[] = {
        {"\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"p\"}}",
            "\"auth\":{\"basic\":{\"username\":\"w\",\"password\":\"***\"}}",
            "\"auth\":{\"basic\":{\"username\":\"w\",\"password\":\"p\"}}", ""},
        {"\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"p\"}}",
            "\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"q\"}}",
            "\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"q\"}}", ""},
        {"\"auth\":{\"oauth2\":{\"token_url\":\"https://t/\",\"client_id\":\"i\","
         "\"client_secret\":\"s\"}}",
            "\"auth\":{\"oauth2\":{\"token_url\":\"https://t/2\",\"client_id\":\"i\","
            "\"client_secret\":\"***\"}}",
            "\"auth\":{\"oauth2\":{\"token_url\":\"https://t/2\",\"client_id\":\"i\","
            "\"client_secret\":\"s\"}}",
            ""},
        {"\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"p\"}}",
            "\"auth\":{\"oauth2\":{\"token_url\":\"https://t/\",\"client_id\":\"i\","
            "\"client_secret\":\"***\"}}",
            NULL, "/auth/oauth2/client_secret"},
        {"\"name\":\"n\"", "\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"***\"}}", NULL,
            "/auth/basic/password"},
        {"\"name\":\"n\"", "\"tls\":{\"client_key\":\"***\"}", NULL, "/tls/client_key"},
    };
    struct seal_ring *ring = seal_ring_parse(KEYS, strlen(KEYS), NULL);
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        bool sealed = i % 2;
        struct report report = {""};
        char *old_fields = mem_printf("{" BASE ",%s}", rows[i / 2].old);
        char *fields = mem_printf("{" BASE ",%s}", rows[i / 2].desired);
        json_t *json = json_of(old_fields), *desired = json_of(fields);
        size_t changed;
        if (sealed)
            assert_true(sealing_close(json, ring, &changed, NULL));
        struct subscription *old = subscription_parse(json, false, NULL);
        bool good = rows[i / 2].expected;
        assert_int_equal(revision_unmask(desired, old, ring, note, &report), good);
        assert_string_equal(report.text, rows[i / 2].pointer);
        if (good) {
            char *expected = mem_printf("{" BASE ",%s}", rows[i / 2].expected);
            struct error error = ERROR_INIT;
            assert_true(sealing_open(desired, ring, &error));
            assert_json(json_incref(desired), expected);
            free(expected);
        }
        subscription_unref(old);
        json_decref(desired);
        json_decref(json);
        free(fields);
        free(old_fields);
    }
    seal_ring_free(ring);
}

/* Sealed or not, what a file says of `auth` is compared with what is stored; to leave it out is to take it away. */
static void passwords_are_compared(void **state)
{
    (void)state;
    static const struct {
        const char *desired, *changes;
    } rows[] = {
        {"{" BASE ",\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"p\"}}}", ""},
        {"{" BASE ",\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"q\"}}}", "auth"},
        {"{" BASE "}", "auth"},
    };
    struct seal_ring *ring = seal_ring_parse(KEYS, strlen(KEYS), NULL);
    json_t *first = json_of(rows[0].desired);
    json_t *record = revision_make(first, NULL, ring, now);
    assert_true(sealing_has_sealed(record));
    struct subscription *old = subscription_parse(record, false, NULL);
    assert_non_null(old);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *desired = json_of(rows[i].desired);
        char *changes = revision_changes(desired, old, ring);
        assert_string_equal(changes, rows[i].changes);
        free(changes);
        json_decref(desired);
    }
    subscription_unref(old);
    json_decref(record);
    json_decref(first);
    seal_ring_free(ring);
}

/* RFC 7396, appendix A, as far as it speaks of objects. */
static void merges(void **state)
{
    (void)state;
    static const struct {
        const char *target, *patch, *result;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"a\":\"x\"}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *target = json_of(rows[i].target), *patch = json_of(rows[i].patch);
        revision_merge(target, patch);
        assert_json(target, rows[i].result);
        json_decref(patch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_first),
        cmocka_unit_test(carries_on_what_is_not_given),
        cmocka_unit_test(names_what_differs),
        cmocka_unit_test(puts_hidden_values_back),
        cmocka_unit_test(puts_hidden_passwords_back),
        cmocka_unit_test(passwords_are_compared),
        cmocka_unit_test(merges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
