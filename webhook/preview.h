/* SPDX-License-Identifier: Apache-2.0 */
/* A request as it would be made, to be shown: what may be secret in it is masked. Pure. */
#ifndef HOOKLINE_WEBHOOK_PREVIEW_H
#define HOOKLINE_WEBHOOK_PREVIEW_H

#include <jansson.h>

#include "common/buffer.h"
#include "common/error.h"
#include "webhook/credentials.h"
#include "webhook/rendering.h"

struct preview;

/* Returns new, or NULL where the event cannot be rendered (ERROR_PERMANENT). Borrows both. */
must_check struct preview *preview_new(const struct credentials *credentials,
    const struct webhook_delivery *delivery, struct error *error);
/* NULL is fine. */
void preview_free(struct preview *preview);

/* Method and URL, a line for each header, an empty one, the body, and the end of its line. */
void preview_text(const struct preview *preview, struct buffer *out);
/* {"method","url","headers":{…},"body"}. Returns new. */
json_t *preview_json(const struct preview *preview);

#endif
