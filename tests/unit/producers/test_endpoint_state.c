/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint's owner remembers: what is written is read back, whatever else is refused. */
#include "producers/endpoint_state.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/memory.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEY          "acme/crm"
#define NOW          1772439251902 /* 2026-03-02T08:14:11.902Z */
#define LARGEST      (INT64_C(1) << 62)

static const struct endpoint_stamp stamp = {7, 42};

static struct endpoint_aside two_aside[] = {
    {.offset = 100,
        .attempts = 3,
        .due = {NOW + 60000},
        .first_attempt_at = {NOW - 5000},
        .deadline = {NOW + 86400000},
        .lane = 0x0123456789abcdef},
    {.offset = 105, .first_attempt_at = {-1}, .deadline = {-1}, .lane = 1},
};
static struct range two_ranges[] = {{103, 105}, {110, 140}};

static struct endpoint_state full_state(void)
{
    return (struct endpoint_state){
        .phase = ENDPOINT_BEHIND,
        .reason = "503 from the endpoint",
        .since = {NOW},
        .bookmark = 101,
        .resolved = {two_ranges, 2, 2},
        .aside = two_aside,
        .aside_count = 2,
        .trips = 4,
        .open_until = {NOW + 1},
        .paused_until = {NOW + 2},
        .failing_since = {NOW + 3},
        .told = TOLD_FAILING,
        .recovered_at = {NOW + 4},
    };
}

#define FULL_JSON                                                                                  \
    "{\"state\":\"behind\",\"reason\":\"503 from the endpoint\","                                  \
    "\"since\":\"2026-03-02T08:14:11.902Z\",\"bookmark\":101,\"resolved\":\"2+2,5+30\","           \
    "\"aside\":[{\"offset\":100,\"attempts\":3,\"due\":\"2026-03-02T08:15:11.902Z\","              \
    "\"first_attempt_at\":\"2026-03-02T08:14:06.902Z\",\"deadline\":\"2026-03-03T08:14:11.902Z\"," \
    "\"lane\":\"0123456789abcdef\"},{\"offset\":105,\"attempts\":0,"                               \
    "\"lane\":\"0000000000000001\"}],\"trips\":4,\"open_until\":\"2026-03-02T08:14:11.903Z\","     \
    "\"paused_until\":\"2026-03-02T08:14:11.904Z\",\"failing_since\":\"2026-03-02T08:14:11."       \
    "905Z\",\"told\":\"failing\",\"recovered_at\":\"2026-03-02T08:14:11.906Z\"}"

/* Decodes what a consumer would receive of it. */
static bool decode(const struct record *record, struct endpoint_decoded *ret, struct error *error)
{
    struct record named = *record;
    named.topic = "hookline.endpoints";
    struct record *received = record_copy(&named);
    bool good = endpoint_decode(received, ret, error);
    free(received);
    return good;
}

static void same_aside(const struct endpoint_aside *a, const struct endpoint_aside *b)
{
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->attempts, b->attempts);
    assert_int_equal(a->due.ms, b->due.ms);
    assert_int_equal(a->first_attempt_at.ms, b->first_attempt_at.ms);
    assert_int_equal(a->deadline.ms, b->deadline.ms);
    assert_int_equal(a->lane, b->lane);
}

static void same_state(const struct endpoint_state *a, const struct endpoint_state *b)
{
    assert_int_equal(a->phase, b->phase);
    assert_string_equal(a->reason ? a->reason : "(none)", b->reason ? b->reason : "(none)");
    assert_int_equal(a->since.ms, b->since.ms);
    assert_int_equal(a->bookmark, b->bookmark);
    assert_int_equal(a->resolved.count, b->resolved.count);
    if (a->resolved.count)
        assert_memory_equal(
            a->resolved.items, b->resolved.items, a->resolved.count * sizeof(struct range));
    assert_int_equal(a->aside_count, b->aside_count);
    for (size_t i = 0; i < a->aside_count; i++)
        same_aside(&a->aside[i], &b->aside[i]);
    assert_int_equal(a->trips, b->trips);
    assert_int_equal(a->open_until.ms, b->open_until.ms);
    assert_int_equal(a->paused_until.ms, b->paused_until.ms);
    assert_int_equal(a->failing_since.ms, b->failing_since.ms);
    assert_int_equal(a->told, b->told);
    assert_int_equal(a->recovered_at.ms > 0 ? a->recovered_at.ms : -1,
        b->recovered_at.ms > 0 ? b->recovered_at.ms : -1);
}

