/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a URL, as the HTTP client itself understands them. */
#ifndef HOOKLINE_WEBHOOK_URL_H
#define HOOKLINE_WEBHOOK_URL_H

#include <stdbool.h>

/* The host of `url`, without port and user, or NULL. Returns new. */
char *url_host(const char *url);

/* `url` without what may be secret in it: user, query and fragment. A query shows as "?***"; what is no URL
 * as "***". Returns new. */
char *url_shown(const char *url);

/* Where a connection goes. */
struct url_origin {
    char *host; /* in ASCII; NULL = none */
    int port;
    bool is_address; /* not a name: nothing has to be resolved */
    bool is_https;
};

/* That of an http or https URL; one without a host otherwise. Release it. */
struct url_origin url_origin(const char *url);
/* That of a proxy, which needs no scheme and has curl's default port. */
struct url_origin url_proxy_origin(const char *proxy);
void url_origin_release(struct url_origin *origin);

#endif
