/* SPDX-License-Identifier: Apache-2.0 */
/* The recent attempts, as the results topic has them. */
#include "console/attempts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "console/attempts_reader.h"
#include "producers/result.h"

#define WAITS_MAX       1000
#define USUAL_SIZE      1024 /* of an attempt in memory: how far back it is worth to begin */
#define LOG_INTERVAL_MS 10000

static struct metric count_metric = METRIC_GAUGE(
    "hookline_console_attempts", "Attempts that the console keeps to be asked for.", NULL, NULL);
static struct metric bytes_metric = METRIC_GAUGE("hookline_console_attempts_bytes",
    "Memory of the attempts that the console keeps.", NULL, NULL);
static struct metric skipped_metric = METRIC_COUNTER("hookline_console_attempts_skipped_total",
    "Records of the results topic that were skipped because they are not valid or too large.", NULL,
    NULL);

struct attempts_wait {
    TAILQ_ENTRY(attempts_wait) link;
    struct attempts *attempts;
    char *tenant, *id;
    char *json; /* NULL = not met yet */
    size_t len;
    struct loop_timer *timer; /* until it is given up; soon, once it is met */
    void (*fn)(const char *json, size_t len, void *arg);
    void *arg;
};

struct attempts {
    struct loop *loop;
    struct attempt_store *store;
    struct attempts_reader *reader; /* NULL = detached */
    bool ready;
    TAILQ_HEAD(, attempts_wait) waits;
    size_t wait_count;
    int64_t skipped_count;
    struct log_limit skipped_limit;
};

/* --- Waits ----------------------------------------------------------------------------------- */

static void unlink_wait(struct attempts_wait *wait)
{
    TAILQ_REMOVE(&wait->attempts->waits, wait, link);
    wait->attempts->wait_count--;
}

static void free_wait(struct attempts_wait *wait)
{
    loop_timer_free(wait->timer);
    free(wait->tenant);
    free(wait->id);
    free(wait->json);
    free(wait);
}

static void wait_over(void *arg)
{
    struct attempts_wait *wait = arg;
    unlink_wait(wait);
    wait->fn(wait->json, wait->len, wait->arg);
    free_wait(wait);
}

struct attempts_wait *attempts_await(struct attempts *attempts, const char *tenant, const char *id,
    int64_t timeout_ms, void (*fn)(const char *json, size_t len, void *arg), void *arg)
{
    if (attempts->wait_count >= WAITS_MAX)
        return NULL;
    struct attempts_wait *wait = mem_zalloc(sizeof *wait);
    wait->attempts = attempts;
    wait->tenant = mem_strdup(tenant);
    wait->id = mem_strdup(id);
    wait->fn = fn;
    wait->arg = arg;
    wait->timer = loop_timer_new(attempts->loop, wait_over, wait);
    loop_timer_start(wait->timer, timeout_ms, 0);
    TAILQ_INSERT_TAIL(&attempts->waits, wait, link);
    attempts->wait_count++;
    return wait;
}

void attempts_wait_cancel(struct attempts_wait *wait)
{
    if (!wait)
        return;
    unlink_wait(wait);
    free_wait(wait);
}

static void meet_waits(
    struct attempts *attempts, const struct result *result, const char *json, size_t len)
{
    struct attempts_wait *wait;
    TAILQ_FOREACH(wait, &attempts->waits, link) {
        if (wait->json || strcmp(wait->id, result->id) != 0 ||
            strcmp(wait->tenant, result->tenant) != 0)
            continue;
        wait->json = mem_dup(json, len);
        wait->len = len;
        loop_timer_start(wait->timer, 0, 0);
    }
}

/* --- Records --------------------------------------------------------------------------------- */

static void skip(struct attempts *attempts, const struct record *record, const struct error *error)
{
    attempts->skipped_count++;
    metric_add(&skipped_metric, 0, 1);
    int64_t suppressed;
    if (log_limit_pass(&attempts->skipped_limit, LOG_INTERVAL_MS, &suppressed))
        log_warn("result skipped, it is not valid", LOG_INT("partition", record->partition),
            LOG_INT("offset", record->offset), LOG_ERR(error), LOG_INT("suppressed", suppressed));
}