/* --- There and back ------------------------------------------------------------------------- */

static void everything_comes_back(void **state)
{
    (void)state;
    struct endpoint_encoded encoded = {.key = BUFFER_INIT};
    struct endpoint_state full = full_state();
    endpoint_state_encode(KEY, &stamp, &full, &encoded);
    assert_int_equal(encoded.record.value.len, strlen(FULL_JSON));
    assert_memory_equal(encoded.record.value.data, FULL_JSON, strlen(FULL_JSON));
    assert_string_equal(buffer_text(&encoded.key), KEY);
    assert_int_equal(encoded.record.timestamp_ms, -1);

    struct endpoint_decoded decoded;
    assert_true(decode(&encoded.record, &decoded, NULL));
    assert_int_equal(decoded.kind, ENDPOINT_RECORD_STATE);
    assert_int_equal(decoded.stamp.epoch, 42);
    assert_int_equal(decoded.stamp.partition, 7);
    assert_string_equal(decoded.key, KEY);
    assert_string_equal(decoded.tenant, "acme");
    same_state(&decoded.state, &full);

    /* And once more, with what it was read to. */
    endpoint_state_encode(decoded.key, &decoded.stamp, &decoded.state, &encoded);
    assert_memory_equal(encoded.record.value.data, FULL_JSON, strlen(FULL_JSON));
    endpoint_decoded_release(&decoded);
    endpoint_encoded_release(&encoded);
}

static void headers_are_decimal_text(void **state)
{
    (void)state;
    struct endpoint_encoded encoded = {.key = BUFFER_INIT};
    struct endpoint_state none = endpoint_state_none();
    static const struct endpoint_stamp largest = {INT32_MAX, LARGEST};
    endpoint_state_encode(KEY, &largest, &none, &encoded);
    assert_int_equal(encoded.record.header_count, 2);
    assert_string_equal(
        record_header_text(&encoded.record, "hookline-epoch"), "4611686018427387904");
    assert_string_equal(record_header_text(&encoded.record, "hookline-partition"), "2147483647");
    struct endpoint_decoded decoded;
    assert_true(decode(&encoded.record, &decoded, NULL));
    assert_int_equal(decoded.stamp.epoch, LARGEST);
    assert_int_equal(decoded.stamp.partition, INT32_MAX);
    endpoint_decoded_release(&decoded);
    endpoint_encoded_release(&encoded);
}

/* What each field alone makes of a state that is none. */
static const struct {
    const char *name;
    struct endpoint_state state;
    const char *json; /* NULL = a null record */
} fields[] = {
    {"nothing", {.bookmark = -1, .failing_since = {-1}}, NULL},
    {"only a time of the phase", {.bookmark = -1, .since = {NOW}}, NULL},
    {"a reason of a live one", {.bookmark = -1, .reason = "well"}, NULL},
    {"resolved without a bookmark", {.bookmark = -1, .resolved = {two_ranges, 2, 2}}, NULL},
    {"disabled", {.phase = ENDPOINT_DISABLED, .bookmark = -1}, "{\"state\":\"disabled\"}"},
    {"a bookmark", {.bookmark = 0}, "{\"state\":\"live\",\"bookmark\":0}"},
    {"the largest bookmark", {.bookmark = LARGEST},
        "{\"state\":\"live\",\"bookmark\":4611686018427387904}"},
    {"resolved at the bookmark", {.bookmark = 103, .resolved = {two_ranges, 1, 2}},
        "{\"state\":\"live\",\"bookmark\":103,\"resolved\":\"0+2\"}"},
    {"trips", {.bookmark = -1, .trips = 1}, "{\"state\":\"live\",\"trips\":1}"},
    {"open", {.bookmark = -1, .open_until = {1}},
        "{\"state\":\"live\",\"open_until\":\"1970-01-01T00:00:00.001Z\"}"},
    {"paused", {.bookmark = -1, .paused_until = {NOW}},
        "{\"state\":\"live\",\"paused_until\":\"2026-03-02T08:14:11.902Z\"}"},
    {"failing", {.bookmark = -1, .failing_since = {NOW}},
        "{\"state\":\"live\",\"failing_since\":\"2026-03-02T08:14:11.902Z\"}"},
    {"told", {.bookmark = -1, .told = TOLD_DISABLED}, "{\"state\":\"live\",\"told\":\"disabled\"}"},
    {"recovered, which is not told yet", {.bookmark = -1, .recovered_at = {NOW}},
        "{\"state\":\"live\",\"recovered_at\":\"2026-03-02T08:14:11.902Z\"}"},
    {"a time beyond all years", {.bookmark = -1, .paused_until = {INT64_MAX}},
        "{\"state\":\"live\",\"paused_until\":\"9999-12-31T23:59:59.999Z\"}"},
    {"set aside", {.bookmark = -1, .aside = &two_aside[1], .aside_count = 1},
        "{\"state\":\"live\",\"aside\":[{\"offset\":105,\"attempts\":0,\"lane\":"
        "\"0000000000000001\"}]}"},
};

