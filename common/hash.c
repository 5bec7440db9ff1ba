/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 over OpenSSL, and SipHash-2-4. */
#include "common/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/error.h"
#include "common/memory.h"

struct sha256 {
    EVP_MD_CTX *context;
};

static void check(int result)
{
    if (result != 1)
        fatal("OpenSSL: SHA-256 is not available");
}

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = mem_alloc(sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    check(hash->context ? EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) : 0);
    return hash;
}

void sha256_add(struct sha256 *hash, const void *data, size_t len)
{
    check(EVP_DigestUpdate(hash->context, data, len));
}

void sha256_finish(struct sha256 *hash, uint8_t out[SHA256_BYTES])
{
    check(EVP_DigestFinal_ex(hash->context, out, NULL));
    check(EVP_DigestInit_ex(hash->context, NULL, NULL));
}

void sha256_free(struct sha256 *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t read_le64(const uint8_t *p, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

uint64_t siphash24(const uint8_t key[16], const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t k0 = read_le64(key, 8), k1 = read_le64(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
        k1 ^ 0x7465646279746573};
    size_t whole = len - len % 8;
    for (size_t i = 0; i < whole; i += 8)
        sip_word(v, read_le64(p + i, 8));
    sip_word(v, (uint64_t)len << 56 | (len % 8 ? read_le64(p + whole, len % 8) : 0));
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint8_t process_key[16];

static void draw_key(void)
{
    if (getrandom(process_key, sizeof process_key, 0) != sizeof process_key)
        fatal("no entropy (getrandom)");
}

uint64_t hash_keyed(const void *data, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_key);
    return siphash24(process_key, data, len);
}
