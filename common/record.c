/* SPDX-License-Identifier: Apache-2.0 */
/* A Kafka record as plain data. */
#include "common/record.h"

#include <stdbool.h>
#include <string.h>

#include "common/memory.h"

size_t record_size(const struct record *record)
{
    size_t size = sizeof *record + record->header_count * sizeof *record->headers;
    size += strlen(record->topic) + 1 + record->key.len + 1 + record->value.len + 1;
    for (size_t i = 0; i < record->header_count; i++)
        size += strlen(record->headers[i].name) + 1 + record->headers[i].value.len + 1;
    return size;
}

static const void *append(char **end, const void *data, size_t len)
{
    if (!data)
        return NULL;
    char *at = *end;
    memcpy(at, data, len);
    at[len] = '\0';
    *end += len + 1;
    return at;
}

struct record *record_copy(const struct record *record)
{
    struct record *copy = mem_alloc(record_size(record));
    struct header *headers = (struct header *)(copy + 1);
    char *end = (char *)(headers + record->header_count);

    *copy = *record;
    copy->headers = headers;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct header *from = &record->headers[i];
        headers[i].name = append(&end, from->name, strlen(from->name));
        headers[i].value.data = append(&end, from->value.data, from->value.len);
        headers[i].value.len = from->value.len;
    }
    copy->topic = append(&end, record->topic, strlen(record->topic));
    copy->key.data = append(&end, record->key.data, record->key.len);
    copy->value.data = append(&end, record->value.data, record->value.len);
    return copy;
}

const struct header *record_header(const struct record *record, const char *name)
{
    for (size_t i = record->header_count; i-- > 0;)
        if (strcmp(record->headers[i].name, name) == 0)
            return &record->headers[i];
    return NULL;
}

const char *record_header_text(const struct record *record, const char *name)
{
    const struct header *header = record_header(record, name);
    if (!header || !header->value.data || memchr(header->value.data, '\0', header->value.len))
        return NULL;
    return header->value.data;
}
