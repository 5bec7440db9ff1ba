/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a URL, as the HTTP client itself understands them. */
#ifndef HOOKLINE_WEBHOOK_URL_H
#define HOOKLINE_WEBHOOK_URL_H

/* The host of `url`, without port and user, or NULL. Returns new. */
char *url_host(const char *url);

#endif
