/* SPDX-License-Identifier: Apache-2.0 */
/* Until when an attempt of a delivery may start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "subscriptions/ttl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S            INT64_C(1000)
#define H            (3600 * S)
#define D            (24 * H)
#define LONGEST      (6 * D)

/* --- The table ------------------------------------------------------------------------------ */

static const char *const entries[] = {"call.ringing=30s", "call.created=1s", "agent.login=24h",
    "call.created=60s", "call.ended=72h", "call.held=250ms", "archive=100d", "*=12h", "odd_-.9=5m",
    NULL};

static const struct {
    const char *event;
    int64_t own, ms;
} rows[] = {
    {"call.ringing", 0, 30 * S},
    {"call.created", 0, 60 * S}, /* the last holds */
    {"agent.login", 0, 24 * H},
    {"call.held", 0, 250},
    {"odd_-.9", 0, 300 * S},
    {"call.ended", 0, 72 * H},
    {"archive", 0, LONGEST},
    {"call.unknown", 0, 12 * H},
    {"call.ring", 0, 12 * H},
    {"", 0, 12 * H},
    {"*", 0, 12 * H},
    {"call.ringing", 7 * S, 7 * S},
    {"call.ringing", 48 * H, 48 * H},
    {"call.ringing", 100 * D, LONGEST},
    {"call.unknown", 1, 1},
    {"call.ringing", -5, 30 * S},
};

static void by_table(void **state)
{
    (void)state;
    struct ttl_table table;
    struct error error = ERROR_INIT;
    assert_true(ttl_table_init(&table, entries, LONGEST, &error));
    for (size_t i = 0; i < COUNT(rows); i++)
        if (ttl_ms(&table, rows[i].own, rows[i].event) != rows[i].ms)
            fail_msg(
                "%s: %jd", rows[i].event, (intmax_t)ttl_ms(&table, rows[i].own, rows[i].event));
    ttl_table_release(&table);
}

static void without_entries(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    struct ttl_table table;
    assert_true(ttl_table_init(&table, none, LONGEST, NULL));
    assert_int_equal(ttl_ms(&table, 0, "call.ringing"), LONGEST);
    assert_int_equal(ttl_ms(&table, 5, "call.ringing"), 5);
    ttl_table_release(&table);
    ttl_table_release(&table);
}

#define CHARS_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *entry;
    const char *fault; /* part of the text; NULL = none */
} syntax[] = {
    {"a=1ms", NULL},
    {"a=365d", NULL},
    {CHARS_64 "=1s", NULL},
    {CHARS_64 "0=1s", "type=duration"},
    {"", "type=duration"},
    {"a", "type=duration"},
    {"=1s", "type=duration"},
    {"a=", "not a duration"},
    {"a=0", "longer than 0"},
    {"a=0s", "longer than 0"},
    {"a=-1s", "not a duration"},
    {"a=1", "not a duration"},
    {"a=1.5s", "not a duration"},
    {"a=1w", "not a duration"},
    {"a=1s ", "not a duration"},
    {"a= 1s", "not a duration"},
    {"a=1s=2s", "not a duration"},
    {"a=99999999999999999999d", "not a duration"},
    {"a=9999999999999999d", "not a duration"},
    {"**=1s", "no event type"},
    {"call.*=1s", "no event type"},
    {"a b=1s", "no event type"},
    {"\xc3\xa9=1s", "no event type"},
};

static void entries_by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(syntax); i++) {
        const char *const list[] = {"first=1s", syntax[i].entry, NULL};
        struct ttl_table table;
        struct error error = ERROR_INIT;
        bool good = ttl_table_init(&table, list, LONGEST, &error);
        if (good != !syntax[i].fault || (!good && !strstr(error.text, syntax[i].fault)))
            fail_msg("\"%s\": %s", syntax[i].entry, error.text);
        if (good) {
            ttl_table_release(&table);
            continue;
        }
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_null(table.defaults);
        assert_non_null(strstr(error.text, syntax[i].entry));
    }
}

static void not_too_many(void **state)
{
    (void)state;
    static const char *list[1002];
    struct ttl_table table;
    struct error error = ERROR_INIT;
    for (size_t i = 0; i < 1001; i++)
        list[i] = "a=1s";
    assert_false(ttl_table_init(&table, list, LONGEST, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    list[1000] = NULL;
    assert_true(ttl_table_init(&table, list, LONGEST, NULL));
    assert_int_equal(table.count, 1);
    ttl_table_release(&table);
}

/* --- Deadlines ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int64_t ttl, event_at, accepted_at;
    bool from_acceptance;
    int64_t deadline;
} deadlines[] = {
    {"of the event", 30 * S, 100 * S, 105 * S, false, 130 * S},
    {"accepted at once", 30 * S, 100 * S, 100 * S, false, 130 * S},
    {"from the future", 30 * S, 100 * S, 90 * S, false, 120 * S},
    {"from acceptance", 30 * S, 100 * S, 105 * S, true, 135 * S},
    {"from acceptance, and from the future", 30 * S, 100 * S, 90 * S, true, 120 * S},
    {"acceptance not known", 30 * S, 100 * S, -1, false, 130 * S},
    {"acceptance 0", 30 * S, 100 * S, 0, true, 130 * S},
    {"the event's not known", 30 * S, -1, 105 * S, false, 135 * S},
    {"the event's 0", 30 * S, 0, 105 * S, false, 135 * S},
    {"beyond all numbers", INT64_MAX, 100 * S, 105 * S, false, INT64_MAX},
};

static void deadlines_by_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(deadlines); i++) {
        struct wall_time deadline =
            ttl_deadline(deadlines[i].ttl, (struct wall_time){deadlines[i].event_at},
                (struct wall_time){deadlines[i].accepted_at}, deadlines[i].from_acceptance);
        if (deadline.ms != deadlines[i].deadline)
            fail_msg("%s: %jd", deadlines[i].name, (intmax_t)deadline.ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_table),
        cmocka_unit_test(without_entries),
        cmocka_unit_test(entries_by_cases),
        cmocka_unit_test(not_too_many),
        cmocka_unit_test(deadlines_by_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