static void fields_at_their_defaults_are_left_out(void **state)
{
    (void)state;
    struct endpoint_encoded encoded = {.key = BUFFER_INIT}; /* used again and again */
    for (size_t i = 0; i < COUNT(fields); i++) {
        struct endpoint_decoded decoded, again;
        endpoint_state_encode(KEY, &stamp, &fields[i].state, &encoded);
        assert_int_equal(endpoint_state_is_none(&fields[i].state), !fields[i].json);
        if (!encoded.record.value.data != !fields[i].json ||
            (fields[i].json && strcmp(buffer_text(&encoded.value), fields[i].json) != 0))
            fail_msg("%s: %s", fields[i].name, buffer_text(&encoded.value));
        assert_true(decode(&encoded.record, &decoded, NULL));
        assert_int_equal(endpoint_state_is_none(&decoded.state), !fields[i].json);
        endpoint_state_encode(KEY, &stamp, &decoded.state, &encoded);
        assert_true(decode(&encoded.record, &again, NULL));
        same_state(&again.state, &decoded.state);
        endpoint_decoded_release(&decoded);
        endpoint_decoded_release(&again);
    }
    endpoint_encoded_release(&encoded);
}

static void a_null_record_is_none(void **state)
{
    (void)state;
    struct endpoint_encoded encoded = {.key = BUFFER_INIT};
    struct endpoint_decoded decoded;
    struct endpoint_state none = endpoint_state_none();
    endpoint_state_encode(KEY, &stamp, &none, &encoded);
    assert_null(encoded.record.value.data);
    assert_true(decode(&encoded.record, &decoded, NULL));
    assert_int_equal(decoded.stamp.epoch, 42);
    assert_string_equal(decoded.key, KEY);
    same_state(&decoded.state, &none);
    endpoint_decoded_release(&decoded);
    endpoint_encoded_release(&encoded);
}

static void a_barrier_comes_back(void **state)
{
    (void)state;
    struct endpoint_encoded encoded = {.key = BUFFER_INIT};
    struct endpoint_decoded decoded;
    struct endpoint_state none = endpoint_state_none();
    endpoint_barrier_encode("hookline.deliveries.acme", &stamp, &encoded);
    assert_string_equal(buffer_text(&encoded.key), "@hookline.deliveries.acme/7");
    assert_string_equal(
        buffer_text(&encoded.value), "{\"barrier\":\"hookline.deliveries.acme/7\",\"epoch\":42}");
    assert_true(decode(&encoded.record, &decoded, NULL));
    assert_int_equal(decoded.kind, ENDPOINT_RECORD_BARRIER);
    assert_string_equal(decoded.key, "hookline.deliveries.acme");
    assert_null(decoded.tenant);
    assert_int_equal(decoded.stamp.epoch, 42);
    assert_int_equal(decoded.stamp.partition, 7);
    same_state(&decoded.state, &none);
    endpoint_decoded_release(&decoded);
    endpoint_encoded_release(&encoded);
}

/* --- Bounds --------------------------------------------------------------------------------- */

/* `count` ranges of one offset each, `step` apart, from `first` on. */
static struct ranges many_ranges(int64_t first, size_t count, int64_t step)
{
    struct ranges ranges = {mem_array(NULL, count, sizeof(struct range)), count, count};
    for (size_t i = 0; i < count; i++) {
        int64_t from = first + (int64_t)i * step;
        ranges.items[i] = (struct range){from, from + 1};
    }
    return ranges;
}

