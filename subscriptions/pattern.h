/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: Amazon EventBridge event patterns ("Comparison operators for use in event patterns",
 * EventBridge user guide; arrays as in its library, github.com/aws/event-ruler). docs/filters.md
 * is the interface. Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_PATTERN_H
#define HOOKLINE_SUBSCRIPTIONS_PATTERN_H

#include <jansson.h>
#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"

/* Stated in docs/filters.md too. */
#define PATTERN_BYTES_MAX        8192 /* of the pattern as compact JSON */
#define PATTERN_DEPTH_MAX        32   /* objects in one another, the pattern itself being 1 */
#define PATTERN_VALUES_MAX       1000 /* values and operators' arguments, all together */
#define PATTERN_COMBINATIONS_MAX 1000 /* ways through the alternatives of all "$or" */
#define PATTERN_WILDCARDS_MAX    16   /* "*" in one wildcard */

/* The name that stands for the event's canonical type at the top of a pattern. Names that begin
 * with "hookline:" are reserved everywhere in a pattern. */
#define PATTERN_TYPE "hookline:type"

/* Compiled, immutable. */
struct pattern;

/* Compiles `json`, which is borrowed for the call only. Returns new, or NULL with the value at fault
 * as a JSON pointer in the text: "/duration/0/numeric: …" (ERROR_CONFIG). A key that is there twice
 * has to be refused by whoever parses the text: JSON_REJECT_DUPLICATES. */
must_check struct pattern *pattern_compile(const json_t *json, struct error *error);

/* The same for a pattern inside something larger: `pointer` says where ("/filter"), and on failure
 * leads to the fault, which is then not in the text. */
must_check struct pattern *pattern_compile_at(
    const json_t *json, struct buffer *pointer, struct error *error);

/* NULL is fine. */
void pattern_free(struct pattern *pattern);

/* Whether the event `body`, an object, of the canonical type `type` (NULL = it has none) is what
 * the pattern asks for. Does not allocate; its time is at most the size of the pattern times that
 * of the body. */
bool pattern_matches(const struct pattern *pattern, const json_t *body, const char *type);

#endif
