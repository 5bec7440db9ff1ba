/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of offsets, by cases and against a model that is too simple to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ranges.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NO_LIMIT     SIZE_MAX

/* Prints above base 0 and compares. */
static void expect(const char *name, const struct ranges *ranges, const char *text)
{
    struct buffer out = BUFFER_INIT;
    ranges_print(ranges, 0, NO_LIMIT, &out);
    if (strcmp(buffer_text(&out), text) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", name, buffer_text(&out), text);
    buffer_release(&out);
}

/* --- Changing ------------------------------------------------------------------------------- */

enum action { END, ADD, REMOVE, DROP };

static const struct {
    const char *name;
    struct {
        enum action action;
        int64_t from, to;
    } steps[6];
    const char *text;
} changes[] = {
    {"nothing", {{END}}, ""},
    {"one", {{ADD, 5, 7}}, "5+2"},
    {"from 0", {{ADD, 0, 1}}, "0+1"},
    {"empty and reversed", {{ADD, 5, 5}, {ADD, 7, 3}}, ""},
    {"apart", {{ADD, 5, 7}, {ADD, 8, 9}}, "5+2,1+1"},
    {"apart, downwards", {{ADD, 8, 9}, {ADD, 5, 7}}, "5+2,1+1"},
    {"behind", {{ADD, 5, 7}, {ADD, 7, 9}}, "5+4"},
    {"in front", {{ADD, 5, 7}, {ADD, 3, 5}}, "3+4"},
    {"between", {{ADD, 1, 3}, {ADD, 5, 7}, {ADD, 3, 5}}, "1+6"},
    {"inside", {{ADD, 1, 9}, {ADD, 3, 5}}, "1+8"},
    {"twice", {{ADD, 1, 9}, {ADD, 1, 9}}, "1+8"},
    {"across", {{ADD, 1, 3}, {ADD, 5, 7}, {ADD, 9, 12}, {ADD, 2, 10}}, "1+11"},
    {"over all", {{ADD, 2, 3}, {ADD, 5, 7}, {ADD, 9, 12}, {ADD, 1, 20}}, "1+19"},
    {"over the last two", {{ADD, 1, 3}, {ADD, 5, 7}, {ADD, 9, 12}, {ADD, 5, 30}}, "1+2,2+25"},
    {"remove the middle", {{ADD, 1, 9}, {REMOVE, 3, 5}}, "1+2,2+4"},
    {"remove the front", {{ADD, 1, 9}, {REMOVE, 0, 5}}, "5+4"},
    {"remove the end", {{ADD, 1, 9}, {REMOVE, 5, 9}}, "1+4"},
    {"remove one whole", {{ADD, 1, 3}, {ADD, 5, 7}, {ADD, 9, 12}, {REMOVE, 5, 7}}, "1+2,6+3"},
    {"remove between", {{ADD, 1, 3}, {ADD, 5, 7}, {REMOVE, 3, 5}}, "1+2,2+2"},
    {"remove across", {{ADD, 1, 3}, {ADD, 5, 7}, {ADD, 9, 12}, {REMOVE, 2, 10}}, "1+1,8+2"},
    {"remove from the end of one", {{ADD, 1, 3}, {ADD, 5, 9}, {REMOVE, 3, 6}}, "1+2,3+3"},
    {"remove all", {{ADD, 1, 3}, {ADD, 5, 7}, {REMOVE, INT64_MIN, INT64_MAX}}, ""},
    {"remove nothing", {{ADD, 1, 3}, {REMOVE, 2, 2}, {REMOVE, 3, 1}, {REMOVE, 9, 99}}, "1+2"},
    {"remove of nothing", {{REMOVE, 1, 2}}, ""},
    {"drop a part", {{ADD, 1, 3}, {ADD, 5, 7}, {DROP, 6, 0}}, "6+1"},
    {"drop one", {{ADD, 1, 3}, {ADD, 5, 7}, {DROP, 3, 0}}, "5+2"},
    {"drop up to one", {{ADD, 1, 3}, {ADD, 5, 7}, {DROP, 5, 0}}, "5+2"},
    {"drop nothing", {{ADD, 1, 3}, {DROP, 1, 0}, {DROP, -5, 0}, {DROP, INT64_MIN, 0}}, "1+2"},
    {"drop all", {{ADD, 1, 3}, {ADD, 5, 7}, {DROP, INT64_MAX, 0}}, ""},
};

static void changes_by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct ranges ranges = RANGES_INIT;
        for (size_t j = 0; j < COUNT(changes[i].steps); j++) {
            int64_t from = changes[i].steps[j].from, to = changes[i].steps[j].to;
            if (changes[i].steps[j].action == ADD)
                ranges_add(&ranges, from, to);
            else if (changes[i].steps[j].action == REMOVE)
                ranges_remove(&ranges, from, to);
            else if (changes[i].steps[j].action == DROP)
                ranges_drop_below(&ranges, from);
        }
        expect(changes[i].name, &ranges, changes[i].text);
        ranges_release(&ranges);
        expect("released", &ranges, "");
    }
}

