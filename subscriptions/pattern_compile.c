/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON to a compiled pattern. What is half built is freed by pattern_free() too. */
#include <stdlib.h>

#include "common/memory.h"
#include "common/text.h"
#include "subscriptions/pattern.h"
#include "subscriptions/pattern_compiler.h"

#define RESERVED "hookline:"
/* Of the sentence; a longer pointer is cut there, not in what pattern_compile_at() gives. */
#define POINTER_SHOWN 200

/* --- Where we are, and what is wrong there -------------------------------------------------- */

size_t pattern_enter(struct pattern_compiler *compiler, const char *name)
{
    size_t before = compiler->pointer->len;
    buffer_add(compiler->pointer, "/", 1);
    for (const char *p = name; *p; p++) {
        if (*p == '~')
            buffer_add(compiler->pointer, "~0", 2);
        else if (*p == '/')
            buffer_add(compiler->pointer, "~1", 2);
        else
            buffer_add(compiler->pointer, p, 1);
    }
    return before;
}

size_t pattern_enter_index(struct pattern_compiler *compiler, size_t index)
{
    size_t before = compiler->pointer->len;
    buffer_printf(compiler->pointer, "/%zu", index);
    return before;
}

/* After a failure the pointer stays where it is. */
bool pattern_leave(struct pattern_compiler *compiler, size_t before, bool good)
{
    if (good && before < compiler->pointer->len) {
        compiler->pointer->len = before;
        compiler->pointer->data[before] = '\0';
    }
    return good;
}

bool pattern_count_value(struct pattern_compiler *compiler)
{
    if (++compiler->values > PATTERN_VALUES_MAX)
        return pattern_fail(compiler, "more than %d values in the pattern", PATTERN_VALUES_MAX);
    return true;
}

/* --- Strings and numbers -------------------------------------------------------------------- */

void pattern_add_text(struct pattern_texts *texts, const char *data, size_t len, bool folded)
{
    texts->items = mem_array(texts->items, texts->count + 1, sizeof *texts->items);
    struct pattern_text *text = &texts->items[texts->count++];
    *text = (struct pattern_text){mem_dup(data, len), len};
    if (folded)
        pattern_fold(data, len, text->data);
}

void pattern_add_number(struct pattern_numbers *numbers, const json_t *value)
{
    numbers->items = mem_array(numbers->items, numbers->count + 1, sizeof *numbers->items);
    numbers->items[numbers->count++] = pattern_number_of(value);
}

static int by_text(const void *a, const void *b)
{
    const struct pattern_text *left = a, *right = b;
    return pattern_text_compare(left->data, left->len, right->data, right->len);
}

static int by_number(const void *a, const void *b)
{
    pattern_number left = *(const pattern_number *)a, right = *(const pattern_number *)b;
    return (left > right) - (left < right);
}

void pattern_sort_test(struct pattern_test *test)
{
    if (test->texts.count && test->kind == PATTERN_EQUAL)
        qsort(test->texts.items, test->texts.count, sizeof *test->texts.items, by_text);
    if (test->numbers.count)
        qsort(test->numbers.items, test->numbers.count, sizeof *test->numbers.items, by_number);
}

/* --- Leaves --------------------------------------------------------------------------------- */

struct pattern_test *pattern_add_test(struct pattern_node *leaf)
{
    leaf->tests = mem_array(leaf->tests, leaf->test_count + 1, sizeof *leaf->tests);
    struct pattern_test *test = &leaf->tests[leaf->test_count++];
    *test = (struct pattern_test){0};
    return test;
}

