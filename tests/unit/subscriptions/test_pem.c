/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys in PEM: which are taken, and what is said of the others, which quotes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "subscriptions/pem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SAMPLES      3 /* the last one of RSA */

static const char no_certificate[] = "no certificate in PEM (-----BEGIN CERTIFICATE-----)";
static const char no_key[] =
    "no private key in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)";
static const char no_pair[] =
    "client_key is not the key of the first certificate of client_certificate";

static struct sample {
    char *certificate, *key, *encrypted, *traditional, *public_key;
} samples[SAMPLES];

/* --- Samples ---------------------------------------------------------------------------------- */

static char *take_text(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = mem_dup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

static char *make_certificate(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(
        X509_getm_notAfter(certificate), -3600); /* whether it is valid now is no question here */
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    X509_free(certificate);
    return take_text(bio);
}

static char *make_key(EVP_PKEY *key, const EVP_CIPHER *cipher, bool traditional)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char passphrase[] = "secret";
    char *given = cipher ? passphrase : NULL;
    int written = traditional
                      ? PEM_write_bio_PrivateKey_traditional(bio, key, cipher, NULL, 0, NULL, given)
                      : PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, NULL, 0, NULL, given);
    assert_int_equal(written, 1);
    return take_text(bio);
}

static int make_samples(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        EVP_PKEY *key = i == SAMPLES - 1 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
        samples[i] = (struct sample){
            .certificate = make_certificate(key),
            .key = make_key(key, NULL, false),
            .encrypted = make_key(key, EVP_aes_128_cbc(), false),
            .traditional = make_key(key, NULL, true),
            .public_key = take_text(bio),
        };
        EVP_PKEY_free(key);
    }
    return 0;
}

static int free_samples(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        free(samples[i].certificate);
        free(samples[i].key);
        free(samples[i].encrypted);
        free(samples[i].traditional);
        free(samples[i].public_key);
    }
    return 0;
}

/* The texts one after the other. Returns new. */
static char *join(const char *first, const char *second, const char *third)
{
    return mem_printf("%s%s%s", first, second, third);
}

static char *repeat(const char *text, int count)
{
    struct buffer buffer = BUFFER_INIT;
    for (int i = 0; i < count; i++)
        buffer_add_text(&buffer, text);
    return buffer_take(&buffer);
}

/* --- Checks ------------------------------------------------------------------------------------- */

typedef bool check(const char *text, struct error *error);

/* Of `text`, which is taken; `expected` NULL = it is good. Nothing is left behind in libcrypto's queue of errors. */
static void expect(check *checked, char *text, const char *expected)
{
    struct error error = ERROR_INIT;
    bool good = checked(text, &error);
    if (good != !expected)
        fail_msg("%s: %s", good ? "good" : error.text, text);
    if (expected) {
        assert_string_equal(error.text, expected);
        assert_int_equal(error.kind, ERROR_CONFIG);
    }
    assert_int_equal(ERR_peek_error(), 0);
    free(text);
}

static void certificates(void **state)
{
    (void)state;
    const char *one = samples[0].certificate, *other = samples[1].certificate;
    check *checked = pem_check_certificates;
    char *cut = mem_dup(one, strlen(one) / 2);
    char *bad = join(one, "", "");
    memset(strchr(bad, '\n') + 20, 'A', 20); /* base64, but of no certificate */
    expect(checked, mem_strdup(one), NULL);
    expect(checked, join(one, other, samples[2].certificate), NULL);
    expect(checked, join("# of a friend\n", one, "\nnotes\n"), NULL);
    expect(checked, repeat(one, 16), NULL);
    expect(checked, repeat(one, 17), "more than 16 certificates");
    expect(checked, mem_strdup(""), no_certificate);
    expect(checked, mem_strdup("certificate"), no_certificate);
    expect(checked, mem_strdup(samples[0].key), no_certificate);
    expect(checked, join(cut, "", ""), "certificate 1 is broken");
    expect(checked, join(one, cut, ""), "certificate 2 is broken");
    expect(checked, join(cut, one, ""), "certificate 1 is broken");
    expect(checked, join(one, bad, other), "certificate 2 is broken");
    free(cut);
    free(bad);
}

static void keys(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        char *cut = mem_dup(sample->key, strlen(sample->key) / 2);
        expect(pem_check_key, mem_strdup(sample->key), NULL);
        expect(pem_check_key, mem_strdup(sample->traditional), NULL);
        expect(pem_check_key, join(sample->certificate, sample->key, ""), NULL);
        expect(pem_check_key, mem_strdup(sample->encrypted), no_key); /* and nobody is asked */
        expect(pem_check_key, mem_strdup(sample->public_key), no_key);
        expect(pem_check_key, mem_strdup(sample->certificate), no_key);
        expect(pem_check_key, cut, no_key);
    }
    expect(pem_check_key, mem_strdup(""), no_key);
    expect(pem_check_key,
        mem_strdup("-----BEGIN PRIVATE KEY-----\nc2hvcnQ=\n-----END PRIVATE KEY-----\n"), no_key);
}

/* The key is that of the first certificate; those behind it are its authorities'. */
static void pairs(void **state)
{
    (void)state;
    char *chain = join(samples[0].certificate, samples[2].certificate, "");
    char *wrong_order = join(samples[2].certificate, samples[0].certificate, "");
    const struct {
        const char *certificate, *key;
        bool good;
    } rows[] = {
        {samples[0].certificate, samples[0].key, true},
        {samples[0].certificate, samples[0].traditional, true},
        {samples[2].certificate, samples[2].key, true},
        {chain, samples[0].key, true},
        {wrong_order, samples[0].key, false},
        {samples[0].certificate, samples[1].key, false}, /* of the same kind */
        {samples[0].certificate, samples[2].key, false},
        {samples[0].certificate, samples[0].encrypted, false},
        {samples[0].certificate, samples[0].public_key, false},
        {samples[0].certificate, "", false},
        {"", samples[0].key, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error error = ERROR_INIT;
        if (pem_check_pair(rows[i].certificate, rows[i].key, &error) != rows[i].good)
            fail_msg("row %zu", i);
        if (!rows[i].good)
            assert_string_equal(error.text, no_pair);
        assert_int_equal(ERR_peek_error(), 0);
    }
    free(chain);
    free(wrong_order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(keys),
        cmocka_unit_test(pairs),
    };
    return cmocka_run_group_tests(tests, make_samples, free_samples);
}
