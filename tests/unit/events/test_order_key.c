/* SPDX-License-Identifier: Apache-2.0 */
/* Which events stay in order with one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#define K64   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define K256  K64 K64 K64 K64
#define CALL  "\"type\":\"ringing\",\"coreUUID\":\"core\",\"data\":\"d\""
#define AGENT "\"type\":\"agent-connected\",\"coreUUID\":\"core\""

static const struct {
    const char *what;
    const char *value;
    struct given_bytes key;
    struct given_bytes header;
    bool key_prefix;
    const char *want;
} rows[] = {
    {"header first", "{" CALL ",\"primaryCallID\":\"p\",\"callID\":\"c\"}", {"k", 0}, {"h", 0},
        false, "h"},
    {"then the key", "{" CALL ",\"primaryCallID\":\"p\",\"callID\":\"c\"}", {"k", 0}, {0}, false,
        "k"},
    {"empty header", "{" CALL "}", {"k", 0}, {"", 0}, false, "k"},
    {"then primaryCallID", "{" CALL ",\"callID\":\"c\",\"primaryCallID\":\"p\"}", {0}, {0}, false,
        "p"},
    {"also inside content", "{" CALL ",\"callID\":\"c\",\"content\":{\"primaryCallID\":\"p\"}}",
        {0}, {0}, false, "p"},
    {"then callID", "{" CALL ",\"callID\":\"c\",\"primaryCallID\":null}", {0}, {0}, false, "c"},
    {"callID inside content", "{" CALL ",\"content\":{\"callID\":\"c\"}}", {0}, {0}, false, "c"},
    {"callID outside first", "{" CALL ",\"callID\":\"o\",\"content\":{\"callID\":\"c\"}}", {0}, {0},
        false, "o"},
    {"content is no object", "{" CALL ",\"content\":\"callID\"}", {0}, {0}, false, ""},
    {"never coreUUID, nor data of a call", "{" CALL "}", {0}, {0}, false, ""},
    {"empty key", "{" CALL ",\"callID\":\"c\"}", {"", 0}, {0}, false, "c"},
    {"empty callID", "{" CALL ",\"callID\":\"\"}", {0}, {0}, false, ""},
    {"integer", "{" CALL ",\"callID\":9007199254740993}", {0}, {0}, false, "9007199254740993"},
    {"negative", "{" CALL ",\"callID\":-1}", {0}, {0}, false, "-1"},
    {"real", "{" CALL ",\"callID\":1.5}", {0}, {0}, false, ""},
    {"boolean", "{" CALL ",\"primaryCallID\":true,\"callID\":\"c\"}", {0}, {0}, false, "c"},
    {"object", "{" CALL ",\"callID\":{\"id\":1}}", {0}, {0}, false, ""},

    {"agent: data", "{" AGENT ",\"data\":\"33333\"}", {0}, {0}, false, "33333"},
    {"agent: integer", "{" AGENT ",\"data\":33333}", {0}, {0}, false, "33333"},
    {"agent: null", "{" AGENT ",\"data\":null}", {0}, {0}, false, ""},
    {"agent: key", "{" AGENT ",\"data\":\"33333\"}", {"k", 0}, {0}, false, "k"},
    {"agent: of a call", "{" AGENT ",\"data\":\"33333\",\"callID\":\"c\"}", {0}, {0}, false, "c"},
    {"agent: unknown type", "{\"type\":\"agent.paused\",\"data\":\"7\"}", {0}, {0}, false, "7"},

    {"prefix cut off", "{" CALL "}", {"acme:call:1", 0}, {0}, true, "call:1"},
    {"prefix alone", "{" CALL ",\"callID\":\"c\"}", {"acme:", 0}, {0}, true, "c"},
    {"no prefix", "{" CALL "}", {"call-1", 0}, {0}, true, "call-1"},
    {"prefixes off", "{" CALL "}", {"acme:call:1", 0}, {0}, false, "acme:call:1"},

    {"any Unicode", "{" CALL "}", {"\xD8\xA3\xD8\xAD\xD9\x85\xD8\xAF", 0}, {0}, false,
        "\xD8\xA3\xD8\xAD\xD9\x85\xD8\xAF"},
    {"256 bytes", "{" CALL "}", {K256, 0}, {0}, false, K256},
    /* The digests are those of sha256sum. */
    {"257 bytes", "{" CALL "}", {K256 "x", 0}, {0}, false,
        "sha256:9ae783cdaf6d3d2bf3581b57a2fb67e1b5ecc21b04c307d25d289072a0170f9d"},
    {"not UTF-8", "{" CALL "}", {"\xff\xfe", 0}, {0}, false,
        "sha256:b3d510ef04275ca8e698e5b3cbb0ece3949ef9252f0cdc839e9ee347409a2209"},
    {"control characters", "{" CALL "}", {"a\r\nb", 0}, {0}, false,
        "sha256:18745f36a05e29072709042d6062ce54f1b08ff36c27ba80c39f81fb010c8ce2"},
    {"NUL in the key", "{" CALL "}", {"a\0b", 3}, {0}, false,
        "sha256:59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138"},
    {"NUL in the header", "{" CALL "}", {0}, {"a\0b", 3}, false,
        "sha256:59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138"},
    {"NUL in the body", "{" CALL ",\"callID\":\"a\\u0000b\"}", {0}, {0}, false,
        "sha256:59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138"},
    {"DEL", "{" CALL ",\"callID\":\"\\u007f\"}", {0}, {0}, false,
        "sha256:620bfdaa346b088fb49998d92f19a7eaf6bfc2fb0aee015753966da1028cb731"},
};

static void test_order_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event_options options = DEFAULT_OPTIONS;
        options.tenant_key_prefix = rows[i].key_prefix;
        struct given given = {.key = rows[i].key,
            .value = {rows[i].value, 0},
            .headers = {{"tenant-id", {"acme", 0}}, {"hookline-order-key", {"ignored", 0}},
                {"order-key", rows[i].header}}};
        struct outcome outcome = decode(&options, &given);
        assert_event(rows[i].what, &outcome);
        if (strcmp(outcome.event.order_key, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].what, outcome.event.order_key);
        event_release(&outcome.event);
    }
}

/* Off means that a header of that name is just a header. */
static void test_header_off(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    options.order_key_header = "";
    struct given given = {.value = {"{" CALL ",\"callID\":\"c\"}", 0},
        .headers = {{"tenant-id", {"acme", 0}}, {"order-key", {"h", 0}}}};
    struct outcome outcome = decode(&options, &given);
    (void)state;
    assert_event("header off", &outcome);
    assert_string_equal(outcome.event.order_key, "c");
    event_release(&outcome.event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_keys),
        cmocka_unit_test(test_header_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
