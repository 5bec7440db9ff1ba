/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets, header values, passwords and keys of a subscription, sealed and opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "subscriptions/sealing.h"
#include "subscriptions/subscription.h"

#define FIRST  "k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"
#define SECOND "k2 YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=\n"
#define OTHER  "k1 YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=\n" /* of the same name */

static const char plain[] =
    "{\"tenant\":\"acme\",\"id\":\"crm\",\"url\":\"https://x/\",\"events\":[\"*\"],"
    "\"headers\":{\"x-a\":\"v4lue\",\"x/b\":\"w~2\"},"
    "\"secrets\":[{\"id\":\"a\",\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"},"
    "{\"id\":\"b\",\"secret\":\"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"}]}";

static struct seal_ring *ring_of(const char *text)
{
    struct error error = ERROR_INIT;
    struct seal_ring *ring = seal_ring_parse(text, strlen(text), &error);
    if (!ring)
        fail_msg("%s", error.text);
    return ring;
}

static void close_all(json_t *json, const char *keys, size_t expected)
{
    struct error error = ERROR_INIT;
    size_t changed;
    struct seal_ring *ring = ring_of(keys);
    if (!sealing_close(json, ring, &changed, &error))
        fail_msg("%s", error.text);
    assert_int_equal(changed, expected);
    seal_ring_free(ring);
}

static void assert_sealed_with(const json_t *json, const char *key, size_t expected)
{
    char *text = json_dumps(json, 0);
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, key)); p++)
        count++;
    assert_int_equal(count, expected);
    assert_null(strstr(text, "whsec_"));
    assert_null(strstr(text, "v4lue"));
    free(text);
}

static void seals_and_opens(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    json_t *json = json_loads(plain, 0, NULL), *before = json_deep_copy(json);
    struct seal_ring *ring = ring_of(SECOND FIRST);
    assert_false(sealing_has_sealed(json));
    close_all(json, FIRST, 4);
    assert_true(sealing_has_sealed(json));
    assert_sealed_with(json, "sealed:k1:", 4);
    close_all(json, FIRST, 0);        /* nothing to do */
    close_all(json, SECOND FIRST, 4); /* the key was changed */
    assert_sealed_with(json, "sealed:k2:", 4);
    assert_true(sealing_open(json, ring, &error));
    assert_true(json_equal(json, before));
    seal_ring_free(ring);
    json_decref(before);
    json_decref(json);
}

static void fails_to_open(const json_t *sealed, const char *keys, const char *expected)
{
    struct error error = ERROR_INIT;
    struct seal_ring *ring = keys ? ring_of(keys) : NULL;
    json_t *json = json_deep_copy(sealed);
    assert_false(sealing_open(json, ring, &error));
    assert_non_null(strstr(error.text, expected));
    json_decref(json);
    seal_ring_free(ring);
}

static void without_the_key(void **state)
{
    (void)state;
    json_t *json = json_loads(plain, 0, NULL);
    close_all(json, FIRST, 4);
    fails_to_open(json, NULL, "/secrets/a is sealed, and there is no key file (secrets.key_file)");
    fails_to_open(json, SECOND, "/secrets/a is sealed with key k1, which is not in the key file");
    fails_to_open(json, OTHER, "/secrets/a does not open with key k1");

    struct error error = ERROR_INIT;
    size_t changed;
    struct seal_ring *ring = ring_of(SECOND);
    json_t *before = json_deep_copy(json);
    assert_false(sealing_close(json, ring, &changed, &error));
    assert_int_equal(changed, 0);
    assert_true(json_equal(json, before));
    json_decref(before);
    seal_ring_free(ring);
    json_decref(json);
}

/* Taken elsewhere a value does not open, nor under another id; in another order it does. */
static void bound_to_its_place(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    json_t *json = json_loads(plain, 0, NULL);
    close_all(json, FIRST, 4);
    json_t *other = json_deep_copy(json);
    json_object_set_new(other, "tenant", json_string("evil"));
    fails_to_open(other, FIRST, "/secrets/a does not open");
    json_decref(other);

    json_t *secrets = json_object_get(json, "secrets");
    json_t *first = json_incref(json_array_get(secrets, 0));
    json_array_remove(secrets, 0);
    json_array_append_new(secrets, first);
    struct seal_ring *ring = ring_of(FIRST);
    json_t *opened = json_deep_copy(json);
    assert_true(sealing_open(opened, ring, &error));
    json_decref(opened);
    json_object_set_new(first, "id", json_string("c"));
    fails_to_open(json, FIRST, "/secrets/c does not open");
    seal_ring_free(ring);
    json_decref(json);
}

