/* SPDX-License-Identifier: Apache-2.0 */
/* How our Kafka clients are configured. */
#include "kafka/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "kafka/client_internal.h"

#define LOG_REPEAT_MS 5000

const struct kafka_forbidden_property kafka_forbidden_properties[] = {
    {"bootstrap.servers", "set kafka.brokers"},
    {"metadata.broker.list", "set kafka.brokers"},
    {"client.id", "set kafka.client_id"},
    {"group.id", "set bridge.group or consumer.group"},
    {"group.protocol", "assignment and session are set on the classic protocol"},
    {"group.remote.assignor", "assignment and session are set on the classic protocol"},
    {"group.instance.id", "a static member would keep a dead process's partitions"},
    {"partition.assignment.strategy", "set bridge.assignment or consumer.assignment"},
    {"session.timeout.ms", "set bridge.session_timeout or consumer.session_timeout"},
    {"enable.auto.commit", "an offset is committed only when its work is done"},
    {"auto.commit.enable", "an offset is committed only when its work is done"},
    {"auto.commit.interval.ms", "an offset is committed only when its work is done"},
    {"enable.auto.offset.store", "an offset is committed only when its work is done"},
    {"offset.store.method", "offsets are kept by Kafka"},
    {"auto.offset.reset", "what was not read yet must not be skipped"},
    {"enable.partition.eof", "the registry's readers and the metric of lag rely on it"},
    {"isolation.level", "records of aborted transactions must not be delivered"},
    {"partitioner", "a subscription's deliveries must share a partition"},
    {"enable.idempotence", "retries inside the client must not repeat or reorder records"},
    {"enable.gapless.guarantee", "one record that cannot be written would end the process"},
    {"acks", "a record counts as written only when all in-sync replicas have it"},
    {"request.required.acks", "a record counts as written only when all in-sync replicas have it"},
    {"transactional.id", "it is chosen by Hookline"},
    {"allow.auto.create.topics", "topics are made explicitly, with the configured partitions"},
    {"log.queue", "log lines go through Hookline's log"},
    {"enabled_events", "events are handled by Hookline"},
    {"test.mock.num.brokers", "use `hookline demo`"},
    {NULL, NULL},
};

/* Splits "name=value" into a new name; returns the value inside `property`, or NULL. */
static const char *split_property(const char *property, char **ret_name, struct error *error)
{
    const char *equals = strchr(property, '=');
    if (!equals || equals == property) {
        error_set(error, ERROR_CONFIG, "\"%s\" is not of the form name=value", property);
        return NULL;
    }
    *ret_name = mem_dup(property, (size_t)(equals - property));
    return equals + 1;
}

static bool check_allowed(const char *name, struct error *error)
{
    for (const struct kafka_forbidden_property *f = kafka_forbidden_properties; f->name; f++)
        if (strcmp(name, f->name) == 0)
            return error_set(error, ERROR_CONFIG, "%s may not be set: %s", name, f->why);
    return true;
}

bool kafka_property_check(const char *property, struct error *error)
{
    char *name = NULL;
    const char *value = split_property(property, &name, error);
    if (!value)
        return false;
    bool ok = check_allowed(name, error);
    if (ok) {
        char text[256];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        ok = rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK;
        rd_kafka_conf_destroy(conf);
        /* The library's text may quote the value, which may be a secret. */
        if (!ok)
            error_set(error, ERROR_CONFIG, "librdkafka %s knows no property %s, or not this value",
                rd_kafka_version_str(), name);
    }
    free(name);
    return ok;
}

const char *kafka_library_version(void)
{
    return rd_kafka_version_str();
}

bool kafka_library_at_least(int major, int minor)
{
    int version = rd_kafka_version();
    int have_major = (version >> 24) & 0xff, have_minor = (version >> 16) & 0xff;
    return have_major > major || (have_major == major && have_minor >= minor);
}