static void ranges_are_left_out_from_the_top(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        int64_t step;
        size_t kept;
    } cases[] = {
        {ENDPOINT_RANGES_MAX, 2, ENDPOINT_RANGES_MAX},
        {ENDPOINT_RANGES_MAX + 1, 2, ENDPOINT_RANGES_MAX},
        {20000, 2, ENDPOINT_RANGES_MAX},
        /* The first "1+1", then ",9999999999999999+1": 19 bytes each. */
        {460, INT64_C(10000000000000000), 1 + (ENDPOINT_RANGES_BYTES_MAX - 3) / 19},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint_state many = endpoint_state_none();
        struct endpoint_encoded encoded = {.key = BUFFER_INIT};
        struct endpoint_decoded decoded;
        many.bookmark = 9;
        many.resolved = many_ranges(10, cases[i].count, cases[i].step);
        endpoint_state_encode(KEY, &stamp, &many, &encoded);
        assert_true(decode(&encoded.record, &decoded, NULL));
        assert_int_equal(decoded.state.resolved.count, cases[i].kept);
        assert_memory_equal(decoded.state.resolved.items, many.resolved.items,
            cases[i].kept * sizeof(struct range));
        endpoint_decoded_release(&decoded);
        endpoint_encoded_release(&encoded);
        endpoint_state_release(&many);
    }
}

static void the_largest_state_fits(void **state)
{
    (void)state;
    struct endpoint_state largest = full_state();
    struct endpoint_encoded encoded = {.key = BUFFER_INIT};
    struct endpoint_decoded decoded;
    char reason[ENDPOINT_REASON_MAX + 1];
    memset(reason, '\x01', sizeof reason); /* six bytes each, in JSON */
    reason[ENDPOINT_REASON_MAX] = '\0';
    largest.reason = reason;
    largest.resolved = many_ranges(200, 10000, 1000000);
    largest.aside = mem_array(NULL, ENDPOINT_ASIDE_MAX, sizeof *largest.aside);
    for (size_t i = 0; i < ENDPOINT_ASIDE_MAX; i++) {
        largest.aside[i] = two_aside[0];
        largest.aside[i].offset = LARGEST - ENDPOINT_ASIDE_MAX + (int64_t)i;
        largest.aside[i].attempts = 1000000000;
        largest.aside[i].lane = UINT64_MAX;
    }
    largest.aside_count = ENDPOINT_ASIDE_MAX;
    endpoint_state_encode(KEY, &stamp, &largest, &encoded);
    assert_in_range(encoded.record.value.len, 50000, ENDPOINT_VALUE_MAX / 3);
    assert_true(decode(&encoded.record, &decoded, NULL));
    assert_int_equal(decoded.state.aside_count, ENDPOINT_ASIDE_MAX);
    same_aside(
        &decoded.state.aside[ENDPOINT_ASIDE_MAX - 1], &largest.aside[ENDPOINT_ASIDE_MAX - 1]);
    assert_string_equal(decoded.state.reason, reason);
    endpoint_decoded_release(&decoded);
    endpoint_encoded_release(&encoded);
    endpoint_state_release(&largest);
}

static void reasons_are_text_and_cut(void **state)
{
    (void)state;
    char longest[2000], cut[ENDPOINT_REASON_MAX + 1];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest + 254, "\xe2\x82\xac", 3); /* a character across the end */
    memcpy(cut, longest, 254);
    cut[254] = '\0';
    const struct {
        const char *in, *out;
    } cases[] = {
        {"", "(none)"},
        {"a\xffz\n\"", "a\xef\xbf\xbdz\n\""},
        {"\xc3", "\xef\xbf\xbd"},
        {longest, cut},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint_state named = endpoint_state_none();
        struct endpoint_encoded encoded = {.key = BUFFER_INIT};
        struct endpoint_decoded decoded;
        named.bookmark = 1;
        named.reason = cases[i].in;
        endpoint_state_encode(KEY, &stamp, &named, &encoded);
        assert_true(decode(&encoded.record, &decoded, NULL));
        assert_string_equal(decoded.reason ? decoded.reason : "(none)", cases[i].out);
        endpoint_decoded_release(&decoded);
        endpoint_encoded_release(&encoded);
    }
}

/* --- Hostile records ------------------------------------------------------------------------ */

static bool decode_parts(const char *key, const char *epoch, const char *partition,
    const char *value, struct error *error)
{
    struct header headers[2];
    struct record record = {.key = {key, key ? strlen(key) : 0}, .headers = headers};
    if (epoch)
        headers[record.header_count++] = (struct header){"hookline-epoch", {epoch, strlen(epoch)}};
    if (partition)
        headers[record.header_count++] =
            (struct header){"hookline-partition", {partition, strlen(partition)}};
    if (value)
        record.value = (struct bytes){value, strlen(value)};
    struct endpoint_decoded decoded;
    bool good = decode(&record, &decoded, error);
    if (good)
        endpoint_decoded_release(&decoded);
    return good;
}

