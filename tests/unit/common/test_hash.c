/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SipHash-2-4 against their published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/hash.h"
#include "common/text.h"

/* FIPS 180-4 examples, and the empty message. */
static const struct {
    const char *text;
    const char *digest;
} sha256_cases[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_vectors(void **state)
{
    (void)state;
    struct sha256 *hash = sha256_new();
    for (size_t i = 0; i < sizeof sha256_cases / sizeof *sha256_cases; i++) {
        uint8_t digest[SHA256_BYTES];
        char hex[2 * SHA256_BYTES + 1];
        const char *text = sha256_cases[i].text;
        for (const char *p = text; *p; p++) /* in parts, and one object for all messages */
            sha256_add(hash, p, 1);
        sha256_finish(hash, digest);
        text_hex(digest, sizeof digest, hex);
        assert_string_equal(hex, sha256_cases[i].digest);
    }
    sha256_free(hash);
    sha256_free(NULL);
}

/* Of the 64 vectors of the reference implementation (key 00 01 … 0f, message 00 01 …), those whose
 * lengths go through each branch; 15 is the one in the paper's appendix A. */
static const struct {
    size_t len;
    uint64_t hash;
} siphash_cases[] = {
    {0, 0x726fdb47dd0e0e31},
    {1, 0x74f839c593dc67fd},
    {2, 0x0d6c8009d9a94f5a},
    {7, 0xab0200f58b01d137},
    {8, 0x93f5f5799a932462},
    {9, 0x9e0082df0ba9e4b0},
    {15, 0xa129ca6149be45e5},
    {16, 0x3f2acc7f57c29bdb},
    {63, 0x958a324ceb064572},
};

static void siphash_vectors(void **state)
{
    (void)state;
    uint8_t key[16], message[64];
    for (uint8_t i = 0; i < sizeof message; i++)
        message[i] = i;
    memcpy(key, message, sizeof key);
    for (size_t i = 0; i < sizeof siphash_cases / sizeof *siphash_cases; i++)
        assert_int_equal(siphash24(key, message, siphash_cases[i].len), siphash_cases[i].hash);
    assert_int_equal(siphash24(key, NULL, 0), siphash_cases[0].hash);
}

static void keyed_hash_is_keyed(void **state)
{
    (void)state;
    static const uint8_t zero[16];
    uint64_t hash = hash_keyed("tenant", 6);
    assert_int_equal(hash_keyed("tenant", 6), hash);
    assert_int_not_equal(hash_keyed("tenanu", 6), hash);
    assert_int_not_equal(siphash24(zero, "tenant", 6), hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(siphash_vectors),
        cmocka_unit_test(keyed_hash_is_keyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