/* --- Text ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int64_t base;
    const char *text;
    bool good;
} texts[] = {
    {"nothing", 7, "", true},
    {"one", 7, "3+2", true},
    {"at the base", 7, "0+2", true},
    {"two", 7, "0+2,1+1", true},
    {"long numbers", 0, "1000000000000+999999999999,1+1", true},
    {"up to the most", 0, "4611686018427387903+1", true},
    {"beyond the most", 0, "4611686018427387903+2", false},
    {"a gap beyond the most", 0, "4611686018427387905+1", false},
    {"the most by its base", (INT64_C(1) << 62) - 2, "1+1", true},
    {"beyond it by its base", (INT64_C(1) << 62) - 2, "1+2", false},
    {"a base beyond it", (INT64_C(1) << 62) + 1, "0+1", false},
    {"a base below 0", -1, "0+1", false},
    {"a sum that overflows", 1, "9223372036854775807+9223372036854775807", false},
    {"more than 64 bits", 0, "36893488147419103233+1", false},
    {"length 0", 0, "1+0", false},
    {"length absent", 0, "1+", false},
    {"gap absent", 0, "+1", false},
    {"only a number", 0, "1", false},
    {"a gap of 0 later", 0, "1+1,0+1", false},
    {"a comma at the end", 0, "1+1,", false},
    {"a comma in front", 0, ",1+1", false},
    {"two commas", 0, "1+1,,1+1", false},
    {"only a comma", 0, ",", false},
    {"a zero in front", 0, "01+1", false},
    {"a zero in front of a length", 0, "1+01", false},
    {"two zeros", 0, "00+1", false},
    {"a sign", 0, "-1+1", false},
    {"two signs", 0, "1++1", false},
    {"a space", 0, "1+1, 1+1", false},
    {"a space in front", 0, " 1+1", false},
    {"another separator", 0, "1+1;1+1", false},
    {"letters", 0, "a+b", false},
};

static void texts_by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct ranges ranges = RANGES_INIT;
        /* An own copy without a NUL, so that a sanitizer sees whoever reads on. */
        size_t len = strlen(texts[i].text);
        char *copy = len ? malloc(len) : NULL;
        if (copy)
            memcpy(copy, texts[i].text, len);
        if (ranges_parse(&ranges, texts[i].base, copy, len) != texts[i].good)
            fail_msg("%s: \"%s\"", texts[i].name, texts[i].text);
        if (!texts[i].good) {
            assert_int_equal(ranges.count, 0);
        } else {
            struct buffer out = BUFFER_INIT;
            ranges_print(&ranges, texts[i].base, len, &out);
            assert_string_equal(buffer_text(&out), texts[i].text);
            buffer_release(&out);
        }
        free(copy);
        ranges_release(&ranges);
    }
}

static void a_nul_is_no_end(void **state)
{
    (void)state;
    struct ranges ranges = RANGES_INIT;
    assert_false(ranges_parse(&ranges, 0, "1+1\0,1+1", 8));
    assert_false(ranges_parse(&ranges, 0, "1+1\0", 4));
    assert_int_equal(ranges.count, 0);
}

