/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept, found, given up and waited for; without a topic. */
#include "console/attempts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../component/waiting.h"
#include "common/buffer.h"
#include "common/log.h"
#include "common/memory.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define T0           1772439251000

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

static const struct attempts_options roomy = {
    .topic = "r", .max_bytes = 64 << 20, .max_per_tenant = 10000};

static void apply_text(struct attempts *attempts, const char *text)
{
    struct record record = {
        .topic = "r", .timestamp_ms = T0 + 777, .value = {text, text ? strlen(text) : 0}};
    attempts_apply(attempts, &record);
}

static void apply(struct attempts *attempts, const struct result *result)
{
    struct buffer text = BUFFER_INIT;
    result_encode(result, &text);
    apply_text(attempts, buffer_text(&text));
    buffer_release(&text);
}

/* One of `tenant`, called "m<n>". */
static void add(struct attempts *attempts, const char *tenant, int n)
{
    char id[24];
    (void)snprintf(id, sizeof id, "m%d", n);
    apply(attempts, &(struct result){.id = id,
                        .tenant = tenant,
                        .subscription = "crm",
                        .event = "call.ended",
                        .at = {T0 + n}});
}

static void add_many(struct attempts *attempts, const char *tenant, int from, int to)
{
    for (int n = from; n < to; n++)
        add(attempts, tenant, n);
}

/* The ids that were found, as "m3 m2 m1". */
struct found {
    struct buffer ids;
    size_t count;
    uint64_t last;
    bool out_of_order;
};

static void on_found(uint64_t number, const char *json, size_t len, void *arg)
{
    struct found *found = arg;
    static const char front[] = "{\"id\":\"";
    assert_int_equal(strlen(json), len);
    assert_memory_equal(json, front, sizeof front - 1);
    const char *id = json + sizeof front - 1;
    found->out_of_order |= found->count > 0 && number >= found->last;
    found->last = number;
    if (found->count++ > 0)
        buffer_add(&found->ids, " ", 1);
    buffer_add(&found->ids, id, (size_t)(strchr(id, '"') - id));
}

static const struct attempts_query everything = {
    .tenant = "acme", .outcome = -1, .from = {-1}, .to = {-1}, .limit = 1000000};

static uint64_t find(
    const struct attempts *attempts, const struct attempts_query *query, struct found *found)
{
    return attempts_find(attempts, query, on_found, found);
}

static void expect(const struct attempts *attempts, const struct attempts_query *query,
    const char *ids, const char *what)
{
    struct found found = {.ids = BUFFER_INIT};
    uint64_t next = find(attempts, query, &found);
    if (strcmp(buffer_text(&found.ids), ids) != 0 || next || found.out_of_order)
        fail_msg("%s: \"%s\", then %d", what, buffer_text(&found.ids), (int)next);
    buffer_release(&found.ids);
}

/* How many the tenant has, by pages of `limit`. */
static size_t count_of(const struct attempts *attempts, const char *tenant, int64_t limit)
{
    struct found found = {.ids = BUFFER_INIT};
    struct attempts_query query = everything;
    query.tenant = tenant;
    query.limit = limit;
    while ((query.before = find(attempts, &query, &found))) {
    }
    assert_false(found.out_of_order);
    buffer_release(&found.ids);
    return found.count;
}

