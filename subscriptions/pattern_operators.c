/* SPDX-License-Identifier: Apache-2.0 */
/* The operators of a pattern, compiled. */
#include <arpa/inet.h>
#include <math.h>
#include <sys/socket.h>

#include "common/memory.h"
#include "common/text.h"
#include "subscriptions/pattern.h"
#include "subscriptions/pattern_compiler.h"

#define IGNORE_CASE "equals-ignore-case"

/* --- Strings, ranges and networks ----------------------------------------------------------- */

/* "a\*b*c": the text between the stars that are not behind a backslash. */
static bool read_wildcard(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    const char *from = json_string_value(value), *end = from + json_string_length(value);
    struct buffer part = BUFFER_INIT;
    bool good = true;
    test->kind = PATTERN_WILDCARD;
    for (const char *p = from; good && p < end; p++) {
        if (*p == '*' && p > from && p[-1] == '*' && part.len == 0 && test->texts.count) {
            good = pattern_fail(compiler, "consecutive * at byte %td", p - from);
        } else if (*p == '*') {
            pattern_add_text(&test->texts, buffer_text(&part), part.len, false);
            buffer_clear(&part);
            if (test->texts.count > PATTERN_WILDCARDS_MAX)
                good =
                    pattern_fail(compiler, "more than %d * in one wildcard", PATTERN_WILDCARDS_MAX);
        } else if (*p == '\\' && (p[1] == '*' || p[1] == '\\')) {
            buffer_add(&part, ++p, 1);
        } else if (*p == '\\') {
            good = pattern_fail(compiler,
                "a backslash at byte %td with neither * nor a backslash behind it", p - from);
        } else {
            buffer_add(&part, p, 1);
        }
    }
    pattern_add_text(&test->texts, buffer_text(&part), part.len, false);
    buffer_release(&part);
    return good;
}

static bool need_string(struct pattern_compiler *compiler, const json_t *value)
{
    if (!json_is_string(value))
        return pattern_fail(compiler, "not a string");
    return pattern_count_value(compiler);
}

/* The only member of an object. */
static bool read_only_member(struct pattern_compiler *compiler, const json_t *object,
    const char **ret_name, const json_t **ret_value)
{
    void *member = json_object_iter((json_t *)object); /* jansson's iterators may write */
    if (json_object_size(object) != 1)
        return pattern_fail(compiler, "%s",
            member ? "more than one operator in an object"
                   : "an empty object: an operator is missing");
    *ret_name = json_object_iter_key(member);
    *ret_value = json_object_iter_value(member);
    return true;
}

/* A string, or {"equals-ignore-case": string}. */
static bool read_affix(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    size_t before = compiler->pointer->len;
    if (json_is_object(value)) {
        const char *name;
        if (!read_only_member(compiler, value, &name, &value))
            return false;
        pattern_enter(compiler, name);
        if (strcmp(name, IGNORE_CASE) != 0)
            return pattern_fail(compiler, "unknown here: only " IGNORE_CASE " is");
        test->any_case = true;
    }
    if (!need_string(compiler, value))
        return false;
    pattern_add_text(
        &test->texts, json_string_value(value), json_string_length(value), test->any_case);
    return pattern_leave(compiler, before, true);
}

static bool read_prefix(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    test->kind = PATTERN_PREFIX;
    return read_affix(compiler, value, test);
}

static bool read_suffix(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    test->kind = PATTERN_SUFFIX;
    return read_affix(compiler, value, test);
}

static bool read_ignore_case(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    test->kind = PATTERN_EQUAL;
    test->any_case = true;
    if (!need_string(compiler, value))
        return false;
    pattern_add_text(&test->texts, json_string_value(value), json_string_length(value), true);
    return true;
}

static bool read_one_wildcard(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    return need_string(compiler, value) && read_wildcard(compiler, value, test);
}

struct bounds {
    bool low, high, equal;
};

