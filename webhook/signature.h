/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): `v1`, HMAC-SHA256 under a
 * shared secret, and `v1a`, Ed25519. What is signed is `<id>.<timestamp>.<body>`. */
#ifndef HOOKLINE_WEBHOOK_SIGNATURE_H
#define HOOKLINE_WEBHOOK_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/record.h"

enum signature_scheme {
    SIGNATURE_V1,    /* HMAC-SHA256 */
    SIGNATURE_V1A,   /* Ed25519 */
    SIGNATURE_OTHER, /* one that this version does not know; never a key's */
};

/* "v1" and "v1a"; "unknown" for the others. */
const char *signature_scheme_name(enum signature_scheme scheme);

/* --- Keys ------------------------------------------------------------------------------------ */

/* A secret made ready for use. It has a state of its own, so that only one thread at a time may sign
 * or verify with it. */
struct signing_key;

/* A key from the text of a secret (subscriptions/secret.h), `len` bytes without anything around them.
 * Returns new; NULL with ERROR_CONFIG and a sentence that says what is wrong and holds nothing of the
 * text. The text is not kept. */
must_check struct signing_key *signing_key_new(const char *secret, size_t len, struct error *error);

/* Cleanses what it frees. NULL is fine. */
void signing_key_free(struct signing_key *key);

enum signature_scheme signing_key_scheme(const struct signing_key *key);

/* Whether it can sign: false for a public key. */
bool signing_key_signs(const struct signing_key *key);

/* --- Signing --------------------------------------------------------------------------------- */

/* What is signed. All borrowed. */
struct signature_message {
    const char *id;      /* webhook-id */
    int64_t timestamp_s; /* webhook-timestamp, Unix seconds, not negative */
    struct bytes body;   /* absent is as empty */
};

/* "v1a," and the base64 of 64 bytes, with a NUL. */
#define SIGNATURE_SIZE 93

/* Whether `id` may be signed: not empty and without a full stop, since "a.1" at 2 and "a" at 1 with
 * "2." before the body would have the same signature (Standard Webhooks 1.0.0, "Signature scheme"). */
bool signature_id_valid(const char *id);

/* Writes the signature, "v1,…" or "v1a,…", with a NUL; returns its length. 0 and nothing written if
 * the id is not valid. The key must be one that signs. For v1 the body is not copied, and no memory
 * of ours is allocated; for v1a it is, as Ed25519 takes its message in one piece. */
must_check size_t signature_sign(
    struct signing_key *key, const struct signature_message *message, char out[SIGNATURE_SIZE]);

/* The value of webhook-signature: one signature per key, a space between two. `out` has room for
 * `count` times SIGNATURE_SIZE; otherwise as signature_sign(). "" and 0 for no keys. */
must_check size_t signature_sign_all(struct signing_key *const *keys, size_t count,
    const struct signature_message *message, char *out);

/* --- Verifying ------------------------------------------------------------------------------- */

/* A header that is longer, or has more, is refused before anything is computed. */
#define SIGNATURE_HEADER_MAX 4096 /* bytes */
#define SIGNATURES_MAX       16

/* The receivers' usual tolerance. */
#define SIGNATURE_TOLERANCE_S 300

/* The headers of a request, as they came. NULL = not there. */
struct signature_headers {
    const char *id;         /* webhook-id */
    const char *timestamp;  /* webhook-timestamp */
    const char *signatures; /* webhook-signature */
};

enum signature_verdict {
    SIGNATURE_VALID,
    SIGNATURE_BAD_ID,         /* no webhook-id, or one that may not be signed */
    SIGNATURE_BAD_TIMESTAMP,  /* no webhook-timestamp, or no plain number of seconds */
    SIGNATURE_BAD_HEADER,     /* no webhook-signature, or beyond the limits above */
    SIGNATURE_UNKNOWN_SCHEME, /* nothing in it is v1 or v1a */
    SIGNATURE_BAD_SIGNATURE,  /* v1 or v1a, but each broken: cut off, or no base64 */
    SIGNATURE_NO_KEY,         /* no key of the schemes in it */
    SIGNATURE_MISMATCH,       /* none was made with one of the keys over this content */
    SIGNATURE_TOO_OLD,        /* right, but made longer ago than the tolerance */
    SIGNATURE_IN_FUTURE,      /* right, but its time is further ahead than the tolerance */
};

/* The verdict as a part of a sentence, for a log or a person. */
const char *signature_verdict_text(enum signature_verdict verdict);

/* What was found on the way, as far as it got. The text is borrowed from the header. */
struct signature_report {
    int64_t timestamp_s; /* -1 = none, or malformed */
    size_t count;
    struct signature_found {
        const char *text; /* with its scheme; `len` bytes */
        size_t len;
        enum signature_scheme scheme;
        bool well_formed; /* for v1 and v1a: base64 of the right length */
        int key;          /* index of the key that it verifies with; -1 = none */
    } found[SIGNATURES_MAX];
};

/* Whether one of the signatures was made with one of `keys` over id, timestamp and body. The time is
 * judged last, so that too old or in the future are said of a request that is otherwise right; as
 * far from `now_s` as the tolerance is still valid. Both are seconds and not negative.
 * Comparisons take the same time wherever the signatures differ. `ret_report` may be NULL. */
must_check enum signature_verdict signature_verify(struct signing_key *const *keys, size_t count,
    const struct signature_headers *headers, struct bytes body, int64_t now_s, int64_t tolerance_s,
    struct signature_report *ret_report);

#endif
