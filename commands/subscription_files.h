/* SPDX-License-Identifier: Apache-2.0 */
/* What a file of subscriptions names by further files, so that it can be kept where secrets cannot: docs/contract.md,
 * "Values in files of their own". */
#ifndef HOOKLINE_COMMANDS_SUBSCRIPTION_FILES_H
#define HOOKLINE_COMMANDS_SUBSCRIPTION_FILES_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"

/* Puts the content of the files that the subscriptions of `json` (an array, {"subscriptions": […]}, or one alone) name
 * into the places where it belongs. Names are relative to the directory of `file` ("-": to where we are). False (ERROR_CONFIG, with the JSON
 * pointer and the file) if one cannot be read, or the value stands there too. */
must_check bool subscription_files_read(json_t *json, const char *file, struct error *error);

#endif
