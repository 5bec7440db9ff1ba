/* SPDX-License-Identifier: Apache-2.0 */
/* All subscriptions, as the compacted topic has them. */
#include "subscriptions/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "events/event.h"
#include "kafka/reader.h"
#include "subscriptions/tenants.h"

#define LOG_INTERVAL_MS 10000

static struct metric subscriptions_metric =
    METRIC_GAUGE("hookline_registry_subscriptions", "Subscriptions in the registry.", NULL, NULL);
static struct metric last_applied_metric =
    METRIC_GAUGE("hookline_registry_last_applied_timestamp_seconds",
        "When a record of the registry was last applied, in Unix time.", NULL, NULL);
static struct metric invalid_metric = METRIC_COUNTER("hookline_registry_records_invalid_total",
    "Registry records that were skipped because they are not valid.", NULL, NULL);

struct store {
    struct tenants tenants;
    struct kafka_reader *reader; /* NULL = detached */
    struct store_callbacks callbacks;
    void *arg;
    size_t max_per_tenant;
    bool ready;
    int64_t offset;
    int64_t invalid_count;
    LIST_HEAD(, store_wait) waits;
    struct log_limit invalid_limit, trouble_limit;
};

/* A record's key: a tenant, or a tenant's subscription. */
struct registry_key {
    char tenant[SUBSCRIPTION_TENANT_MAX + 1];
    char id[SUBSCRIPTION_ID_MAX + 1]; /* "" = the tenant itself */
};

static bool copy_part(const char *data, size_t len, char *out, size_t size)
{
    if (len >= size || memchr(data, '\0', len))
        return false;
    memcpy(out, data, len);
    out[len] = '\0';
    return true;
}

static bool parse_key(struct bytes key, struct registry_key *ret, struct error *error)
{
    struct registry_key parsed = {"", ""};
    const char *text = key.data ? key.data : "";
    const char *slash = key.len ? memchr(text, '/', key.len) : NULL;
    size_t tenant_len = slash ? (size_t)(slash - text) : key.len;
    bool valid = copy_part(text, tenant_len, parsed.tenant, sizeof parsed.tenant) &&
                 event_tenant_valid(parsed.tenant);
    if (valid && slash)
        valid = copy_part(slash + 1, key.len - tenant_len - 1, parsed.id, sizeof parsed.id) &&
                subscription_id_valid(parsed.id);
    if (!valid)
        return error_set(error, ERROR_CONFIG, "the key is neither <tenant> nor <tenant>/<id>");
    *ret = parsed;
    return true;
}

/* Returns new. The text of the parser's error is left out: it quotes the value. */
static json_t *parse_value(struct bytes value, struct error *error)
{
    if (value.len > STORE_VALUE_MAX) {
        error_set(error, ERROR_CONFIG, "larger than %d bytes", STORE_VALUE_MAX);
        return NULL;
    }
    json_error_t fault;
    json_t *json = json_loadb(value.data, value.len, JSON_REJECT_DUPLICATES, &fault);
    if (!json)
        error_set(error, ERROR_CONFIG, "not JSON, or a key twice in one object: line %d column %d",
            fault.line, fault.column);
    return json;
}

static void notify(struct store *store, const struct registry_key *key)
{
    if (store->ready && store->callbacks.changed)
        store->callbacks.changed(store->arg, key->tenant, key->id[0] ? key->id : NULL);
}

static bool read_tenant(
    const json_t *json, const char *id, int32_t *ret_partitions, struct error *error)
{
    const char *tenant = json_string_value(json_object_get(json, "tenant"));
    const json_t *partitions = json_object_get(json, "partitions");
    if (!tenant || strcmp(tenant, id) != 0)
        return error_set(error, ERROR_CONFIG, "/tenant: is not that of the key");
    json_int_t count = json_integer_value(partitions);
    if (!json_is_integer(partitions) || count < 1 || count > STORE_PARTITIONS_MAX)
        return error_set(
            error, ERROR_CONFIG, "/partitions: not an integer from 1 to %d", STORE_PARTITIONS_MAX);
    *ret_partitions = (int32_t)count;
    return true;
}