static void filters(void **state)
{
    (void)state;
    static const struct result results[] = {
        {.id = "a", .tenant = "acme", .subscription = "crm", .event = "call.ringing", .at = {T0}},
        {.id = "b",
            .tenant = "acme",
            .subscription = "crm",
            .event = "call.ended",
            .outcome = RESULT_RETRY,
            .at = {T0 + 10}},
        {.id = "x", .tenant = "other", .subscription = "crm", .event = "e", .at = {T0 + 15}},
        {.id = "c",
            .tenant = "acme",
            .subscription = "log",
            .event = "call.ended",
            .outcome = RESULT_DEAD_LETTER,
            .reason = "gone",
            .at = {T0 + 20}},
        {.id = "b",
            .tenant = "acme",
            .subscription = "crm",
            .event = "call.ended",
            .at = {T0 + 30}},
    };
    static const struct {
        const char *what;
        struct attempts_query query;
        const char *ids;
    } cases[] = {
        {"all", {"acme", NULL, NULL, NULL, -1, {-1}, {-1}, 9, 0}, "b c b a"},
        {"another tenant's", {"other", NULL, NULL, NULL, -1, {-1}, {-1}, 9, 0}, "x"},
        {"no such tenant", {"acm", NULL, NULL, NULL, -1, {-1}, {-1}, 9, 0}, ""},
        {"subscription", {"acme", "crm", NULL, NULL, -1, {-1}, {-1}, 9, 0}, "b b a"},
        {"no such subscription", {"acme", "cr", NULL, NULL, -1, {-1}, {-1}, 9, 0}, ""},
        {"event", {"acme", NULL, "call.ended", NULL, -1, {-1}, {-1}, 9, 0}, "b c b"},
        {"id", {"acme", NULL, NULL, "b", -1, {-1}, {-1}, 9, 0}, "b b"},
        {"another tenant's id", {"acme", NULL, NULL, "x", -1, {-1}, {-1}, 9, 0}, ""},
        {"delivered", {"acme", NULL, NULL, NULL, RESULT_DELIVERED, {-1}, {-1}, 9, 0}, "b a"},
        {"retry", {"acme", NULL, NULL, NULL, RESULT_RETRY, {-1}, {-1}, 9, 0}, "b"},
        {"dead letter", {"acme", NULL, NULL, NULL, RESULT_DEAD_LETTER, {-1}, {-1}, 9, 0}, "c"},
        {"from, itself included", {"acme", NULL, NULL, NULL, -1, {T0 + 10}, {-1}, 9, 0}, "b c b"},
        {"to, itself excluded", {"acme", NULL, NULL, NULL, -1, {-1}, {T0 + 20}, 9, 0}, "b a"},
        {"from and to", {"acme", NULL, NULL, NULL, -1, {T0 + 1}, {T0 + 30}, 9, 0}, "c b"},
        {"several", {"acme", "crm", "call.ended", "b", RESULT_RETRY, {T0}, {T0 + 99}, 9, 0}, "b"},
        {"below the oldest", {"acme", NULL, NULL, NULL, -1, {-1}, {-1}, 9, 1}, ""},
        {"before one in between", {"acme", NULL, NULL, NULL, -1, {-1}, {-1}, 9, 4}, "b a"},
        {"before one to come", {"acme", NULL, NULL, NULL, -1, {-1}, {-1}, 9, 1000}, "b c b a"},
    };
    struct attempts *attempts = attempts_new_detached(NULL, &roomy);
    assert_true(attempts_ready(attempts));
    expect(attempts, &everything, "", "nothing yet");
    for (size_t i = 0; i < COUNT(results); i++)
        apply(attempts, &results[i]);
    assert_int_equal(attempts_count(attempts), COUNT(results));
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(attempts, &cases[i].query, cases[i].ids, cases[i].what);
    attempts_free(attempts);
}

/* Without a time of its own an attempt has its record's. */
static void no_time(void **state)
{
    (void)state;
    struct attempts *attempts = attempts_new_detached(NULL, &roomy);
    struct attempts_query query = everything;
    apply(
        attempts, &(struct result){.id = "a", .tenant = "acme", .subscription = "s", .event = "e"});
    query.from.ms = T0 + 777;
    query.to.ms = T0 + 778;
    expect(attempts, &query, "a", "that of the record");
    struct record record = {.topic = "r", .timestamp_ms = -1};
    static const char text[] = "{\"id\":\"b\",\"tenant\":\"acme\",\"subscription\":\"s\","
                               "\"event\":\"e\",\"outcome\":\"retry\",\"at\":\"soon\"}";
    record.value = (struct bytes){text, sizeof text - 1};
    attempts_apply(attempts, &record);
    expect(attempts, &everything, "b a", "none at all");
    query.from.ms = -1;
    query.to.ms = INT64_MAX;
    expect(attempts, &query, "a", "none is before no time");
    attempts_free(attempts);
}

