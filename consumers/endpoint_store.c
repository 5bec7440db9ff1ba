/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints topic: read from its beginning, followed, and written. */
#include "consumers/endpoint_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/table.h"
#include "consumers/rules.h"
#include "kafka/reader.h"

#define SEND_AGAIN_MS 1000
#define LOG_REPEAT_MS 10000

static struct metric invalid_metric = METRIC_COUNTER("hookline_endpoint_records_invalid_total",
    "Records of the endpoints topic that were skipped because they are not valid.", NULL, NULL);
static struct metric outdated_metric = METRIC_COUNTER("hookline_endpoint_records_outdated_total",
    "Records of the endpoints topic by a process that had lost the partition before.", NULL, NULL);
static struct metric written_metric = METRIC_COUNTER("hookline_endpoint_records_written_total",
    "Records written to the endpoints topic, barriers included.", NULL, NULL);

/* A partition of a tenant's delivery topic. */
struct place {
    UT_hash_handle hh;
    int64_t epoch; /* the highest seen */
    char *name;    /* "<tenant>/<partition>" */
};

struct remembered {
    UT_hash_handle hh;
    char *key, *reason;
    struct endpoint_stamp stamp;
    struct endpoint_state state;
    bool outdated; /* a record out of date came after this one */
};

/* A record on its way, or a barrier that has to be sent again. */
struct sending {
    TAILQ_ENTRY(sending) link;
    struct endpoint_store *store; /* NULL: the store is gone */
    struct endpoint_encoded encoded;
    bool barrier;
    bool on_its_way; /* there will be a receipt */
    endpoint_store_sent *sent;
    void *arg;
};

struct endpoint_store {
    struct kafka_producer *producer;
    struct kafka_reader *reader;
    char *topic;
    struct endpoint_store_callbacks callbacks;
    void *arg;
    struct place *places;
    struct remembered *table;
    TAILQ_HEAD(, sending) sending;
    struct loop_timer *again_timer;
    struct log_limit invalid_limit, trouble_limit, send_limit;
};

static struct place *get_place(struct endpoint_store *store, const char *tenant, int32_t partition)
{
    struct place *place = NULL;
    char *name = mem_printf("%s/%d", tenant, (int)partition);
    HASH_FIND_STR(store->places, name, place);
    if (place) {
        free(name);
        return place;
    }
    place = mem_zalloc(sizeof *place);
    place->name = name;
    HASH_ADD_KEYPTR(hh, store->places, place->name, strlen(place->name), place);
    return place;
}

static struct remembered *find(const struct endpoint_store *store, const char *key)
{
    struct remembered *found = NULL;
    HASH_FIND_STR(store->table, key, found);
    return found;
}

static void free_remembered(struct remembered *remembered)
{
    endpoint_state_release(&remembered->state);
    free(remembered->reason);
    free(remembered->key);
    free(remembered);
}

static void forget(struct endpoint_store *store, struct remembered *remembered)
{
    HASH_DEL(store->table, remembered);
    free_remembered(remembered);
}

static struct remembered *get(struct endpoint_store *store, const char *key)
{
    struct remembered *remembered = find(store, key);
    if (remembered)
        return remembered;
    remembered = mem_zalloc(sizeof *remembered);
    remembered->key = mem_strdup(key);
    remembered->state = endpoint_state_none();
    HASH_ADD_KEYPTR(hh, store->table, remembered->key, strlen(remembered->key), remembered);
    return remembered;
}

/* Takes what the record holds. */
static void remember(struct endpoint_store *store, struct endpoint_decoded *decoded)
{
    struct remembered *remembered = find(store, decoded->key);
    if (endpoint_state_is_none(&decoded->state)) {
        if (remembered)
            forget(store, remembered);
        return;
    }
    remembered = get(store, decoded->key);
    endpoint_state_release(&remembered->state);
    free(remembered->reason);
    remembered->state = decoded->state;
    remembered->reason = decoded->reason;
    remembered->stamp = decoded->stamp;
    remembered->outdated = false;
    decoded->state = endpoint_state_none();
    decoded->reason = NULL;
}

