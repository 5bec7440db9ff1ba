/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as XML 1.0 (Fifth Edition), so that every value can be read back. docs/formats.md has the rules. */
#ifndef HOOKLINE_WEBHOOK_FORMATS_XML_H
#define HOOKLINE_WEBHOOK_FORMATS_XML_H

#include <jansson.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

/* Appends a document whose root, <event>, is `object`. False (ERROR_PERMANENT) as soon as `out` has more than
 * `max` bytes. */
must_check bool xml_add(struct buffer *out, const json_t *object, size_t max, struct error *error);

#endif