static void the_json_is_that_of_the_record(void **state)
{
    (void)state;
    static const char text[] =
        "{\"id\":\"a\" , \"tenant\":\"acme\",\"subscription\":\"s\",\"event\":\"e\","
        "\"outcome\":\"retry\",\"later\":[1,{\"x\":\"\xd9\x85\"}]}";
    struct attempts *attempts = attempts_new_detached(NULL, &roomy);
    apply_text(attempts, text);
    expect(attempts, &everything, "a", "one with more in it");
    attempts_free(attempts);
}

static void hostile_records(void **state)
{
    (void)state;
    static const char *const texts[] = {NULL, "", "null", "[]", "{}", "{\"id\":\"a\"",
        "{\"id\":\"a\",\"tenant\":\"acme\",\"subscription\":\"s\",\"event\":\"e\"}",
        "{\"id\":\"a\",\"tenant\":7,\"subscription\":\"s\",\"event\":\"e\",\"outcome\":\"retry\"}",
        "{\"id\":\"a\",\"tenant\":\"acme\",\"subscription\":\"s\",\"event\":\"e\","
        "\"outcome\":\"retry\"} {}",
        "{\"id\":\"a\\u0000\",\"tenant\":\"acme\",\"subscription\":\"s\",\"event\":\"e\","
        "\"outcome\":\"retry\"}",
        "{\"id\":\"\xff\",\"tenant\":\"acme\",\"subscription\":\"s\",\"event\":\"e\","
        "\"outcome\":\"retry\"}"};
    log_apply(&(struct log_options){.level = LOG_LEVEL_ERROR + 1});
    struct attempts *attempts = attempts_new_detached(NULL, &roomy);
    for (size_t i = 0; i < COUNT(texts); i++)
        apply_text(attempts, texts[i]);
    assert_int_equal(attempts_skipped_count(attempts), COUNT(texts));
    assert_int_equal(attempts_count(attempts), 0);
    attempts_free(attempts);
}

/* As large as may be, and one byte more. */
static void large_records(void **state)
{
    (void)state;
    static const char front[] = "{\"id\":\"a\",\"tenant\":\"acme\",\"subscription\":\"s\","
                                "\"event\":\"e\",\"outcome\":\"retry\",\"error\":\"";
    log_apply(&(struct log_options){.level = LOG_LEVEL_ERROR + 1});
    struct attempts *attempts = attempts_new_detached(NULL, &roomy);
    for (size_t size = ATTEMPTS_VALUE_MAX; size <= ATTEMPTS_VALUE_MAX + 1; size++) {
        char *text = mem_zalloc(size + 1);
        memset(text, 'x', size);
        memcpy(text, front, sizeof front - 1);
        memcpy(text + size - 2, "\"}", 2);
        apply_text(attempts, text);
        free(text);
    }
    assert_int_equal(attempts_count(attempts), 1);
    assert_int_equal(attempts_skipped_count(attempts), 1);
    attempts_free(attempts);
}

static void pages(void **state)
{
    (void)state;
    static const int64_t limits[] = {1, 2, 3, 49, 50, 51, 99, 100, 101};
    struct attempts *attempts = attempts_new_detached(NULL, &roomy);
    for (int n = 0; n < 100; n++) { /* numbers with gaps */
        add(attempts, "acme", n);
        add(attempts, "other", n);
    }
    for (size_t i = 0; i < COUNT(limits); i++)
        assert_int_equal(count_of(attempts, "acme", limits[i]), 100);
    /* A full page that is the last says so. */
    struct found found = {.ids = BUFFER_INIT};
    struct attempts_query query = everything;
    query.limit = 100;
    assert_int_equal(find(attempts, &query, &found), 0);
    buffer_release(&found.ids);
    attempts_free(attempts);
}

