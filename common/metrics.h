/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus metrics, text exposition format 0.0.4. Each library defines its metrics in one table
 * and registers it; all series exist from then on, at 0. Values are touched on the loop only.
 *
 *     static struct metric events_invalid = METRIC_COUNTER("hookline_events_invalid_total",
 *         "Events that went to the dead-letter topic.", "reason", invalid_reasons);
 *     metric_add(&events_invalid, REASON_TOO_LARGE, 1);
 */
#ifndef HOOKLINE_COMMON_METRICS_H
#define HOOKLINE_COMMON_METRICS_H

#include <stddef.h>

#include "common/buffer.h"

enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };

/* A metric with at most one label, whose values are a closed list but for metric_series(); a series is named by its place
 * in that list (0 where there is no label). */
struct metric {
    const char *name;
    const char *help;
    enum metric_type type;
    const char *label;                /* NULL = no label */
    const char *const *label_values;  /* ends with NULL */
    const double *buckets;            /* histograms: upper bounds, ascending, ends with 0 */
    void (*refresh)(struct metric *); /* NULL, or sets values right before they are shown */
    /* Owned by metrics.c after registration. */
    double *values;
    size_t series_count;
    const char **grown; /* the label's values, with those that metric_series() added */
    struct metric *next;
};

#define METRIC_COUNTER(n, h, l, v) \
    {.name = (n), .help = (h), .type = METRIC_TYPE_COUNTER, .label = (l), .label_values = (v)}
#define METRIC_GAUGE(n, h, l, v) \
    {.name = (n), .help = (h), .type = METRIC_TYPE_GAUGE, .label = (l), .label_values = (v)}
#define METRIC_HISTOGRAM(n, h, l, v, b) \
    {.name = (n),                       \
        .help = (h),                    \
        .type = METRIC_TYPE_HISTOGRAM,  \
        .label = (l),                   \
        .label_values = (v),            \
        .buckets = (b)}

/* Buckets in seconds: one HTTP attempt, and from an event to its delivery. */
extern const double metric_attempt_buckets[]; /* 0.005 … 30 */
extern const double metric_latency_buckets[]; /* 0.01 … 86400 */

/* Adds a metric to the exposition; a second call with the same metric does nothing. The metric is
 * borrowed for the life of the process. */
void metric_register(struct metric *metric);

/* The series of a label's value that is not known beforehand, added if it is new. The closed list of such a metric has
 * one value, for all that come when `max` others are there. */
size_t metric_series(struct metric *metric, const char *label_value, size_t max);

/* These do nothing on a metric that is not registered. */
void metric_add(struct metric *metric, size_t series, double amount); /* counter, gauge */
/* A gauge; also a counter that is kept elsewhere, from its refresh. */
void metric_set(struct metric *metric, size_t series, double value);
void metric_observe(struct metric *metric, size_t series, double value); /* histogram */
/* The value of a counter or gauge, the count of a histogram. */
double metric_value(const struct metric *metric, size_t series);

/* Appends the whole exposition, by name. */
void metrics_print(struct buffer *out);
/* Calls `fn` for each registered metric, by name: for the generated reference. */
void metrics_each(void (*fn)(const struct metric *metric, void *arg), void *arg);

/* Registers process_* (CPU, memory, descriptors, start time), hookline_build_info{version} and
 * hookline_log_messages_total{level}. */
void metrics_register_process(void);

#endif
