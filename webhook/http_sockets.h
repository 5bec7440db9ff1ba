/* SPDX-License-Identifier: Apache-2.0 */
/* curl's sockets and timer on the loop. Part of the HTTP client. */
#ifndef HOOKLINE_WEBHOOK_HTTP_SOCKETS_H
#define HOOKLINE_WEBHOOK_HTTP_SOCKETS_H

#include <curl/curl.h>

#include "common/loop.h"

struct http_sockets;

/* Drives `multi` from now on. Transfers may end whenever the loop turns: look for them right before
 * it waits. Free it after the multi handle. */
struct http_sockets *http_sockets_new(struct loop *loop, CURLM *multi);
void http_sockets_free(struct http_sockets *sockets);

/* What is due at once, without waiting for the loop's next turn. */
void http_sockets_hurry(struct http_sockets *sockets);

/* Must be CURLOPT_CLOSESOCKETFUNCTION of every handle, with the sockets as its data. */
int http_sockets_close(void *arg, curl_socket_t fd);

#endif
