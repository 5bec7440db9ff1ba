/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, read from a pipe that keeps each write(2) apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static int pipe_fds[2], real_stderr;
static char line[16384];

static int set_up(void **state)
{
    (void)state;
    if (pipe2(pipe_fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC) < 0)
        return -1;
    real_stderr = dup(STDERR_FILENO);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(real_stderr);
    return 0;
}

static void begin(enum log_format format, enum log_level level)
{
    log_apply(&(struct log_options){.level = level, .format = format});
    dup2(pipe_fds[1], STDERR_FILENO);
}

/* What one write(2) wrote since begin(), without the line feed; NULL if nothing. Restores standard
 * error, so that cmocka can be heard. */
static const char *end(void)
{
    dup2(real_stderr, STDERR_FILENO);
    ssize_t n = read(pipe_fds[0], line, sizeof line - 1);
    if (n <= 0)
        return NULL;
    line[n] = '\0';
    char more;
    assert_true(read(pipe_fds[0], &more, 1) < 0); /* one write, one line */
    assert_int_equal(line[n - 1], '\n');
    line[n - 1] = '\0';
    assert_null(strchr(line, '\n'));
    return line;
}

/* What stands behind `time=` and its value. */
static const char *after_time(const char *text)
{
    assert_non_null(text);
    assert_memory_equal(text, "time=", 5);
    assert_int_equal(strcspn(text + 5, " "), strlen("2026-03-02T08:14:05.318Z"));
    assert_int_equal(text[28], 'Z');
    return text + 5 + strcspn(text + 5, " ");
}

static void logfmt_fields(void **state)
{
    (void)state;
    begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    log_warn("cannot reach Kafka", LOG_STR("brokers", "a:9092,b:9092"), LOG_INT("queued", -12),
        LOG_DBL("share", 0.25), LOG_BOOL("final", true), LOG_BOOL("again", false),
        LOG_STR("left_out", NULL), LOG_STR("empty", ""), LOG_STR("words", "two words"));
    assert_string_equal(after_time(end()),
        " level=warn msg=\"cannot reach Kafka\" brokers=a:9092,b:9092 queued=-12 "
        "share=0.25 final=true again=false empty=\"\" words=\"two words\"");
}

static void no_fields_and_role(void **state)
{
    (void)state;
    begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    log_set_role("bridge");
    log_info("started");
    log_set_role(NULL);
    assert_string_equal(after_time(end()), " level=info msg=\"started\" role=bridge");
}

static void errors_as_fields(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    error_set(&error, ERROR_RETRY, "no \"route\"");
    begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    log_error("gave up", LOG_ERR(&error));
    assert_string_equal(
        after_time(end()), " level=error msg=\"gave up\" error=\"no \\\"route\\\"\"");
}

static const struct {
    const char *text;
    const char *quoted; /* the same in both formats */
} escapes[] = {
    {"a\"b\\c", "\"a\\\"b\\\\c\""},
    {"a\nlevel=error\r\t", "\"a\\nlevel=error\\r\\t\""},
    {"\x1b[31m\x01\x7f", "\"\\u001b[31m\\u0001\\u007f\""},
    {"\xc2\x85\xc2\x9b", "\"\\u0085\\u009b\""},
    {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa6", "\"\\u2028\\u2029\xe2\x80\xa6\""},
    {"caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xf0\x9f\x98\x80\""},
    {"bad \xff\xc3(", "\"bad \xef\xbf\xbd\xef\xbf\xbd(\""},
    {"a=b c", "\"a=b c\""},
};

static void text_is_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        char expected[256];
        begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
        log_info("m", LOG_STR("f", escapes[i].text));
        snprintf(expected, sizeof expected, " level=info msg=\"m\" f=%s", escapes[i].quoted);
        assert_string_equal(after_time(end()), expected);

        begin(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        log_info("m", LOG_STR("f", escapes[i].text));
        snprintf(expected, sizeof expected, ",\"level\":\"info\",\"msg\":\"m\",\"f\":%s}",
            escapes[i].quoted);
        assert_string_equal(end() + strlen("{\"time\":\"2026-03-02T08:14:05.318Z\""), expected);
    }
}

