/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus metrics, text exposition format 0.0.4. */
#include "common/metrics.h"

#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/text.h"

const double metric_attempt_buckets[] = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 0};
const double metric_latency_buckets[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    120, 300, 900, 1800, 3600, 14400, 43200, 86400, 0};

static struct metric *registered; /* by name */

static size_t bucket_count(const struct metric *metric)
{
    size_t n = 0;
    while (metric->buckets && metric->buckets[n] > 0)
        n++;
    return n;
}

/* What a series holds: one number, or the counts of the buckets, of what is above them, and the
 * sum. The counts are made cumulative when they are printed. */
static size_t series_width(const struct metric *metric)
{
    return metric->type == METRIC_TYPE_HISTOGRAM ? bucket_count(metric) + 2 : 1;
}

static double *series_values(const struct metric *metric, size_t series)
{
    bug_on(series >= metric->series_count);
    return metric->values + series * series_width(metric);
}

static void make_series(struct metric *metric)
{
    size_t n = 0;
    while (metric->label && metric->label_values[n])
        n++;
    metric->series_count = metric->label ? n : 1;
    size_t bytes = metric->series_count * series_width(metric) * sizeof *metric->values;
    metric->values = mem_zalloc(bytes);
}

void metric_register(struct metric *metric)
{
    if (metric->values)
        return;
    struct metric **at = &registered;
    while (*at && strcmp((*at)->name, metric->name) < 0)
        at = &(*at)->next;
    bug_on(*at && strcmp((*at)->name, metric->name) == 0);
    make_series(metric);
    metric->next = *at;
    *at = metric;
}

static void add_series(struct metric *metric, const char *label_value)
{
    size_t count = metric->series_count++, width = series_width(metric);
    const char **names = mem_array(metric->grown, count + 2, sizeof *names);
    if (!metric->grown)
        memcpy(names, metric->label_values, count * sizeof *names);
    names[count] = mem_strdup(label_value);
    names[count + 1] = NULL;
    metric->label_values = metric->grown = names;
    metric->values = mem_array(metric->values, (count + 1) * width, sizeof *metric->values);
    memset(metric->values + count * width, 0, width * sizeof *metric->values);
}

size_t metric_series(struct metric *metric, const char *label_value, size_t max)
{
    if (!metric->values)
        return 0;
    for (size_t i = 0; i < metric->series_count; i++)
        if (strcmp(metric->label_values[i], label_value) == 0)
            return i;
    if (metric->series_count > max)
        return 0;
    add_series(metric, label_value);
    return metric->series_count - 1;
}

void metric_add(struct metric *metric, size_t series, double amount)
{
    if (!metric->values)
        return;
    bug_on(metric->type == METRIC_TYPE_HISTOGRAM);
    bug_on(metric->type == METRIC_TYPE_COUNTER && !(amount >= 0));
    *series_values(metric, series) += amount;
}

void metric_set(struct metric *metric, size_t series, double value)
{
    if (!metric->values)
        return;
    bug_on(metric->type == METRIC_TYPE_HISTOGRAM);
    *series_values(metric, series) = value;
}

void metric_observe(struct metric *metric, size_t series, double value)
{
    if (!metric->values)
        return;
    bug_on(metric->type != METRIC_TYPE_HISTOGRAM);
    double *values = series_values(metric, series);
    size_t buckets = bucket_count(metric), i = 0;
    while (i < buckets && value > metric->buckets[i])
        i++;
    values[i]++;
    values[buckets + 1] += value;
}

double metric_value(const struct metric *metric, size_t series)
{
    if (!metric->values)
        return 0;
    const double *values = series_values(metric, series);
    if (metric->type != METRIC_TYPE_HISTOGRAM)
        return *values;
    double count = 0;
    for (size_t i = 0; i <= bucket_count(metric); i++)
        count += values[i];
    return count;
}

/* Escapes what the format asks for: backslash and line feed, in label values quotes too. */
static void add_escaped(struct buffer *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (!strchr(special, *text))
            buffer_add(out, text, 1);
        else
            buffer_printf(out, "\\%c", *text == '\n' ? 'n' : *text);
    }
}

/* "name<suffix>{label="value",le="bound"} number"; `le` may be NULL. */
static void add_sample(struct buffer *out, const struct metric *metric, const char *suffix,
    size_t series, const char *le, double value)
{
    char number[TEXT_AMOUNT_SIZE];
    buffer_printf(out, "%s%s", metric->name, suffix);
    if (metric->label) {
        buffer_printf(out, "{%s=\"", metric->label);
        add_escaped(out, metric->label_values[series], "\\\n\"");
        buffer_add_text(out, "\"");
    }
    if (le)
        buffer_printf(out, "%cle=\"%s\"", metric->label ? ',' : '{', le);
    buffer_printf(
        out, "%s %s\n", metric->label || le ? "}" : "", text_format_number(value, number));
}

static void add_histogram(struct buffer *out, const struct metric *metric, size_t series)
{
    const double *values = series_values(metric, series);
    size_t buckets = bucket_count(metric);
    double count = 0;
    for (size_t i = 0; i < buckets; i++) {
        char bound[TEXT_AMOUNT_SIZE];
        count += values[i];
        add_sample(
            out, metric, "_bucket", series, text_format_number(metric->buckets[i], bound), count);
    }
    count += values[buckets];
    add_sample(out, metric, "_bucket", series, "+Inf", count);
    add_sample(out, metric, "_sum", series, NULL, values[buckets + 1]);
    add_sample(out, metric, "_count", series, NULL, count);
}

static void add_metric(struct buffer *out, const struct metric *metric)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    buffer_printf(out, "# HELP %s ", metric->name);
    add_escaped(out, metric->help, "\\\n");
    buffer_printf(out, "\n# TYPE %s %s\n", metric->name, types[metric->type]);
    for (size_t i = 0; i < metric->series_count; i++) {
        if (metric->type == METRIC_TYPE_HISTOGRAM)
            add_histogram(out, metric, i);
        else
            add_sample(out, metric, "", i, NULL, *series_values(metric, i));
    }
}

void metrics_print(struct buffer *out)
{
    /* All before the first is shown, so that one refresh can set several. */
    for (struct metric *metric = registered; metric; metric = metric->next)
        if (metric->refresh)
            metric->refresh(metric);
    for (const struct metric *metric = registered; metric; metric = metric->next)
        add_metric(out, metric);
}

void metrics_each(void (*fn)(const struct metric *metric, void *arg), void *arg)
{
    for (const struct metric *metric = registered; metric; metric = metric->next)
        fn(metric, arg);
}