#define TEN(text) text text text text text text text text text text
#define LIVE      "{\"state\":\"live\"}"

static const struct {
    const char *key, *epoch, *partition;
    bool good;
} envelopes[] = {
    {"a/b", "1", "0", true},
    {"a/b", "0", "2147483647", true},
    {"a_-9/B_-9", "1", "0", true},
    {NULL, "1", "0", false},
    {"", "1", "0", false},
    {"a", "1", "0", false},
    {"/", "1", "0", false},
    {"a/", "1", "0", false},
    {"/b", "1", "0", false},
    {"a/b/c", "1", "0", false},
    {"A/b", "1", "0", false},
    {"a/b c", "1", "0", false},
    {"a/" TEN("1234567890"), "1", "0", false},
    {TEN("1234567890") "/a", "1", "0", false},
    {TEN(TEN("1234567890")) "/a", "1", "0", false},
    {"@", "1", "0", false},
    {"@a", "1", "0", false},
    {"a/b", NULL, "0", false},
    {"a/b", "1", NULL, false},
    {"a/b", "", "0", false},
    {"a/b", "-1", "0", false},
    {"a/b", "1x", "0", false},
    {"a/b", "0x1", "0", false},
    {"a/b", "4611686018427387905", "0", false},
    {"a/b", "99999999999999999999", "0", false},
    {"a/b", "1", "-1", false},
    {"a/b", "1", "2147483648", false},
    {"a/b", "1", "4294967296", false},
};

static void hostile_keys_and_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(envelopes); i++)
        for (int null = 0; null <= 1; null++) {
            struct error error = ERROR_INIT;
            bool good = decode_parts(envelopes[i].key, envelopes[i].epoch, envelopes[i].partition,
                null ? NULL : LIVE, &error);
            if (good != envelopes[i].good)
                fail_msg("case %zu: %s", i, error.text);
            assert_int_equal(error.kind, good ? ERROR_NONE : ERROR_PERMANENT);
        }
}

static void a_nul_ends_no_key_and_no_header(void **state)
{
    (void)state;
    struct header headers[] = {{"hookline-epoch", {"1", 1}}, {"hookline-partition", {"0", 1}}};
    struct record record = {.key = {"a/b\0c", 5}, .headers = headers, .header_count = 2};
    struct endpoint_decoded decoded;
    assert_false(decode(&record, &decoded, NULL));
    record.key.len = 3;
    assert_true(decode(&record, &decoded, NULL));
    endpoint_decoded_release(&decoded);
    headers[1].value = (struct bytes){"0\0", 2};
    assert_false(decode(&record, &decoded, NULL));
    headers[1].value = (struct bytes){NULL, 0};
    assert_false(decode(&record, &decoded, NULL));
}

static const struct {
    const char *key, *value;
    bool good;
} barriers[] = {
    {"@t/3", "{\"barrier\":\"t/3\",\"epoch\":5}", true},
    {"@t/3", "{\"barrier\":\"t/3\",\"epoch\":5,\"later\":[]}", true},
    {"@t/3", NULL, false},
    {"@t/3", LIVE, false},
    {"@t/3", "{\"barrier\":\"t/3\"}", false},
    {"@t/3", "{\"barrier\":\"t/3\",\"epoch\":6}", false},
    {"@t/3", "{\"barrier\":\"t/3\",\"epoch\":\"5\"}", false},
    {"@t/3", "{\"barrier\":\"t/3\",\"epoch\":-5}", false},
    {"@t/3", "{\"barrier\":\"t/33\",\"epoch\":5}", false},
    {"@t/3", "{\"barrier\":\"t/\",\"epoch\":5}", false},
    {"@t/3", "{\"barrier\":3,\"epoch\":5}", false},
    {"@t/3", "{\"epoch\":5}", false},
    {"@t/4", "{\"barrier\":\"t/4\",\"epoch\":5}", false}, /* another than the header's */
    {"@t/03", "{\"barrier\":\"t/03\",\"epoch\":5}", false},
    {"@/3", "{\"barrier\":\"/3\",\"epoch\":5}", false},
    {"@t/u/3", "{\"barrier\":\"t/u/3\",\"epoch\":5}", false},
    {"@t u/3", "{\"barrier\":\"t u/3\",\"epoch\":5}", false},
};

