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

enum action { END, TAKE, REFUSED, DONE };

struct step {
    enum action action;
    int64_t offset;
    int64_t low;    /* afterwards */
    size_t pending; /* afterwards */
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
};

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
            else
                assert_int_equal(watermark_take(&mark, step->offset), step->action == TAKE);
            if (watermark_low(&mark) != step->low || watermark_pending(&mark) != step->pending)
                fail_msg("%s, step %td: low %jd, pending %zu", cases[i].name, step - cases[i].steps,
                    (intmax_t)watermark_low(&mark), watermark_pending(&mark));
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

/* One byte per offset, looked through from the start each time. */
#define OFFSETS 3000
enum { ABSENT, TAKEN, FINISHED };

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
    for (int64_t i = 0; i < model->next; i++)
        pending += model->offsets[i] == TAKEN;
    return pending;
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
            watermark_done(&mark, offset);
            if (offset >= 0 && offset < model.next && model.offsets[offset] == TAKEN)
                model.offsets[offset] = FINISHED;
        }
        assert_int_equal(watermark_low(&mark), model_low(&model));
        assert_true(watermark_low(&mark) >= before);
        before = watermark_low(&mark);
        if (turn % 16 == 0)
            assert_int_equal(watermark_pending(&mark), model_pending(&model));
    }
    /* Whatever was left open is done in the end, from the top. */
    for (int64_t offset = model.next; offset >= 0; offset--)
        watermark_done(&mark, offset);
    assert_int_equal(watermark_low(&mark), model.next);
    assert_int_equal(watermark_pending(&mark), 0);
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
        cmocka_unit_test(like_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
