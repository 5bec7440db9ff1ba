/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets at rest. */
#include "subscriptions/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "events/base64.h"
#include "subscriptions/secret.h"

#define PREFIX      "sealed:"
#define KEY_ID_SET  "A-Za-z0-9_-"
#define NONCE_BYTES 12
#define TAG_BYTES   16

struct key {
    char id[SEAL_KEY_ID_MAX + 1];
    unsigned char bytes[SEAL_KEY_BYTES];
};

struct seal_ring {
    struct key keys[SEAL_KEYS_MAX];
    size_t count;
};

/* --- The ring ------------------------------------------------------------------------------- */

static const struct key *find_key(const struct seal_ring *ring, const char *id, size_t len)
{
    for (size_t i = 0; i < ring->count; i++)
        if (strlen(ring->keys[i].id) == len && memcmp(ring->keys[i].id, id, len) == 0)
            return &ring->keys[i];
    return NULL;
}

static bool parse_bytes(const char *text, size_t len, unsigned char out[SEAL_KEY_BYTES])
{
    struct buffer bytes = BUFFER_INIT;
    buffer_reserve(&bytes, len + 1); /* at once: growing would leave copies behind */
    bool good = event_base64_decode(text, len, &bytes) && bytes.len == SEAL_KEY_BYTES;
    if (good)
        memcpy(out, bytes.data, SEAL_KEY_BYTES);
    secret_wipe(&bytes);
    return good;
}

/* "<id> <base64>" */
static bool parse_key(
    struct seal_ring *ring, const char *line, size_t len, size_t number, struct error *error)
{
    const char *space = memchr(line, ' ', len);
    size_t id_len = space ? (size_t)(space - line) : len;
    if (!space)
        return error_set(error, ERROR_CONFIG,
            "line %zu: must be a key's id, a blank, and the base64 of %d bytes", number,
            SEAL_KEY_BYTES);
    if (ring->count == SEAL_KEYS_MAX)
        return error_set(error, ERROR_CONFIG, "line %zu: more than %d keys", number, SEAL_KEYS_MAX);
    struct key *key = &ring->keys[ring->count];
    if (id_len > SEAL_KEY_ID_MAX || memchr(line, '\0', id_len))
        return error_set(error, ERROR_CONFIG, "line %zu: a key's id has at most %d characters",
            number, SEAL_KEY_ID_MAX);
    memcpy(key->id, line, id_len);
    key->id[id_len] = '\0';
    if (!text_matches_set(key->id, SEAL_KEY_ID_MAX, KEY_ID_SET))
        return error_set(error, ERROR_CONFIG,
            "line %zu: a key's id consists of letters, digits, \"_\" and \"-\"", number);
    if (find_key(ring, key->id, id_len))
        return error_set(error, ERROR_CONFIG, "line %zu: key %s is there already", number, key->id);
    if (!parse_bytes(space + 1, len - id_len - 1, key->bytes))
        return error_set(error, ERROR_CONFIG, "line %zu: key %s is not the base64 of %d bytes",
            number, key->id, SEAL_KEY_BYTES);
    ring->count++;
    return true;
}

static bool parse_lines(struct seal_ring *ring, const char *text, size_t len, struct error *error)
{
    const char *end = text + len;
    for (size_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *next = newline ? newline + 1 : end;
        size_t length = (size_t)((newline ? newline : end) - text);
        while (length && (text[length - 1] == ' ' || text[length - 1] == '\r'))
            length--;
        if (length && text[0] != '#' && !parse_key(ring, text, length, number, error))
            return false;
        text = next;
    }
    return ring->count > 0 || error_set(error, ERROR_CONFIG, "there is no key in it");
}

struct seal_ring *seal_ring_parse(const char *text, size_t len, struct error *error)
{
    struct seal_ring *ring = mem_zalloc(sizeof *ring);
    if (parse_lines(ring, text, len, error))
        return ring;
    seal_ring_free(ring);
    return NULL;
}

void seal_ring_free(struct seal_ring *ring)
{
    if (!ring)
        return;
    OPENSSL_cleanse(ring, sizeof *ring);
    free(ring);
}

bool seal_ring_equal(const struct seal_ring *a, const struct seal_ring *b)
{
    return CRYPTO_memcmp(a, b, sizeof *a) == 0; /* what they do not use is zero */
}

void seal_ring_replace(struct seal_ring *ring, struct seal_ring *with)
{
    *ring = *with;
    seal_ring_free(with);
}

const char *seal_ring_first(const struct seal_ring *ring)
{
    return ring->keys[0].id;
}

/* --- Values --------------------------------------------------------------------------------- */

