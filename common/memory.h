/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that never returns NULL: without memory the process aborts, and Kafka redelivers. The
 * price is that whoever allocates for outsiders states a bound. Everything is freed with free(). */
#ifndef HOOKLINE_COMMON_MEMORY_H
#define HOOKLINE_COMMON_MEMORY_H

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
/* An array of `count` elements, or the old one resized; overflow of the product aborts. */
void *mem_array(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
/* A copy of `size` bytes with a NUL behind them, so that it is a string if they were text. */
void *mem_dup(const void *data, size_t size) __attribute__((malloc, returns_nonnull));
/* A copy of a string; NULL stays NULL. */
char *mem_strdup(const char *text);
char *mem_printf(const char *format, ...)
    __attribute__((malloc, format(printf, 1, 2), returns_nonnull));

#endif