/* It came after the one that counts, and compaction will keep the later one: it must be written over. */
static void met_outdated(struct endpoint_store *store, const struct endpoint_decoded *decoded)
{
    struct remembered *remembered = get(store, decoded->key);
    remembered->outdated = true;
    remembered->stamp.partition = decoded->stamp.partition;
    metric_add(&outdated_metric, 0, 1);
    store->callbacks.outdated(store->arg, decoded->key, decoded->stamp.partition);
}

/* The tenant of "<prefix>deliveries.<tenant>": ids have no dot. */
static const char *topic_tenant(const char *topic)
{
    const char *dot = strrchr(topic, '.');
    return dot ? dot + 1 : topic;
}

static void take(struct endpoint_store *store, struct endpoint_decoded *decoded)
{
    bool barrier = decoded->kind == ENDPOINT_RECORD_BARRIER;
    const char *tenant = barrier ? topic_tenant(decoded->key) : decoded->tenant;
    struct place *place = get_place(store, tenant, decoded->stamp.partition);
    if (decoded->stamp.epoch < place->epoch && RULE(5)) {
        if (barrier)
            store->callbacks.superseded(store->arg, decoded->key, decoded->stamp.partition,
                decoded->stamp.epoch, place->epoch);
        else
            met_outdated(store, decoded);
        return;
    }
    place->epoch = decoded->stamp.epoch;
    if (barrier)
        store->callbacks.barrier(
            store->arg, decoded->key, decoded->stamp.partition, decoded->stamp.epoch);
    else
        remember(store, decoded);
}

static void record_read(void *arg, const struct record *record)
{
    struct endpoint_store *store = arg;
    struct endpoint_decoded decoded;
    struct error error = ERROR_INIT;
    struct record *copy = record_copy(record); /* the decoder wants values with a NUL behind them */
    if (endpoint_decode(copy, &decoded, &error)) {
        take(store, &decoded);
        endpoint_decoded_release(&decoded);
    } else {
        metric_add(&invalid_metric, 0, 1);
        if (log_limit_pass(&store->invalid_limit, LOG_REPEAT_MS, NULL))
            log_warn("endpoint record skipped", LOG_STR("topic", store->topic),
                LOG_INT("offset", record->offset), LOG_ERR(&error));
    }
    free(copy);
}

static void reader_trouble(void *arg, const struct error *error)
{
    struct endpoint_store *store = arg;
    if (log_limit_pass(&store->trouble_limit, LOG_REPEAT_MS, NULL))
        log_warn("endpoint states cannot be read", LOG_ERR(error));
}

static void sending_free(struct sending *sending)
{
    endpoint_encoded_release(&sending->encoded);
    free(sending);
}

static void finish(struct sending *sending, bool written)
{
    struct endpoint_store *store = sending->store;
    TAILQ_REMOVE(&store->sending, sending, link);
    if (sending->sent)
        sending->sent(sending->arg, written);
    sending_free(sending);
}

static void produced(void *arg, const struct kafka_receipt *receipt)
{
    struct sending *sending = arg;
    struct endpoint_store *store = sending->store;
    sending->on_its_way = false;
    if (!store) {
        sending_free(sending);
        return;
    }
    if (receipt->error && log_limit_pass(&store->send_limit, LOG_REPEAT_MS, NULL))
        log_warn("endpoint record could not be written, it is sent again",
            LOG_STR("topic", store->topic), LOG_ERR(receipt->error));
    if (receipt->error && sending->barrier)
        loop_timer_start(store->again_timer, SEND_AGAIN_MS, 0);
    else
        finish(sending, !receipt->error);
}

static void send(struct sending *sending)
{
    struct endpoint_store *store = sending->store;
    struct error error = ERROR_INIT;
    sending->encoded.record.topic = store->topic;
    sending->encoded.record.partition = 0;
    sending->encoded.record.timestamp_ms = -1;
    sending->on_its_way = kafka_producer_send(
        store->producer, &sending->encoded.record, false, produced, sending, &error);
    metric_add(&written_metric, 0, 1);
    if (sending->on_its_way)
        return;
    if (log_limit_pass(&store->send_limit, LOG_REPEAT_MS, NULL))
        log_error(
            "endpoint record could not be sent", LOG_STR("topic", store->topic), LOG_ERR(&error));
    loop_timer_start(store->again_timer, SEND_AGAIN_MS, 0);
}