/* Tenants, ids and fields have no NUL in them, so no two places look the same. */
static bool bind_to(EVP_CIPHER_CTX *cipher, const struct seal_place *place)
{
    const char *const parts[] = {place->tenant, place->subscription, place->field};
    int unused;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!EVP_CipherUpdate(
                cipher, NULL, &unused, (const unsigned char *)parts[i], (int)strlen(parts[i]) + 1))
            return false;
    return true;
}

static EVP_CIPHER_CTX *new_cipher(const struct key *key, const unsigned char nonce[NONCE_BYTES],
    const struct seal_place *place, bool closing)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher ||
        !EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce, closing) ||
        !bind_to(cipher, place))
        fatal("AES-256-GCM is not to be had");
    return cipher;
}

char *seal_close(
    const struct seal_ring *ring, const struct seal_place *place, const void *value, size_t len)
{
    bug_on(len > SEAL_VALUE_MAX);
    const struct key *key = &ring->keys[0];
    size_t size = NONCE_BYTES + len + TAG_BYTES;
    unsigned char *raw = mem_alloc(size);
    unsigned char *text = raw + NONCE_BYTES, *tag = text + len;
    int written;
    if (RAND_bytes(raw, NONCE_BYTES) != 1)
        fatal("no random bytes");
    EVP_CIPHER_CTX *cipher = new_cipher(key, raw, place, true);
    if (!EVP_CipherUpdate(cipher, text, &written, value, (int)len) ||
        !EVP_CipherFinal_ex(cipher, tag, &written) ||
        !EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag))
        fatal("AES-256-GCM failed");
    EVP_CIPHER_CTX_free(cipher);

    struct buffer out = BUFFER_INIT;
    buffer_printf(&out, PREFIX "%s:", key->id);
    buffer_reserve(&out, 4 * ((size + 2) / 3) + 1);
    out.len += (size_t)EVP_EncodeBlock((unsigned char *)out.data + out.len, raw, (int)size);
    free(raw);
    return buffer_take(&out);
}

bool seal_is_sealed(const char *text)
{
    return strncmp(text, PREFIX, strlen(PREFIX)) == 0;
}

/* The id in a sealed value; NULL if there is none. */
static const char *key_id(const char *sealed, size_t *ret_len)
{
    if (!seal_is_sealed(sealed))
        return NULL;
    const char *id = sealed + strlen(PREFIX);
    const char *colon = strchr(id, ':');
    *ret_len = colon ? (size_t)(colon - id) : 0;
    return colon ? id : NULL;
}

bool seal_is_outdated(const struct seal_ring *ring, const char *sealed)
{
    size_t len;
    const char *id = key_id(sealed, &len);
    return id && find_key(ring, id, len) != &ring->keys[0];
}

/* Appends to `out` only what is authentic. */
static bool decrypt(const struct key *key, const struct seal_place *place, const struct buffer *raw,
    struct buffer *out)
{
    const unsigned char *nonce = (const unsigned char *)raw->data;
    int len = (int)(raw->len - NONCE_BYTES - TAG_BYTES), written, rest;
    unsigned char *text = mem_alloc((size_t)len + 1);
    EVP_CIPHER_CTX *cipher = new_cipher(key, nonce, place, false);
    bool good = EVP_CipherUpdate(cipher, text, &written, nonce + NONCE_BYTES, len) &&
                EVP_CIPHER_CTX_ctrl(
                    cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, raw->data + NONCE_BYTES + len) &&
                EVP_CipherFinal_ex(cipher, text + written, &rest) > 0;
    EVP_CIPHER_CTX_free(cipher);
    if (good)
        buffer_add(out, text, (size_t)len);
    OPENSSL_cleanse(text, (size_t)len + 1);
    free(text);
    return good;
}

bool seal_open(const struct seal_ring *ring, const struct seal_place *place, const char *sealed,
    struct buffer *out, struct error *error)
{
    size_t id_len;
    const char *id = key_id(sealed, &id_len);
    if (!id)
        return error_set(error, ERROR_CONFIG, "is not a sealed value");
    const struct key *key = find_key(ring, id, id_len);
    if (!key)
        return error_set(error, ERROR_CONFIG,
            "is sealed with key %.*s, which is not in the key file",
            (int)(id_len < SEAL_KEY_ID_MAX ? id_len : SEAL_KEY_ID_MAX), id);
    const char *text = id + id_len + 1;
    size_t len = strlen(text);
    struct buffer raw = BUFFER_INIT;
    bool good = len <= 2 * SEAL_VALUE_MAX && event_base64_decode(text, len, &raw) &&
                raw.len >= NONCE_BYTES + TAG_BYTES;
    if (!good)
        error_fill(error, ERROR_CONFIG, "is sealed, but malformed");
    else if (!(good = decrypt(key, place, &raw, out)))
        error_fill(error, ERROR_CONFIG,
            "does not open with key %s: that is another key of this name, or the value was sealed "
            "for "
            "another place",
            key->id);
    buffer_release(&raw);
    return good;
}
