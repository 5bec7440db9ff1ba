/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed secrets: what opens, and all that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "subscriptions/seal.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

static const struct seal_place place = {"acme", "crm", "/secrets/0"};

static struct seal_ring *ring_of(const char *text)
{
    struct error error = ERROR_INIT;
    struct seal_ring *ring = seal_ring_parse(text, strlen(text), &error);
    if (!ring)
        fail_msg("%s", error.text);
    return ring;
}

/* Whether it opens as `value`; what it says if not. */
static bool opens(const struct seal_ring *ring, const struct seal_place *at, const char *sealed,
    const char *value, struct error *error)
{
    struct buffer out = BUFFER_INIT;
    *error = (struct error)ERROR_INIT;
    buffer_add_text(&out, "before ");
    bool good = seal_open(ring, at, sealed, &out, error);
    if (good)
        assert_string_equal(buffer_text(&out) + strlen("before "), value);
    else
        assert_string_equal(buffer_text(&out), "before ");
    assert_int_equal(good, !error_is_set(error));
    buffer_release(&out);
    return good;
}

static void key_files(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* a part of it; NULL = is right */
    } cases[] = {
        {"a " KEY_A, NULL},
        {"a " KEY_A "\n", NULL},
        {"# of 2026\n\na " KEY_A "\r\nb-2_B " KEY_B "  \n", NULL},
        {"", "there is no key in it"},
        {"# nothing\n", "there is no key in it"},
        {"a", "line 1: must be a key's id, a blank, and the base64 of 32 bytes"},
        {"\n" KEY_A "\n", "line 2: must be a key's id"},
        {" " KEY_A "\n", "line 1: a key's id consists of"},
        {"a.b " KEY_A "\n", "line 1: a key's id consists of"},
        {"a123456789b123456789c123456789d12 " KEY_A "\n", "at most 32 characters"},
        {"a " KEY_A "\na " KEY_B "\n", "line 2: key a is there already"},
        {"a AAEC\n", "line 1: key a is not the base64 of 32 bytes"},
        {"a " KEY_A "AAEC\n", "line 1: key a is not the base64 of 32 bytes"},
        {"a secret-that-is-no-base64\n", "line 1: key a is not the base64 of 32 bytes"},
        {"a  " KEY_A "\n", "line 1: key a is not the base64 of 32 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = ERROR_INIT;
        struct seal_ring *ring = seal_ring_parse(cases[i].text, strlen(cases[i].text), &error);
        if ((ring == NULL) != (cases[i].error != NULL) ||
            (cases[i].error && !strstr(error.text, cases[i].error)))
            fail_msg("%s: %s", cases[i].text, error.text);
        assert_null(strstr(error.text, "secret-that"));
        assert_null(strstr(error.text, KEY_A));
        seal_ring_free(ring);
    }
}

static void too_many_keys(void **state)
{
    struct buffer text = BUFFER_INIT;
    struct error error = ERROR_INIT;
    (void)state;
    for (int i = 0; i < SEAL_KEYS_MAX; i++)
        buffer_printf(&text, "k%d " KEY_A "\n", i);
    struct seal_ring *ring = ring_of(buffer_text(&text));
    assert_string_equal(seal_ring_first(ring), "k0");
    seal_ring_free(ring);
    buffer_add_text(&text, "another " KEY_A "\n");
    assert_null(seal_ring_parse(text.data, text.len, &error));
    assert_string_equal(error.text, "line 17: more than 16 keys");
    buffer_release(&text);
}

static void what_was_sealed_opens(void **state)
{
    static char long_value[SEAL_VALUE_MAX + 1];
    const char *const values[] = {"", "x", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", long_value};
    struct seal_ring *ring = ring_of("a " KEY_A "\n");
    struct error error;
    (void)state;
    memset(long_value, 'v', SEAL_VALUE_MAX);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char *sealed = seal_close(ring, &place, values[i], strlen(values[i]));
        char *again = seal_close(ring, &place, values[i], strlen(values[i]));
        assert_true(seal_is_sealed(sealed));
        assert_int_equal(strncmp(sealed, "sealed:a:", 9), 0);
        assert_string_not_equal(sealed, again); /* a nonce of its own */
        assert_true(!values[i][0] || !values[i][1] || !strstr(sealed, values[i]));
        assert_true(opens(ring, &place, sealed, values[i], &error));
        assert_true(opens(ring, &place, again, values[i], &error));
        free(sealed);
        free(again);
    }
    seal_ring_free(ring);
}

/* Made with Python's `cryptography`: AESGCM(bytes(range(32))).encrypt(bytes(12), b"value",
 * b"acme\0crm\0/secrets/0\0"), the nonce before it. */
static void the_format_is_the_documented_one(void **state)
{
    struct seal_ring *ring = ring_of("a " KEY_A "\n");
    struct error error;
    (void)state;
    assert_true(opens(
        ring, &place, "sealed:a:AAAAAAAAAAAAAAAAeN3Zq9DyMRDLj7vMTb1jFZ/IIO4y", "value", &error));
    seal_ring_free(ring);
}

