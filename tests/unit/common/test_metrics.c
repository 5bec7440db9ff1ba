/* SPDX-License-Identifier: Apache-2.0 */
/* The Prometheus exposition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"

static const char *const reasons[] = {"too_large", "odd \"\\\n name", NULL};
static const double bounds[] = {0.005, 0.1, 2, 0};
static const char *const results[] = {"ok", "failed", NULL};

static struct metric invalid =
    METRIC_COUNTER("b_invalid_total", "Back\\slash and\nline feed.", "reason", reasons);
static struct metric held = METRIC_GAUGE("a_held", "Held.", NULL, NULL);
static struct metric duration =
    METRIC_HISTOGRAM("c_duration_seconds", "Duration.", "result", results, bounds);
static struct metric plain = METRIC_HISTOGRAM("d_plain", "Plain.", NULL, NULL, bounds);
static struct metric stranger = METRIC_COUNTER("stranger_total", "Not registered.", NULL, NULL);

static void refresh(struct metric *metric)
{
    metric_set(metric, 0, metric_value(metric, 0) + 0.5);
}

static struct metric refreshed = {
    .name = "e_refreshed", .help = "Refreshed.", .type = METRIC_TYPE_GAUGE, .refresh = refresh};

static const char expected[] = "# HELP a_held Held.\n"
                               "# TYPE a_held gauge\n"
                               "a_held 999999999999999\n"
                               "# HELP b_invalid_total Back\\\\slash and\\nline feed.\n"
                               "# TYPE b_invalid_total counter\n"
                               "b_invalid_total{reason=\"too_large\"} 0\n"
                               "b_invalid_total{reason=\"odd \\\"\\\\\\n name\"} 2\n"
                               "# HELP c_duration_seconds Duration.\n"
                               "# TYPE c_duration_seconds histogram\n"
                               "c_duration_seconds_bucket{result=\"ok\",le=\"0.005\"} 1\n"
                               "c_duration_seconds_bucket{result=\"ok\",le=\"0.1\"} 3\n"
                               "c_duration_seconds_bucket{result=\"ok\",le=\"2\"} 3\n"
                               "c_duration_seconds_bucket{result=\"ok\",le=\"+Inf\"} 4\n"
                               "c_duration_seconds_sum{result=\"ok\"} 100.1175\n"
                               "c_duration_seconds_count{result=\"ok\"} 4\n"
                               "c_duration_seconds_bucket{result=\"failed\",le=\"0.005\"} 0\n"
                               "c_duration_seconds_bucket{result=\"failed\",le=\"0.1\"} 0\n"
                               "c_duration_seconds_bucket{result=\"failed\",le=\"2\"} 0\n"
                               "c_duration_seconds_bucket{result=\"failed\",le=\"+Inf\"} 0\n"
                               "c_duration_seconds_sum{result=\"failed\"} 0\n"
                               "c_duration_seconds_count{result=\"failed\"} 0\n"
                               "# HELP d_plain Plain.\n"
                               "# TYPE d_plain histogram\n"
                               "d_plain_bucket{le=\"0.005\"} 0\n"
                               "d_plain_bucket{le=\"0.1\"} 0\n"
                               "d_plain_bucket{le=\"2\"} 0\n"
                               "d_plain_bucket{le=\"+Inf\"} 0\n"
                               "d_plain_sum 0\n"
                               "d_plain_count 0\n"
                               "# HELP e_refreshed Refreshed.\n"
                               "# TYPE e_refreshed gauge\n"
                               "e_refreshed 0.5\n";

static void exposition(void **state)
{
    (void)state;
    metric_register(&plain);
    metric_register(&invalid);
    metric_register(&held);
    metric_register(&duration);
    metric_register(&refreshed);
    metric_register(&held); /* does nothing */
    metric_add(&invalid, 1, 2);
    metric_add(&held, 0, 1e15);
    metric_add(&held, 0, -1);
    metric_observe(&duration, 0, 0.005);
    metric_observe(&duration, 0, 0.05);
    metric_observe(&duration, 0, 0.0625);
    metric_observe(&duration, 0, 100);

    struct buffer out = BUFFER_INIT;
    metrics_print(&out);
    assert_string_equal(buffer_text(&out), expected);
    buffer_release(&out);
}