static void json_is_json(void **state)
{
    (void)state;
    begin(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
    log_set_role("receiver");
    log_debug("a \"message\"", LOG_STR("path", "/x\x01"), LOG_INT("n", INT64_MIN),
        LOG_DBL("d", 1.5), LOG_BOOL("b", true), LOG_DBL("nan", NAN), LOG_DBL("inf", INFINITY));
    log_set_role(NULL);
    json_error_t error;
    json_t *json = json_loads(end(), JSON_REJECT_DUPLICATES, &error);
    assert_non_null(json);
    const char *time, *level, *msg, *role, *path, *nan_text, *inf_text;
    json_int_t n;
    double d;
    int b;
    assert_int_equal(json_unpack(json, "{s:s,s:s,s:s,s:s,s:s,s:I,s:f,s:b,s:s,s:s!}", "time", &time,
                         "level", &level, "msg", &msg, "role", &role, "path", &path, "n", &n, "d",
                         &d, "b", &b, "nan", &nan_text, "inf", &inf_text),
        0);
    assert_string_equal(level, "debug");
    assert_string_equal(msg, "a \"message\"");
    assert_string_equal(role, "receiver");
    assert_string_equal(path, "/x\x01");
    assert_int_equal(n, INT64_MIN);
    assert_true(d == 1.5 && b);
    assert_string_equal(nan_text, "NaN");
    assert_string_equal(inf_text, "+Inf");
    json_decref(json);
}

static void levels_filter_and_count(void **state)
{
    (void)state;
    int64_t debugs = log_count(LOG_LEVEL_DEBUG), warns = log_count(LOG_LEVEL_WARN);
    begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN);
    log_debug("no");
    log_info("no");
    assert_null(end());
    begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN);
    log_warn("yes");
    assert_non_null(end());
    assert_int_equal(log_count(LOG_LEVEL_DEBUG), debugs);
    assert_int_equal(log_count(LOG_LEVEL_WARN), warns + 1);
    assert_string_equal(log_level_name(LOG_LEVEL_WARN), "warn");
}

static void values_are_bounded(void **state)
{
    (void)state;
    static char text[8000];
    memset(text, 'x', sizeof text - 1);
    begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    log_info("m", LOG_STR("f", text));
    const char *written = end();
    assert_in_range(strlen(written), 2048, 2200);
    assert_string_equal(written + strlen(written) - 5, "x\xe2\x80\xa6\"");
}

static void errno_is_kept(void **state)
{
    (void)state;
    begin(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    close(STDERR_FILENO); /* a log that cannot be written is lost, quietly */
    errno = EDOM;
    log_info("m");
    int kept = errno;
    assert_null(end());
    assert_int_equal(kept, EDOM);
}

static void limit(void **state)
{
    (void)state;
    struct log_limit state_of = {0};
    int64_t suppressed = -1;
    assert_true(log_limit_pass(&state_of, 60000, &suppressed));
    assert_int_equal(suppressed, 0);
    suppressed = -1;
    assert_false(log_limit_pass(&state_of, 60000, &suppressed));
    assert_false(log_limit_pass(&state_of, 60000, NULL));
    assert_int_equal(suppressed, -1);
    state_of.next = mono_now(); /* a minute later */
    assert_true(log_limit_pass(&state_of, 60000, &suppressed));
    assert_int_equal(suppressed, 2);
    assert_false(log_limit_pass(&state_of, 60000, NULL));
    state_of.next = mono_now();
    assert_true(log_limit_pass(&state_of, 60000, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_fields),
        cmocka_unit_test(no_fields_and_role),
        cmocka_unit_test(errors_as_fields),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(levels_filter_and_count),
        cmocka_unit_test(values_are_bounded),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(limit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