/* Between two pages more come than are kept. */
static void a_cursor_outlives_what_it_stands_for(void **state)
{
    (void)state;
    const struct attempts_options options = {
        .topic = "r", .max_bytes = 64 << 20, .max_per_tenant = 10};
    struct attempts *attempts = attempts_new_detached(NULL, &options);
    struct found found = {.ids = BUFFER_INIT};
    struct attempts_query query = everything;
    query.limit = 3;
    add_many(attempts, "acme", 0, 10);
    query.before = find(attempts, &query, &found);
    assert_string_equal(buffer_text(&found.ids), "m9 m8 m7");
    add_many(attempts, "acme", 10, 15); /* m0 to m4 are gone */
    query.before = find(attempts, &query, &found);
    assert_string_equal(buffer_text(&found.ids), "m9 m8 m7 m6 m5");
    assert_int_equal(query.before, 0);

    query.before = 0;
    buffer_clear(&found.ids);
    found.count = 0;
    query.before = find(attempts, &query, &found);
    assert_string_equal(buffer_text(&found.ids), "m14 m13 m12");
    add_many(attempts, "acme", 15, 40); /* all that were there */
    assert_int_equal(find(attempts, &query, &found), 0);
    assert_int_equal(found.count, 3);
    buffer_release(&found.ids);
    attempts_free(attempts);
}

/* One call looks at 10 000; there are more if so many may be kept. */
static void a_question_is_bounded(void **state)
{
    (void)state;
    const struct attempts_options options = {
        .topic = "r", .max_bytes = 64 << 20, .max_per_tenant = 25000};
    struct attempts *attempts = attempts_new_detached(NULL, &options);
    struct found found = {.ids = BUFFER_INIT};
    struct attempts_query query = everything;
    add_many(attempts, "acme", 0, 25000);
    query.id = "m0";
    int calls = 1;
    for (; (query.before = find(attempts, &query, &found)); calls++)
        assert_int_equal(found.count, 0);
    assert_int_equal(calls, 3);
    assert_string_equal(buffer_text(&found.ids), "m0");
    buffer_release(&found.ids);
    assert_int_equal(count_of(attempts, "acme", 1000000), 25000);
    attempts_free(attempts);
}

static void bounds(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int64_t max_bytes, max_per_tenant;
        size_t least, most;
    } cases[] = {
        {"by number", 64 << 20, 100, 100, 100},
        {"only the newest", 64 << 20, 1, 1, 1},
        {"by size", 100000, 10000, 200, 400},
        {"nothing fits", 1, 10000, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct attempts_options options = {
            .topic = "r", cases[i].max_bytes, cases[i].max_per_tenant};
        struct attempts *attempts = attempts_new_detached(NULL, &options);
        add_many(attempts, "acme", 0, 1000);
        size_t count = attempts_count(attempts);
        if (count < cases[i].least || count > cases[i].most)
            fail_msg("%s: %zu", cases[i].what, count);
        assert_int_equal(count_of(attempts, "acme", 7), count);
        struct attempts_query query = everything;
        query.id = "m999"; /* the newest stays */
        expect(attempts, &query, count ? "m999" : "", cases[i].what);
        attempts_free(attempts);
    }
}

static void who_has_the_most_gives_up(void **state)
{
    (void)state;
    const struct attempts_options options = {
        .topic = "r", .max_bytes = 200000, .max_per_tenant = 10000};
    struct attempts *attempts = attempts_new_detached(NULL, &options);
    add_many(attempts, "quiet", 0, 20);
    for (int n = 0; n < 20000; n++) { /* 99 % are of one */
        add(attempts, "loud", n);
        if (n % 200 == 0)
            add(attempts, "middling", n);
    }
    assert_int_equal(count_of(attempts, "quiet", 100), 20);
    assert_int_equal(count_of(attempts, "middling", 100), 100);
    size_t loud = count_of(attempts, "loud", 100);
    assert_in_range(loud, 200, 800);
    assert_int_equal(attempts_count(attempts), loud + 120);
    /* Those that come share what there is. */
    add_many(attempts, "middling", 0, 20000);
    size_t middling = count_of(attempts, "middling", 100);
    loud = count_of(attempts, "loud", 100);
    assert_int_equal(count_of(attempts, "quiet", 100), 20);
    assert_in_range(middling, loud - 10, loud + 10);
    attempts_free(attempts);
}

