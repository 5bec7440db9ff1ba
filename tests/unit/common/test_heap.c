/* SPDX-License-Identifier: Apache-2.0 */
/* The heap: whatever goes in comes out in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "common/heap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *name;
    size_t count;
    struct heap_item in[8], out[8];
} cases[] = {
    {"one", 1, {{7, 1}}, {{7, 1}}},
    {"ascending", 3, {{1, 10}, {2, 20}, {3, 30}}, {{1, 10}, {2, 20}, {3, 30}}},
    {"descending", 4, {{9, 1}, {8, 2}, {7, 3}, {6, 4}}, {{6, 4}, {7, 3}, {8, 2}, {9, 1}}},
    {"equal keys", 4, {{5, 3}, {5, 1}, {4, 9}, {5, 2}}, {{4, 9}, {5, 1}, {5, 2}, {5, 3}}},
    {"the same twice", 3, {{5, 1}, {5, 1}, {5, 0}}, {{5, 0}, {5, 1}, {5, 1}}},
    {"both ends of the numbers", 4, {{INT64_MAX, 0}, {0, 0}, {INT64_MIN, 0}, {-1, 0}},
        {{INT64_MIN, 0}, {-1, 0}, {0, 0}, {INT64_MAX, 0}}},
    {"only one child", 2, {{2, 0}, {1, 0}}, {{1, 0}, {2, 0}}},
};

static void by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct heap heap = {.count = 0};
        for (size_t j = 0; j < cases[i].count; j++)
            heap_add(&heap, cases[i].in[j].key, cases[i].in[j].value);
        for (size_t j = 0; j < cases[i].count; j++) {
            const struct heap_item first = *heap_first(&heap), item = heap_take(&heap);
            if (item.key != cases[i].out[j].key || item.value != cases[i].out[j].value)
                fail_msg("%s: item %zu", cases[i].name, j);
            assert_int_equal(first.key, item.key);
            assert_int_equal(first.value, item.value);
        }
        assert_null(heap_first(&heap));
        heap_release(&heap);
    }
}

static void an_empty_one_may_be_released_and_used_again(void **state)
{
    (void)state;
    struct heap heap = {.count = 0};
    heap_release(&heap);
    assert_null(heap_first(&heap));
    heap_add(&heap, 1, 2);
    heap_release(&heap);
    assert_null(heap_first(&heap));
    heap_add(&heap, 3, 4);
    assert_int_equal(heap_take(&heap).value, 4);
    heap_release(&heap);
}

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

/* An array, looked through each time. */
#define ITEMS 500
struct model {
    struct heap_item items[ITEMS];
    size_t count;
};

static struct heap_item model_take(struct model *model)
{
    size_t best = 0;
    for (size_t i = 1; i < model->count; i++) {
        const struct heap_item *a = &model->items[i], *b = &model->items[best];
        if (a->key < b->key || (a->key == b->key && a->value < b->value))
            best = i;
    }
    struct heap_item item = model->items[best];
    model->items[best] = model->items[--model->count];
    return item;
}

static void like_the_model(void **state)
{
    (void)state;
    static struct model model;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct heap heap = {.count = 0};
        uint64_t random = seed * 7919;
        model.count = 0;
        for (int turn = 0; turn < 3000; turn++) {
            bool add = model.count == 0 || draw(&random, 100) < 40 + seed;
            if (add && model.count < ITEMS) {
                struct heap_item item = {draw(&random, 50), draw(&random, 1000)};
                heap_add(&heap, item.key, item.value);
                model.items[model.count++] = item;
            } else {
                struct heap_item want = model_take(&model), got = heap_take(&heap);
                assert_int_equal(got.key, want.key);
                assert_int_equal(got.value, want.value);
            }
            assert_int_equal(heap.count, model.count);
        }
        heap_release(&heap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cases),
        cmocka_unit_test(an_empty_one_may_be_released_and_used_again),
        cmocka_unit_test(like_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
