/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of dead letters by what they have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dead_letters/stats.h"

static struct dead_letter_item letter(
    enum dead_letter_reason reason, const char *tenant, const char *host, int64_t at_ms)
{
    return (struct dead_letter_item){
        .tenant = tenant, .letter = {.reason = reason, .host = host, .dead_at = {at_ms}}};
}

static void counted_by_reason_tenant_and_host(void **state)
{
    (void)state;
    const struct dead_letter_item letters[] = {
        letter(DEAD_REJECTED, "acme", "a.example", 30),
        letter(DEAD_EXPIRED, "acme", "a.example", 5),
        letter(DEAD_REJECTED, "acme", "a.example", 10),
        letter(DEAD_INVALID_EVENT, NULL, NULL, 7),
        letter(DEAD_REJECTED, "acme", "a.example", 20),
        letter(DEAD_REJECTED, "globex", "a.example", 1),
    };
    static const struct {
        const char *reason, *tenant, *host;
        int64_t count, first, last;
    } expected[] = {
        {"rejected", "acme", "a.example", 3, 10, 30},
        {"expired", "acme", "a.example", 1, 5, 5},
        {"invalid_event", "", "", 1, 7, 7},
        {"rejected", "globex", "a.example", 1, 1, 1},
    };
    struct dead_letters_stats *stats = dead_letters_stats_new();
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        dead_letters_stats_add(stats, &letters[i]);
    size_t count;
    const struct dead_letters_group *const *groups = dead_letters_stats_groups(stats, &count);
    assert_int_equal(count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(groups[i]->reason, expected[i].reason);
        assert_string_equal(groups[i]->tenant, expected[i].tenant);
        assert_string_equal(groups[i]->host, expected[i].host);
        assert_int_equal(groups[i]->count, expected[i].count);
        assert_int_equal(groups[i]->first.ms, expected[i].first);
        assert_int_equal(groups[i]->last.ms, expected[i].last);
    }
    dead_letters_stats_free(stats);
}

/* Hosts are the tenants' to invent. */
static void bounded(void **state)
{
    (void)state;
    struct dead_letters_stats *stats = dead_letters_stats_new();
    for (int i = 0; i < DEAD_LETTERS_GROUPS_MAX + 50; i++) {
        char host[32];
        snprintf(host, sizeof host, "h%d.example", i);
        struct dead_letter_item item = letter(DEAD_GONE, "acme", host, i);
        dead_letters_stats_add(stats, &item);
    }
    size_t count;
    const struct dead_letters_group *const *groups = dead_letters_stats_groups(stats, &count);
    assert_int_equal(count, DEAD_LETTERS_GROUPS_MAX + 1);
    assert_string_equal(groups[0]->reason, "(others)");
    assert_int_equal(groups[0]->count, 50);
    dead_letters_stats_free(stats);
}

static void none(void **state)
{
    (void)state;
    struct dead_letters_stats *stats = dead_letters_stats_new();
    size_t count = 1;
    dead_letters_stats_groups(stats, &count);
    assert_int_equal(count, 0);
    dead_letters_stats_free(stats);
    dead_letters_stats_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_by_reason_tenant_and_host),
        cmocka_unit_test(bounded),
        cmocka_unit_test(none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
