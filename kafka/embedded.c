/* SPDX-License-Identifier: Apache-2.0 */
/* A broker inside this process. */
#include "kafka/embedded.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "common/memory.h"
#include "kafka/client_internal.h"

/* Kafka protocol: the requests' numbers. */
#define OFFSET_COMMIT         8
#define ADD_PARTITIONS_TO_TXN 24

struct kafka_embedded {
    rd_kafka_t *client; /* the mock cluster needs one to live in */
    rd_kafka_mock_cluster_t *cluster;
    int brokers;
};

struct kafka_embedded *kafka_embedded_new(int brokers, struct error *error)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka_drop_log);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        error_set(error, ERROR_PERMANENT, "embedded broker: %s", text);
        return NULL;
    }
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, brokers);
    if (!cluster) {
        rd_kafka_destroy(client);
        error_set(error, ERROR_PERMANENT, "embedded broker: cannot listen on 127.0.0.1");
        return NULL;
    }
    struct kafka_embedded *embedded = mem_zalloc(sizeof *embedded);
    *embedded = (struct kafka_embedded){client, cluster, brokers};
    return embedded;
}

void kafka_embedded_free(struct kafka_embedded *embedded)
{
    if (!embedded)
        return;
    rd_kafka_mock_cluster_destroy(embedded->cluster);
    rd_kafka_destroy(embedded->client);
    free(embedded);
}

const char *kafka_embedded_brokers(const struct kafka_embedded *embedded)
{
    return rd_kafka_mock_cluster_bootstraps(embedded->cluster);
}

bool kafka_embedded_create_topic(
    struct kafka_embedded *embedded, const char *topic, int32_t partitions, struct error *error)
{
    rd_kafka_resp_err_t code =
        rd_kafka_mock_topic_create(embedded->cluster, topic, partitions, embedded->brokers);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(
            error, ERROR_PERMANENT, "embedded broker: topic %s: %s", topic, rd_kafka_err2str(code));
    return true;
}

void kafka_embedded_set_down(struct kafka_embedded *embedded, bool down)
{
    for (int id = 1; id <= embedded->brokers; id++) {
        if (down)
            rd_kafka_mock_broker_set_down(embedded->cluster, id);
        else
            rd_kafka_mock_broker_set_up(embedded->cluster, id);
    }
}

void kafka_embedded_refuse_commits(struct kafka_embedded *embedded, int count, bool outside)
{
    for (int i = 0; i < count; i++)
        rd_kafka_mock_push_request_errors(embedded->cluster, OFFSET_COMMIT, 1,
            outside ? RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID
                    : RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
}

void kafka_embedded_fence(struct kafka_embedded *embedded, int count)
{
    for (int i = 0; i < count; i++)
        rd_kafka_mock_push_request_errors(
            embedded->cluster, ADD_PARTITIONS_TO_TXN, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
}

void kafka_embedded_set_missing(struct kafka_embedded *embedded, const char *topic, bool missing)
{
    rd_kafka_mock_topic_set_error(embedded->cluster, topic,
        missing ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : RD_KAFKA_RESP_ERR_NO_ERROR);
}
