/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a secret that signs. */
#include "subscriptions/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "events/base64.h"

#define ED25519_BYTES   32
#define GENERATED_BYTES 32
#define HMAC_MIN_BYTES  24
#define HMAC_MAX_BYTES  64
/* The longest prefix and the base64 of 64 bytes; what is longer is not even decoded. */
#define TEXT_MAX 94

static const char *const prefixes[] = {
    [SECRET_HMAC] = "whsec_",
    [SECRET_ED25519] = "whsk_",
    [SECRET_ED25519_PUBLIC] = "whpk_",
};

#define KINDS (sizeof prefixes / sizeof prefixes[0])

static bool find_kind(const char *text, size_t len, enum secret_kind *ret_kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t prefix = strlen(prefixes[i]);
        if (len >= prefix && memcmp(text, prefixes[i], prefix) == 0) {
            *ret_kind = (enum secret_kind)i;
            return true;
        }
    }
    return false;
}

static bool check_length(enum secret_kind kind, size_t len, struct error *error)
{
    switch (kind) {
    case SECRET_HMAC:
        return (len >= HMAC_MIN_BYTES && len <= HMAC_MAX_BYTES) ||
               error_set(error, ERROR_CONFIG,
                   "the whsec_ secret has %zu bytes after decoding, not %d to %d", len,
                   HMAC_MIN_BYTES, HMAC_MAX_BYTES);
    case SECRET_ED25519:
        return len == ED25519_BYTES || len == 2 * ED25519_BYTES ||
               error_set(error, ERROR_CONFIG,
                   "the whsk_ secret has %zu bytes after decoding, not the 32 of an Ed25519 "
                   "private "
                   "key or 64 with its public key",
                   len);
    case SECRET_ED25519_PUBLIC:
        return len == ED25519_BYTES || error_set(error, ERROR_CONFIG,
                                           "the whpk_ key has %zu bytes after decoding, not the %d "
                                           "of an Ed25519 public key",
                                           len, ED25519_BYTES);
    }
    return false;
}

static bool decode(
    const char *prefix, const char *text, size_t len, struct buffer *raw, struct error *error)
{
    size_t skip = strlen(prefix);
    if (len > TEXT_MAX)
        return error_set(error, ERROR_CONFIG,
            "the %s secret is too long: %zu characters, of which %d at most can be right", prefix,
            len, TEXT_MAX);
    if (len == skip)
        return error_set(error, ERROR_CONFIG, "nothing follows the %s", prefix);
    buffer_reserve(raw, TEXT_MAX); /* at once: growing would leave copies behind */
    if (!event_base64_decode(text + skip, len - skip, raw))
        return error_set(error, ERROR_CONFIG,
            "what follows the %s is no base64 (RFC 4648, section 4: A-Z a-z 0-9 + / with padding, "
            "and nothing around it)",
            prefix);
    return true;
}

bool secret_read(const char *text, size_t len, enum secret_kind *ret_kind, struct buffer *raw,
    struct error *error)
{
    if (!find_kind(text, len, ret_kind))
        return error_set(error, ERROR_CONFIG,
            "a secret begins with whsec_ (HMAC), whsk_ (Ed25519, private) or whpk_ (Ed25519, "
            "public), and this one does not");
    size_t before = raw->len;
    return decode(prefixes[*ret_kind], text, len, raw, error) &&
           check_length(*ret_kind, raw->len - before, error);
}

bool secret_valid(const char *text, enum secret_kind kind, struct error *error)
{
    enum secret_kind found;
    struct buffer raw = BUFFER_INIT;
    bool good = secret_read(text, strlen(text), &found, &raw, error);
    secret_wipe(&raw);
    if (good && found != kind)
        return error_set(error, ERROR_CONFIG, "a secret of this scheme begins with %s, not with %s",
            prefixes[kind], prefixes[found]);
    return good;
}

static void print_key(enum secret_kind kind, const uint8_t raw[GENERATED_BYTES], char *out)
{
    unsigned char text[4 * ((GENERATED_BYTES + 2) / 3) + 1]; /* base64 and a NUL */
    EVP_EncodeBlock(text, raw, GENERATED_BYTES);
    snprintf(out, SECRET_TEXT_SIZE, "%s%s", prefixes[kind], (const char *)text);
    OPENSSL_cleanse(text, sizeof text);
}

static void print_public(const uint8_t raw[GENERATED_BYTES], char *out)
{
    uint8_t public[ED25519_BYTES];
    size_t len = sizeof public;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, GENERATED_BYTES);
    if (!key || EVP_PKEY_get_raw_public_key(key, public, &len) != 1)
        fatal("libcrypto has no Ed25519");
    EVP_PKEY_free(key);
    print_key(SECRET_ED25519_PUBLIC, public, out);
}

void secret_generate(
    enum secret_kind kind, char ret_text[SECRET_TEXT_SIZE], char ret_public[SECRET_TEXT_SIZE])
{
    uint8_t raw[GENERATED_BYTES];
    if (RAND_priv_bytes(raw, sizeof raw) != 1)
        fatal("no random numbers to be had");
    print_key(kind, raw, ret_text);
    ret_public[0] = 0;
    if (kind == SECRET_ED25519)
        print_public(raw, ret_public);
    OPENSSL_cleanse(raw, sizeof raw);
}

void secret_wipe(struct buffer *buffer)
{
    if (buffer->data)
        OPENSSL_cleanse(buffer->data, buffer->cap);
    buffer_release(buffer);
}
