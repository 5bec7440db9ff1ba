/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: which exist, and creating those that do not. */
#include "kafka/topics.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "kafka/client_internal.h"

#define CONFIRM_STEP_MS 50

static rd_kafka_t *new_client(const struct kafka_options *kafka, struct error *error)
{
    struct kafka_conf conf;
    kafka_conf_begin(&conf, kafka);
    rd_kafka_conf_set_log_cb(conf.conf, kafka_drop_log);
    return kafka_conf_finish(&conf, kafka, RD_KAFKA_PRODUCER, error);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kafka_topic *)a)->name, ((const struct kafka_topic *)b)->name);
}

static bool list_topics(rd_kafka_t *client, const char *brokers, int64_t timeout_ms,
    struct kafka_topic_list *ret_list, struct error *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, (int)timeout_ms);
    if (code)
        return error_set(error, ERROR_RETRY, "Kafka at %s does not answer: %s (kafka.brokers)",
            brokers, rd_kafka_err2str(code));
    size_t count = (size_t)metadata->topic_cnt;
    struct kafka_topic_list list = {mem_array(NULL, count, sizeof *list.topics), 0};
    for (size_t i = 0; i < count; i++)
        if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            list.topics[list.count++] = (struct kafka_topic){
                mem_strdup(metadata->topics[i].topic), metadata->topics[i].partition_cnt};
    rd_kafka_metadata_destroy(metadata);
    qsort(list.topics, list.count, sizeof *list.topics, by_name);
    *ret_list = list;
    return true;
}

bool kafka_topics_list(const struct kafka_options *kafka, int64_t timeout_ms,
    struct kafka_topic_list *ret_list, struct error *error)
{
    rd_kafka_t *client = new_client(kafka, error);
    if (!client)
        return false;
    bool ok = list_topics(client, kafka->brokers, timeout_ms, ret_list, error);
    rd_kafka_destroy(client);
    return ok;
}

void kafka_topic_list_release(struct kafka_topic_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->topics[i].name);
    free(list->topics);
    *list = (struct kafka_topic_list){NULL, 0};
}

const struct kafka_topic *kafka_topic_find(const struct kafka_topic_list *list, const char *name)
{
    struct kafka_topic key = {(char *)name, 0};
    if (!list->count)
        return NULL;
    return bsearch(&key, list->topics, list->count, sizeof key, by_name);
}

static bool add_config(
    rd_kafka_NewTopic_t *topic, const struct kafka_topic_spec *spec, struct error *error)
{
    for (const char *const *item = spec->config; item && *item; item++) {
        const char *equals = strchr(*item, '=');
        if (!equals)
            return error_set(error, ERROR_CONFIG, "topic config \"%s\" is not name=value", *item);
        char *name = mem_dup(*item, (size_t)(equals - *item));
        rd_kafka_NewTopic_set_config(topic, name, equals + 1);
        free(name);
    }
    return true;
}

static rd_kafka_NewTopic_t *new_topic(const struct kafka_topic_spec *spec, struct error *error)
{
    char text[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        spec->name, spec->partitions, spec->replication_factor, text, sizeof text);
    if (!topic) {
        error_set(error, ERROR_CONFIG, "topic %s: %s", spec->name, text);
        return NULL;
    }
    if (!add_config(topic, spec, error)) {
        rd_kafka_NewTopic_destroy(topic);
        return NULL;
    }
    return topic;
}

static bool check_results(rd_kafka_event_t *event, struct error *error)
{
    size_t count;
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    if (!result || rd_kafka_event_error(event))
        return error_set(error, ERROR_RETRY, "Kafka did not answer to creating topics: %s",
            rd_kafka_event_error_string(event));
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
        if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return error_set(error, kafka_error_kind(code), "topic %s could not be created: %s",
                rd_kafka_topic_result_name(topics[i]),
                rd_kafka_topic_result_error_string(topics[i]));
    }
    return true;
}

static bool create(rd_kafka_t *client, rd_kafka_NewTopic_t **topics, size_t count,
    int64_t timeout_ms, struct error *error)
{
    char text[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, text, sizeof text);
    rd_kafka_AdminOptions_set_operation_timeout(options, (int)timeout_ms, text, sizeof text);
    rd_kafka_CreateTopics(client, topics, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)timeout_ms + 1000);
    bool ok = event ? check_results(event, error)
                    : error_set(error, ERROR_RETRY, "Kafka did not answer to creating topics");
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return ok;
}

/* Waits until all are in the cluster's metadata: a producer that is early would be told otherwise. */
static bool confirm(rd_kafka_t *client, const char *brokers, const struct kafka_topic_spec *specs,
    size_t count, int64_t timeout_ms, struct error *error)
{
    struct mono_time end = mono_add_ms(mono_now(), timeout_ms);
    for (;;) {
        struct kafka_topic_list list;
        const char *missing = NULL;
        if (!list_topics(client, brokers, timeout_ms, &list, error))
            return false;
        for (size_t i = 0; i < count && !missing; i++)
            if (!kafka_topic_find(&list, specs[i].name))
                missing = specs[i].name;
        kafka_topic_list_release(&list);
        if (!missing)
            return true;
        if (!mono_before(mono_now(), end))
            return error_set(error, ERROR_RETRY, "topic %s is not there yet", missing);
        rd_kafka_poll(client, CONFIRM_STEP_MS);
    }
}

/* Fills `topics` with what is missing; false with an error. */
static bool find_missing(const struct kafka_topic_list *list, const struct kafka_topic_spec *specs,
    size_t count, rd_kafka_NewTopic_t **topics, size_t *missing, bool *ret_created,
    struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        bool exists = kafka_topic_find(list, specs[i].name) != NULL;
        if (ret_created)
            ret_created[i] = !exists;
        if (exists)
            continue;
        rd_kafka_NewTopic_t *topic = new_topic(&specs[i], error);
        if (!topic)
            return false;
        topics[(*missing)++] = topic;
    }
    return true;
}

bool kafka_topics_ensure(const struct kafka_options *kafka, const struct kafka_topic_spec *specs,
    size_t count, int64_t timeout_ms, bool *ret_created, struct error *error)
{
    rd_kafka_t *client = new_client(kafka, error);
    if (!client)
        return false;
    struct kafka_topic_list list = {NULL, 0};
    rd_kafka_NewTopic_t **topics = mem_array(NULL, count, sizeof(rd_kafka_NewTopic_t *));
    size_t missing = 0;
    bool ok = list_topics(client, kafka->brokers, timeout_ms, &list, error) &&
              find_missing(&list, specs, count, topics, &missing, ret_created, error);
    if (ok && missing)
        ok = create(client, topics, missing, timeout_ms, error) &&
             confirm(client, kafka->brokers, specs, count, timeout_ms, error);
    rd_kafka_NewTopic_destroy_array(topics, missing);
    free(topics);
    kafka_topic_list_release(&list);
    rd_kafka_destroy(client);
    return ok;
}
