/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: what is continued, and what is not passed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "common/trace.h"

#define ID     "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define ZERO32 "00000000000000000000000000000000"

static const struct trace_attempt attempt = {"msg_1", 1, {1700000000123}};

static bool go_on(const char *parent, const char *state, struct trace *trace)
{
    struct header headers[2] = {{"traceparent", {parent, strlen(parent)}}};
    if (state)
        headers[1] = (struct header){"tracestate", {state, strlen(state)}};
    const struct record record = {.headers = headers, .header_count = state ? 2 : 1};
    return trace_continue(&record, &attempt, trace);
}

static void parents(void **state)
{
    static const struct {
        const char *parent, *flags; /* NULL = not continued */
    } cases[] = {
        {"00-" ID "-" PARENT "-01", "01"},
        {"00-" ID "-" PARENT "-00", "00"},
        {"00-" ID "-" PARENT "-03", "03"},
        {"00-" ID "-" PARENT "-ff", "03"}, /* those that nobody knows are not passed on */
        {"cc-" ID "-" PARENT "-01", "01"}, /* a later version */
        {"cc-" ID "-" PARENT "-01-what-ever", "01"},
        {"cc-" ID "-" PARENT "-01.what", NULL},
        {"cc-" ID "-" PARENT "-011", NULL},
        {"00-" ID "-" PARENT "-01-what", NULL}, /* of this version it is all */
        {"00-" ID "-" PARENT "-01 ", NULL},
        {" 00-" ID "-" PARENT "-01", NULL},
        {"ff-" ID "-" PARENT "-01", NULL},
        {"00-" ZERO32 "-" PARENT "-01", NULL},
        {"00-" ID "-0000000000000000-01", NULL},
        {"00-0AF7651916cd43dd8448eb211c80319c-" PARENT "-01", NULL},
        {"00-" ID "-" PARENT "-0x", NULL},
        {"00-" ID "-" PARENT "-1", NULL},
        {"00-" ID "-" PARENT, NULL},
        {"00-" ID "_" PARENT "-01", NULL},
        {"00-0af7651916cd43dd8448eb211c80319-0b7ad6b7169203331-01", NULL},
        {"0-" ID "-" PARENT "-001", NULL},
        {"00-" ID "-" PARENT "-01\r\nx-evil: 1", NULL},
        {"00", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trace trace;
        char out[TRACE_PARENT_SIZE], start[64];
        bool found = go_on(cases[i].parent, NULL, &trace);
        if (found != (cases[i].flags != NULL))
            fail_msg("%s", cases[i].parent);
        if (!found)
            continue;
        assert_string_equal(trace.id, ID);
        assert_null(trace.state);
        assert_int_equal(strspn(trace.span, "0123456789abcdef"), 16);
        assert_string_not_equal(trace.span, PARENT);
        assert_string_not_equal(trace.span, "0000000000000000");
        snprintf(start, sizeof start, "00-" ID "-%s-%s", trace.span, cases[i].flags);
        assert_string_equal(trace_parent(&trace, out), start);
    }
}

static void states(void **state)
{
    static const struct {
        const char *state;
        bool good;
    } cases[] = {
        {"rojo=00f067aa0ba902b7", true},
        {"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
        {"rojo=1 , congo=2\t,", true},
        {"fw529a3039@dt=FfCzz, 0a_-*/z=with blanks", true},
        {"a=b,,c=d", true},
        {"", false},
        {",", false},
        {"a", false},
        {"a=", false},
        {"=b", false},
        {"A=b", false},
        {"@a=b", false},
        {"a b=c", false},
        {"a=b=c", false},
        {"a=b\r\nx-evil: 1", false},
        {"a=b\x7f", false},
        {"a=\xc3\xa9", false},
    };
    struct trace trace;
    struct buffer text = BUFFER_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(go_on("00-" ID "-" PARENT "-01", cases[i].state, &trace));
        if (cases[i].good)
            assert_string_equal(trace.state, cases[i].state);
        else if (trace.state)
            fail_msg("%s", cases[i].state);
    }
    for (int i = 0; i < 32; i++)
        buffer_printf(&text, "%sk%d=v", i ? "," : "", i);
    go_on("00-" ID "-" PARENT "-01", buffer_text(&text), &trace);
    assert_non_null(trace.state);
    buffer_add_text(&text, ",k=v");
    go_on("00-" ID "-" PARENT "-01", buffer_text(&text), &trace);
    assert_null(trace.state);
    buffer_clear(&text);
    buffer_add_text(&text, "a=1,b=");
    for (size_t i = 0; i < 251; i++)
        buffer_add_text(&text, "v");
    buffer_add_text(&text, ",c=");
    while (text.len < 512)
        buffer_add_text(&text, "w");
    go_on("00-" ID "-" PARENT "-01", buffer_text(&text), &trace);
    assert_non_null(trace.state);
    buffer_add_text(&text, "w"); /* 513 */
    go_on("00-" ID "-" PARENT "-01", buffer_text(&text), &trace);
    assert_null(trace.state);
    buffer_release(&text);
    assert_false(go_on("no trace", "a=b", &trace));
}

static void spans(void **state)
{
    static const struct trace_attempt others[] = {{"msg_2", 1, {1700000000123}},
        {"msg_1", 2, {1700000000123}}, {"msg_1", 1, {1700000000124}}};
    const struct header header = {"traceparent", {"00-" ID "-" PARENT "-01", 55}};
    const struct record record = {.headers = &header, .header_count = 1},
                        without = {.headers = NULL};
    struct trace trace, other;
    (void)state;
    assert_true(trace_continue(&record, &attempt, &trace));
    assert_true(trace_continue(&record, &attempt, &other));
    assert_string_equal(trace.span, other.span);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(trace_continue(&record, &others[i], &other));
        assert_string_not_equal(trace.span, other.span);
    }
    assert_false(trace_continue(&without, &attempt, &trace));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parents),
        cmocka_unit_test(states),
        cmocka_unit_test(spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