static bool read_comparison(struct pattern_compiler *compiler, const json_t *sign,
    pattern_number number, struct pattern_test *test, struct bounds *bounds)
{
    const char *text = json_is_string(sign) ? json_string_value(sign) : "";
    bool open = strlen(text) == 1;
    if (strcmp(text, "=") == 0) {
        bounds->equal = true;
        test->range.low = test->range.high = number;
        return true;
    }
    if (strcmp(text, ">") == 0 || strcmp(text, ">=") == 0) {
        if (bounds->low)
            return pattern_fail(compiler, "a second lower limit");
        bounds->low = true;
        test->range.low = number;
        test->range.above_low = open;
        return true;
    }
    if (strcmp(text, "<") == 0 || strcmp(text, "<=") == 0) {
        if (bounds->high)
            return pattern_fail(compiler, "a second upper limit");
        bounds->high = true;
        test->range.high = number;
        test->range.below_high = open;
        return true;
    }
    return pattern_fail(compiler, "not one of =, <, <=, > and >=");
}

static bool read_numeric(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    struct bounds bounds = {false, false, false};
    size_t count = json_array_size(value);
    if (count != 2 && count != 4)
        return pattern_fail(compiler,
            "not an array of one or two comparisons, as in [\">=\", 30] or [\">\", 0, \"<\", 5]");
    test->kind = PATTERN_NUMERIC;
    test->range.low = -INFINITY;
    test->range.high = INFINITY;
    for (size_t i = 0; i < count; i += 2) {
        const json_t *number = json_array_get(value, i + 1);
        size_t before = pattern_enter_index(compiler, i + 1);
        if (!json_is_number(number))
            return pattern_fail(compiler, "not a number");
        if (!pattern_count_value(compiler))
            return false;
        pattern_leave(compiler, before, true);
        before = pattern_enter_index(compiler, i);
        if (!read_comparison(
                compiler, json_array_get(value, i), pattern_number_of(number), test, &bounds))
            return false;
        pattern_leave(compiler, before, true);
    }
    if (bounds.equal && count == 4)
        return pattern_fail(compiler, "= stands alone");
    bool open = test->range.above_low || test->range.below_high;
    if (test->range.low > test->range.high || (open && test->range.low == test->range.high))
        return pattern_fail(compiler, "no number is in this range");
    return true;
}

static bool read_cidr(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    static const char wrong[] =
        "not a network: an IPv4 or IPv6 address, / and the number of its leading bits, as in "
        "10.0.0.0/8 or 2001:db8::/32";
    char address[INET6_ADDRSTRLEN];
    if (!need_string(compiler, value))
        return false;
    const char *text = json_string_value(value), *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof address ||
        strlen(text) != json_string_length(value))
        return pattern_fail(compiler, "%s", wrong);
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    int64_t bits;
    test->kind = PATTERN_CIDR;
    test->network.family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (!text_matches_set(slash + 1, 3, "0-9") || !text_parse_int(slash + 1, &bits) ||
        bits > (test->network.family == AF_INET ? 32 : 128) ||
        inet_pton(test->network.family, address, test->network.address) != 1)
        return pattern_fail(compiler, "%s", wrong);
    test->network.bits = (unsigned)bits;
    return true;
}

/* --- anything-but --------------------------------------------------------------------------- */

static bool add_inner_wildcard(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    test->inner = mem_array(test->inner, test->inner_count + 1, sizeof *test->inner);
    struct pattern_test *inner = &test->inner[test->inner_count++];
    *inner = (struct pattern_test){0};
    return read_wildcard(compiler, value, inner);
}

/* A string behind one of anything-but's operators. */
static bool add_but_text(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    if (!need_string(compiler, value))
        return false;
    if (test->kind == PATTERN_WILDCARDS)
        return add_inner_wildcard(compiler, value, test);
    if (json_string_length(value) == 0 && test->kind != PATTERN_EQUAL)
        return pattern_fail(compiler, "is empty: every string has that");
    pattern_add_text(
        &test->texts, json_string_value(value), json_string_length(value), test->any_case);
    return true;
}

/* A plain value of anything-but: all strings, or all numbers. */
static bool add_but_value(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    if (!json_is_string(value) && !json_is_number(value))
        return pattern_fail(compiler, "neither a string nor a number");
    if (!pattern_count_value(compiler))
        return false;
    if (json_is_string(value) ? test->numbers.count : test->texts.count)
        return pattern_fail(compiler, "strings and numbers in one list");
    if (json_is_number(value)) {
        test->kind = PATTERN_NUMBER;
        pattern_add_number(&test->numbers, value);
    } else {
        pattern_add_text(&test->texts, json_string_value(value), json_string_length(value), false);
    }
    return true;
}