static bool apply_tenant(
    struct store *store, const struct registry_key *key, const json_t *json, struct error *error)
{
    int32_t partitions = 0;
    if (json && !read_tenant(json, key->tenant, &partitions, error))
        return false;
    if (tenants_set_partitions(&store->tenants, key->tenant, partitions))
        notify(store, key);
    return true;
}

static bool put(struct store *store, const struct registry_key *key, struct subscription *sub,
    struct error *error)
{
    if (strcmp(sub->tenant, key->tenant) != 0 || strcmp(sub->id, key->id) != 0)
        return error_set(error, ERROR_CONFIG, "/tenant and /id are not those of the key");
    if (!tenants_put(&store->tenants, sub, store->max_per_tenant))
        return error_set(
            error, ERROR_CONFIG, "the tenant has %zu subscriptions already", store->max_per_tenant);
    return true;
}

static bool apply_subscription(
    struct store *store, const struct registry_key *key, const json_t *json, struct error *error)
{
    if (!json) {
        if (tenants_delete(&store->tenants, key->tenant, key->id))
            notify(store, key);
        return true;
    }
    struct subscription *sub = subscription_parse(json, false, error);
    bool done = sub && put(store, key, sub, error);
    if (done)
        notify(store, key);
    subscription_unref(sub);
    return done;
}

static bool apply(struct store *store, const struct record *record, struct error *error)
{
    struct registry_key key = {"", ""};
    if (!parse_key(record->key, &key, error))
        return false;
    json_t *json = record->value.data ? parse_value(record->value, error) : NULL;
    if (record->value.data && !json)
        return false;
    bool done = key.id[0] ? apply_subscription(store, &key, json, error)
                          : apply_tenant(store, &key, json, error);
    tenants_forget_empty(&store->tenants, key.tenant);
    json_decref(json);
    return done;
}

static void skip(struct store *store, const struct record *record, const struct error *error)
{
    store->invalid_count++;
    metric_add(&invalid_metric, 0, 1);
    int64_t suppressed;
    if (!log_limit_pass(&store->invalid_limit, LOG_INTERVAL_MS, &suppressed))
        return;
    char key[SUBSCRIPTION_KEY_SIZE] = "";
    if (record->key.data) {
        size_t len = record->key.len < sizeof key - 1 ? record->key.len : sizeof key - 1;
        memcpy(key, record->key.data, len);
    }
    log_warn("registry record skipped, it is not valid", LOG_STR("key", key), LOG_ERR(error),
        LOG_INT("offset", record->offset), LOG_INT("suppressed", suppressed));
}

static void apply_or_skip(struct store *store, const struct record *record)
{
    struct error error = ERROR_INIT;
    if (!apply(store, record, &error)) {
        skip(store, record, &error);
        return;
    }
    metric_set(&subscriptions_metric, 0, (double)store->tenants.subscription_count);
    metric_set(&last_applied_metric, 0, (double)wall_now().ms / 1000);
}

/* Calls those whose offset has been reached. They may wait again at once, for a later one. */
static void end_waits(struct store *store)
{
    struct store_wait *wait = LIST_FIRST(&store->waits);
    while (wait) {
        if (wait->offset > store->offset) {
            wait = LIST_NEXT(wait, link);
            continue;
        }
        store_await_stop(wait);
        wait->fn(wait->arg);
        wait = LIST_FIRST(&store->waits); /* it may have stopped others */
    }
}

bool store_await(
    struct store *store, struct store_wait *wait, int64_t offset, void (*fn)(void *arg), void *arg)
{
    bug_on(wait->waiting);
    if (store->offset >= offset)
        return true;
    *wait = (struct store_wait){.offset = offset, .fn = fn, .arg = arg, .waiting = true};
    LIST_INSERT_HEAD(&store->waits, wait, link);
    return false;
}

