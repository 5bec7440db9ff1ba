/* SPDX-License-Identifier: Apache-2.0 */
/* application/x-www-form-urlencoded (URL Standard, 5.2): an object, flat, with dots for what is nested. */
#ifndef HOOKLINE_WEBHOOK_FORMATS_FORM_H
#define HOOKLINE_WEBHOOK_FORMATS_FORM_H

#include <jansson.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

/* Appends `object` to `out`. False (ERROR_PERMANENT) as soon as that has more than `max` bytes. */
must_check bool form_add(struct buffer *out, const json_t *object, size_t max, struct error *error);

/* Appends one text, encoded. */
void form_encode(struct buffer *out, const char *text, size_t len);

#endif
