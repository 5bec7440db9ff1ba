/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of Standard Webhooks 1.0.0 over OpenSSL. */
#include "webhook/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "common/text.h"
#include "events/base64.h"
#include "subscriptions/secret.h"

#define HMAC_BYTES        32
#define ED25519_KEY_BYTES 32
#define ED25519_BYTES     64
/* A number between two full stops. */
#define STAMP_SIZE (TEXT_INT_SIZE + 2)
/* Seconds until the year 33658; so much shorter than 64 bits that no sum of two overflows. */
#define TIMESTAMP_DIGITS_MAX 12

struct signing_key {
    enum signature_scheme scheme;
    bool signs;
    EVP_MAC_CTX *mac;    /* v1: keyed once. To begin anew without a key is what makes it fast */
    EVP_PKEY *pair;      /* v1a */
    EVP_MD_CTX *context; /* v1a */
};

static const struct {
    const char *name;
    size_t name_len, raw_bytes;
} schemes[] = {
    [SIGNATURE_V1] = {"v1", 2, HMAC_BYTES},
    [SIGNATURE_V1A] = {"v1a", 3, ED25519_BYTES},
    [SIGNATURE_OTHER] = {"unknown", 7, 0},
};

static void check(int result, const char *what)
{
    if (result != 1)
        fatal("OpenSSL: %s is not available", what);
}

const char *signature_scheme_name(enum signature_scheme scheme)
{
    return schemes[scheme].name;
}

/* --- Keys ------------------------------------------------------------------------------------ */

static void make_mac(struct signing_key *key, const uint8_t *raw, size_t len)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    key->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    check(key->mac ? EVP_MAC_init(key->mac, raw, len, params) : 0, "HMAC-SHA256");
    EVP_MAC_free(mac); /* the context has a reference of its own */
}

static bool make_pair(struct signing_key *key, const uint8_t *raw, size_t len, struct error *error)
{
    uint8_t public[ED25519_KEY_BYTES];
    size_t public_len = sizeof public;
    key->pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, ED25519_KEY_BYTES);
    check(key->pair ? EVP_PKEY_get_raw_public_key(key->pair, public, &public_len) : 0, "Ed25519");
    /* Two keys glued together would sign what nobody can verify. */
    return len == ED25519_KEY_BYTES ||
           CRYPTO_memcmp(raw + ED25519_KEY_BYTES, public, ED25519_KEY_BYTES) == 0 ||
           error_set(error, ERROR_CONFIG,
               "the second half of the whsk_ secret is not the public key of its first half");
}

static bool make(
    struct signing_key *key, enum secret_kind kind, const struct buffer *raw, struct error *error)
{
    const uint8_t *bytes = (const uint8_t *)raw->data;
    key->scheme = kind == SECRET_HMAC ? SIGNATURE_V1 : SIGNATURE_V1A;
    key->signs = kind != SECRET_ED25519_PUBLIC;
    if (kind == SECRET_HMAC) {
        make_mac(key, bytes, raw->len);
        return true;
    }
    key->context = EVP_MD_CTX_new();
    check(key->context ? 1 : 0, "Ed25519");
    if (kind == SECRET_ED25519)
        return make_pair(key, bytes, raw->len, error);
    key->pair = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, raw->len);
    check(key->pair ? 1 : 0, "Ed25519");
    return true;
}

struct signing_key *signing_key_new(const char *secret, size_t len, struct error *error)
{
    enum secret_kind kind;
    struct buffer raw = BUFFER_INIT;
    struct signing_key *key = mem_zalloc(sizeof *key);
    bool made = secret_read(secret, len, &kind, &raw, error) && make(key, kind, &raw, error);
    secret_wipe(&raw);
    if (made)
        return key;
    signing_key_free(key);
    return NULL;
}

void signing_key_free(struct signing_key *key)
{
    if (!key)
        return;
    /* OpenSSL cleanses what it has of the secret. */
    EVP_MAC_CTX_free(key->mac);
    EVP_MD_CTX_free(key->context);
    EVP_PKEY_free(key->pair);
    OPENSSL_cleanse(key, sizeof *key);
    free(key);
}

