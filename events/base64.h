/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4). */
#ifndef HOOKLINE_EVENTS_BASE64_H
#define HOOKLINE_EVENTS_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

/* Appends what `text` encodes to `out`. False where it is not strict: another character, wrong
 * padding, or bits set that belong to no byte; `out` may hold a part then. */
must_check bool event_base64_decode(const char *text, size_t len, struct buffer *out);

/* Returns new text. */
char *event_base64_encode(const void *data, size_t len);

#endif
