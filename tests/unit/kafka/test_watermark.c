/* SPDX-License-Identifier: Apache-2.0 */
/* The low watermark, by cases and against a model that is too simple to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kafka/watermark.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum action { END, TAKE, REFUSED, DONE, COVER };

struct step {
    enum action action;
    int64_t offset;
    int64_t low;    /* afterwards */
    size_t pending; /* afterwards: above the low watermark and not done */
};

static const struct test_case {
    const char *name;
    struct step steps[12];
} cases[] = {
    {"in order", {{TAKE, 0, 0, 1}, {DONE, 0, 1, 0}, {TAKE, 1, 1, 1}, {TAKE, 2, 1, 2},
                     {DONE, 1, 2, 1}, {DONE, 2, 3, 0}}},
    {"out of order", {{TAKE, 5, 5, 1}, {TAKE, 6, 5, 2}, {TAKE, 7, 5, 3}, {DONE, 7, 5, 2},
                         {DONE, 6, 5, 1}, {DONE, 5, 8, 0}}},
    {"gaps count as done", {{TAKE, 10, 10, 1}, {TAKE, 20, 10, 2}, {TAKE, 21, 10, 3},
                               {DONE, 10, 20, 2}, {DONE, 21, 20, 1}, {DONE, 20, 22, 0}}},
    {"a gap in front of what comes next",
        {{TAKE, 3, 3, 1}, {DONE, 3, 4, 0}, {TAKE, 100, 100, 1}, {DONE, 100, 101, 0}}},
    {"unknown offsets change nothing",
        {{DONE, 0, -1, 0}, {DONE, -1, -1, 0}, {TAKE, 4, 4, 1}, {TAKE, 6, 4, 2}, {DONE, 5, 4, 2},
            {DONE, 3, 4, 2}, {DONE, 7, 4, 2}, {DONE, INT64_MAX, 4, 2}, {DONE, 4, 6, 1}}},
    {"done twice", {{TAKE, 1, 1, 1}, {TAKE, 2, 1, 2}, {DONE, 2, 1, 1}, {DONE, 2, 1, 1},
                       {DONE, 1, 3, 0}, {DONE, 1, 3, 0}, {DONE, 2, 3, 0}}},
    {"only upwards",
        {{REFUSED, -1, -1, 0}, {TAKE, 9, 9, 1}, {REFUSED, 9, 9, 1}, {REFUSED, 8, 9, 1},
            {REFUSED, 0, 9, 1}, {DONE, 9, 10, 0}, {REFUSED, 9, 10, 0}, {TAKE, 10, 10, 1}}},
    {"covered is passed", {{TAKE, 1, 1, 1}, {TAKE, 2, 1, 2}, {TAKE, 3, 1, 3}, {COVER, 2, 1, 3},
                              {DONE, 1, 3, 1}, {COVER, 3, 4, 0}}},
    {"done after covered", {{TAKE, 1, 1, 1}, {TAKE, 2, 1, 2}, {COVER, 2, 1, 2}, {DONE, 2, 1, 1},
                               {COVER, 2, 1, 1}, {COVER, 1, 3, 0}, {DONE, 1, 3, 0}}},
    {"covered and unknown", {{COVER, 5, -1, 0}, {TAKE, 4, 4, 1}, {COVER, 5, 4, 1}, {COVER, 3, 4, 1},
                                {COVER, INT64_MIN, 4, 1}, {DONE, 4, 5, 0}, {COVER, 4, 5, 0}}},
};

static void count_open(void *arg, int64_t offset, uint32_t tag, bool done)
{
    (void)offset;
    (void)tag;
    *(size_t *)arg += !done;
}

static size_t pending_of(const struct watermark *mark)
{
    size_t pending = 0;
    watermark_each(mark, 0, count_open, &pending);
    return pending;
}

static void by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct watermark mark;
        watermark_init(&mark);
        assert_int_equal(watermark_low(&mark), -1);
        for (const struct step *step = cases[i].steps; step->action != END; step++) {
            if (step->action == DONE)
                watermark_done(&mark, step->offset);
            else if (step->action == COVER)
                watermark_cover(&mark, step->offset);
            else
                assert_int_equal(watermark_take(&mark, step->offset), step->action == TAKE);
            if (watermark_low(&mark) != step->low || pending_of(&mark) != step->pending)
                fail_msg("%s, step %td: low %jd, pending %zu", cases[i].name, step - cases[i].steps,
                    (intmax_t)watermark_low(&mark), pending_of(&mark));
        }
        watermark_release(&mark);
    }
}

