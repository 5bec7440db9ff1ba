/* SPDX-License-Identifier: Apache-2.0 */
/* How the targets take their inputs apart: as text, so that a person can write and read them. Parts have a line "----"
 * between them; a record's headers are lines "name: value", and a key is the line "key: …" of a record. */
#ifndef HOOKLINE_FUZZ_INPUT_H
#define HOOKLINE_FUZZ_INPUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_HEADERS_MAX 32

struct input {
    const char *data;
    size_t len;
};

/* The next part; an empty one when there is none. */
struct bytes input_part(struct input *input);

/* A record as a reader gives it, with headers (and a key) from one part and the value from another. In storage of
 * *ret_storage: free both. */
struct input_record {
    struct record record;
    struct header headers[INPUT_HEADERS_MAX];
    char *text, *value;
};
void input_record(struct bytes headers, struct bytes value, struct input_record *ret_storage);
void input_record_release(struct input_record *storage);

/* The JSON that a part holds, or NULL. Returns new. */
json_t *input_json(struct bytes part);
/* A part as a string. Returns new. */
char *input_text(struct bytes part);

#endif
