/* SPDX-License-Identifier: Apache-2.0 */
/* JSON written straight into a buffer, where a tree of values would be made only to be printed. */
#ifndef HOOKLINE_COMMON_JSON_TEXT_H
#define HOOKLINE_COMMON_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

/* A string with its quotes. Control characters (C0, DEL, C1) and line separators are escaped, bytes that
 * are not UTF-8 become U+FFFD, and what is longer than `max` bytes is cut at a character and ends in
 * U+2026. */
void json_text_add_string(struct buffer *out, const char *text, size_t max);
/* The name of an object's next member, with a comma where it is not the first. `name` is plain text; the
 * object's brace is in the buffer. */
void json_text_add_name(struct buffer *out, const char *name);
/* A whole number. */
void json_text_add_int(struct buffer *out, int64_t value);
/* Thousandths as a number with a fraction: 12345 is 12.345, 12000 is 12.0. */
void json_text_add_thousandths(struct buffer *out, int64_t value);

#endif