static void hostile_barriers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(barriers); i++)
        if (decode_parts(barriers[i].key, "5", "3", barriers[i].value, NULL) != barriers[i].good)
            fail_msg("case %zu", i);
}

#define STATE(fields) "{\"state\":\"behind\",\"bookmark\":5," fields "}"
#define ASIDE(items)  "{\"state\":\"live\",\"aside\":[" items "]}"
#define TIME(text)    STATE("\"since\":\"" text "\"")

static const struct {
    const char *value;
    bool good;
} values[] = {
    {LIVE, true},
    {"{\"state\":\"live\",\"later\":{\"deep\":[1,2.5,null]}}", true},
    {" {\"state\" : \"live\"}\n", true},
    {"", false},
    {"null", false},
    {"[]", false},
    {"\"live\"", false},
    {"{}", false},
    {LIVE LIVE, false},
    {"{\"state\":\"dead\"}", false},
    {"{\"state\":1}", false},
    {"{\"state\":\"live\",\"state\":\"behind\"}", false},
    {"{\"state\":\"live\",\"bookmark\":-1}", false},
    {"{\"state\":\"live\",\"bookmark\":4611686018427387905}", false},
    {"{\"state\":\"live\",\"bookmark\":99999999999999999999}", false},
    {"{\"state\":\"live\",\"bookmark\":5.0}", false},
    {"{\"state\":\"live\",\"bookmark\":\"5\"}", false},
    {"{\"state\":\"live\",\"bookmark\":null}", false},
    {STATE("\"trips\":1000000000"), true},
    {STATE("\"trips\":1000000001"), false},
    {STATE("\"trips\":-1"), false},
    {STATE("\"reason\":\"\""), true},
    {STATE("\"reason\":7"), false},
    {STATE("\"reason\":\"a\\u0000b\""), false},
    {STATE("\"reason\":\"\xff\""), false},
    {STATE("\"reason\":\"" TEN("1234567890123456789012345") "123456\""), true},
    {STATE("\"reason\":\"" TEN("1234567890123456789012345") "1234567\""), false},
    {STATE("\"resolved\":\"1+1\""), true},
    {STATE("\"resolved\":\"\""), true},
    {STATE("\"resolved\":\"1+0\""), false},
    {STATE("\"resolved\":\"1+1,0+1\""), false},
    {STATE("\"resolved\":\"4611686018427387900+1\""), false},
    {STATE("\"resolved\":[1,1]"), false},
    {"{\"state\":\"live\",\"resolved\":\"1+1\"}", false}, /* above what? */
    {TIME("2026-03-02T08:14:11.902Z"), true},
    {TIME("9999-12-31T23:59:59.999Z"), true},
    {TIME("2026-03-02T08:14:11Z"), false},
    {TIME("2026-03-02T08:14:11.9Z"), false},
    {TIME("2026-03-02T08:14:11.90ZZ"), false},
    {TIME("2026-03-02T08:14:11.9021Z"), false},
    {TIME("2026-03-02T08:14:11.902"), false},
    {TIME("2026-03-02T08:14:11.902+01:00"), false},
    {TIME("2026-02-30T08:14:11.902Z"), false},
    {TIME("2026-3-2T08:14:11.902Z"), false},
    {TIME(" 2026-03-02T08:14:11.902Z"), false},
    {TIME("12026-03-02T08:14:11.902Z"), false},
    {TIME("1969-12-31T23:59:59.999Z"), false},
    {TIME("1970-01-01T00:00:00.000Z"), false},
    {TIME("0000-00-00T00:00:00.000Z"), false},
    {TIME(""), false},
    {TIME("yesterday"), false},
    {STATE("\"since\":1772439251902"), false},
    {STATE("\"open_until\":\"now\""), false},
    {STATE("\"paused_until\":\"now\""), false},
    {STATE("\"failing_since\":\"now\""), false},
    {STATE("\"told\":\"failing\""), true},
    {STATE("\"told\":\"disabled\""), true},
    {STATE("\"told\":\"\""), false},
    {STATE("\"told\":\"nothing\""), false},
    {STATE("\"told\":null"), false},
    {STATE("\"told\":1"), false},
    {STATE("\"recovered_at\":\"now\""), false},
    {ASIDE(""), true},
    {ASIDE("{\"offset\":0,\"attempts\":0}"), true},
    {ASIDE("{\"offset\":1,\"attempts\":1},{\"offset\":2,\"attempts\":1,\"later\":1}"), true},
    {ASIDE("{\"offset\":1,\"attempts\":1},{\"offset\":1,\"attempts\":1}"), false},
    {ASIDE("{\"offset\":2,\"attempts\":1},{\"offset\":1,\"attempts\":1}"), false},
    {ASIDE("{\"offset\":-1,\"attempts\":1}"), false},
    {ASIDE("{\"offset\":1}"), false},
    {ASIDE("{\"attempts\":1}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":-1}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":9000000000}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"due\":5}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"lane\":\"0123456789abcdef\"}"), true},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"lane\":\"0000000000000000\"}"), true},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"lane\":\"0123456789ABCDEF\"}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"lane\":\"0123456789abcde\"}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"lane\":\"0123456789abcdef0\"}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"lane\":\"\"}"), false},
    {ASIDE("{\"offset\":1,\"attempts\":1,\"lane\":1}"), false},
    {ASIDE("7"), false},
    {ASIDE("null"), false},
    {ASIDE("[1,1]"), false},
    {"{\"state\":\"live\",\"aside\":{}}", false},
    {"{\"state\":\"live\",\"aside\":null}", false},
};