/* Plain strings and plain numbers are gathered in a test each. */
static bool read_element(struct pattern_compiler *compiler, const json_t *value,
    struct pattern_node *leaf, struct pattern_test *strings, struct pattern_test *numbers)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return pattern_read_operator(compiler, value, leaf);
    case JSON_ARRAY:
        return pattern_fail(compiler, "an array in an array");
    case JSON_STRING:
        pattern_add_text(
            &strings->texts, json_string_value(value), json_string_length(value), false);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        pattern_add_number(&numbers->numbers, value);
        break;
    case JSON_TRUE:
        leaf->takes |= PATTERN_TAKES_TRUE;
        break;
    case JSON_FALSE:
        leaf->takes |= PATTERN_TAKES_FALSE;
        break;
    case JSON_NULL:
        leaf->takes |= PATTERN_TAKES_NULL;
        break;
    }
    return pattern_count_value(compiler);
}

static bool read_leaf(
    struct pattern_compiler *compiler, const json_t *array, struct pattern_node *leaf)
{
    struct pattern_test strings = {.kind = PATTERN_EQUAL};
    struct pattern_test numbers = {.kind = PATTERN_NUMBER};
    bool good = true;
    leaf->leaf = true;
    if (json_array_size(array) == 0)
        return pattern_fail(compiler, "an empty array matches nothing");
    for (size_t i = 0; good && i < json_array_size(array); i++) {
        size_t before = pattern_enter_index(compiler, i);
        good = read_element(compiler, json_array_get(array, i), leaf, &strings, &numbers);
        pattern_leave(compiler, before, good);
    }
    pattern_sort_test(&strings);
    pattern_sort_test(&numbers);
    if (strings.texts.count)
        *pattern_add_test(leaf) = strings;
    if (numbers.numbers.count)
        *pattern_add_test(leaf) = numbers;
    return good;
}

/* --- Objects -------------------------------------------------------------------------------- */

struct place {
    unsigned depth;
    bool top; /* not inside a field: "hookline:type" can stand here */
};

static bool read_object(struct pattern_compiler *compiler, const json_t *object, struct place place,
    struct pattern_node *node, size_t *ret_combinations);

/* EventBridge multiplies a pattern out by its "$or"; we do not, but keep to its limit. */
static bool limit_combinations(struct pattern_compiler *compiler, size_t combinations)
{
    if (combinations <= PATTERN_COMBINATIONS_MAX)
        return true;
    return pattern_fail(compiler, "more than %d combinations of $or", PATTERN_COMBINATIONS_MAX);
}

static bool read_or(struct pattern_compiler *compiler, const json_t *array, struct place place,
    struct pattern_node *node, size_t *ret_combinations)
{
    size_t sum = 0, count = json_array_size(array);
    if (count < 2)
        return pattern_fail(compiler, "not an array of at least two patterns");
    place.depth++;
    node->alternatives = mem_array(NULL, count, sizeof *node->alternatives);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        size_t before = pattern_enter_index(compiler, i), combinations = 1;
        struct pattern_node *alternative = &node->alternatives[node->alternative_count++];
        *alternative = (struct pattern_node){0};
        bool good = json_is_object(value)
                        ? read_object(compiler, value, place, alternative, &combinations)
                        : pattern_fail(compiler, "not an object");
        if (!pattern_leave(compiler, before, good))
            return false;
        sum += combinations;
    }
    *ret_combinations = sum;
    return limit_combinations(compiler, sum);
}

static bool check_name(struct pattern_compiler *compiler, const char *name, struct place place)
{
    if (strncmp(name, RESERVED, sizeof RESERVED - 1) != 0)
        return true;
    if (strcmp(name, PATTERN_TYPE) != 0)
        return pattern_fail(compiler, "a reserved name: only " PATTERN_TYPE " is known");
    return place.top || pattern_fail(compiler, PATTERN_TYPE " stands at the top of a pattern only");
}

