/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a URL, by libcurl's own parser, so that no two readings of one URL can differ. */
#include "webhook/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define PROXY_PORT     1080
#define TLS_PROXY_PORT 443

static char *part_of(CURLU *parsed, CURLUPart what, unsigned flags)
{
    char *part = NULL, *copy = NULL;
    if (curl_url_get(parsed, what, &part, flags) == CURLUE_OK)
        copy = mem_strdup(part);
    curl_free(part);
    return copy;
}

static CURLU *parse(const char *url, unsigned flags)
{
    CURLU *parsed = curl_url();
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, flags) == CURLUE_OK)
        return parsed;
    curl_url_cleanup(parsed);
    return NULL;
}

char *url_host(const char *url)
{
    CURLU *parsed = parse(url, 0);
    char *host = parsed ? part_of(parsed, CURLUPART_HOST, 0) : NULL;
    curl_url_cleanup(parsed);
    return host;
}

char *url_shown(const char *url)
{
    CURLU *parsed = parse(url, 0);
    if (!parsed)
        return mem_strdup("***");
    char *scheme = part_of(parsed, CURLUPART_SCHEME, 0);
    char *host = part_of(parsed, CURLUPART_HOST, 0);
    char *port = part_of(parsed, CURLUPART_PORT, 0);
    char *path = part_of(parsed, CURLUPART_PATH, 0);
    char *query = part_of(parsed, CURLUPART_QUERY, 0);
    char *shown = mem_printf("%s://%s%s%s%s%s", scheme ? scheme : "", host ? host : "",
        port ? ":" : "", port ? port : "", path ? path : "/", query ? "?***" : "");
    free(scheme);
    free(host);
    free(port);
    free(path);
    free(query);
    curl_url_cleanup(parsed);
    return shown;
}

static struct url_origin origin_of(CURLU *parsed, unsigned port_flags, int default_port)
{
    struct url_origin origin = {NULL, default_port, false, false};
    struct in_addr four;
    origin.host = part_of(parsed, CURLUPART_HOST, CURLU_PUNYCODE);
    char *port = part_of(parsed, CURLUPART_PORT, port_flags);
    if (port)
        origin.port = (int)strtol(port, NULL, 10);
    free(port);
    if (origin.host)
        origin.is_address = origin.host[0] == '[' || inet_pton(AF_INET, origin.host, &four) == 1;
    return origin;
}

struct url_origin url_origin(const char *url)
{
    struct url_origin origin = {NULL, 0, false, false};
    CURLU *parsed = parse(url, 0);
    char *scheme = parsed ? part_of(parsed, CURLUPART_SCHEME, 0) : NULL;
    if (scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
        origin = origin_of(parsed, CURLU_DEFAULT_PORT, 0);
    origin.is_https = scheme && strcmp(scheme, "https") == 0;
    free(scheme);
    curl_url_cleanup(parsed);
    return origin;
}

struct url_origin url_proxy_origin(const char *proxy)
{
    struct url_origin origin = {NULL, 0, false, false};
    CURLU *parsed = parse(proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
    char *scheme = parsed ? part_of(parsed, CURLUPART_SCHEME, 0) : NULL;
    if (scheme)
        origin = origin_of(parsed, 0, strcmp(scheme, "https") == 0 ? TLS_PROXY_PORT : PROXY_PORT);
    free(scheme);
    curl_url_cleanup(parsed);
    return origin;
}

void url_origin_release(struct url_origin *origin)
{
    free(origin->host);
    *origin = (struct url_origin){NULL, 0, false, false};
}
