/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys in PEM. */
#include "subscriptions/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define CERTIFICATES_MAX 16

static BIO *open_text(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, (int)strlen(text));
    if (!bio)
        fatal("out of memory");
    return bio;
}

/* Without a terminal: nobody is asked. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static X509 *read_certificate(BIO *bio)
{
    return PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
}

static EVP_PKEY *read_key(const char *text)
{
    BIO *bio = open_text(text);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    return key;
}

/* Whether reading stopped since there is nothing more, and not at something broken. */
static bool reached_end(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

bool pem_check_certificates(const char *text, struct error *error)
{
    BIO *bio = open_text(text);
    X509 *certificate;
    int count = 0;
    ERR_clear_error();
    while (count <= CERTIFICATES_MAX && (certificate = read_certificate(bio))) {
        X509_free(certificate);
        count++;
    }
    bool broken = count <= CERTIFICATES_MAX && !reached_end();
    ERR_clear_error();
    BIO_free(bio);
    if (broken)
        return error_set(error, ERROR_CONFIG, "certificate %d is broken", count + 1);
    if (count == 0)
        return error_set(
            error, ERROR_CONFIG, "no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    if (count > CERTIFICATES_MAX)
        return error_set(error, ERROR_CONFIG, "more than %d certificates", CERTIFICATES_MAX);
    return true;
}

bool pem_check_key(const char *text, struct error *error)
{
    EVP_PKEY *key = read_key(text);
    bool good = key;
    ERR_clear_error();
    EVP_PKEY_free(key);
    return good || error_set(error, ERROR_CONFIG,
                       "no private key in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)");
}

bool pem_check_pair(const char *text, const char *key_text, struct error *error)
{
    BIO *bio = open_text(text);
    X509 *certificate = read_certificate(bio);
    EVP_PKEY *key = read_key(key_text);
    bool good = certificate && key && X509_check_private_key(certificate, key) == 1;
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(certificate);
    BIO_free(bio);
    return good || error_set(error, ERROR_CONFIG,
                       "client_key is not the key of the first certificate of client_certificate");
}
