/* SPDX-License-Identifier: Apache-2.0 */
/* How group consumers do: read off them when somebody asks. */
#include "kafka/consumer_internal.h"

#define CONSUMERS_MAX 4 /* of a process: one per role, and then some */

static const char *const topics_names[] = {"events", "deliveries", NULL};

static void refresh(struct metric *metric);

static struct metric lag = METRIC_GAUGE("hookline_kafka_consumer_lag",
    "Records of the partitions assigned to this process that are not done; what is left to "
    "catch-up "
    "counts as done.",
    "topics", topics_names);
static struct metric lag_max = METRIC_GAUGE("hookline_kafka_consumer_lag_max",
    "The same of the partition that has most.", "topics", topics_names);
static struct metric assigned = METRIC_GAUGE("hookline_kafka_partitions_assigned",
    "Partitions assigned to this process.", "topics", topics_names);
/* Its refresh sets them all: that comes before the first is shown. */
static struct metric last_poll = {
    .name = "hookline_kafka_consumer_last_poll_timestamp_seconds",
    .help = "When the group consumer was last served, at least once a second; 0 = there is none.",
    .type = METRIC_TYPE_GAUGE,
    .label = "topics",
    .label_values = topics_names,
};
/* Shown first, by name. */
static struct metric consumers_shown = {
    .name = "hookline_kafka_consumer_groups",
    .help = "Consumer groups that this process is a member of.",
    .type = METRIC_TYPE_GAUGE,
    .refresh = refresh,
};

static const struct kafka_consumer *consumers[CONSUMERS_MAX];

/* The library's own view of the partition's end, at most some seconds old; never asked for here. A
 * partition that has brought nothing yet has no lag; nor has what is no record, such as the marks of
 * transactions, once it was read. */
static int64_t lag_of(const struct kafka_partition *partition)
{
    int64_t low, high, done = watermark_low(&partition->mark);
    rd_kafka_t *client = partition->consumer->client;
    if (rd_kafka_get_watermark_offsets(client, partition->topic, partition->number, &low, &high) ||
        high < 0)
        return 0;
    if (!partition->mark.count && partition->end > done) /* nothing is under way */
        done = partition->end;
    return done >= 0 && high > done ? high - done : 0;
}

static void add(const struct kafka_consumer *consumer)
{
    size_t series = consumer->fenced; /* only that of deliveries is */
    for (size_t i = 0; i < consumer->partition_count; i++) {
        double records = (double)lag_of(consumer->partitions[i]);
        metric_add(&lag, series, records);
        if (records > metric_value(&lag_max, series))
            metric_set(&lag_max, series, records);
    }
    metric_add(&assigned, series, (double)consumer->partition_count);
    metric_add(&consumers_shown, 0, consumer->joined);
    if (consumer->served_at.us)
        metric_set(&last_poll, series,
            (double)wall_now().ms / 1e3 -
                (double)mono_diff_us(mono_now(), consumer->served_at) / 1e6);
}

static void refresh(struct metric *metric)
{
    (void)metric;
    metric_set(&consumers_shown, 0, 0);
    for (size_t series = 0; topics_names[series]; series++) {
        metric_set(&lag, series, 0);
        metric_set(&lag_max, series, 0);
        metric_set(&assigned, series, 0);
        metric_set(&last_poll, series, 0);
    }
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        if (consumers[i])
            add(consumers[i]);
}

static void replace(const struct kafka_consumer *old, const struct kafka_consumer *with)
{
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        if (consumers[i] == old) {
            consumers[i] = with;
            return;
        }
}

void kafka_consumer_show(const struct kafka_consumer *consumer)
{
    replace(NULL, consumer);
}

void kafka_consumer_hide(const struct kafka_consumer *consumer)
{
    replace(consumer, NULL);
}

void kafka_consumer_metrics_register(void)
{
    metric_register(&consumers_shown);
    metric_register(&lag);
    metric_register(&lag_max);
    metric_register(&last_poll);
    metric_register(&assigned);
}
