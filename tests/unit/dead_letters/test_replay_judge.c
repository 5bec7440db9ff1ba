/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters are put back, and as what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dead_letters/replay_judge.h"
#include "kafka/producer.h"

#define NOW       INT64_C(1769860800000)
#define MINUTE    60000
#define HEADERS   24
#define PARTITION 3
#define OFFSET    1234

static struct store *store;
static struct ttl_table ttl;
static struct replay_marks *marks;

/* A dead letter as a reader gives it: one of acme's, that a test changes. */
struct letter {
    struct header headers[HEADERS];
    struct record record;
    struct dead_letter_item item;
};

static void set(struct letter *letter, const char *name, const char *value)
{
    struct header header = {name, {value, strlen(value)}};
    for (size_t i = 0; i < letter->record.header_count; i++)
        if (strcmp(letter->headers[i].name, name) == 0) {
            letter->headers[i] = header;
            return;
        }
    letter->headers[letter->record.header_count++] = header;
}

static struct letter *new_letter(void)
{
    static const char *const usual[][2] = {
        {"hookline-id", "msg_a"},
        {"hookline-tenant", "acme"},
        {"hookline-event", "call.ended"},
        {"hookline-event-at", "1769860740000"},
        {"hookline-accepted-at", "1769860740001"},
        {"hookline-registry", "7"},
        {"hookline-source", "calls/0/1"},
        {"hookline-order-key", "c1"},
        {"hookline-reason", "rejected"},
        {"hookline-detail", "no"},
        {"hookline-attempts", "3"},
        {"hookline-first-attempt-at", "1769860741000"},
        {"hookline-dead-at", "1769860742000"},
    };
    struct letter *letter = calloc(1, sizeof *letter);
    letter->record = (struct record){.topic = "dead-letters",
        .partition = PARTITION,
        .offset = OFFSET,
        .key = {"acme/crm", 8},
        .value = {"{}", 2},
        .headers = letter->headers};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        set(letter, usual[i][0], usual[i][1]);
    return letter;
}

static enum replay_verdict judge(struct letter *letter, bool ignore_ttl,
    struct delivery_decoded *ret_delivery, int32_t *ret_partition)
{
    struct error error = ERROR_INIT;
    struct replay_rules rules = {
        .store = store, .ttl = &ttl, .ignore_ttl = ignore_ttl, .marks = marks, .run = "ours"};
    assert_true(dead_letter_item_read(&letter->record, &letter->item, &error));
    return replay_judge(
        &rules, &letter->item, (struct wall_time){NOW}, ret_delivery, ret_partition);
}

static enum replay_verdict verdict_with(const char *name, const char *value)
{
    struct delivery_decoded delivery;
    struct letter *letter = new_letter();
    int32_t partition;
    set(letter, name, value);
    enum replay_verdict verdict = judge(letter, false, &delivery, &partition);
    free(letter);
    return verdict;
}

static enum replay_verdict verdict_of(const char *key, const char *value, size_t len)
{
    struct delivery_decoded delivery;
    struct letter *letter = new_letter();
    int32_t partition;
    letter->record.key = (struct bytes){key, strlen(key)};
    letter->record.value = (struct bytes){value, len};
    enum replay_verdict verdict = judge(letter, false, &delivery, &partition);
    free(letter);
    return verdict;
}

static void apply(const char *key, const char *value)
{
    struct record record = {
        .topic = "t", .key = {key, strlen(key)}, .value = {value, strlen(value)}};
    store_apply(store, &record);
}

static void mark(enum replay_state state, const char *run, int64_t at, const char *id)
{
    struct error error = ERROR_INIT;
    struct replay_mark of = {.partition = PARTITION,
        .offset = OFFSET,
        .id = id,
        .state = state,
        .at = {at},
        .by = "x",
        .run = run};
    char *key = replay_mark_key(&of), *value = replay_mark_value(&of);
    struct record record = {.key = {key, strlen(key)}, .value = {value, strlen(value)}};
    assert_true(replay_marks_apply(marks, &record, &error));
    free(key);
    free(value);
}

static int set_up(void **state)
{
    static const char *const defaults[] = {"call.ringing=30s", "*=1h", NULL};
    struct store_options options = {.topic = "t", .max_per_tenant = 10};
    struct error error = ERROR_INIT;
    (void)state;
    store = store_new_detached(&options);
    marks = replay_marks_new();
    apply("acme", "{\"tenant\":\"acme\",\"partitions\":7}");
    apply("acme/crm",
        "{\"id\":\"crm\",\"tenant\":\"acme\",\"name\":\"n\",\"url\":\"https://h.example/\","
        "\"events\":[\"*\"],\"enabled\":true,\"version\":1}");
    apply("acme/off",
        "{\"id\":\"off\",\"tenant\":\"acme\",\"name\":\"n\",\"url\":\"https://h.example/\","
        "\"events\":[\"*\"],\"enabled\":false,\"version\":1}");
    assert_non_null(store_find(store, "acme", "crm"));
    assert_non_null(store_find(store, "acme", "off"));
    return !ttl_table_init(&ttl, defaults, ttl_longest(INT64_C(604800000)), &error);
}