static bool read_field(struct pattern_compiler *compiler, const char *name, const json_t *value,
    struct place place, struct pattern_node *node, size_t *ret_combinations)
{
    bool type = strcmp(name, PATTERN_TYPE) == 0;
    if (!check_name(compiler, name, place))
        return false;
    if (!json_is_array(value) && (type || !json_is_object(value)))
        return pattern_fail(compiler, "%s",
            type ? "not an array of values"
                 : "neither an array of values nor an object of fields: "
                   "a single value is written [value]");
    node->members = mem_array(node->members, node->member_count + 1, sizeof *node->members);
    struct pattern_member *member = &node->members[node->member_count++];
    *member = (struct pattern_member){.name = mem_strdup(name), .type = type};
    if (json_is_array(value))
        return read_leaf(compiler, value, &member->node);
    struct place inside = {place.depth + 1, false};
    return read_object(compiler, value, inside, &member->node, ret_combinations);
}

/* Recursion is bounded by PATTERN_DEPTH_MAX. */
static bool read_object(struct pattern_compiler *compiler, const json_t *object, struct place place,
    struct pattern_node *node, size_t *ret_combinations)
{
    const char *name;
    json_t *value;
    size_t product = 1;
    if (place.depth > PATTERN_DEPTH_MAX)
        return pattern_fail(compiler, "nested deeper than %d", PATTERN_DEPTH_MAX);
    if (json_object_size(object) == 0)
        return pattern_fail(compiler, "an empty object: it asks for nothing");
    json_object_foreach((json_t *)object, name, value) {
        size_t before = pattern_enter(compiler, name), combinations = 1;
        bool or = strcmp(name, "$or") == 0;
        bool good = or ? read_or(compiler, value, place, node, &combinations)
                       : read_field(compiler, name, value, place, node, &combinations);
        product *= combinations; /* both are small enough */
        if (!pattern_leave(compiler, before, good && limit_combinations(compiler, product)))
            return false;
    }
    *ret_combinations = product;
    return true;
}

/* --- The whole ------------------------------------------------------------------------------ */

static bool check_whole(struct pattern_compiler *compiler, const json_t *json)
{
    if (!json_is_object(json))
        return pattern_fail(compiler, "a pattern is an object");
    if (json_dumpb(json, NULL, 0, JSON_COMPACT) > PATTERN_BYTES_MAX)
        return pattern_fail(compiler, "longer than %d bytes", PATTERN_BYTES_MAX);
    return true;
}

struct pattern *pattern_compile_at(const json_t *json, struct buffer *pointer, struct error *error)
{
    struct pattern_compiler compiler = {.pointer = pointer, .error = error};
    struct pattern *pattern = mem_zalloc(sizeof *pattern);
    size_t combinations;
    if (check_whole(&compiler, json) &&
        read_object(&compiler, json, (struct place){1, true}, &pattern->root, &combinations))
        return pattern;
    pattern_free(pattern);
    return NULL;
}

struct pattern *pattern_compile(const json_t *json, struct error *error)
{
    struct buffer pointer = BUFFER_INIT;
    struct pattern *pattern = pattern_compile_at(json, &pointer, error);
    if (!pattern && pointer.len) {
        size_t shown = text_utf8_cut(pointer.data, pointer.len, POINTER_SHOWN);
        error_prefix(error, "%.*s%s", (int)shown, pointer.data, shown < pointer.len ? "…" : "");
    }
    buffer_release(&pointer);
    return pattern;
}

static void release_test(struct pattern_test *test)
{
    for (size_t i = 0; i < test->texts.count; i++)
        free(test->texts.items[i].data);
    free(test->texts.items);
    free(test->numbers.items);
    for (size_t i = 0; i < test->inner_count; i++)
        release_test(&test->inner[i]);
    free(test->inner);
}

static void release_node(struct pattern_node *node)
{
    for (size_t i = 0; i < node->test_count; i++)
        release_test(&node->tests[i]);
    free(node->tests);
    for (size_t i = 0; i < node->member_count; i++) {
        release_node(&node->members[i].node);
        free(node->members[i].name);
    }
    free(node->members);
    for (size_t i = 0; i < node->alternative_count; i++)
        release_node(&node->alternatives[i]);
    free(node->alternatives);
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    release_node(&pattern->root);
    free(pattern);
}
