/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters that are looked for and put back, as the API asks. Private to console/. */
#ifndef HOOKLINE_CONSOLE_LETTERS_H
#define HOOKLINE_CONSOLE_LETTERS_H

#include "console/api.h"
#include "console/call.h"
#include "dead_letters/item.h"

/* Ends what is looked for. */
void looks_cancel(struct api *api);
/* Ends what is put back, after the batch that is under way. */
void replays_stop(struct api *api);
/* Nothing is put back any more. */
void replays_free(struct api *api);

/* "3-1234", as letters are named in paths. */
must_check bool letter_place_read(const char *text, int64_t *ret_partition, int64_t *ret_offset);
/* A dead letter as the API shows it: with "place". Returns new. */
json_t *letter_json(const struct dead_letter_item *item, bool body);

#endif