static void keys_change(void **state)
{
    struct seal_ring *old = ring_of("a " KEY_A "\n");
    struct seal_ring *both = ring_of("b " KEY_B "\na " KEY_A "\n");
    struct seal_ring *new = ring_of("b " KEY_B "\n");
    struct seal_ring *wrong = ring_of("a " KEY_B "\n");
    struct error error;
    (void)state;
    char *sealed = seal_close(old, &place, "value", 5);
    assert_false(seal_is_outdated(old, sealed));
    assert_true(seal_is_outdated(both, sealed));
    assert_true(opens(both, &place, sealed, "value", &error));
    assert_false(opens(new, &place, sealed, NULL, &error));
    assert_string_equal(error.text, "is sealed with key a, which is not in the key file");
    assert_false(opens(wrong, &place, sealed, NULL, &error));
    assert_non_null(strstr(error.text, "does not open with key a"));
    free(sealed);
    sealed = seal_close(both, &place, "value", 5);
    assert_false(seal_is_outdated(both, sealed));
    assert_true(opens(new, &place, sealed, "value", &error));
    free(sealed);
    seal_ring_free(old);
    seal_ring_free(both);
    seal_ring_free(new);
    seal_ring_free(wrong);
}

static void rings_are_replaced(void **state)
{
    struct seal_ring *ring = ring_of("a " KEY_A "\n"), *same = ring_of("# a\n\na " KEY_A "\n");
    struct seal_ring *other = ring_of("b " KEY_B "\na " KEY_A "\n");
    struct seal_ring *turned = ring_of("a " KEY_A "\nb " KEY_B "\n");
    struct error error;
    (void)state;
    assert_true(seal_ring_equal(ring, same));
    assert_false(seal_ring_equal(ring, other));
    assert_false(seal_ring_equal(turned, other));
    char *sealed = seal_close(other, &place, "value", 5);
    assert_false(opens(ring, &place, sealed, NULL, &error));
    seal_ring_replace(ring, other);
    assert_true(opens(ring, &place, sealed, "value", &error));
    assert_string_equal(seal_ring_first(ring), "b");
    free(sealed);
    seal_ring_free(ring);
    seal_ring_free(same);
    seal_ring_free(turned);
}

static void it_opens_in_its_place_only(void **state)
{
    static const struct seal_place others[] = {
        {"acme2", "crm", "/secrets/0"},
        {"acme", "crm2", "/secrets/0"},
        {"acme", "crm", "/secrets/1"},
        {"acmec", "rm", "/secrets/0"}, /* the same characters in a row */
        {"", "", ""},
    };
    struct seal_ring *ring = ring_of("a " KEY_A "\n");
    struct error error;
    (void)state;
    char *sealed = seal_close(ring, &place, "value", 5);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(opens(ring, &others[i], sealed, NULL, &error));
    free(sealed);
    seal_ring_free(ring);
}

static void nothing_else_opens(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "is not a sealed value"},
        {"value", "is not a sealed value"},
        {"sealed:", "is not a sealed value"},
        {"sealed:a", "is not a sealed value"},
        {"sealed::AAAA", "which is not in the key file"},
        {"sealed:b:AAAA", "is sealed with key b, which is not in the key file"},
        {"sealed:a:", "malformed"},
        {"sealed:a:AAAA", "malformed"},
        {"sealed:a:!!!!", "malformed"},
    };
    struct seal_ring *ring = ring_of("a " KEY_A "\n");
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(opens(ring, &place, cases[i].text, NULL, &error));
        if (!strstr(error.text, cases[i].error))
            fail_msg("%s: %s", cases[i].text, error.text);
    }
    seal_ring_free(ring);
}

static void no_changed_one_opens(void **state)
{
    struct seal_ring *ring = ring_of("a " KEY_A "\n");
    struct error error;
    (void)state;
    char *sealed = seal_close(ring, &place, "value", 5);
    for (char *at = sealed + strlen("sealed:a:"); *at && *at != '='; at++) {
        char before = *at;
        *at = before == 'A' ? 'B' : 'A';
        assert_false(opens(ring, &place, sealed, NULL, &error));
        *at = before;
    }
    sealed[strlen(sealed) - 4] = '\0'; /* cut off */
    assert_false(opens(ring, &place, sealed, NULL, &error));
    free(sealed);
    seal_ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_files),
        cmocka_unit_test(too_many_keys),
        cmocka_unit_test(what_was_sealed_opens),
        cmocka_unit_test(the_format_is_the_documented_one),
        cmocka_unit_test(keys_change),
        cmocka_unit_test(rings_are_replaced),
        cmocka_unit_test(it_opens_in_its_place_only),
        cmocka_unit_test(nothing_else_opens),
        cmocka_unit_test(no_changed_one_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
