/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets at rest: AES-256-GCM (NIST SP 800-38D) under the first key of a ring. Each value is bound to
 * its place, so that a sealed secret copied into another subscription does not open there.
 *
 * A key file has a line for each key, "<id> <base64 of 32 bytes>", blank lines and lines that begin
 * with "#" aside. The first key seals; all of them open. A sealed value is text:
 * "sealed:<key id>:<base64 of nonce, ciphertext and tag>". */
#ifndef HOOKLINE_SUBSCRIPTIONS_SEAL_H
#define HOOKLINE_SUBSCRIPTIONS_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

#define SEAL_KEY_BYTES  32
#define SEAL_KEY_ID_MAX 32
#define SEAL_KEYS_MAX   16
/* Random nonces of 96 bits: a key is good for 2^32 values (SP 800-38D, 8.3). */
#define SEAL_VALUE_MAX 65536 /* bytes of what is sealed */

struct seal_ring;

/* Where a value belongs: "/secrets/0" of a tenant's subscription. */
struct seal_place {
    const char *tenant;
    const char *subscription;
    const char *field;
};

/* Reads the text of a key file. Returns new, or NULL (ERROR_CONFIG, naming the line and never a key). */
must_check struct seal_ring *seal_ring_parse(const char *text, size_t len, struct error *error);
/* Wipes the keys; NULL is fine. */
void seal_ring_free(struct seal_ring *ring);
/* Whether both have the same keys in the same order. */
bool seal_ring_equal(const struct seal_ring *a, const struct seal_ring *b);
/* Gives `ring` the keys of `with`, which it takes: whoever borrows `ring` has them from now on. */
void seal_ring_replace(struct seal_ring *ring, struct seal_ring *with);
/* The id of the key that seals. */
const char *seal_ring_first(const struct seal_ring *ring);

bool seal_is_sealed(const char *text);
/* Whether the value is sealed with another key than the first: to be sealed anew. */
bool seal_is_outdated(const struct seal_ring *ring, const char *sealed);

/* Returns new text. */
char *seal_close(
    const struct seal_ring *ring, const struct seal_place *place, const void *value, size_t len);

/* Appends the value to `out`, which the caller wipes. False if the text is malformed or was sealed for
 * another place, or with a key that the ring does not have (ERROR_CONFIG): `out` is as it was. */
must_check bool seal_open(const struct seal_ring *ring, const struct seal_place *place,
    const char *sealed, struct buffer *out, struct error *error);

#endif