static bool decode(
    const struct record *record, struct result_decoded *ret_decoded, struct error *error)
{
    if (record->value.len > ATTEMPTS_VALUE_MAX)
        return error_set(error, ERROR_PERMANENT, "larger than %d bytes", ATTEMPTS_VALUE_MAX);
    return result_decode(record, ret_decoded, error);
}

void attempts_apply(struct attempts *attempts, const struct record *record)
{
    struct result_decoded decoded;
    struct error error = ERROR_INIT;
    if (!decode(record, &decoded, &error)) {
        skip(attempts, record, &error);
        return;
    }
    const struct result *result = &decoded.result;
    struct wall_time at =
        result->at.ms >= 0 ? result->at : (struct wall_time){record->timestamp_ms};
    attempt_store_add(attempts->store, result, at, record->value.data, record->value.len);
    meet_waits(attempts, result, record->value.data, record->value.len);
    result_decoded_release(&decoded);
    metric_set(&count_metric, 0, (double)attempt_store_count(attempts->store));
    metric_set(&bytes_metric, 0, (double)attempt_store_bytes(attempts->store));
}

static void on_record(void *arg, const struct record *record)
{
    attempts_apply(arg, record);
}

/* The partitions came in any order of each other. */
static void on_loaded(void *arg)
{
    struct attempts *attempts = arg;
    attempt_store_sort(attempts->store);
    attempts->ready = true;
}

bool attempts_ready(const struct attempts *attempts)
{
    return attempts->ready;
}

uint64_t attempts_find(const struct attempts *attempts, const struct attempts_query *query,
    attempts_found *fn, void *arg)
{
    return attempt_store_find(attempts->store, query, fn, arg);
}

size_t attempts_count(const struct attempts *attempts)
{
    return attempt_store_count(attempts->store);
}

int64_t attempts_skipped_count(const struct attempts *attempts)
{
    return attempts->skipped_count;
}

/* --- Life ------------------------------------------------------------------------------------ */

static struct attempts *attempts_alloc(struct loop *loop, const struct attempts_options *options)
{
    struct attempts *attempts = mem_zalloc(sizeof *attempts);
    attempts->loop = loop;
    attempts->store = attempt_store_new(options->max_bytes, options->max_per_tenant);
    TAILQ_INIT(&attempts->waits);
    return attempts;
}

void attempts_register_metrics(void)
{
    metric_register(&count_metric);
    metric_register(&bytes_metric);
    metric_register(&skipped_metric);
}

struct attempts *attempts_new(struct loop *loop, const struct kafka_options *kafka,
    const struct attempts_options *options, struct error *error)
{
    static const struct attempts_reader_callbacks callbacks = {on_record, on_loaded};
    if (options->max_bytes < 1 || options->max_per_tenant < 1) {
        error_set(error, ERROR_CONFIG, "attempts cannot be kept in no memory");
        return NULL;
    }
    attempts_register_metrics();
    struct attempts *attempts = attempts_alloc(loop, options);
    attempts->reader = attempts_reader_new(
        loop, kafka, options->topic, options->max_bytes / USUAL_SIZE, &callbacks, attempts);
    return attempts;
}

struct attempts *attempts_new_detached(struct loop *loop, const struct attempts_options *options)
{
    struct attempts *attempts = attempts_alloc(loop, options);
    attempts->ready = true;
    return attempts;
}

void attempts_free(struct attempts *attempts)
{
    if (!attempts)
        return;
    attempts_reader_free(attempts->reader);
    struct attempts_wait *wait, *next;
    for (wait = TAILQ_FIRST(&attempts->waits); wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        free_wait(wait);
    }
    attempt_store_free(attempts->store);
    free(attempts);
}