static void hostile_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct error error = ERROR_INIT;
        if (decode_parts(KEY, "1", "0", values[i].value, &error) != values[i].good)
            fail_msg("%s: %s", values[i].value, error.text);
        assert_int_equal(error.kind, values[i].good ? ERROR_NONE : ERROR_PERMANENT);
    }
}

/* A value with `count` times `item`, separated by commas, between `before` and `after`. */
static bool decode_repeated(const char *before, size_t count, const char *item, const char *after)
{
    struct buffer value = BUFFER_INIT;
    buffer_add_text(&value, before);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&value, "%s%s", i ? "," : "", item);
    buffer_add_text(&value, after);
    bool good = decode_parts(KEY, "1", "0", buffer_text(&value), NULL);
    buffer_release(&value);
    return good;
}

static void too_much_of_anything(void **state)
{
    (void)state;
    static const char resolved[] = "{\"state\":\"live\",\"bookmark\":5,\"resolved\":\"";
    static const char unknown[] = "{\"state\":\"live\",\"unknown\":[";
    assert_true(decode_repeated(resolved, ENDPOINT_RANGES_MAX, "1+1", "\"}"));
    assert_false(decode_repeated(resolved, ENDPOINT_RANGES_MAX + 1, "1+1", "\"}"));
    assert_true(decode_repeated(resolved, 390, "100000000000000+1234", "\"}")); /* 8 189 bytes */
    assert_false(decode_repeated(resolved, 391, "100000000000000+1234", "\"}"));
    assert_true(decode_repeated(unknown, 1000, "1", "]}"));
    assert_false(decode_repeated(unknown, ENDPOINT_VALUE_MAX / 2, "1", "]}"));
    assert_false(decode_repeated(unknown, 1, TEN(TEN(TEN(TEN("[")))), "]}"));

    struct buffer aside = BUFFER_INIT;
    for (int i = 0; i <= ENDPOINT_ASIDE_MAX; i++) {
        if (i == ENDPOINT_ASIDE_MAX)
            assert_true(
                decode_repeated("{\"state\":\"live\",\"aside\":[", 1, buffer_text(&aside), "]}"));
        buffer_printf(&aside, "%s{\"offset\":%d,\"attempts\":0}", i ? "," : "", i);
    }
    assert_false(decode_repeated("{\"state\":\"live\",\"aside\":[", 1, buffer_text(&aside), "]}"));
    buffer_release(&aside);
}

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

/* What is read of a mutant can be written, and is the same when it is read again. */
static void check_mutant(const struct record *record)
{
    struct endpoint_decoded decoded, again;
    struct endpoint_encoded encoded = {.key = BUFFER_INIT};
    struct error error = ERROR_INIT;
    if (!decode(record, &decoded, &error)) {
        assert_int_equal(error.kind, ERROR_PERMANENT);
        return;
    }
    if (decoded.kind == ENDPOINT_RECORD_STATE)
        endpoint_state_encode(decoded.key, &decoded.stamp, &decoded.state, &encoded);
    else
        endpoint_barrier_encode(decoded.key, &decoded.stamp, &encoded);
    assert_true(decode(&encoded.record, &again, NULL));
    assert_string_equal(again.key, decoded.key);
    if (!endpoint_state_is_none(&decoded.state))
        same_state(&again.state, &decoded.state);
    endpoint_decoded_release(&again);
    endpoint_decoded_release(&decoded);
    endpoint_encoded_release(&encoded);
}

