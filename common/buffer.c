/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes. */
#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer)BUFFER_INIT;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(buffer->len, more, &need) || need == (size_t)-1)
        fatal("out of memory (buffer of %zu bytes and %zu more)", buffer->len, more);
    need++;
    if (need <= buffer->cap)
        return;
    size_t cap = buffer->cap < 64 ? 64 : buffer->cap;
    while (cap < need)
        cap += cap / 2;
    buffer->data = mem_array(buffer->data, cap, 1);
    buffer->cap = cap;
}

void buffer_add(struct buffer *buffer, const void *data, size_t len)
{
    buffer_reserve(buffer, len);
    if (len)
        memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    bug_on(n < 0);
    buffer_reserve(buffer, (size_t)n);
    va_start(args, format);
    vsnprintf(buffer->data + buffer->len, (size_t)n + 1, format, args);
    va_end(args);
    buffer->len += (size_t)n;
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}

char *buffer_take(struct buffer *buffer)
{
    char *data = buffer->data ? buffer->data : mem_strdup("");
    *buffer = (struct buffer)BUFFER_INIT;
    return data;
}
