/* SPDX-License-Identifier: Apache-2.0 */
/* A request as it would be made, to be shown. */
#include "webhook/preview.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/memory.h"
#include "webhook/request.h"
#include "webhook/url.h"

struct preview {
    struct rendering rendering;
    struct webhook_request request;
    char *url;
};

struct preview *preview_new(const struct credentials *credentials,
    const struct webhook_delivery *delivery, struct error *error)
{
    const struct subscription *subscription = credentials->subscription;
    struct preview *preview = mem_zalloc(sizeof *preview);
    if (!rendering_make(&preview->rendering, subscription, delivery, error)) {
        free(preview);
        return NULL;
    }
    const char *token = subscription->auth.token_url ? SUBSCRIPTION_MASK : NULL;
    webhook_request_build(&preview->request, credentials, delivery, &preview->rendering, token);
    preview->url = url_shown(subscription->url);
    return preview;
}

void preview_free(struct preview *preview)
{
    if (!preview)
        return;
    rendering_release(&preview->rendering);
    free(preview->url);
    free(preview);
}

static const char *shown_value(const struct webhook_request *request, size_t i)
{
    return i < request->own_count ? request->headers[i].value : SUBSCRIPTION_MASK;
}

void preview_text(const struct preview *preview, struct buffer *out)
{
    const struct webhook_request *request = &preview->request;
    buffer_printf(out, "POST %s\n", preview->url);
    for (size_t i = 0; i < request->http.header_count; i++)
        buffer_printf(out, "%s: %s\n", request->headers[i].name, shown_value(request, i));
    buffer_add(out, "\n", 1);
    buffer_add(out, preview->rendering.body.data, preview->rendering.body.len);
    if (!out->len || out->data[out->len - 1] != '\n')
        buffer_add(out, "\n", 1);
}

json_t *preview_json(const struct preview *preview)
{
    json_t *json = json_object(), *headers = json_object();
    const struct bytes *body = &preview->rendering.body;
    const struct webhook_request *request = &preview->request;
    for (size_t i = 0; i < request->http.header_count; i++)
        json_set_or_fatal(headers, request->headers[i].name, json_string(shown_value(request, i)));
    json_set_or_fatal(json, "method", json_string("POST"));
    json_set_or_fatal(json, "url", json_string(preview->url));
    json_set_or_fatal(json, "headers", headers);
    json_set_or_fatal(json, "body", json_stringn(body->len ? body->data : "", body->len));
    return json;
}
