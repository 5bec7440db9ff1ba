/* SPDX-License-Identifier: Apache-2.0 */
/* What the partitions of a topic hold. */
#include "kafka/extents.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "kafka/client_internal.h"

struct asking {
    rd_kafka_t *client;
    const char *topic;
    int64_t since_ms, until_ms; /* -1 = no bound */
    struct mono_time end;
};

static int remaining_ms(const struct asking *asking)
{
    int64_t ms = mono_diff_ms(asking->end, mono_now());
    return ms > 1 ? (int)ms : 1;
}

/* A consumer: one that produces would have the broker make the topic. */
static rd_kafka_t *new_client(const struct kafka_options *kafka, struct error *error)
{
    struct kafka_conf conf;
    kafka_conf_begin(&conf, kafka);
    kafka_conf_set(&conf, "enable.auto.commit", "false");
    rd_kafka_conf_set_log_cb(conf.conf, kafka_drop_log);
    return kafka_conf_finish(&conf, kafka, RD_KAFKA_CONSUMER, error);
}

static bool check_topic(
    const struct rd_kafka_metadata *metadata, const struct asking *asking, struct error *error)
{
    rd_kafka_resp_err_t code = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                                        : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!code && metadata->topics[0].partition_cnt > 0)
        return true;
    return error_set(error, ERROR_RETRY, "topic %s: %s", asking->topic,
        code ? rd_kafka_err2str(code) : "has no partitions");
}

static bool count_partitions(
    const struct asking *asking, struct kafka_extents *extents, struct error *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(asking->client, asking->topic, NULL);
    if (!topic)
        return error_set(error, ERROR_CONFIG, "topic %s: %s", asking->topic,
            rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(asking->client, 0, topic, &metadata, remaining_ms(asking));
    rd_kafka_topic_destroy(topic);
    if (code)
        return error_set(error, ERROR_RETRY, "topic %s: %s", asking->topic, rd_kafka_err2str(code));
    bool there = check_topic(metadata, asking, error);
    if (there)
        extents->count = (size_t)metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return there;
}

static int64_t offset_of(const rd_kafka_topic_partition_t *answer, int64_t what)
{
    if (answer->err)
        return -1;
    return what >= 0 && answer->offset == RD_KAFKA_OFFSET_END ? INT64_MAX : answer->offset;
}

/* Asks for the offset that `what` stands for (a time: INT64_MAX where no record is as late), of `count` partitions from `from` on. Not by
 * rd_kafka_query_watermark_offsets(), which waits for the socket's time-out and not for ours. */
static bool query(
    const struct asking *asking, int64_t what, size_t from, size_t count, int64_t *ret_offsets)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, asking->topic, (int32_t)(from + i))->offset = what;
    bool answered = !rd_kafka_offsets_for_times(asking->client, list, remaining_ms(asking));
    for (size_t i = 0; answered && i < count; i++)
        ret_offsets[i] = offset_of(&list->elems[i], what);
    rd_kafka_topic_partition_list_destroy(list);
    return answered;
}

/* Returns new: an offset per partition, -1 where it can't be had. */
static int64_t *query_all(const struct asking *asking, int64_t what, size_t count)
{
    int64_t *offsets = mem_array(NULL, count, sizeof *offsets);
    if (query(asking, what, 0, count, offsets))
        return offsets;
    /* One that has no leader fails them all. */
    for (size_t i = 0; i < count; i++) {
        offsets[i] = -1;
        if (mono_before(mono_now(), asking->end))
            (void)query(asking, what, i, 1, &offsets[i]);
    }
    return offsets;
}

/* Cuts the extents off at a time, at their beginnings or at their ends. */
static void cut(
    const struct asking *asking, struct kafka_extents *extents, int64_t at_ms, bool first)
{
    int64_t *offsets = query_all(asking, at_ms, extents->count);
    for (size_t i = 0; i < extents->count; i++) {
        struct kafka_extent *extent = &extents->partitions[i];
        if (offsets[i] < 0)
            *extent = (struct kafka_extent){-1, -1};
        else if (first && offsets[i] > extent->first)
            extent->first = offsets[i] < extent->end ? offsets[i] : extent->end;
        else if (!first && offsets[i] < extent->end)
            extent->end = offsets[i] > extent->first ? offsets[i] : extent->first;
    }
    free(offsets);
}

static void read_offsets(const struct asking *asking, struct kafka_extents *extents)
{
    int64_t *firsts = query_all(asking, RD_KAFKA_OFFSET_BEGINNING, extents->count);
    int64_t *ends = query_all(asking, RD_KAFKA_OFFSET_END, extents->count);
    extents->partitions = mem_array(NULL, extents->count, sizeof *extents->partitions);
    for (size_t i = 0; i < extents->count; i++) {
        bool known = firsts[i] >= 0 && ends[i] >= firsts[i];
        extents->partitions[i] =
            known ? (struct kafka_extent){firsts[i], ends[i]} : (struct kafka_extent){-1, -1};
    }
    free(firsts);
    free(ends);
    if (asking->since_ms >= 0)
        cut(asking, extents, asking->since_ms, true);
    if (asking->until_ms >= 0)
        cut(asking, extents, asking->until_ms + 1, false);
}

bool kafka_extents_read(const struct kafka_options *kafka, const char *topic, int64_t timeout_ms,
    struct kafka_extents *ret_extents, struct error *error)
{
    return kafka_extents_read_between(kafka, topic, -1, -1, timeout_ms, ret_extents, error);
}

bool kafka_extents_read_between(const struct kafka_options *kafka, const char *topic,
    int64_t since_ms, int64_t until_ms, int64_t timeout_ms, struct kafka_extents *ret_extents,
    struct error *error)
{
    struct asking asking = {.topic = topic,
        .since_ms = since_ms,
        .until_ms = until_ms,
        .end = mono_add_ms(mono_now(), timeout_ms)};
    struct kafka_extents extents = {NULL, 0};
    asking.client = new_client(kafka, error);
    if (!asking.client)
        return false;
    bool there = count_partitions(&asking, &extents, error);
    if (there) {
        read_offsets(&asking, &extents);
        *ret_extents = extents;
    }
    rd_kafka_destroy(asking.client);
    return there;
}

void kafka_extents_release(struct kafka_extents *extents)
{
    free(extents->partitions);
    *extents = (struct kafka_extents){NULL, 0};
}