typedef bool add_value(struct pattern_compiler *, const json_t *value, struct pattern_test *);

static bool add_one_or_list(struct pattern_compiler *compiler, const json_t *value,
    struct pattern_test *test, add_value *add)
{
    if (!json_is_array(value))
        return add(compiler, value, test);
    if (json_array_size(value) == 0)
        return pattern_fail(compiler, "an empty list");
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t before = pattern_enter_index(compiler, i);
        if (!pattern_leave(compiler, before, add(compiler, json_array_get(value, i), test)))
            return false;
    }
    return true;
}

static const struct {
    const char *name;
    enum pattern_operator kind;
    bool any_case;
} but_operators[] = {
    {"prefix", PATTERN_PREFIX, false},
    {"suffix", PATTERN_SUFFIX, false},
    {IGNORE_CASE, PATTERN_EQUAL, true},
    {"wildcard", PATTERN_WILDCARDS, false},
};

static bool read_but_operator(
    struct pattern_compiler *compiler, const json_t *object, struct pattern_test *test)
{
    const char *name;
    const json_t *value;
    if (!read_only_member(compiler, object, &name, &value))
        return false;
    size_t before = pattern_enter(compiler, name);
    for (size_t i = 0; i < sizeof but_operators / sizeof but_operators[0]; i++) {
        if (strcmp(but_operators[i].name, name) != 0)
            continue;
        test->kind = but_operators[i].kind;
        test->any_case = but_operators[i].any_case;
        return pattern_leave(
            compiler, before, add_one_or_list(compiler, value, test, add_but_text));
    }
    return pattern_fail(
        compiler, "unknown here: only prefix, suffix, " IGNORE_CASE " and wildcard are");
}

static bool read_anything_but(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_test *test)
{
    test->kind = PATTERN_EQUAL;
    test->negated = true;
    if (json_is_object(value))
        return read_but_operator(compiler, value, test);
    if (!add_one_or_list(compiler, value, test, add_but_value))
        return false;
    pattern_sort_test(test);
    return true;
}

/* --- The table ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool (*read)(struct pattern_compiler *, const json_t *value, struct pattern_test *);
} operators[] = {
    {"prefix", read_prefix},
    {"suffix", read_suffix},
    {IGNORE_CASE, read_ignore_case},
    {"wildcard", read_one_wildcard},
    {"anything-but", read_anything_but},
    {"numeric", read_numeric},
    {"cidr", read_cidr},
};

static const char *const operator_names[] = {
    "prefix", "suffix", IGNORE_CASE, "wildcard", "anything-but", "numeric", "cidr", "exists", NULL};

static bool unknown_operator(struct pattern_compiler *compiler, const char *name)
{
    const char *nearest = text_nearest(name, operator_names);
    if (nearest)
        return pattern_fail(compiler, "no such operator; did you mean %s?", nearest);
    return pattern_fail(compiler, "no such operator: there are prefix, suffix, " IGNORE_CASE
                                  ", wildcard, anything-but, numeric, exists and cidr");
}

static bool read_exists(
    struct pattern_compiler *compiler, const json_t *value, struct pattern_node *leaf)
{
    if (!json_is_boolean(value))
        return pattern_fail(compiler, "neither true nor false");
    leaf->takes |= json_is_true(value) ? PATTERN_TAKES_ANY : PATTERN_TAKES_ABSENT;
    return pattern_count_value(compiler);
}

bool pattern_read_operator(
    struct pattern_compiler *compiler, const json_t *object, struct pattern_node *leaf)
{
    const char *name;
    const json_t *value;
    if (!read_only_member(compiler, object, &name, &value))
        return false;
    size_t before = pattern_enter(compiler, name);
    if (strcmp(name, "exists") == 0)
        return pattern_leave(compiler, before, read_exists(compiler, value, leaf));
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (strcmp(operators[i].name, name) == 0)
            return pattern_leave(
                compiler, before, operators[i].read(compiler, value, pattern_add_test(leaf)));
    return unknown_operator(compiler, name);
}