static void release_begins_anew(void **state)
{
    (void)state;
    struct watermark mark;
    watermark_init(&mark);
    assert_true(watermark_take(&mark, 1000));
    watermark_release(&mark);
    assert_int_equal(watermark_low(&mark), -1);
    assert_true(watermark_take(&mark, 1));
    assert_int_equal(watermark_low(&mark), 1);
    watermark_release(&mark);
}

static void starts_where_told(void **state)
{
    (void)state;
    struct watermark mark;
    watermark_init(&mark);
    watermark_start(&mark, 40);
    assert_int_equal(watermark_low(&mark), 40);
    assert_false(watermark_take(&mark, 39));
    assert_true(watermark_take(&mark, 42));
    assert_int_equal(watermark_low(&mark), 42);
    assert_true(watermark_take(&mark, 43));
    watermark_start(&mark, 7); /* once more, and lower */
    assert_int_equal(watermark_low(&mark), 7);
    assert_false(watermark_done(&mark, 42));
    assert_true(watermark_take(&mark, 7));
    assert_int_equal(watermark_low(&mark), 7);
    watermark_release(&mark);
}

/* What each letter of `what` stands for, from offset 10 on: taken, covered, done, never came. */
static void lay_out(struct watermark *mark, const char *what)
{
    watermark_init(mark);
    for (size_t i = 0; what[i]; i++)
        if (what[i] != '.')
            assert_true(watermark_take(mark, 10 + (int64_t)i));
    for (size_t i = 0; what[i]; i++) {
        if (what[i] == 'd')
            assert_true(watermark_done(mark, 10 + (int64_t)i));
        else if (what[i] == 'c')
            assert_true(watermark_cover(mark, 10 + (int64_t)i));
    }
}