enum signature_scheme signing_key_scheme(const struct signing_key *key)
{
    return key->scheme;
}

bool signing_key_signs(const struct signing_key *key)
{
    return key->signs;
}

/* --- What is signed -------------------------------------------------------------------------- */

bool signature_id_valid(const char *id)
{
    return *id && !strchr(id, '.');
}

/* A message in pieces: what comes between id and body is written once for all keys. It points into
 * itself, so that it must not be moved. */
struct content {
    struct bytes id, stamp, body;
    char text[STAMP_SIZE];
    char *joined; /* for Ed25519, which takes one piece; made when the first key wants it */
};

static void content_init(struct content *content, const struct signature_message *message)
{
    bug_on(message->timestamp_s < 0);
    char digits[TEXT_INT_SIZE];
    const char *number = text_format_int(message->timestamp_s, digits);
    char *at = content->text;
    *at++ = '.';
    at = mempcpy(at, number, strlen(number));
    *at++ = '.';
    content->id = (struct bytes){message->id, strlen(message->id)};
    content->stamp = (struct bytes){content->text, (size_t)(at - content->text)};
    content->body = message->body.data ? message->body : (struct bytes){"", 0};
    content->joined = NULL;
}

static void content_release(struct content *content)
{
    free(content->joined);
}

static size_t content_len(const struct content *content)
{
    return content->id.len + content->stamp.len + content->body.len;
}

static const uint8_t *content_join(struct content *content)
{
    if (!content->joined) {
        char *at = content->joined = mem_alloc(content_len(content));
        at = mempcpy(at, content->id.data, content->id.len);
        at = mempcpy(at, content->stamp.data, content->stamp.len);
        memcpy(at, content->body.data, content->body.len);
    }
    return (const uint8_t *)content->joined;
}

static void compute_mac(
    struct signing_key *key, const struct content *content, uint8_t out[HMAC_BYTES])
{
    const struct bytes *const parts[] = {&content->id, &content->stamp, &content->body};
    size_t len;
    check(EVP_MAC_init(key->mac, NULL, 0, NULL), "HMAC-SHA256");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        check(EVP_MAC_update(key->mac, parts[i]->data, parts[i]->len), "HMAC-SHA256");
    check(EVP_MAC_final(key->mac, out, &len, HMAC_BYTES), "HMAC-SHA256");
}

/* --- Signing --------------------------------------------------------------------------------- */

static void sign_pair(struct signing_key *key, struct content *content, uint8_t out[ED25519_BYTES])
{
    size_t len = ED25519_BYTES;
    EVP_MD_CTX_reset(key->context);
    check(EVP_DigestSignInit(key->context, NULL, NULL, NULL, key->pair), "Ed25519");
    check(EVP_DigestSign(key->context, out, &len, content_join(content), content_len(content)),
        "Ed25519");
}

static size_t sign(struct signing_key *key, struct content *content, char out[SIGNATURE_SIZE])
{
    bug_on(!key->signs);
    uint8_t raw[ED25519_BYTES];
    if (key->scheme == SIGNATURE_V1)
        compute_mac(key, content, raw);
    else
        sign_pair(key, content, raw);
    char *at = mempcpy(out, schemes[key->scheme].name, schemes[key->scheme].name_len);
    *at++ = ',';
    at += EVP_EncodeBlock((unsigned char *)at, raw, (int)schemes[key->scheme].raw_bytes);
    return (size_t)(at - out);
}

size_t signature_sign(
    struct signing_key *key, const struct signature_message *message, char out[SIGNATURE_SIZE])
{
    return signature_sign_all(&key, 1, message, out);
}

size_t signature_sign_all(struct signing_key *const *keys, size_t count,
    const struct signature_message *message, char *out)
{
    if (!signature_id_valid(message->id))
        return 0;
    struct content content;
    content_init(&content, message);
    char *at = out;
    for (size_t i = 0; i < count; i++) {
        if (i)
            *at++ = ' ';
        at += sign(keys[i], &content, at);
    }
    if (!count)
        *out = '\0';
    content_release(&content);
    return (size_t)(at - out);
}