static int tear_down(void **state)
{
    (void)state;
    store_free(store);
    replay_marks_free(marks);
    ttl_table_release(&ttl);
    return 0;
}

static void put_back_as_it_was(void **state)
{
    (void)state;
    struct letter *letter = new_letter();
    struct delivery_decoded decoded;
    const struct delivery_record *delivery = &decoded.delivery;
    int32_t partition = -1;
    set(letter, "hookline-replay", "2");
    assert_int_equal(judge(letter, false, &decoded, &partition), REPLAY_SENT);
    assert_int_equal(partition, kafka_partition_of("acme/crm", 8, 7));
    assert_string_equal(delivery->id, "msg_a");
    assert_string_equal(delivery->order_key, "c1");
    assert_int_equal(delivery->replay, 3);
    assert_int_equal(delivery->attempts, 3);
    assert_int_equal(delivery->first_attempt_at.ms, 1769860741000);
    assert_int_equal(delivery->accepted_at.ms, 1769860740001);
    assert_false(delivery->ignore_ttl);
    free(letter);
}

static void whatever_its_age(void **state)
{
    (void)state;
    struct letter *letter = new_letter();
    struct delivery_decoded decoded;
    int32_t partition;
    set(letter, "hookline-event-at", "1769850000000"); /* three hours ago */
    set(letter, "hookline-ignore-ttl", "1");           /* of a replay before: does not count */
    assert_int_equal(judge(letter, false, &decoded, &partition), REPLAY_EXPIRED);
    assert_int_equal(judge(letter, true, &decoded, &partition), REPLAY_SENT);
    assert_true(decoded.delivery.ignore_ttl);
    assert_int_equal(decoded.delivery.accepted_at.ms, NOW);
    set(letter, "hookline-event-at", "1769860740000");
    assert_int_equal(judge(letter, false, &decoded, &partition), REPLAY_SENT);
    assert_false(decoded.delivery.ignore_ttl);
    free(letter);
    assert_int_equal(verdict_with("hookline-event", "call.ringing"), REPLAY_EXPIRED);
}

static void left_alone(void **state)
{
    (void)state;
    assert_int_equal(verdict_with("hookline-replay", "4"), REPLAY_SENT);
    assert_int_equal(verdict_with("hookline-replay", "5"), REPLAY_TOO_OFTEN);
    assert_int_equal(verdict_with("hookline-test", "1"), REPLAY_TEST);
    assert_int_equal(verdict_with("hookline-reason", "event_too_large"), REPLAY_NOT_WHOLE);
    assert_int_equal(verdict_with("hookline-tenant", "globex"), REPLAY_NO_DELIVERY);
    assert_int_equal(verdict_with("hookline-registry", "x"), REPLAY_NO_DELIVERY);
    assert_int_equal(verdict_of("acme/off", "{}", 2), REPLAY_NOT_ENABLED);
    assert_int_equal(verdict_of("acme/gone", "{}", 2), REPLAY_NO_SUBSCRIPTION);
    assert_int_equal(verdict_of("c1", "{}", 2), REPLAY_NO_DELIVERY);
}

static void only_the_beginning(void **state)
{
    (void)state;
    char *body = malloc(DEAD_LETTER_LARGE_KEPT);
    memset(body, ' ', DEAD_LETTER_LARGE_KEPT);
    body[0] = '{';
    assert_int_equal(verdict_of("acme/crm", body, DEAD_LETTER_LARGE_KEPT), REPLAY_NOT_WHOLE);
    body[DEAD_LETTER_LARGE_KEPT - 1] = '}'; /* as long by chance */
    assert_int_equal(verdict_of("acme/crm", body, DEAD_LETTER_LARGE_KEPT), REPLAY_SENT);
    free(body);
}

static void once(void **state)
{
    (void)state;
    mark(REPLAY_DONE, "another", NOW - 100 * MINUTE, "msg_a");
    assert_int_equal(verdict_with("hookline-id", "msg_a"), REPLAY_ALREADY);
    assert_int_equal(verdict_with("hookline-id", "msg_b"), REPLAY_SENT);
    mark(REPLAY_BEGUN, "another", NOW - MINUTE + 1, "msg_a");
    assert_int_equal(verdict_with("hookline-id", "msg_a"), REPLAY_UNDER_WAY);
    mark(REPLAY_BEGUN, "another", NOW - MINUTE, "msg_a");
    assert_int_equal(verdict_with("hookline-id", "msg_a"), REPLAY_SENT);
    mark(REPLAY_BEGUN, "ours", NOW, "msg_a");
    assert_int_equal(verdict_with("hookline-id", "msg_a"), REPLAY_SENT);
}

static void every_verdict_has_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < REPLAY_VERDICTS; i++) {
        assert_true(strlen(replay_verdicts[i]) > 0);
        assert_true(strlen(replay_verdict_texts[i]) > 0);
    }
    assert_null(replay_verdicts[REPLAY_VERDICTS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(put_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_its_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(once, set_up, tear_down),
        cmocka_unit_test(every_verdict_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