static void mutate(char *text, size_t len, const char *alphabet, uint64_t *random)
{
    for (uint32_t n = draw(random, 4); n > 0 && len > 0; n--) {
        char *byte = text + draw(random, (uint32_t)len);
        if (draw(random, 2))
            *byte = (char)(*byte ^ (1 << draw(random, 8)));
        else
            *byte = alphabet[draw(random, (uint32_t)strlen(alphabet))];
    }
}

static void mutated_records(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]:,\"\\0123456789+-.eTZabcdef@/";
    struct endpoint_state full = full_state();
    uint64_t random = 1;
    for (int turn = 0; turn < 20000; turn++) {
        struct endpoint_encoded encoded = {.key = BUFFER_INIT};
        if (turn % 4)
            endpoint_state_encode(KEY, &stamp, &full, &encoded);
        else
            endpoint_barrier_encode("hookline.deliveries.acme", &stamp, &encoded);
        mutate(encoded.value.data, encoded.value.len, alphabet, &random);
        if (draw(&random, 4) == 0)
            mutate(encoded.key.data, encoded.key.len, alphabet, &random);
        if (draw(&random, 4) == 0)
            mutate(encoded.numbers[0], strlen(encoded.numbers[0]), "0123456789", &random);
        if (draw(&random, 8) == 0)
            encoded.record.key.len = draw(&random, (uint32_t)encoded.key.len + 1);
        check_mutant(&encoded.record);
        endpoint_encoded_release(&encoded);
    }
}

static void truncated_records(void **state)
{
    (void)state;
    struct endpoint_state full = full_state();
    struct endpoint_encoded encoded = {.key = BUFFER_INIT};
    struct endpoint_decoded decoded;
    endpoint_state_encode(KEY, &stamp, &full, &encoded);
    for (size_t len = 0; len < encoded.value.len; len++) {
        /* A copy of just that size: a sanitizer sees whoever reads on. */
        void *value = malloc(len ? len : 1);
        memcpy(value, encoded.value.data, len);
        struct record record = encoded.record;
        record.value = (struct bytes){value, len};
        assert_false(endpoint_decode(&record, &decoded, NULL));
        free(value);
    }
    endpoint_encoded_release(&encoded);
}

/* --- The schema ----------------------------------------------------------------------------- */

static void the_schema_knows_all_fields(void **state)
{
    (void)state;
    json_t *schema = json_load_file(HOOKLINE_SOURCE "/docs/schemas/endpoint-state.json", 0, NULL);
    json_t *value = json_loads(FULL_JSON, 0, NULL), *field;
    const json_t *known = NULL, *known_aside = NULL, *names = NULL;
    const char *name;
    assert_int_equal(
        json_unpack(schema, "{s:{s:{s:o}}}", "$defs", "state", "properties", &known), 0);
    assert_int_equal(json_unpack((json_t *)known, "{s:{s:{s:o}}, s:{s:o}}", "aside", "items",
                         "properties", &known_aside, "state", "enum", &names),
        0);
    json_object_foreach(value, name, field)
        assert_non_null(json_object_get(known, name));
    assert_int_equal(json_object_size(known), json_object_size(value));
    field = json_array_get(json_object_get(value, "aside"), 0);
    assert_int_equal(json_object_size(known_aside), json_object_size(field));
    for (size_t i = 0; i < ENDPOINT_PHASES; i++)
        assert_string_equal(json_string_value(json_array_get(names, i)), endpoint_phases[i]);
    assert_int_equal(json_array_size(names), ENDPOINT_PHASES);
    json_decref(value);
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(headers_are_decimal_text),
        cmocka_unit_test(fields_at_their_defaults_are_left_out),
        cmocka_unit_test(a_null_record_is_none),
        cmocka_unit_test(a_barrier_comes_back),
        cmocka_unit_test(ranges_are_left_out_from_the_top),
        cmocka_unit_test(the_largest_state_fits),
        cmocka_unit_test(reasons_are_text_and_cut),
        cmocka_unit_test(hostile_keys_and_headers),
        cmocka_unit_test(a_nul_ends_no_key_and_no_header),
        cmocka_unit_test(hostile_barriers),
        cmocka_unit_test(hostile_values),
        cmocka_unit_test(too_much_of_anything),
        cmocka_unit_test(mutated_records),
        cmocka_unit_test(truncated_records),
        cmocka_unit_test(the_schema_knows_all_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