/* Whatever the shares are: who gave something up has as much as anybody. */
static void one_level_for_all_that_give_up(void **state)
{
    (void)state;
    const struct attempts_options options = {
        .topic = "r", .max_bytes = 500000, .max_per_tenant = 10000};
    struct attempts *attempts = attempts_new_detached(NULL, &options);
    size_t given[40] = {0}, kept[40], most = 0;
    uint64_t random = 3;
    char tenant[24];
    for (int n = 100000; n < 120000; n++) { /* all of one size */
        uint32_t a = draw(&random, 40), b = draw(&random, 40), t = a * b / 40;
        (void)snprintf(tenant, sizeof tenant, "t%u", 10 + t);
        add(attempts, tenant, n);
        given[t]++;
    }
    for (unsigned t = 0; t < 40; t++) {
        (void)snprintf(tenant, sizeof tenant, "t%u", 10 + t);
        kept[t] = count_of(attempts, tenant, 1000);
        most = kept[t] > most ? kept[t] : most;
    }
    for (unsigned t = 0; t < 40; t++)
        if (kept[t] != given[t] && kept[t] + 1 < most)
            fail_msg("tenant %u has %zu of %zu, another %zu", t, kept[t], given[t], most);
    assert_true(given[39] < most && given[0] > most); /* there are both kinds */
    attempts_free(attempts);
}

/* More tenants than there is room for: they come and go as wholes, and nothing is lost count of. */
static void many_tenants(void **state)
{
    (void)state;
    const struct attempts_options options = {
        .topic = "r", .max_bytes = 300000, .max_per_tenant = 10000};
    struct attempts *attempts = attempts_new_detached(NULL, &options);
    uint64_t random = 5;
    for (int n = 0; n < 20000; n++) {
        char tenant[24];
        (void)snprintf(tenant, sizeof tenant, "t%u", draw(&random, 2000));
        add(attempts, tenant, n);
    }
    size_t sum = 0;
    for (int n = 0; n < 2000; n++) {
        char tenant[24];
        (void)snprintf(tenant, sizeof tenant, "t%d", n);
        sum += count_of(attempts, tenant, 3);
    }
    assert_int_equal(sum, attempts_count(attempts));
    assert_in_range(sum, 300, 1000);
    attempts_free(attempts);
}

/* --- Waiting --------------------------------------------------------------------------------- */

struct waiter {
    struct attempts *attempts;
    int calls, given_up;
    char *json;
};

static void on_over(const char *json, size_t len, void *arg)
{
    struct waiter *waiter = arg;
    waiter->calls++;
    waiter->given_up += !json;
    free(waiter->json);
    waiter->json = json ? mem_dup(json, len) : NULL;
}

static bool was_called(void *arg)
{
    return ((struct waiter *)arg)->calls > 0;
}

static void is_awaited(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct attempts *attempts = attempts_new_detached(loop, &roomy);
    struct waiter waiter = {.attempts = attempts}, twin = waiter;
    assert_non_null(attempts_await(attempts, "acme", "m7", 60000, on_over, &waiter));
    assert_non_null(attempts_await(attempts, "acme", "m7", 60000, on_over, &twin));
    add(attempts, "other", 7); /* another tenant's of that id */
    add(attempts, "acme", 8);
    run_for(loop, 30);
    assert_int_equal(waiter.calls, 0);
    add(attempts, "acme", 7);
    add(attempts, "acme", 7);          /* a repeat */
    assert_int_equal(waiter.calls, 0); /* never from within */
    assert_true(run_until(loop, was_called, &waiter));
    assert_true(run_until(loop, was_called, &twin));
    run_for(loop, 30);
    assert_int_equal(waiter.calls + twin.calls, 2);
    assert_int_equal(waiter.given_up, 0);
    assert_non_null(strstr(waiter.json, "\"id\":\"m7\",\"tenant\":\"acme\""));
    free(waiter.json);
    free(twin.json);
    attempts_free(attempts);
    loop_free(loop);
}