void kafka_conf_set(struct kafka_conf *conf, const char *name, const char *value)
{
    char text[256];
    if (error_is_set(&conf->error))
        return;
    if (rd_kafka_conf_set(conf->conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        error_set(&conf->error, ERROR_CONFIG, "Kafka client: %s: not accepted by librdkafka %s",
            name, rd_kafka_version_str());
}

void kafka_conf_set_int(struct kafka_conf *conf, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    kafka_conf_set(conf, name, text);
}

void kafka_conf_begin(struct kafka_conf *conf, const struct kafka_options *options)
{
    conf->conf = rd_kafka_conf_new();
    conf->error = (struct error)ERROR_INIT;
    conf->own = NULL;
    kafka_conf_set(conf, "bootstrap.servers", options->brokers);
    kafka_conf_set(conf, "client.id", options->client_id ? options->client_id : "hookline");
    kafka_conf_set(conf, "log.queue", "true");
    kafka_conf_set(conf, "allow.auto.create.topics", "false");
    /* A topic made while we run is found within seconds, not within the default five minutes. */
    kafka_conf_set(conf, "topic.metadata.refresh.interval.ms", "10000");
    kafka_conf_set(conf, "reconnect.backoff.ms", "100");
    kafka_conf_set(conf, "reconnect.backoff.max.ms", "2000");
    kafka_conf_set(conf, "socket.keepalive.enable", "true");
}

void kafka_conf_set_fetching(struct kafka_conf *conf, int64_t partition_bytes)
{
    /* Small answers: a record in a queue keeps the whole answer that it came in. A batch that is
     * larger comes all the same, alone. */
    kafka_conf_set_int(conf, "fetch.message.max.bytes", partition_bytes / 2);
    kafka_conf_set_int(conf, "fetch.max.bytes", 2 * 1024 * 1024);
    kafka_conf_set_int(conf, "queued.max.messages.kbytes", partition_bytes / 1024);
    /* Before 2.2 a queue that reached its limit is left alone for up to a second: there it has to hold
     * what is worked off in that time, and only the bytes limit it. */
    if (kafka_library_at_least(2, 2)) {
        kafka_conf_set(conf, "queued.min.messages", "1000");
        kafka_conf_set(conf, "fetch.queue.backoff.ms", "20");
    }
}

/* Properties of the other kind of client (linger.ms at a consumer) are skipped: the library would
 * only warn about each, at every client. */
static bool fits(const char *name, rd_kafka_type_t type)
{
    static const char *const producer_only[] = {"linger.ms", "compression.", "batch.",
        "queue.buffering.", "message.timeout.ms", "delivery.timeout.ms", "message.send.max.retries",
        "retries", NULL};
    static const char *const consumer_only[] = {"fetch.", "queued.", "max.poll.interval.ms",
        "heartbeat.interval.ms", "max.partition.fetch.bytes", "check.crcs", NULL};
    const char *const *others = type == RD_KAFKA_PRODUCER ? consumer_only : producer_only;
    for (; *others; others++)
        if (strncmp(name, *others, strlen(*others)) == 0)
            return false;
    return true;
}

static bool is_own(const struct kafka_conf *conf, const char *name)
{
    for (const char *const *own = conf->own; own && *own; own++)
        if (strcmp(name, *own) == 0)
            return true;
    return false;
}

static void apply_properties(
    struct kafka_conf *conf, const struct kafka_options *options, rd_kafka_type_t type)
{
    for (const char *const *p = options->properties; p && *p; p++) {
        char *name = NULL;
        const char *value = split_property(*p, &name, &conf->error);
        if (value && check_allowed(name, &conf->error) && fits(name, type) && !is_own(conf, name))
            kafka_conf_set(conf, name, value);
        free(name);
    }
}

rd_kafka_t *kafka_conf_finish(struct kafka_conf *conf, const struct kafka_options *options,
    rd_kafka_type_t type, struct error *error)
{
    char text[256];
    apply_properties(conf, options, type);
    if (error_is_set(&conf->error)) {
        rd_kafka_conf_destroy(conf->conf);
        error_set(error, conf->error.kind, "%s", conf->error.text);
        return NULL;
    }
    rd_kafka_t *client = rd_kafka_new(type, conf->conf, text, sizeof text);
    if (!client) {
        rd_kafka_conf_destroy(conf->conf);
        error_set(error, ERROR_CONFIG, "Kafka client: %s", text);
    }
    return client;
}

static enum log_level level_of(int syslog_level)
{
    if (syslog_level <= 3)
        return LOG_LEVEL_ERROR;
    if (syslog_level <= 4)
        return LOG_LEVEL_WARN;
    return syslog_level <= 6 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

void kafka_log_pass(struct kafka_log *log, int syslog_level, const char *facility, const char *text)
{
    int64_t suppressed = 0;
    size_t slot = hash_keyed(facility, strlen(facility)) % KAFKA_LOG_SLOTS;
    if (!log_limit_pass(&log->limits[slot], LOG_REPEAT_MS, &suppressed))
        return;
    log_at(level_of(syslog_level), "Kafka client says", LOG_STR("client", log->client),
        LOG_STR("facility", facility), LOG_STR("text", text),
        LOG_INT("similar_suppressed", suppressed));
}

void kafka_message_record(
    const rd_kafka_message_t *message, struct kafka_headers *headers, struct record *ret_record)
{
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *list = NULL;
    size_t count = 0;

    if (rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR)
        count = rd_kafka_header_cnt(list);
    if (count > headers->cap) {
        headers->items = mem_array(headers->items, count, sizeof *headers->items);
        headers->cap = count;
    }
    for (size_t i = 0; i < count; i++) /* the library puts a NUL behind each value */
        rd_kafka_header_get_all(list, i, &headers->items[i].name, &headers->items[i].value.data,
            &headers->items[i].value.len);
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    *ret_record = (struct record){
        .topic = rd_kafka_topic_name(message->rkt),
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp,
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .headers = headers->items,
        .header_count = count,
    };
}

enum error_kind kafka_error_kind(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return ERROR_PERMANENT;
    default:
        return ERROR_RETRY;
    }
}

void kafka_drop_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client, (void)level, (void)facility, (void)text;
}
