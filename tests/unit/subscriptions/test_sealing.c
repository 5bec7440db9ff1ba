/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets and header values of a subscription, sealed and opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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

static void assert_sealed_with(const json_t *json, const char *key)
{
    char *text = json_dumps(json, 0);
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, key)); p++)
        count++;
    assert_int_equal(count, 4);
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
    assert_sealed_with(json, "sealed:k1:");
    close_all(json, FIRST, 0);        /* nothing to do */
    close_all(json, SECOND FIRST, 4); /* the key was changed */
    assert_sealed_with(json, "sealed:k2:");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_and_opens),
        cmocka_unit_test(without_the_key),
        cmocka_unit_test(bound_to_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
