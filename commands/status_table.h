/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer's page /endpoints says, as a table for a terminal. Pure. */
#ifndef HOOKLINE_COMMANDS_STATUS_TABLE_H
#define HOOKLINE_COMMANDS_STATUS_TABLE_H

#include <jansson.h>

#include "common/buffer.h"

/* Appends the table and a line about the process. Fields that are missing are shown as "-", control
 * characters as "?". Lines are cut to `columns` characters; 0 = they are not. */
void status_table_print(const json_t *answer, size_t columns, struct buffer *out);

#endif
