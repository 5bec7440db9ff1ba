/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that never returns NULL. */
#include "common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

static void *checked(void *memory, size_t size)
{
    if (!memory)
        fatal("out of memory (%zu bytes wanted)", size);
    return memory;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1), size);
}

void *mem_array(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        fatal("out of memory (%zu times %zu bytes wanted)", count, size);
    return checked(realloc(old, bytes ? bytes : 1), bytes);
}

void *mem_dup(const void *data, size_t size)
{
    char *copy = mem_alloc(size + 1);
    if (size)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

char *mem_strdup(const char *text)
{
    return text ? mem_dup(text, strlen(text)) : NULL;
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        fatal("out of memory");
    return text;
}
