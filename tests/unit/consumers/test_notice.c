/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to tell of an endpoint, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/notice.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          1772439251902
#define AFTER_MS     600000

static const struct {
    const char *name;
    struct notice_view view;
    enum notice notice;
} cases[] = {
    {"all is well", {.recovered_at = {-1}, .failing_since = {-1}}, NOTICE_NONE},
    {"it fails since just now", {.recovered_at = {-1}, .failing = true, .failing_since = {NOW}},
        NOTICE_NONE},
    {"not for long enough",
        {.recovered_at = {-1}, .failing = true, .failing_since = {NOW - AFTER_MS + 1}},
        NOTICE_NONE},
    {"for long enough", {.recovered_at = {-1}, .failing = true, .failing_since = {NOW - AFTER_MS}},
        NOTICE_FAILING},
    {"since when is not known", {.recovered_at = {-1}, .failing = true, .failing_since = {-1}},
        NOTICE_NONE},
    {"since a time to come",
        {.recovered_at = {-1}, .failing = true, .failing_since = {NOW + AFTER_MS}}, NOTICE_NONE},
    {"failures, but its circuit is closed",
        {.recovered_at = {-1}, .failing = false, .failing_since = {NOW - AFTER_MS}}, NOTICE_NONE},
    {"that is told",
        {TOLD_FAILING, .recovered_at = {-1}, .failing = true, .failing_since = {NOW - AFTER_MS}},
        NOTICE_NONE},
    {"closed again, and nothing taken yet",
        {TOLD_FAILING, .recovered_at = {-1}, .failing_since = {-1}}, NOTICE_NONE},
    {"it works again", {TOLD_FAILING, .recovered_at = {NOW}, .failing_since = {-1}},
        NOTICE_RECOVERED},
    {"it works again, after what may have been told",
        {TOLD_NOTHING, .recovered_at = {NOW}, .failing_since = {-1}}, NOTICE_RECOVERED},
    {"it worked, and fails again: one after the other",
        {TOLD_FAILING, .recovered_at = {NOW - AFTER_MS - 1}, .failing = true,
            .failing_since = {NOW - AFTER_MS}},
        NOTICE_RECOVERED},
    {"disabled", {.recovered_at = {-1}, .disabled = true, .failing_since = {-1}}, NOTICE_DISABLED},
    {"disabled after it was told that it fails",
        {TOLD_FAILING, .recovered_at = {-1}, .disabled = true, .failing = true,
            .failing_since = {NOW - AFTER_MS}},
        NOTICE_DISABLED},
    {"disabled, which is told",
        {TOLD_DISABLED, .recovered_at = {-1}, .disabled = true, .failing = true,
            .failing_since = {NOW - AFTER_MS}},
        NOTICE_NONE},
    {"it worked, and is disabled: one after the other",
        {TOLD_DISABLED, .recovered_at = {NOW}, .disabled = true, .failing_since = {-1}},
        NOTICE_RECOVERED},
    {"it was reset, and nothing taken yet",
        {TOLD_DISABLED, .recovered_at = {-1}, .failing_since = {-1}}, NOTICE_NONE},
    {"it was reset, and fails",
        {TOLD_DISABLED, .recovered_at = {-1}, .failing = true, .failing_since = {NOW - AFTER_MS}},
        NOTICE_FAILING},
};

static void by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (notice_due(&cases[i].view, AFTER_MS, (struct wall_time){NOW}) != cases[i].notice)
            fail_msg("%s", cases[i].name);
}

/* Nothing is due any more once it has been told, whatever it was. */
static void once_told_is_enough(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct notice_view view = cases[i].view;
        enum notice told[4] = {NOTICE_NONE};
        size_t count = 0;
        for (enum notice due; count < 4; told[count++] = due) {
            due = notice_due(&view, AFTER_MS, (struct wall_time){NOW});
            if (due == NOTICE_NONE)
                break;
            view.told = notice_told(due);
            if (due == NOTICE_RECOVERED)
                view.recovered_at.ms = -1;
        }
        if (count > 2 || (count == 2 && told[0] != NOTICE_RECOVERED))
            fail_msg("%s", cases[i].name);
    }
}

/* A minute of an endpoint's life per step: F fails, w takes a delivery. One that flutters is told of no
 * more often than its outages last. */
static void at_most_a_pair_in_that_time(void **state)
{
    (void)state;
    static const struct {
        const char *life;
        int failing, recovered;
    } lives[] = {
        {"wwwwwwwwwwwwwwwwwwwwwwww", 0, 0},
        {"FFFFFFFFFwFFFFFFFFFwFFFFFFFFFw", 0, 0},
        {"FwFwFwFwFwFwFwFwFwFwFwFw", 0, 0},
        {"FFFFFFFFFFFw", 1, 1},
        {"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFwwww", 1, 1},
        {"FFFFFFFFFFFwFFFFFFFFFFFwF", 2, 2},
    };
    for (size_t i = 0; i < COUNT(lives); i++) {
        struct notice_view view = {.recovered_at = {-1}, .failing_since = {-1}};
        int failing = 0, recovered = 0;
        struct wall_time now = {NOW};
        for (const char *step = lives[i].life; *step; step++, now.ms += 60000) {
            view.failing = *step == 'F';
            view.failing_since.ms = !view.failing                ? -1
                                    : view.failing_since.ms >= 0 ? view.failing_since.ms
                                                                 : now.ms;
            if (!view.failing && view.told != TOLD_NOTHING)
                view.recovered_at = now;
            enum notice due = notice_due(&view, AFTER_MS, now);
            failing += due == NOTICE_FAILING;
            recovered += due == NOTICE_RECOVERED;
            if (due != NOTICE_NONE)
                view.told = notice_told(due);
            if (due == NOTICE_RECOVERED)
                view.recovered_at.ms = -1;
        }
        if (failing != lives[i].failing || recovered != lives[i].recovered)
            fail_msg("%s: %d, %d", lives[i].life, failing, recovered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cases),
        cmocka_unit_test(once_told_is_enough),
        cmocka_unit_test(at_most_a_pair_in_that_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
