/* SPDX-License-Identifier: Apache-2.0 */
/* POSTs over TLS: to whom, and that a new connection takes up the session of an old one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../raw_server.h"
#include "../waiting.h"
#include "webhook/http_client.h"

static struct fixture {
    struct loop *loop;
    struct http_client *client;
    struct raw_server server;
    SSL_CTX *tls;
    char url[80], ca_file[64];
    atomic_int handshakes, resumed;
} fixture;

/* --- A server ------------------------------------------------------------------------------- */

/* One request a connection, so that each needs another. */
static void serve(struct raw_server *server, int fd)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    char request[4096];
    (void)server;
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL *ssl = SSL_new(fixture.tls);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        atomic_fetch_add(&fixture.handshakes, 1);
        atomic_fetch_add(&fixture.resumed, SSL_session_reused(ssl));
        int len = 0, n;
        while ((n = SSL_read(ssl, request + len, (int)sizeof request - 1 - len)) > 0) {
            len += n;
            request[len] = '\0';
            if (strstr(request, "\r\n\r\n{}"))
                break;
        }
        SSL_write(ssl, answer, sizeof answer - 1);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

/* For 127.0.0.1, signed by itself; also written to `ca_file`. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, (const unsigned char *)"hookline test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void make_server(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    fixture.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(fixture.tls, certificate);
    SSL_CTX_use_PrivateKey(fixture.tls, key);
    snprintf(fixture.ca_file, sizeof fixture.ca_file, "/tmp/hookline-test-XXXXXX");
    FILE *file = fdopen(mkstemp(fixture.ca_file), "w");
    assert_non_null(file);
    PEM_write_X509(file, certificate);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    raw_server_start(&fixture.server, serve, NULL);
    snprintf(fixture.url, sizeof fixture.url, "https://127.0.0.1:%u/hook", fixture.server.port);
}

static void new_client(const char *ca_file)
{
    struct error error = ERROR_INIT;
    struct http_client_options options = {.guard = {.allow_http = true, .allow_private = true},
        .ca_file = ca_file,
        .max_answer_bytes = 65536};
    http_client_free(fixture.client);
    fixture.client = http_client_new(fixture.loop, &options, &error);
    if (!fixture.client)
        fail_msg("%s", error.text);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    fixture.loop = loop_new();
    make_server();
    new_client(fixture.ca_file);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(fixture.client);
    raw_server_stop(&fixture.server);
    SSL_CTX_free(fixture.tls);
    loop_free(fixture.loop);
    unlink(fixture.ca_file);
    return 0;
}

/* --- Requests ------------------------------------------------------------------------------- */

struct got {
    int calls;
    enum http_fault fault;
    int status;
    char detail[256];
    bool reused;
    int64_t tls_us;
};

static void keep(void *arg, const struct http_answer *answer)
{
    struct got *got = arg;
    got->calls++;
    got->fault = answer->fault;
    got->status = answer->status;
    snprintf(got->detail, sizeof got->detail, "%s", answer->detail);
    got->reused = answer->reused;
    got->tls_us = answer->tls_us;
}

static bool answered(void *arg)
{
    return ((struct got *)arg)->calls > 0;
}

static struct got post(struct http_target *target)
{
    struct got got = {0};
    struct http_request request = {.target = target,
        .url = fixture.url,
        .body = "{}",
        .body_len = 2,
        .connect_timeout_ms = 10000,
        .timeout_ms = 30000};
    http_client_post(fixture.client, &request, keep, &got);
    assert_true(run_until(fixture.loop, answered, &got));
    return got;
}

static void good(const struct got *got)
{
    if (got->fault != HTTP_ANSWERED)
        fail_msg("%s", got->detail);
    assert_int_equal(got->status, 200);
    assert_false(got->reused);
    assert_true(got->tls_us > 0);
}

static void sessions_are_resumed(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&fixture.handshakes, 0);
        atomic_store(&fixture.resumed, 0);
        SSL_CTX_set_min_proto_version(fixture.tls, versions[i]);
        SSL_CTX_set_max_proto_version(fixture.tls, versions[i]);
        struct http_target *target = http_target_new(fixture.client);
        for (int n = 0; n < 5; n++) {
            struct got got = post(target);
            good(&got);
        }
        http_target_free(target);
        assert_int_equal(atomic_load(&fixture.handshakes), 5);
        assert_int_equal(atomic_load(&fixture.resumed), 4);
    }
}

/* Not only by the handle that began it. */
static void sessions_are_the_targets(void **state)
{
    (void)state;
    struct got got[4] = {{0}};
    struct http_target *target = http_target_new(fixture.client);
    struct http_request request = {
        .target = target, .url = fixture.url, .body = "{}", .body_len = 2, .timeout_ms = 30000};
    struct got first = post(target);
    good(&first);
    for (int i = 0; i < 4; i++)
        http_client_post(fixture.client, &request, keep, &got[i]);
    for (int i = 0; i < 4; i++) {
        assert_true(run_until(fixture.loop, answered, &got[i]));
        good(&got[i]);
    }
    http_target_free(target);
    assert_int_equal(atomic_load(&fixture.handshakes), 5);
    assert_true(atomic_load(&fixture.resumed) >= 1); /* of TLS 1.3 each ticket serves once */
}

static void a_stranger_is_refused(void **state)
{
    (void)state;
    new_client(NULL);
    struct got got = post(NULL);
    assert_int_equal(got.fault, HTTP_TLS);
    assert_true(got.detail[0] != '\0');
    assert_int_equal(atomic_load(&fixture.handshakes), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sessions_are_resumed),
        TEST(sessions_are_the_targets),
        TEST(a_stranger_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
