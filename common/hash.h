/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes: SHA-256 for names that must not collide, a keyed one for tables that outsiders fill. */
#ifndef HOOKLINE_COMMON_HASH_H
#define HOOKLINE_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

struct sha256;

struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *hash, const void *data, size_t len);
/* Writes the digest and makes the hash empty again. */
void sha256_finish(struct sha256 *hash, uint8_t out[SHA256_BYTES]);
void sha256_free(struct sha256 *hash);

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
uint64_t siphash24(const uint8_t key[16], const void *data, size_t len);

/* SipHash-2-4 under a key drawn at the first call of the process. Any thread. */
uint64_t hash_keyed(const void *data, size_t len);

#endif