void store_await_stop(struct store_wait *wait)
{
    if (!wait->waiting)
        return;
    LIST_REMOVE(wait, link);
    wait->waiting = false;
}

void store_apply(struct store *store, const struct record *record)
{
    /* Before the callbacks, which may ask how far we are. */
    if (record->offset >= store->offset)
        store->offset = record->offset + 1;
    apply_or_skip(store, record);
    end_waits(store);
}

static void on_record(void *arg, const struct record *record)
{
    store_apply(arg, record);
}

/* The end can lie above the last record: compaction and control records leave gaps. */
static void on_end(void *arg, int64_t offset)
{
    struct store *store = arg;
    if (offset > store->offset)
        store->offset = offset;
    bool first = !store->ready;
    store->ready = true;
    if (first && store->callbacks.ready)
        store->callbacks.ready(store->arg);
    end_waits(store);
}

static void on_trouble(void *arg, const struct error *error)
{
    struct store *store = arg;
    if (store->callbacks.trouble)
        store->callbacks.trouble(store->arg, error);
    else if (log_limit_pass(&store->trouble_limit, LOG_INTERVAL_MS, NULL))
        log_warn("registry cannot be read", LOG_ERR(error));
}

static struct store *store_alloc(const struct store_options *options)
{
    struct store *store = mem_zalloc(sizeof *store);
    tenants_init(&store->tenants);
    store->max_per_tenant = (size_t)options->max_per_tenant;
    return store;
}

void store_set_callbacks(struct store *store, const struct store_callbacks *callbacks, void *arg)
{
    store->callbacks = *callbacks;
    store->arg = arg;
}

void store_register_metrics(void)
{
    metric_register(&subscriptions_metric);
    metric_register(&last_applied_metric);
    metric_register(&invalid_metric);
}

struct store *store_new(struct loop *loop, const struct kafka_options *kafka,
    const struct store_options *options, const struct store_callbacks *callbacks, void *arg,
    struct error *error)
{
    static const struct kafka_reader_callbacks reader_callbacks = {
        .record = on_record, .end = on_end, .trouble = on_trouble};
    store_register_metrics();
    struct store *store = store_alloc(options);
    if (callbacks)
        store_set_callbacks(store, callbacks, arg);
    store->reader = kafka_reader_new(
        loop, kafka, options->topic, 0, KAFKA_BEGINNING, &reader_callbacks, store, error);
    if (store->reader)
        return store;
    store_free(store);
    return NULL;
}

struct store *store_new_detached(const struct store_options *options)
{
    struct store *store = store_alloc(options);
    store->ready = true;
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    bug_on(!LIST_EMPTY(&store->waits));
    kafka_reader_free(store->reader);
    tenants_release(&store->tenants);
    free(store);
}

bool store_ready(const struct store *store)
{
    return store->ready;
}

int64_t store_offset(const struct store *store)
{
    return store->offset;
}

int64_t store_invalid_count(const struct store *store)
{
    return store->invalid_count;
}

size_t store_subscription_count(const struct store *store)
{
    return store->tenants.subscription_count;
}

const struct store_tenant *store_tenant(const struct store *store, const char *tenant)
{
    return tenants_find(&store->tenants, tenant);
}

struct store_wanting store_wanting(const struct store_tenant *tenant, const char *type)
{
    return tenants_wanting(tenant, type);
}

struct subscription *store_find(const struct store *store, const char *tenant, const char *id)
{
    return tenants_find_subscription(&store->tenants, tenant, id);
}

void store_each(
    const struct store *store, void (*fn)(const struct store_tenant *tenant, void *arg), void *arg)
{
    for (size_t i = 0; i < store->tenants.count; i++)
        fn(tenants_at(&store->tenants, i), arg);
}

char *store_tenant_record(const char *tenant, int32_t partitions)
{
    bug_on(!event_tenant_valid(tenant)); /* so that nothing in it has to be escaped */
    return mem_printf("{\"tenant\":\"%s\",\"partitions\":%" PRId32 "}", tenant, partitions);
}
