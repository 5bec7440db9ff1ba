/* SPDX-License-Identifier: Apache-2.0 */
/* A Kafka record as plain data, so that codecs and rules need not know the client library. */
#ifndef HOOKLINE_COMMON_RECORD_H
#define HOOKLINE_COMMON_RECORD_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    const void *data; /* NULL = absent, which is not the same as empty */
    size_t len;
};

/* A record header. In a struct record that we received, each value has a NUL behind its `len`
 * bytes (it may hold others inside). */
struct header {
    const char *name;
    struct bytes value;
};

struct record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1 = none */
    struct bytes key;
    struct bytes value;
    const struct header *headers;
    size_t header_count;
};

/* Returns new: a deep copy in one allocation, to be freed with free(). Key, value and header values
 * get a NUL behind them. */
struct record *record_copy(const struct record *record);

/* The bytes that record_copy() allocates for `record`. */
size_t record_size(const struct record *record);

/* The last header of that name (names compare exactly), or NULL. */
const struct header *record_header(const struct record *record, const char *name);

/* The value of the last header of that name as a string, or NULL if it is absent or holds a NUL.
 * Only for records whose header values end in a NUL. */
const char *record_header_text(const struct record *record, const char *name);

#endif