/* --- Verifying ------------------------------------------------------------------------------- */

/* A signature of the header, and its bytes. */
struct candidate {
    struct signature_found *found;
    uint8_t raw[ED25519_BYTES];
};

/* Digits, and none that could be left out: only then there is one way to write it, and what we sign
 * is what the header says. -1 if it is something else. */
static int64_t parse_timestamp(const char *text)
{
    int64_t value = 0;
    size_t len = strspn(text, "0123456789");
    if (!len || text[len] || len > TIMESTAMP_DIGITS_MAX || (*text == '0' && len > 1))
        return -1;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

static enum signature_scheme scheme_of(const char *text, size_t len)
{
    const char *comma = memchr(text, ',', len);
    size_t name_len = comma ? (size_t)(comma - text) : len;
    for (enum signature_scheme scheme = SIGNATURE_V1; scheme < SIGNATURE_OTHER; scheme++)
        if (name_len == schemes[scheme].name_len &&
            memcmp(text, schemes[scheme].name, name_len) == 0)
            return scheme;
    return SIGNATURE_OTHER;
}

static bool decode_signature(struct candidate *candidate, struct buffer *scratch)
{
    const struct signature_found *found = candidate->found;
    size_t raw_bytes = schemes[found->scheme].raw_bytes,
           prefix = schemes[found->scheme].name_len + 1;
    if (found->scheme == SIGNATURE_OTHER || found->len != prefix + (raw_bytes + 2) / 3 * 4)
        return false;
    buffer_clear(scratch);
    if (!event_base64_decode(found->text + prefix, found->len - prefix, scratch) ||
        scratch->len != raw_bytes)
        return false;
    memcpy(candidate->raw, scratch->data, raw_bytes);
    return true;
}

/* False if the header is beyond its limits. */
static bool split(const char *header, struct signature_report *report,
    struct candidate candidates[SIGNATURES_MAX])
{
    if (strnlen(header, SIGNATURE_HEADER_MAX + 1) > SIGNATURE_HEADER_MAX)
        return false;
    struct buffer scratch = BUFFER_INIT;
    bool fits = true;
    for (const char *at = header + strspn(header, " "); *at && fits;) {
        size_t len = strcspn(at, " ");
        if (report->count == SIGNATURES_MAX) {
            fits = false;
        } else {
            struct candidate *candidate = &candidates[report->count];
            candidate->found = &report->found[report->count++];
            *candidate->found = (struct signature_found){at, len, scheme_of(at, len), false, -1};
            candidate->found->well_formed = decode_signature(candidate, &scratch);
        }
        at += len;
        at += strspn(at, " ");
    }
    buffer_release(&scratch);
    return fits;
}

static bool matches_pair(
    struct signing_key *key, struct content *content, const uint8_t raw[ED25519_BYTES])
{
    EVP_MD_CTX_reset(key->context);
    check(EVP_DigestVerifyInit(key->context, NULL, NULL, NULL, key->pair), "Ed25519");
    return EVP_DigestVerify(
               key->context, raw, ED25519_BYTES, content_join(content), content_len(content)) == 1;
}

/* Tries one key on all signatures of its scheme: for v1 the work does not grow with them. Returns
 * how many were there to be tried. */
static size_t try_key(struct signing_key *key, int index, struct content *content,
    struct candidate *candidates, size_t count)
{
    uint8_t expected[HMAC_BYTES];
    size_t tried = 0;
    for (size_t i = 0; i < count; i++) {
        struct signature_found *found = candidates[i].found;
        if (!found->well_formed || found->scheme != key->scheme)
            continue;
        if (key->scheme == SIGNATURE_V1 && !tried)
            compute_mac(key, content, expected);
        tried++;
        bool matches = key->scheme == SIGNATURE_V1
                           ? CRYPTO_memcmp(expected, candidates[i].raw, HMAC_BYTES) == 0
                           : found->key < 0 && matches_pair(key, content, candidates[i].raw);
        if (matches && found->key < 0)
            found->key = index;
    }
    return tried;
}

static enum signature_verdict why_none(const struct signature_report *report, size_t tried)
{
    bool known = false, well_formed = false;
    for (size_t i = 0; i < report->count; i++) {
        known = known || report->found[i].scheme != SIGNATURE_OTHER;
        well_formed = well_formed || report->found[i].well_formed;
    }
    return tried         ? SIGNATURE_MISMATCH
           : well_formed ? SIGNATURE_NO_KEY
           : known       ? SIGNATURE_BAD_SIGNATURE
                         : SIGNATURE_UNKNOWN_SCHEME;
}

static enum signature_verdict judge_signatures(struct signing_key *const *keys, size_t count,
    const struct signature_message *message, struct signature_report *report,
    struct candidate *candidates)
{
    struct content content;
    size_t tried = 0;
    bool valid = false;
    content_init(&content, message);
    for (size_t i = 0; i < count; i++)
        tried += try_key(keys[i], (int)i, &content, candidates, report->count);
    content_release(&content);
    for (size_t i = 0; i < report->count; i++)
        valid = valid || report->found[i].key >= 0;
    return valid ? SIGNATURE_VALID : why_none(report, tried);
}

static enum signature_verdict judge_time(int64_t timestamp_s, int64_t now_s, int64_t tolerance_s)
{
    int64_t age_s = now_s - timestamp_s;
    return age_s > tolerance_s    ? SIGNATURE_TOO_OLD
           : -age_s > tolerance_s ? SIGNATURE_IN_FUTURE
                                  : SIGNATURE_VALID;
}

static enum signature_verdict verify(struct signing_key *const *keys, size_t count,
    const struct signature_headers *headers, struct bytes body, struct signature_report *report)
{
    struct candidate candidates[SIGNATURES_MAX];
    report->timestamp_s = headers->timestamp ? parse_timestamp(headers->timestamp) : -1;
    bool split_up = headers->signatures && split(headers->signatures, report, candidates);
    if (!headers->id || !signature_id_valid(headers->id))
        return SIGNATURE_BAD_ID;
    if (report->timestamp_s < 0)
        return SIGNATURE_BAD_TIMESTAMP;
    if (!split_up)
        return SIGNATURE_BAD_HEADER;
    const struct signature_message message = {headers->id, report->timestamp_s, body};
    return judge_signatures(keys, count, &message, report, candidates);
}

enum signature_verdict signature_verify(struct signing_key *const *keys, size_t count,
    const struct signature_headers *headers, struct bytes body, int64_t now_s, int64_t tolerance_s,
    struct signature_report *ret_report)
{
    bug_on(now_s < 0 || tolerance_s < 0);
    struct signature_report report = {.timestamp_s = -1};
    enum signature_verdict verdict = verify(keys, count, headers, body, &report);
    if (verdict == SIGNATURE_VALID)
        verdict = judge_time(report.timestamp_s, now_s, tolerance_s);
    if (ret_report)
        *ret_report = report;
    return verdict;
}

const char *signature_verdict_text(enum signature_verdict verdict)
{
    static const char *const texts[] = {
        [SIGNATURE_VALID] = "the signature is valid",
        [SIGNATURE_BAD_ID] = "webhook-id is missing, empty or has a full stop",
        [SIGNATURE_BAD_TIMESTAMP] = "webhook-timestamp is missing or no number of seconds",
        [SIGNATURE_BAD_HEADER] = "webhook-signature is missing, too long or has too many",
        [SIGNATURE_UNKNOWN_SCHEME] = "there is no signature of a known scheme (v1, v1a)",
        [SIGNATURE_BAD_SIGNATURE] = "the signature is broken: cut off, or no base64",
        [SIGNATURE_NO_KEY] = "there is no secret for the schemes of the signatures",
        [SIGNATURE_MISMATCH] = "no signature matches",
        [SIGNATURE_TOO_OLD] = "the signature is right, but too old",
        [SIGNATURE_IN_FUTURE] = "the signature is right, but from the future",
    };
    return texts[verdict];
}