static void what_does_not_fit_is_left_out_from_the_top(void **state)
{
    (void)state;
    static const struct {
        size_t max;
        const char *text;
    } cases[] = {{0, ""}, {4, ""}, {5, "98+10"}, {8, "98+10"}, {9, "98+10,4+1"}, {12, "98+10,4+1"},
        {13, "98+10,4+1,7+2"}, {100, "98+10,4+1,7+2"}};
    struct ranges ranges = RANGES_INIT;
    ranges_add(&ranges, 100, 110);
    ranges_add(&ranges, 114, 115);
    ranges_add(&ranges, 122, 124);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer out = BUFFER_INIT;
        buffer_add_text(&out, "what stands there does not count: ");
        size_t start = out.len;
        ranges_print(&ranges, 2, cases[i].max, &out);
        assert_string_equal(buffer_text(&out) + start, cases[i].text);
        buffer_release(&out);
    }
    ranges_release(&ranges);
}

/* --- Against a model ------------------------------------------------------------------------ */

#define OFFSETS 200

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

static void same(const struct ranges *ranges, const bool *model)
{
    int64_t gap = OFFSETS, next = -1;
    for (int64_t i = OFFSETS - 1; i >= 0; i--) {
        gap = model[i] ? gap : i;
        next = model[i] ? i : next;
        assert_int_equal(ranges_contain(ranges, i), model[i]);
        assert_int_equal(ranges_next_gap(ranges, i), gap);
        assert_int_equal(ranges_next(ranges, i), next);
    }
    for (size_t i = 0; i < ranges->count; i++) {
        assert_true(ranges->items[i].from < ranges->items[i].to);
        assert_true(i == 0 || ranges->items[i - 1].to < ranges->items[i].from);
    }
}

static void comes_back(const struct ranges *ranges, uint64_t *random)
{
    struct buffer out = BUFFER_INIT;
    struct ranges copy = RANGES_INIT;
    int64_t base = ranges->count ? draw(random, (uint32_t)ranges->items[0].from + 1) : 0;
    ranges_print(ranges, base, NO_LIMIT, &out);
    assert_true(ranges_parse(&copy, base, out.data, out.len));
    assert_int_equal(copy.count, ranges->count);
    if (copy.count)
        assert_memory_equal(copy.items, ranges->items, copy.count * sizeof *copy.items);
    ranges_release(&copy);
    buffer_release(&out);
}

static void like_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        bool model[OFFSETS] = {false};
        struct ranges ranges = RANGES_INIT;
        uint64_t random = seed * 7919;
        uint32_t longest = seed % 2 ? 4 : 60;
        for (int turn = 0; turn < 500; turn++) {
            int64_t from = draw(&random, OFFSETS), to = from + draw(&random, longest);
            to = to < OFFSETS ? to : OFFSETS;
            bool add = draw(&random, 100) < 55, drop = draw(&random, 60) == 0;
            if (drop)
                ranges_drop_below(&ranges, from);
            else if (add)
                ranges_add(&ranges, from, to);
            else
                ranges_remove(&ranges, from, to);
            for (int64_t i = drop ? 0 : from; i < (drop ? from : to); i++)
                model[i] = add && !drop;
            same(&ranges, model);
            comes_back(&ranges, &random);
        }
        ranges_release(&ranges);
    }
}

/* Texts with one byte changed, or cut: either refused or the same text again. */
static void mutated_texts(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789+,-. x";
    static const char text[] = "12+3,1+10,100+1,7+4611686018427387";
    uint64_t random = 1;
    for (int turn = 0; turn < 20000; turn++) {
        char mutant[sizeof text];
        memcpy(mutant, text, sizeof text);
        size_t len = draw(&random, sizeof text);
        for (uint32_t n = draw(&random, 4); n > 0 && len; n--)
            mutant[draw(&random, (uint32_t)len)] = alphabet[draw(&random, sizeof alphabet)];
        struct ranges ranges = RANGES_INIT;
        if (ranges_parse(&ranges, 5, mutant, len)) {
            struct buffer out = BUFFER_INIT;
            ranges_print(&ranges, 5, NO_LIMIT, &out);
            assert_int_equal(out.len, len);
            assert_memory_equal(buffer_text(&out), mutant, len);
            buffer_release(&out);
        } else {
            assert_int_equal(ranges.count, 0);
        }
        ranges_release(&ranges);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_by_cases),
        cmocka_unit_test(texts_by_cases),
        cmocka_unit_test(a_nul_is_no_end),
        cmocka_unit_test(what_does_not_fit_is_left_out_from_the_top),
        cmocka_unit_test(like_the_model),
        cmocka_unit_test(mutated_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
