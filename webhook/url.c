/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a URL, by libcurl's own parser, so that no two readings of one URL can differ. */
#include "webhook/url.h"

#include <curl/curl.h>

#include "common/memory.h"

char *url_host(const char *url)
{
    char *part = NULL, *host = NULL;
    CURLU *parsed = curl_url();
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &part, 0) == CURLUE_OK)
        host = mem_strdup(part);
    curl_free(part);
    curl_url_cleanup(parsed);
    return host;
}
