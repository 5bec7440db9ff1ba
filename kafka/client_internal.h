/* SPDX-License-Identifier: Apache-2.0 */
/* How our clients are configured; for the files of kafka/ only. */
#ifndef HOOKLINE_KAFKA_CLIENT_INTERNAL_H
#define HOOKLINE_KAFKA_CLIENT_INTERNAL_H

#include <librdkafka/rdkafka.h>

#include "common/error.h"
#include "common/log.h"
#include "common/record.h"
#include "kafka/client.h"

/* A librdkafka configuration under construction; the first error wins and sticks. */
struct kafka_conf {
    rd_kafka_conf_t *conf;
    struct error error;
    /* Properties that the user's do not change here; NULL-terminated; NULL = none. */
    const char *const *own;
};

/* Starts one: brokers, client id, log queue, then nothing else yet. */
void kafka_conf_begin(struct kafka_conf *conf, const struct kafka_options *options);
void kafka_conf_set(struct kafka_conf *conf, const char *name, const char *value);
void kafka_conf_set_int(struct kafka_conf *conf, const char *name, int64_t value);
/* How much a consumer fetches ahead, per partition. */
void kafka_conf_set_fetching(struct kafka_conf *conf, int64_t partition_bytes);
/* Applies the user's properties for a client of this type and makes it. NULL with an error. */
must_check rd_kafka_t *kafka_conf_finish(struct kafka_conf *conf,
    const struct kafka_options *options, rd_kafka_type_t type, struct error *error);

/* Passes a line of the library on, at most one of a kind every few seconds. */
#define KAFKA_LOG_SLOTS 8
struct kafka_log {
    const char *client; /* "bridge consumer" */
    struct log_limit limits[KAFKA_LOG_SLOTS];
};
void kafka_log_pass(
    struct kafka_log *log, int syslog_level, const char *facility, const char *text);

/* Whether the loaded library is at least this version. */
bool kafka_library_at_least(int major, int minor);

/* A received message as a record, borrowed from it; `headers` is storage that grows as needed. */
struct kafka_headers {
    struct header *items;
    size_t cap;
};
void kafka_message_record(
    const rd_kafka_message_t *message, struct kafka_headers *headers, struct record *ret_record);

/* What an error code of the library means for who sent a record or asked for something. */
enum error_kind kafka_error_kind(rd_kafka_resp_err_t code);

/* A log callback for clients that live shortly, or are asked once in a while: their errors are returned, and
 * what the library has to say besides is of no use. */
void kafka_drop_log(const rd_kafka_t *client, int level, const char *facility, const char *text);

#endif
