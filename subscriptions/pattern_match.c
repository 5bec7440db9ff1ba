/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an event is what a pattern asks for. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "subscriptions/pattern.h"
#include "subscriptions/pattern_tree.h"

/* A value of the event that is neither object nor array. */
struct simple {
    json_type type; /* also JSON_OBJECT: there is no simple value */
    const char *text;
    size_t len;
    pattern_number number;
};

/* In rising order: of alternatives the highest counts. ABSENT: it matches only because fields are
 * not there, so that no element of an array has been chosen yet. */
enum answer { ANSWER_NO, ANSWER_ABSENT, ANSWER_YES };

/* --- One value ------------------------------------------------------------------------------ */

static bool in_texts(const struct pattern_texts *texts, const struct simple *value)
{
    size_t low = 0, high = texts->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pattern_text *text = &texts->items[middle];
        int order = pattern_text_compare(value->text, value->len, text->data, text->len);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool in_numbers(const struct pattern_numbers *numbers, pattern_number value)
{
    size_t low = 0, high = numbers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (value == numbers->items[middle])
            return true;
        if (value < numbers->items[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool same_text(
    const struct pattern_test *test, const char *at, const struct pattern_text *text)
{
    return test->any_case ? pattern_fold_equals(at, text->data, text->len)
                          : memcmp(at, text->data, text->len) == 0;
}

/* `at` may be in the middle of a character, where nothing well-formed begins. */
static bool ends_with(
    const struct pattern_test *test, const struct simple *value, const struct pattern_text *text)
{
    const char *at = value->text + (value->len - text->len);
    bool inside = text->len && ((unsigned char)*at & 0xc0) == 0x80;
    return !inside && same_text(test, at, text);
}

static bool matches_texts(const struct pattern_test *test, const struct simple *value)
{
    for (size_t i = 0; i < test->texts.count; i++) {
        const struct pattern_text *text = &test->texts.items[i];
        if (value->len < text->len || (test->kind == PATTERN_EQUAL && value->len != text->len))
            continue;
        if (test->kind == PATTERN_SUFFIX ? ends_with(test, value, text)
                                         : same_text(test, value->text, text))
            return true;
    }
    return false;
}

/* The parts between the stars: the first and the last stand at the ends, and of the others each is
 * taken where it comes first, which leaves the most room to the next: no need to go back. */
static bool matches_wildcard(const struct pattern_texts *parts, const struct simple *value)
{
    const struct pattern_text *first = &parts->items[0], *last = &parts->items[parts->count - 1];
    if (parts->count == 1)
        return value->len == first->len && memcmp(value->text, first->data, first->len) == 0;
    if (value->len < first->len + last->len || memcmp(value->text, first->data, first->len) != 0 ||
        memcmp(value->text + (value->len - last->len), last->data, last->len) != 0)
        return false;
    const char *at = value->text + first->len, *end = value->text + (value->len - last->len);
    for (size_t i = 1; i + 1 < parts->count; i++) {
        const struct pattern_text *part = &parts->items[i];
        at = memmem(at, (size_t)(end - at), part->data, part->len);
        if (!at)
            return false;
        at += part->len;
    }
    return true;
}

static bool in_network(const struct pattern_test *test, const struct simple *value)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (value->len >= sizeof text || memchr(value->text, '\0', value->len))
        return false;
    memcpy(text, value->text, value->len);
    text[value->len] = '\0';
    if (inet_pton(test->network.family, text, address) != 1)
        return false;
    unsigned bytes = test->network.bits / 8, rest = test->network.bits % 8;
    if (memcmp(address, test->network.address, bytes) != 0)
        return false;
    return rest == 0 || (address[bytes] ^ test->network.address[bytes]) >> (8 - rest) == 0;
}

static bool in_range(const struct pattern_test *test, pattern_number value)
{
    return (test->range.above_low ? value > test->range.low : value >= test->range.low) &&
           (test->range.below_high ? value < test->range.high : value <= test->range.high);
}

static bool matches_inner(const struct pattern_test *test, const struct simple *value)
{
    for (size_t i = 0; i < test->inner_count; i++)
        if (matches_wildcard(&test->inner[i].texts, value))
            return true;
    return false;
}

static bool is_what_is_said(const struct pattern_test *test, const struct simple *value)
{
    bool text = value->type == JSON_STRING;
    bool number = value->type == JSON_INTEGER || value->type == JSON_REAL;
    switch (test->kind) {
    case PATTERN_EQUAL:
        if (!test->any_case)
            return text && in_texts(&test->texts, value);
        return text && matches_texts(test, value);
    case PATTERN_PREFIX:
    case PATTERN_SUFFIX:
        return text && matches_texts(test, value);
    case PATTERN_WILDCARD:
        return text && matches_wildcard(&test->texts, value);
    case PATTERN_WILDCARDS:
        return text && matches_inner(test, value);
    case PATTERN_NUMBER:
        return number && in_numbers(&test->numbers, value->number);
    case PATTERN_NUMERIC:
        return number && in_range(test, value->number);
    case PATTERN_CIDR:
        return text && in_network(test, value);
    }
    return false;
}

static unsigned taken_by(json_type type)
{
    switch (type) {
    case JSON_NULL:
        return PATTERN_TAKES_ANY | PATTERN_TAKES_NULL;
    case JSON_TRUE:
        return PATTERN_TAKES_ANY | PATTERN_TAKES_TRUE;
    case JSON_FALSE:
        return PATTERN_TAKES_ANY | PATTERN_TAKES_FALSE;
    default:
        return PATTERN_TAKES_ANY;
    }
}

static enum answer match_leaf(const struct pattern_node *leaf, const struct simple *value)
{
    if (value->type == JSON_OBJECT)
        return leaf->takes & PATTERN_TAKES_ABSENT ? ANSWER_ABSENT : ANSWER_NO;
    if (leaf->takes & taken_by(value->type))
        return ANSWER_YES;
    for (size_t i = 0; i < leaf->test_count; i++)
        if (is_what_is_said(&leaf->tests[i], value) != leaf->tests[i].negated)
            return ANSWER_YES;
    return ANSWER_NO;
}

/* --- Objects and arrays --------------------------------------------------------------------- */

/* Nothing simple is at a field that is not there, nor at one that has an object. */
static struct simple simple_of(const json_t *value)
{
    struct simple simple = {.type = value ? json_typeof(value) : JSON_OBJECT};
    if (simple.type == JSON_STRING) {
        simple.text = json_string_value(value);
        simple.len = json_string_length(value);
    } else if (json_is_number(value)) {
        simple.number = pattern_number_of(value);
    }
    return simple;
}

static struct simple simple_of_type(const char *type)
{
    if (!type)
        return (struct simple){.type = JSON_OBJECT};
    return (struct simple){.type = JSON_STRING, .text = type, .len = strlen(type)};
}

static enum answer match_value(
    const struct pattern_node *node, const json_t *value, const char *type);

static enum answer match_member(
    const struct pattern_member *member, const json_t *object, const char *type)
{
    if (!member->type)
        return match_value(&member->node, json_object_get(object, member->name), type);
    struct simple simple = simple_of_type(type);
    return match_leaf(&member->node, &simple);
}

static enum answer match_alternatives(
    const struct pattern_node *node, const json_t *object, const char *type)
{
    enum answer best = ANSWER_NO;
    for (size_t i = 0; i < node->alternative_count && best != ANSWER_YES; i++) {
        enum answer answer = match_value(&node->alternatives[i], object, type);
        best = answer > best ? answer : best;
    }
    return best;
}

/* `object` may be NULL: then its members are absent. */
static enum answer match_object(
    const struct pattern_node *node, const json_t *object, const char *type)
{
    enum answer all = ANSWER_ABSENT;
    for (size_t i = 0; i < node->member_count; i++) {
        enum answer answer = match_member(&node->members[i], object, type);
        if (answer == ANSWER_NO)
            return ANSWER_NO;
        all = answer > all ? answer : all;
    }
    if (node->alternative_count == 0)
        return all;
    enum answer answer = match_alternatives(node, object, type);
    return answer == ANSWER_NO || answer > all ? answer : all;
}

/* An element that has something of what is asked for, and lacks what must be absent, is enough.
 * Where nothing but absence is asked for, no element may have it. */
static enum answer match_array(
    const struct pattern_node *node, const json_t *array, const char *type)
{
    size_t count = json_array_size(array);
    bool all_absent = true;
    if (count == 0)
        return match_value(node, NULL, type);
    for (size_t i = 0; i < count; i++) {
        enum answer answer = match_value(node, json_array_get(array, i), type);
        if (answer == ANSWER_YES)
            return ANSWER_YES;
        all_absent = all_absent && answer == ANSWER_ABSENT;
    }
    return all_absent ? ANSWER_ABSENT : ANSWER_NO;
}

/* Recursion is bounded by the depth of the body, which its parser limits, and of the pattern. */
static enum answer match_value(
    const struct pattern_node *node, const json_t *value, const char *type)
{
    if (json_is_array(value))
        return match_array(node, value, type);
    if (!node->leaf)
        return match_object(node, json_is_object(value) ? value : NULL, type);
    struct simple simple = simple_of(value);
    return match_leaf(node, &simple);
}

bool pattern_matches(const struct pattern *pattern, const json_t *body, const char *type)
{
    return match_value(&pattern->root, body, type) != ANSWER_NO;
}