/* What stands alone: each is sealed, bound to its place, and opens again; nothing beside it is. */
static void passwords_and_keys(void **state)
{
    (void)state;
    static const struct {
        const char *object, *part, *name, *field; /* part NULL = the value is the object's own */
        const char *more;
    } rows[] = {
        {"auth", "basic", "password", "/auth/basic/password",
            "\"auth\":{\"basic\":{\"username\":\"u\",\"password\":\"v4lue\"}}"},
        {"auth", "oauth2", "client_secret", "/auth/oauth2/client_secret",
            "\"auth\":{\"oauth2\":{\"token_url\":\"https://t/\",\"client_id\":\"u\","
            "\"client_secret\":\"v4lue\",\"scope\":\"s\",\"audience\":\"a\"}}"},
        {"tls", NULL, "client_key", "/tls/client_key",
            "\"tls\":{\"ca\":\"c\",\"client_certificate\":\"u\",\"client_key\":\"v4lue\"}"},
    };
    struct error error = ERROR_INIT;
    struct seal_ring *ring = ring_of(SECOND FIRST);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *json = json_pack("{ssss}", "tenant", "acme", "id", "crm");
        char *text = mem_printf("{%s}", rows[i].more);
        json_object_update_new(json, json_loads(text, 0, NULL));
        free(text);
        json_t *before = json_deep_copy(json);
        close_all(json, FIRST, 1);
        assert_sealed_with(json, "sealed:k1:", 1);
        json_t *object = json_object_get(json, rows[i].object);
        if (rows[i].part)
            object = json_object_get(object, rows[i].part);
        assert_true(seal_is_sealed(json_string_value(json_object_get(object, rows[i].name))));
        text = mem_printf("%s is sealed, and there is no key file", rows[i].field);
        fails_to_open(json, NULL, text);
        free(text);
        text = mem_printf("%s does not open with key k1", rows[i].field);
        fails_to_open(json, OTHER, text);
        free(text);
        /* The same value as a header's is another place. */
        json_t *other = json_pack("{sssss{sO}}", "tenant", "acme", "id", "crm", "headers", "x",
            json_object_get(object, rows[i].name));
        fails_to_open(other, FIRST, "/headers/x does not open with key k1");
        json_decref(other);
        close_all(json, SECOND FIRST, 1);
        assert_true(sealing_open(json, ring, &error));
        assert_true(json_equal(json, before));
        json_decref(before);
        json_decref(json);
    }
    seal_ring_free(ring);
}

/* A value as long as may be is not too long when it is sealed, and it is shown as ***. */
static void longest_values(void **state)
{
    (void)state;
    static const char *const fields[] = {"basic", "oauth2"};
    struct error error = ERROR_INIT;
    char *longest = mem_alloc(SUBSCRIPTION_CREDENTIAL_MAX + 1);
    memset(longest, 'v', SUBSCRIPTION_CREDENTIAL_MAX);
    longest[SUBSCRIPTION_CREDENTIAL_MAX] = '\0';
    for (size_t i = 0; i < 2; i++) {
        json_t *json = json_pack(
            "{ss ss ss s[s]}", "tenant", "acme", "id", "crm", "url", "https://x/", "events", "*");
        json_t *auth = i == 0 ? json_pack("{ssss}", "username", "u", "password", longest)
                              : json_pack("{ssssss}", "token_url", "https://t/", "client_id", "u",
                                    "client_secret", longest);
        json_object_set_new(json, "auth", json_pack("{so}", fields[i], auth));
        close_all(json, FIRST, 1);
        struct subscription *subscription = subscription_parse(json, false, &error);
        if (!subscription)
            fail_msg("%s", error.text);
        json_t *shown = subscription_masked(subscription);
        json_t *part = json_object_get(json_object_get(shown, "auth"), fields[i]);
        const char *name = i == 0 ? "password" : "client_secret";
        assert_string_equal(json_string_value(json_object_get(part, name)), SUBSCRIPTION_MASK);
        json_decref(shown);
        subscription_unref(subscription);
        json_decref(json);
    }
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_and_opens),
        cmocka_unit_test(without_the_key),
        cmocka_unit_test(bound_to_its_place),
        cmocka_unit_test(passwords_and_keys),
        cmocka_unit_test(longest_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