/* Barriers go again; a state's owner makes a newer one. */
static void again(void *arg)
{
    struct endpoint_store *store = arg;
    struct sending *sending, *next;
    for (sending = TAILQ_FIRST(&store->sending); sending; sending = next) {
        next = TAILQ_NEXT(sending, link);
        if (sending->on_its_way)
            continue;
        if (sending->barrier)
            send(sending);
        else
            finish(sending, false);
    }
}

static struct sending *new_sending(
    struct endpoint_store *store, endpoint_store_sent *sent, void *arg)
{
    struct sending *sending = mem_zalloc(sizeof *sending);
    sending->store = store;
    sending->sent = sent;
    sending->arg = arg;
    TAILQ_INSERT_TAIL(&store->sending, sending, link);
    return sending;
}

void endpoint_store_send_barrier(
    struct endpoint_store *store, const char *topic, const struct endpoint_stamp *stamp)
{
    struct sending *sending = new_sending(store, NULL, NULL);
    sending->barrier = true;
    endpoint_barrier_encode(topic, stamp, &sending->encoded);
    send(sending);
}

void endpoint_store_send(struct endpoint_store *store, const char *key,
    const struct endpoint_stamp *stamp, const struct endpoint_state *state,
    endpoint_store_sent *sent, void *arg)
{
    struct sending *sending = new_sending(store, sent, arg);
    endpoint_state_encode(key, stamp, state, &sending->encoded);
    send(sending);
}

void endpoint_store_forget(struct endpoint_store *store, const void *arg)
{
    struct sending *sending;
    TAILQ_FOREACH(sending, &store->sending, link)
        if (sending->sent && sending->arg == arg)
            sending->sent = NULL;
}

void endpoint_store_each(const struct endpoint_store *store, const char *tenant, int32_t partition,
    void (*fn)(void *arg, const char *key, const struct endpoint_state *state, bool outdated),
    void *arg)
{
    size_t len = strlen(tenant);
    for (const struct remembered *each = store->table; each; each = each->hh.next)
        if (each->stamp.partition == partition && strncmp(each->key, tenant, len) == 0 &&
            each->key[len] == '/')
            fn(arg, each->key, &each->state, each->outdated);
}

void endpoint_store_register_metrics(void)
{
    metric_register(&invalid_metric);
    metric_register(&outdated_metric);
    metric_register(&written_metric);
}

struct endpoint_store *endpoint_store_new(struct loop *loop, const struct kafka_options *kafka,
    struct kafka_producer *producer, const char *topic,
    const struct endpoint_store_callbacks *callbacks, void *arg, struct error *error)
{
    static const struct kafka_reader_callbacks reader_callbacks = {
        .record = record_read, .trouble = reader_trouble};
    struct endpoint_store *store = mem_zalloc(sizeof *store);
    endpoint_store_register_metrics();
    store->producer = producer;
    store->topic = mem_strdup(topic);
    store->callbacks = *callbacks;
    store->arg = arg;
    TAILQ_INIT(&store->sending);
    store->again_timer = loop_timer_new(loop, again, store);
    store->reader =
        kafka_reader_new(loop, kafka, topic, 0, KAFKA_BEGINNING, &reader_callbacks, store, error);
    if (store->reader)
        return store;
    endpoint_store_free(store);
    return NULL;
}

static void free_sending(struct endpoint_store *store)
{
    struct sending *sending;
    while ((sending = TAILQ_FIRST(&store->sending))) {
        TAILQ_REMOVE(&store->sending, sending, link);
        sending->store = NULL;
        if (!sending->on_its_way)
            sending_free(sending);
    }
}

static void free_table(struct endpoint_store *store)
{
    struct remembered *each = store->table, *next;
    HASH_CLEAR(hh, store->table); /* what was in it stays linked */
    for (; each; each = next) {
        next = each->hh.next;
        free_remembered(each);
    }
}

static void free_places(struct endpoint_store *store)
{
    struct place *place = store->places, *next;
    HASH_CLEAR(hh, store->places);
    for (; place; place = next) {
        next = place->hh.next;
        free(place->name);
        free(place);
    }
}

void endpoint_store_free(struct endpoint_store *store)
{
    if (!store)
        return;
    kafka_reader_free(store->reader);
    loop_timer_free(store->again_timer);
    free_sending(store);
    free_table(store);
    free_places(store);
    free(store->topic);
    free(store);
}
