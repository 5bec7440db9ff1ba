/* SPDX-License-Identifier: Apache-2.0 */
/* What happened: where a type is looked for, aliases, and names of one's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#define X64        "XxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxX"
#define OURS       "begins with hookline.: these types are Hookline's own"
#define NOT_A_TYPE "is not 1 to 64 of [A-Za-z0-9._-]"

static const struct {
    const char *value;
    struct given_bytes ce_type;
    const char *type; /* NULL = refused */
    bool known;
    const char *detail;
} rows[] = {
    {"{\"type\":\"created\"}", {0}, "call.created", true, NULL},
    {"{\"type\":\"start\"}", {0}, "call.created", true, NULL},
    {"{\"type\":\"requesting\"}", {0}, "call.created", true, NULL},
    {"{\"type\":\"ringing\"}", {0}, "call.ringing", true, NULL},
    {"{\"type\":\"answered\"}", {0}, "call.answered", true, NULL},
    {"{\"type\":\"active\"}", {0}, "call.answered", true, NULL},
    {"{\"type\":\"ended\"}", {0}, "call.ended", true, NULL},
    {"{\"type\":\"hangup\"}", {0}, "call.ended", true, NULL},
    {"{\"type\":\"destroy\"}", {0}, "call.ended", true, NULL},
    {"{\"type\":\"agent-connected\"}", {0}, "agent.login", true, NULL},
    {"{\"type\":\"agent-disconnected\"}", {0}, "agent.logout", true, NULL},
    {"{\"action\":\"agent-add\"}", {0}, "agent.login", true, NULL},
    {"{\"action\":\"agent-del\",\"type\":null}", {0}, "agent.logout", true, NULL},
    {"{\"action\":\"create\",\"content\":{}}", {0}, "call.ended", true, NULL},
    {"{\"type\":\"call.created\"}", {0}, "call.created", true, NULL},
    {"{\"type\":\"call.ringing\"}", {0}, "call.ringing", true, NULL},
    {"{\"type\":\"call.answered\"}", {0}, "call.answered", true, NULL},
    {"{\"type\":\"call.ended\"}", {0}, "call.ended", true, NULL},
    {"{\"type\":\"agent.login\"}", {0}, "agent.login", true, NULL},
    {"{\"type\":\"agent.logout\"}", {0}, "agent.logout", true, NULL},

    {"{\"type\":\"Ringing\"}", {0}, "Ringing", false, NULL},
    {"{\"type\":\"agent-add\"}", {0}, "agent-add", false, NULL},
    {"{\"type\":\"Call_held.v2-x\"}", {0}, "Call_held.v2-x", false, NULL},
    {"{\"type\":\"" X64 "\"}", {0}, X64, false, NULL},
    {"{\"type\":\"held\",\"action\":\"agent-add\"}", {0}, "held", false, NULL},

    {"{\"type\":\"" X64 "x\"}", {0}, NULL, false, "type from /type " NOT_A_TYPE},
    {"{\"type\":\"\"}", {0}, NULL, false, NOT_A_TYPE},
    {"{\"type\":\"hookline.endpoint.failing\"}", {0}, NULL, false, OURS},
    {"{\"type\":\"hookline.\"}", {0}, NULL, false, OURS},
    {"{\"type\":\"ended\"}", {"hookline.x", 0}, NULL, false, "type from ce_type begins with"},
    {"{\"type\":\"hookline\"}", {0}, "hookline", false, NULL},
    {"{\"type\":\"Hookline.x\"}", {0}, "Hookline.x", false, NULL},
    {"{\"type\":\"call ended\"}", {0}, NULL, false, NOT_A_TYPE},
    {"{\"type\":\"call/*\"}", {0}, NULL, false, NOT_A_TYPE},
    {"{\"type\":\"\\u00e9\"}", {0}, NULL, false, NOT_A_TYPE},
    {"{\"type\":\"ringing\\u0000\"}", {0}, NULL, false, NOT_A_TYPE},
    {"{\"type\":7}", {0}, NULL, false, "type from /type is no string"},
    {"{\"type\":{\"ringing\":1}}", {0}, NULL, false, "type from /type is no string"},
    {"{}", {0}, NULL, false, "no type: neither ce_type nor /type"},
    {"{\"type\":null}", {0}, NULL, false, "no type: neither ce_type nor /type"},
    {"{\"action\":\"create\"}", {0}, NULL, false, "no type"},
    {"{\"action\":\"create\",\"content\":null}", {0}, NULL, false, "no type"},
    {"{\"action\":\"create\",\"content\":[]}", {0}, NULL, false, "no type"},
    {"{\"action\":\"update\",\"content\":{}}", {0}, NULL, false, "no type"},
    {"{\"action\":\"agent-add\\u0000\"}", {0}, NULL, false, "no type"},
    {"{\"action\":7}", {0}, NULL, false, "no type"},

    {"{\"type\":\"ringing\"}", {"ended", 0}, "call.ended", true, NULL},
    {"{}", {"com.example.held", 0}, "com.example.held", false, NULL},
    {"{\"type\":\"ringing\"}", {"ringing\0", 8}, NULL, false, "type from ce_type " NOT_A_TYPE},
    {"{\"type\":\"ringing\"}", {"", 0}, NULL, false, "type from ce_type " NOT_A_TYPE},
    {"{\"type\":\"ringing\"}", {"a b", 0}, NULL, false, "type from ce_type " NOT_A_TYPE},
};

