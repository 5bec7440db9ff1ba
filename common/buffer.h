/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes, always with a NUL behind it. */
#ifndef HOOKLINE_COMMON_BUFFER_H
#define HOOKLINE_COMMON_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* NULL until the first byte; use buffer_text() for a string */
    size_t len;
    size_t cap;
};

#define BUFFER_INIT {NULL, 0, 0}

void buffer_release(struct buffer *buffer); /* frees; the buffer can be used again */
void buffer_clear(struct buffer *buffer);   /* empties, keeps the memory */
void buffer_reserve(struct buffer *buffer, size_t more);
void buffer_add(struct buffer *buffer, const void *data, size_t len);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The content as a string; "" when empty. Valid until the next change. */
const char *buffer_text(const struct buffer *buffer);
/* Returns the content, to be freed by the caller, and leaves the buffer empty. */
char *buffer_take(struct buffer *buffer);

#endif
