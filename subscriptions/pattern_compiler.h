/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the pattern compiler share: pattern_compile.c has objects and leaves,
 * pattern_operators.c what stands in the arrays of a leaf. */
#ifndef HOOKLINE_SUBSCRIPTIONS_PATTERN_COMPILER_H
#define HOOKLINE_SUBSCRIPTIONS_PATTERN_COMPILER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"
#include "subscriptions/pattern_tree.h"

struct pattern_compiler {
    struct buffer *pointer; /* to the value being read, RFC 6901 */
    struct error *error;
    size_t values; /* so far, of the whole pattern */
};

/* Says what is wrong where the pointer is. A macro as error_set() is, so that the analyzer sees that
 * it is false. */
#define pattern_fail(compiler, ...) error_set((compiler)->error, ERROR_CONFIG, __VA_ARGS__)

/* Move the pointer to a member or an element, and return what pattern_leave() wants. */
size_t pattern_enter(struct pattern_compiler *compiler, const char *name);
size_t pattern_enter_index(struct pattern_compiler *compiler, size_t index);
/* Moves it back, but leaves it at the fault where `good` is false. Returns `good`. */
bool pattern_leave(struct pattern_compiler *compiler, size_t before, bool good);

/* One value more; false where they are too many. */
must_check bool pattern_count_value(struct pattern_compiler *compiler);

/* Copies. */
void pattern_add_text(struct pattern_texts *texts, const char *data, size_t len, bool folded);
void pattern_add_number(struct pattern_numbers *numbers, const json_t *value);
/* For what pattern_match.c looks up by bisection. */
void pattern_sort_test(struct pattern_test *test);
/* A new one, empty; valid until the next. */
struct pattern_test *pattern_add_test(struct pattern_node *leaf);

/* Reads {"<operator>": …} into `leaf`. */
must_check bool pattern_read_operator(
    struct pattern_compiler *compiler, const json_t *object, struct pattern_node *leaf);

#endif