static void check(const struct event_options *options, const char *value,
    struct given_bytes ce_type, const char *type, bool known, const char *detail)
{
    struct given given = {
        .value = {value, 0}, .headers = {{"tenant-id", {"acme", 0}}, {"ce_type", ce_type}}};
    struct outcome outcome = decode(options, &given);
    if (!type) {
        assert_refused(value, &outcome, EVENT_INVALID, detail);
        return;
    }
    assert_event(value, &outcome);
    if (strcmp(outcome.event.type, type) != 0 || outcome.event.type_known != known)
        fail_msg("%s: %s, %s", value, outcome.event.type,
            outcome.event.type_known ? "known" : "unknown");
    event_release(&outcome.event);
}

static void test_types(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(
            &options, rows[i].value, rows[i].ce_type, rows[i].type, rows[i].known, rows[i].detail);
}

static void test_user_aliases(void **state)
{
    static const char *const aliases[] = {
        "ringing=phone.rings",
        "call.created=my.created",
        "com/example call=start=call.created",
        "action:pause=agent.paused",
        "action:agent-add=agent.hello",
        "action:create=record.made",
        "new=ringing",
        NULL,
    };
    struct event_options options = DEFAULT_OPTIONS;
    const struct given_bytes none = {0};
    options.type_aliases = aliases;
    (void)state;

    check(&options, "{\"type\":\"ringing\"}", none, "phone.rings", false, NULL);
    check(&options, "{\"type\":\"call.ringing\"}", none, "call.ringing", true, NULL);
    check(&options, "{\"type\":\"ended\"}", none, "call.ended", true, NULL);
    check(&options, "{\"type\":\"created\"}", none, "call.created", true, NULL);
    check(&options, "{\"type\":\"call.created\"}", none, "my.created", false, NULL);
    check(&options, "{}", (struct given_bytes){"com/example call=start", 0}, "call.created", true,
        NULL);
    check(&options, "{\"action\":\"pause\"}", none, "agent.paused", false, NULL);
    check(&options, "{\"action\":\"agent-add\"}", none, "agent.hello", false, NULL);
    check(&options, "{\"action\":\"create\",\"content\":{}}", none, "record.made", false, NULL);
    check(&options, "{\"type\":\"pause\"}", none, "pause", false, NULL);
    check(&options, "{\"type\":\"new\"}", none, "ringing", false, NULL); /* one step */
}

static void test_pointer(void **state)
{
    struct event_options options = DEFAULT_OPTIONS;
    const struct given_bytes none = {0};
    (void)state;

    options.type_pointer = "/event/0/na~1me";
    check(&options, "{\"type\":\"ended\",\"event\":[{\"na/me\":\"ringing\"}]}", none,
        "call.ringing", true, NULL);
    check(&options, "{\"type\":\"ended\"}", none, NULL, false,
        "no type: neither ce_type nor /event/0/na~1me");
    options.type_pointer = "";
    check(
        &options, "{\"type\":\"ended\",\"action\":\"agent-add\"}", none, "agent.login", true, NULL);
    check(&options, "{\"type\":\"ended\"}", none, NULL, false,
        "no type: neither ce_type nor the body's action");
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(event_type_valid("call.ringing"));
    assert_true(event_type_valid(X64));
    assert_false(event_type_valid(X64 "x"));
    assert_false(event_type_valid(""));
    assert_false(event_type_valid("call.*"));
    assert_true(event_tenant_valid("a-b_9"));
    assert_false(event_tenant_valid("a.b"));
    assert_false(event_tenant_valid(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_user_aliases),
        cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