static void values(void **state)
{
    (void)state;
    assert_true(metric_value(&invalid, 0) == 0);
    assert_true(metric_value(&invalid, 1) == 2);
    assert_true(metric_value(&duration, 0) == 4);
    assert_true(metric_value(&duration, 1) == 0);
    metric_set(&held, 0, 7.5);
    assert_true(metric_value(&held, 0) == 7.5);
}

static void series_that_come_later(void **state)
{
    (void)state;
    static const char *const others[] = {"(other)", NULL};
    static struct metric grown = METRIC_COUNTER("grown_total", "Grown.", "who", others);
    assert_int_equal(metric_series(&grown, "a", 2), 0); /* not registered */
    metric_register(&grown);
    assert_int_equal(metric_series(&grown, "a", 0), 0);
    assert_int_equal(metric_series(&grown, "a", 2), 1);
    metric_add(&grown, 1, 5);
    assert_int_equal(metric_series(&grown, "b\"", 2), 2);
    assert_int_equal(metric_series(&grown, "c", 2), 0);
    assert_int_equal(metric_series(&grown, "a", 2), 1);
    metric_add(&grown, metric_series(&grown, "c", 2), 1);
    struct buffer out = BUFFER_INIT;
    metrics_print(&out);
    assert_non_null(strstr(buffer_text(&out), "\ngrown_total{who=\"(other)\"} 1\n"
                                              "grown_total{who=\"a\"} 5\n"
                                              "grown_total{who=\"b\\\"\"} 0\n"));
    buffer_release(&out);
}

static void unregistered_does_nothing(void **state)
{
    (void)state;
    static struct metric histogram = METRIC_HISTOGRAM("x", "X.", NULL, NULL, bounds);
    metric_add(&stranger, 0, 1);
    metric_set(&stranger, 0, 1);
    metric_observe(&histogram, 0, 1);
    assert_true(metric_value(&stranger, 0) == 0);
    assert_true(metric_value(&histogram, 0) == 0);
}

static void check_buckets(const double *buckets, double first, double last)
{
    size_t n = 0;
    for (; buckets[n + 1] > 0; n++)
        assert_true(buckets[n] < buckets[n + 1]);
    assert_true(buckets[0] == first && buckets[n] == last);
}

static void buckets_ascend(void **state)
{
    (void)state;
    check_buckets(metric_attempt_buckets, 0.005, 30);
    check_buckets(metric_latency_buckets, 0.01, 86400);
}

/* The number behind `series` in the exposition; -1 if it is not there. */
static double shown(const char *text, const char *series)
{
    const char *at = strstr(text, series);
    return at ? strtod(at + strlen(series), NULL) : -1;
}

static void process_metrics(void **state)
{
    (void)state;
    metrics_register_process();
    metrics_register_process();
    log_error("counted");
    struct buffer out = BUFFER_INIT;
    metrics_print(&out);
    const char *text = buffer_text(&out);
    assert_true(shown(text, "\nprocess_cpu_seconds_total ") > 0);
    assert_true(shown(text, "\nprocess_resident_memory_bytes ") > 100000);
    assert_true(shown(text, "\nprocess_virtual_memory_bytes ") > 100000);
    assert_in_range(shown(text, "\nprocess_open_fds "), 3, 100);
    assert_true(shown(text, "\nprocess_max_fds ") >= 64);
    double age = (double)wall_now().ms / 1000 - shown(text, "\nprocess_start_time_seconds ");
    assert_true(age > -1 && age < 300);
    assert_true(shown(text, "\nhookline_build_info{version=\"" HOOKLINE_VERSION "\"} ") == 1);
    assert_true(shown(text, "\nhookline_log_messages_total{level=\"error\"} ") == 1);
    assert_true(shown(text, "\nhookline_log_messages_total{level=\"debug\"} ") == 0);
    buffer_release(&out);
}

static void check_order(const struct metric *metric, void *arg)
{
    const char **last = arg;
    assert_true(strcmp(*last, metric->name) < 0);
    *last = metric->name;
}

static void each_by_name(void **state)
{
    (void)state;
    const char *last = "";
    metrics_each(check_order, &last);
    assert_string_equal(last, "process_virtual_memory_bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exposition),
        cmocka_unit_test(values),
        cmocka_unit_test(series_that_come_later),
        cmocka_unit_test(unregistered_does_nothing),
        cmocka_unit_test(buckets_ascend),
        cmocka_unit_test(process_metrics),
        cmocka_unit_test(each_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
