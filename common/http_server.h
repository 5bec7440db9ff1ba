/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server on the loop, over libmicrohttpd: for probes, the receiver and the admin
 * API. Answers may be given later than the call. */
#ifndef HOOKLINE_COMMON_HTTP_SERVER_H
#define HOOKLINE_COMMON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"

struct http_server;
struct http_exchange;

struct http_server_options {
    const char *listen; /* "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses); port 0 = any */
    size_t max_body_bytes;    /* larger request bodies are answered 413 */
    unsigned max_connections; /* 0 = 1024 */
    unsigned idle_timeout_s;  /* 0 = 60 */
    const char *certificate;  /* of TLS: PEM, those of its issuers behind it; NULL = plain HTTP */
    const char *private_key;  /* and its key, PEM */
};

/* Called on the loop once a whole request is there. The handler answers with http_exchange_answer(),
 * at once or later; until then the exchange and its request stay valid. Each exchange has to be
 * answered, even if the client or the server is gone by then (its headers and query are, too). */
typedef void http_handler(struct http_exchange *exchange, void *arg);

/* Returns new, listening; NULL with a text that names the address, or says that certificate and key are
 * not right. The texts of the options are copied. */
must_check struct http_server *http_server_new(struct loop *loop,
    const struct http_server_options *options, http_handler *handler, void *arg,
    struct error *error);
/* Answers 503 to what is still open, closes and frees; NULL is fine. Not inside a handler. */
void http_server_free(struct http_server *server);
/* The address that is really bound, "127.0.0.1:43210". Borrowed. */
const char *http_server_address(const struct http_server *server);
uint16_t http_server_port(const struct http_server *server);

const char *http_exchange_method(const struct http_exchange *exchange);
const char *http_exchange_path(const struct http_exchange *exchange); /* decoded, without query */
/* A query parameter, decoded, or NULL; "" if it is there without a value. */
const char *http_exchange_query(const struct http_exchange *exchange, const char *name);
/* A request header (names compare without case), or NULL. */
const char *http_exchange_header(const struct http_exchange *exchange, const char *name);
/* Calls `fn` for each request header, in the order received. */
void http_exchange_headers(const struct http_exchange *exchange,
    void (*fn)(const char *name, const char *value, void *arg), void *arg);
const void *http_exchange_body(const struct http_exchange *exchange, size_t *ret_len);

/* Adds a header to the answer to come; left out if it holds a line feed. */
void http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value);
/* Answers, once, with a status from 200 to 599; the body is copied; `content_type` may be NULL. The
 * exchange is gone afterwards. Calls no handler: the answer goes out on the loop. */
void http_exchange_answer(struct http_exchange *exchange, int status, const char *content_type,
    const void *body, size_t len);

#endif
