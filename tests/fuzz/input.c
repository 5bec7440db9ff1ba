/* SPDX-License-Identifier: Apache-2.0 */
/* How the targets take their inputs apart. */
#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static const char separator[] = "\n----\n";

struct bytes input_part(struct input *input)
{
    size_t len = sizeof separator - 1;
    const char *end = input->len ? memmem(input->data, input->len, separator, len) : NULL;
    struct bytes part = {input->data, end ? (size_t)(end - input->data) : input->len};
    size_t taken = part.len + (end ? len : 0);
    input->data += taken;
    input->len -= taken;
    return part;
}

/* Cuts a line off `*text`; a NUL takes the place of its end. */
static char *next_line(char **text)
{
    char *line = *text, *end = strchrnul(line, '\n');
    *text = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

void input_record(struct bytes headers, struct bytes value, struct input_record *ret_storage)
{
    struct input_record *storage = ret_storage;
    *storage = (struct input_record){.record = {.topic = "events", .timestamp_ms = 1772439245318}};
    storage->text = mem_dup(headers.data, headers.len);
    storage->value = mem_dup(value.data, value.len);
    char *text = storage->text;
    size_t count = 0;
    while (*text && count < INPUT_HEADERS_MAX) {
        char *line = next_line(&text), *colon = strstr(line, ": ");
        if (!colon)
            continue;
        *colon = '\0';
        struct bytes bytes = {colon + 2, strlen(colon + 2)};
        if (strcmp(line, "key") == 0)
            storage->record.key = bytes;
        else
            storage->headers[count++] = (struct header){line, bytes};
    }
    storage->record.headers = storage->headers;
    storage->record.header_count = count;
    storage->record.value = (struct bytes){storage->value, value.len};
}

void input_record_release(struct input_record *storage)
{
    free(storage->text);
    free(storage->value);
}

json_t *input_json(struct bytes part)
{
    return json_loadb(
        part.data, part.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
}

char *input_text(struct bytes part)
{
    return mem_dup(part.data, part.len);
}
