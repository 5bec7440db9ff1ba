/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as text. */
#ifndef HOOKLINE_WEBHOOK_FORMATS_JSON_TEXT_H
#define HOOKLINE_WEBHOOK_FORMATS_JSON_TEXT_H

#include <jansson.h>

#include "common/buffer.h"
#include "common/record.h"
#include "common/text.h"

/* Appends compact JSON; numbers keep their value, not their spelling. */
void json_text_add(struct buffer *out, const json_t *value);

/* A string, number, boolean or null (which is empty) as text, in `number` where it is a number. Numbers are as JSON
 * writes them: 100.0 is another than 100. */
struct bytes json_text_scalar(const json_t *value, char number[TEXT_AMOUNT_SIZE]);

#endif