static void ranges_of_what_is_done(void **state)
{
    (void)state;
    static const struct {
        const char *what, *ranges;
    } rows[] = {
        {"", ""},
        {"ddd", ""},
        {"tdd", "1+2"},
        {"tdtddt", "1+1,1+2"},
        {"t.d..d.t", "2+4"},
        {"t.d..t..d", "2+1,5+1"},
        {"tdcdd", "1+1,1+2"},
        {"tc.cd.dc", "4+3"},
        {"tccc", ""},
        {"t...", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct watermark mark;
        struct ranges ranges = RANGES_INIT;
        struct buffer text = BUFFER_INIT;
        lay_out(&mark, rows[i].what);
        watermark_ranges(&mark, &ranges);
        ranges_print(&ranges, 10, 1000, &text);
        assert_string_equal(buffer_text(&text), rows[i].ranges);
        buffer_release(&text);
        ranges_release(&ranges);
        watermark_release(&mark);
    }
}

static void print_each(void *arg, int64_t offset, uint32_t tag, bool done)
{
    buffer_printf(arg, "%d:%u%s ", (int)offset, tag, done ? "!" : "");
}

static void each_with_its_tag(void **state)
{
    (void)state;
    struct watermark mark;
    struct buffer text = BUFFER_INIT;
    lay_out(&mark, "ddtcd.t");
    watermark_tag(&mark, 13, 5);
    watermark_tag(&mark, 14, 6);
    watermark_tag(&mark, 15, 9); /* never came */
    watermark_tag(&mark, 10, 9); /* passed */
    watermark_each(&mark, 0, print_each, &text);
    assert_string_equal(buffer_text(&text), "12:0 13:5 14:6! 16:0 ");
    buffer_clear(&text);
    watermark_each(&mark, 14, print_each, &text);
    assert_string_equal(buffer_text(&text), "14:6! 16:0 ");
    buffer_clear(&text);
    watermark_each(&mark, 15, print_each, &text);
    assert_string_equal(buffer_text(&text), "16:0 ");
    buffer_clear(&text);
    watermark_each(&mark, 17, print_each, &text);
    assert_string_equal(buffer_text(&text), "");
    buffer_release(&text);
    watermark_release(&mark);
}

/* One byte per offset, looked through from the start each time. */
#define OFFSETS 3000
enum { ABSENT, TAKEN, REMEMBERED, FINISHED };

struct model {
    unsigned char offsets[OFFSETS];
    int64_t next;
};

static int64_t model_low(const struct model *model)
{
    for (int64_t i = 0; i < model->next; i++)
        if (model->offsets[i] == TAKEN)
            return i;
    return model->next;
}

static size_t model_pending(const struct model *model)
{
    size_t pending = 0;
    for (int64_t i = model_low(model); i < model->next; i++)
        pending += model->offsets[i] == TAKEN || model->offsets[i] == REMEMBERED;
    return pending;
}

/* Every offset that came and is above the low watermark is in the ranges if it is done, else not. */
static void ranges_like_the_model(const struct watermark *mark, const struct model *model)
{
    struct ranges ranges = RANGES_INIT;
    watermark_ranges(mark, &ranges);
    for (int64_t i = 0; i <= model->next; i++) {
        bool below = i < model_low(model);
        if (below || i == model->next || model->offsets[i] != ABSENT)
            assert_int_equal(ranges_contain(&ranges, i), !below && model->offsets[i] == FINISHED);
    }
    ranges_release(&ranges);
}

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

/* Any offset may be said to be done, most of them near the top, some never: so the ring grows, wraps
 * and empties. */
static void one_history(uint64_t seed, uint32_t taking)
{
    static struct model model;
    model = (struct model){.next = -1};
    struct watermark mark;
    uint64_t random = seed;
    int64_t before = -1;
    watermark_init(&mark);
    for (int turn = 0; turn < 4000; turn++) {
        int64_t top = model.next < 0 ? 0 : model.next;
        if (draw(&random, 100) < taking) {
            int64_t offset =
                top + (draw(&random, 4) ? 0 : draw(&random, 5)) - (draw(&random, 20) == 0);
            bool above = offset >= 0 && offset >= model.next;
            if (offset >= OFFSETS)
                break;
            assert_int_equal(watermark_take(&mark, offset), above);
            if (above) {
                model.offsets[offset] = TAKEN;
                model.next = offset + 1;
            }
        } else {
            int64_t back = draw(&random, draw(&random, 10) ? 80 : OFFSETS);
            int64_t offset = top + 2 - back;
            bool known = offset >= 0 && offset < model.next;
            bool cover = draw(&random, 3) == 0;
            bool changes = known && offset >= model_low(&model) &&
                           model.offsets[offset] != ABSENT &&
                           model.offsets[offset] < (cover ? REMEMBERED : FINISHED);
            bool changed = cover ? watermark_cover(&mark, offset) : watermark_done(&mark, offset);
            assert_int_equal(changed, changes);
            if (changes)
                model.offsets[offset] = cover ? REMEMBERED : FINISHED;
        }
        assert_int_equal(watermark_low(&mark), model_low(&model));
        assert_true(watermark_low(&mark) >= before);
        before = watermark_low(&mark);
        if (turn % 16 == 0)
            assert_int_equal(pending_of(&mark), model_pending(&model));
        if (turn % 256 == 0)
            ranges_like_the_model(&mark, &model);
    }
    /* Whatever was left open is done in the end, from the top. */
    for (int64_t offset = model.next; offset >= 0; offset--)
        watermark_done(&mark, offset);
    assert_int_equal(watermark_low(&mark), model.next);
    assert_int_equal(pending_of(&mark), 0);
    watermark_release(&mark);
}

static void like_the_model(void **state)
{
    (void)state;
    static const uint32_t shares[] = {10, 30, 50, 70};
    for (uint64_t seed = 1; seed <= 60; seed++)
        one_history(seed * 7919, shares[seed % COUNT(shares)]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cases),
        cmocka_unit_test(release_begins_anew),
        cmocka_unit_test(starts_where_told),
        cmocka_unit_test(ranges_of_what_is_done),
        cmocka_unit_test(each_with_its_tag),
        cmocka_unit_test(like_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
