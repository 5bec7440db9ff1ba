/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on one partition under a transactional id. */
#include "kafka/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "kafka/client_internal.h"

/* While a transaction of a process that died is open, readers of the topic wait. */
#define TRANSACTION_TIMEOUT_MS 10000
#define ABORT_TIMEOUT_MS       2000

struct kafka_transaction {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    bool fenced;
    int64_t next;         /* one above the highest offset that was acknowledged */
    struct error refused; /* why a record was not taken, the first one */
};

/* Other words for: the id, in its present epoch, is not ours. */
static bool means_fenced(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE:
        return true;
    default:
        return false;
    }
}

/* The library's one call for what became of a record. */
static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_transaction *transaction = opaque;
    if (!message->err) {
        if (message->offset >= transaction->next)
            transaction->next = message->offset + 1;
        return;
    }
    transaction->fenced = transaction->fenced || means_fenced(message->err);
    error_set(&transaction->refused, kafka_error_kind(message->err), "topic %s: %s",
        rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
}

static rd_kafka_t *new_client(const struct kafka_options *kafka, const char *transactional_id,
    struct kafka_transaction *transaction, struct error *error)
{
    /* These have to fit the time of a transaction, or the library does not start. */
    static const char *const own[] = {"transaction.timeout.ms", "message.timeout.ms",
        "delivery.timeout.ms", "socket.timeout.ms", "linger.ms", "queue.buffering.max.ms", NULL};
    struct kafka_conf conf;
    kafka_conf_begin(&conf, kafka);
    conf.own = own;
    kafka_conf_set(&conf, "transactional.id", transactional_id);
    kafka_conf_set_int(&conf, "transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
    kafka_conf_set(&conf, "linger.ms", "0");
    kafka_conf_set_int(&conf, "message.max.bytes", 16 * 1024 * 1024);
    kafka_conf_set(&conf, "log.queue", "false"); /* nobody would empty it */
    rd_kafka_conf_set_opaque(conf.conf, transaction);
    rd_kafka_conf_set_log_cb(conf.conf, kafka_drop_log);
    rd_kafka_conf_set_dr_msg_cb(conf.conf, delivered);
    return kafka_conf_finish(&conf, kafka, RD_KAFKA_PRODUCER, error);
}

struct kafka_transaction *kafka_transaction_new(const struct kafka_options *kafka,
    const char *topic, const char *transactional_id, struct error *error)
{
    struct kafka_transaction *transaction = mem_zalloc(sizeof *transaction);
    transaction->client = new_client(kafka, transactional_id, transaction, error);
    if (!transaction->client) {
        free(transaction);
        return NULL;
    }
    transaction->topic = rd_kafka_topic_new(transaction->client, topic, NULL);
    if (transaction->topic)
        return transaction;
    error_set(error, ERROR_CONFIG, "topic %s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
    kafka_transaction_free(transaction);
    return NULL;
}

void kafka_transaction_free(struct kafka_transaction *transaction)
{
    if (!transaction)
        return;
    if (transaction->topic)
        rd_kafka_topic_destroy(transaction->topic);
    rd_kafka_destroy(transaction->client);
    free(transaction);
}

bool kafka_transaction_is_fenced(const struct kafka_transaction *transaction)
{
    return transaction->fenced;
}

static int left_ms(struct mono_time end)
{
    int64_t left = mono_diff_ms(end, mono_now());
    return left > 1 ? (int)left : 1;
}

/* What a call came to. The library's own text of a fatal error is in the error too, but not always its
 * code. */
static enum error_kind judge(struct kafka_transaction *transaction, rd_kafka_resp_err_t code)
{
    char text[256];
    rd_kafka_resp_err_t fatal_code = rd_kafka_fatal_error(transaction->client, text, sizeof text);
    if (means_fenced(code) || means_fenced(fatal_code))
        transaction->fenced = true;
    if (transaction->fenced)
        return ERROR_RETRY;
    if (error_is_set(&transaction->refused))
        return transaction->refused.kind;
    return kafka_error_kind(fatal_code ? fatal_code : code);
}

/* Takes `failed`. */
static bool fail(struct kafka_transaction *transaction, rd_kafka_error_t *failed, const char *note,
    struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(failed);
    enum error_kind kind = judge(transaction, code);
    const char *text = rd_kafka_error_string(failed);
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        text = "Kafka did not answer in time";
    if (transaction->fenced)
        error_set(error, kind, "another writer came between (%s)", text);
    else if (error_is_set(&transaction->refused))
        error_set(error, kind, "%s%s", transaction->refused.text, note);
    else
        error_set(
            error, kind, "topic %s: %s%s", rd_kafka_topic_name(transaction->topic), text, note);
    rd_kafka_error_destroy(failed);
    return false;
}

/* Where it fails, the next take-over aborts. */
static void abort_open(struct kafka_transaction *transaction)
{
    rd_kafka_error_t *failed = rd_kafka_abort_transaction(transaction->client, ABORT_TIMEOUT_MS);
    if (!failed)
        return;
    judge(transaction, rd_kafka_error_code(failed));
    rd_kafka_error_destroy(failed);
}

/* After a take-over nothing of ours is open: with the isolation level read_committed, which is that of
 * all our clients, the answer is the end of what can be read. */
static bool query_end(struct kafka_transaction *transaction, struct mono_time deadline,
    int64_t *ret_end, struct error *error)
{
    int64_t low, high;
    const char *topic = rd_kafka_topic_name(transaction->topic);
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        transaction->client, topic, 0, &low, &high, left_ms(deadline));
    if (code)
        return error_set(
            error, kafka_error_kind(code), "topic %s: its end: %s", topic, rd_kafka_err2str(code));
    *ret_end = high;
    return true;
}

bool kafka_transaction_take_over(struct kafka_transaction *transaction, int64_t timeout_ms,
    int64_t *ret_end, struct error *error)
{
    struct mono_time deadline = mono_add_ms(mono_now(), timeout_ms);
    rd_kafka_error_t *failed = rd_kafka_init_transactions(transaction->client, left_ms(deadline));
    if (failed)
        return fail(transaction, failed, "", error);
    return query_end(transaction, deadline, ret_end, error);
}

static rd_kafka_error_t *produce(
    struct kafka_transaction *transaction, const struct kafka_transaction_record *record)
{
    const char *key = record->key, *value = record->value;
    rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = transaction->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key, strlen(key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value, value ? strlen(value) : 0}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    return rd_kafka_produceva(transaction->client, fields, sizeof fields / sizeof *fields);
}

static bool produce_all(struct kafka_transaction *transaction,
    const struct kafka_transaction_record *records, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        rd_kafka_error_t *failed = produce(transaction, &records[i]);
        if (!failed)
            continue;
        fail(transaction, failed, "", error);
        abort_open(transaction);
        return false;
    }
    return true;
}

static bool commit(
    struct kafka_transaction *transaction, struct mono_time deadline, struct error *error)
{
    rd_kafka_error_t *failed = rd_kafka_commit_transaction(transaction->client, left_ms(deadline));
    if (!failed)
        return true;
    /* Otherwise the end of the transaction may be on its way. */
    bool open = rd_kafka_error_txn_requires_abort(failed);
    if (open)
        abort_open(transaction);
    return fail(transaction, failed, open ? "" : "; it may have been written or not", error);
}

bool kafka_transaction_write(struct kafka_transaction *transaction,
    const struct kafka_transaction_record *records, size_t count, int64_t timeout_ms,
    int64_t *ret_next, struct error *error)
{
    struct mono_time deadline = mono_add_ms(mono_now(), timeout_ms);
    transaction->next = 0;
    transaction->refused = (struct error)ERROR_INIT;
    rd_kafka_error_t *failed = rd_kafka_begin_transaction(transaction->client);
    if (failed)
        return fail(transaction, failed, "", error);
    if (!produce_all(transaction, records, count, error) || !commit(transaction, deadline, error))
        return false;
    *ret_next = transaction->next;
    return true;
}