static void is_given_up(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct attempts *attempts = attempts_new_detached(loop, &roomy);
    struct waiter waiter = {.attempts = attempts};
    struct mono_time start = mono_now();
    add(attempts, "acme", 7); /* what was read before does not count */
    assert_non_null(attempts_await(attempts, "acme", "m7", 50, on_over, &waiter));
    assert_true(run_until(loop, was_called, &waiter));
    assert_in_range(mono_diff_ms(mono_now(), start), 49, 10000);
    assert_int_equal(waiter.given_up, 1);
    add(attempts, "acme", 7);
    run_for(loop, 30);
    assert_int_equal(waiter.calls, 1);
    attempts_free(attempts);
    loop_free(loop);
}

static void is_cancelled(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct attempts *attempts = attempts_new_detached(loop, &roomy);
    struct waiter waiter = {.attempts = attempts};
    struct attempts_wait *first = attempts_await(attempts, "acme", "m7", 10, on_over, &waiter);
    struct attempts_wait *met = attempts_await(attempts, "acme", "m8", 60000, on_over, &waiter);
    attempts_await(attempts, "acme", "m9", 60000, on_over, &waiter); /* left to attempts_free() */
    add(attempts, "acme", 8);
    attempts_wait_cancel(first);
    attempts_wait_cancel(met);
    attempts_wait_cancel(NULL);
    run_for(loop, 50);
    assert_int_equal(waiter.calls, 0);
    attempts_free(attempts);
    loop_free(loop);
}

static void again_from_within(const char *json, size_t len, void *arg)
{
    struct waiter *waiter = arg;
    on_over(json, len, arg);
    if (waiter->calls < 3)
        attempts_await(waiter->attempts, "acme", "m7", 1, again_from_within, waiter);
    else
        attempts_free(waiter->attempts);
}

static bool was_called_thrice(void *arg)
{
    return ((struct waiter *)arg)->calls == 3;
}

static void from_within(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct attempts *attempts = attempts_new_detached(loop, &roomy);
    struct waiter waiter = {.attempts = attempts};
    attempts_await(attempts, "acme", "m7", 60000, again_from_within, &waiter);
    add(attempts, "acme", 7);
    assert_true(run_until(loop, was_called_thrice, &waiter));
    assert_int_equal(waiter.given_up, 2);
    loop_free(loop);
}

static void not_too_many(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct attempts *attempts = attempts_new_detached(loop, &roomy);
    struct waiter waiter = {.attempts = attempts};
    struct attempts_wait *last = NULL;
    for (int i = 0; i < 1000; i++)
        last = attempts_await(attempts, "acme", "m7", 60000, on_over, &waiter);
    assert_non_null(last);
    assert_null(attempts_await(attempts, "acme", "m7", 60000, on_over, &waiter));
    attempts_wait_cancel(last);
    assert_non_null(attempts_await(attempts, "acme", "m7", 60000, on_over, &waiter));
    attempts_free(attempts);
    loop_free(loop);
}

static void no_room_at_all(void **state)
{
    (void)state;
    const struct kafka_options kafka = {.brokers = "127.0.0.1:1"};
    const struct attempts_options none = {.topic = "r", .max_bytes = 0, .max_per_tenant = 1};
    struct error error = ERROR_INIT;
    assert_null(attempts_new(NULL, &kafka, &none, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    attempts_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters),
        cmocka_unit_test(no_time),
        cmocka_unit_test(the_json_is_that_of_the_record),
        cmocka_unit_test(hostile_records),
        cmocka_unit_test(large_records),
        cmocka_unit_test(pages),
        cmocka_unit_test(a_cursor_outlives_what_it_stands_for),
        cmocka_unit_test(a_question_is_bounded),
        cmocka_unit_test(bounds),
        cmocka_unit_test(who_has_the_most_gives_up),
        cmocka_unit_test(one_level_for_all_that_give_up),
        cmocka_unit_test(many_tenants),
        cmocka_unit_test(is_awaited),
        cmocka_unit_test(is_given_up),
        cmocka_unit_test(is_cancelled),
        cmocka_unit_test(from_within),
        cmocka_unit_test(not_too_many),
        cmocka_unit_test(no_room_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
