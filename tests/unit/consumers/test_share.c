/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic thresholds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/share.h"

static const struct {
    const char *why;
    int64_t own, total, cap, more;
    bool allowed;
} cases[] = {
    {"the first of all", 0, 0, 100, 1, true},
    {"less than what is free", 49, 49, 100, 1, true},
    {"as much as is free", 50, 50, 100, 1, false},
    {"more than what is free", 60, 60, 100, 1, false},
    {"others hold it", 10, 95, 100, 1, false},
    {"little, among others", 4, 95, 100, 1, true},
    {"nothing, and one place left", 0, 99, 100, 1, true},
    {"nothing, and none left", 0, 100, 100, 1, false},
    {"over the cap", 0, 120, 100, 1, false},
    {"what does not fit", 0, 50, 100, 51, false},
    {"what just fits", 0, 50, 100, 50, true},
    {"larger than everything, alone", 0, 0, 100, 1000, true},
    {"larger than everything, not alone", 0, 1, 100, 1000, false},
    {"larger than everything, its own is there", 1, 1, 100, 1000, false},
    {"no places at all", 0, 0, 0, 1, true},
};

static void by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (share_allows(cases[i].own, cases[i].total, cases[i].cap, cases[i].more) !=
            cases[i].allowed)
            fail_msg("%s", cases[i].why);
}

/* Greedy ones take as long as they may, in turn. Returns what they hold together. */
static int64_t fill(int64_t greedy, int64_t cap, int64_t *held)
{
    int64_t total = 0;
    bool moved = true;
    for (int64_t i = 0; i < greedy; i++)
        held[i] = 0;
    while (moved) {
        moved = false;
        for (int64_t i = 0; i < greedy; i++)
            if (share_allows(held[i], total, cap, 1)) {
                held[i]++;
                total++;
                moved = true;
            }
    }
    return total;
}

static void greedy_ones_leave_a_share(void **state)
{
    (void)state;
    static int64_t held[100];
    for (int64_t greedy = 1; greedy <= 100; greedy++) {
        const int64_t cap = 10100;
        int64_t left = cap - fill(greedy, cap, held);
        int64_t share = cap / (greedy + 1);
        assert_in_range(left, share - 1, share + greedy); /* 1 / (N + 1), but for whole numbers */
        for (int64_t i = 0; i < greedy; i++)
            assert_in_range(held[i], share - 1, share + 1);
        /* A newcomer gets in, and gets half of it. */
        int64_t own = 0, total = cap - left;
        while (share_allows(own, total, cap, 1)) {
            own++;
            total++;
        }
        assert_in_range(own, left / 2, left / 2 + 1);
    }
}

static void never_beyond_the_cap(void **state)
{
    (void)state;
    static int64_t held[300];
    assert_int_equal(fill(300, 50, held), 50); /* more of them than places */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cases),
        cmocka_unit_test(greedy_ones_leave_a_share),
        cmocka_unit_test(never_beyond_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
