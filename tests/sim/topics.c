/* SPDX-License-Identifier: Apache-2.0 */
/* The log. */
#include "topics.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static struct sim_log *logs;

struct sim_log *sim_log(const char *topic, int32_t number)
{
    for (struct sim_log *log = logs; log; log = log->next)
        if (log->number == number && strcmp(log->topic, topic) == 0)
            return log;
    struct sim_log *log = mem_zalloc(sizeof *log);
    log->topic = mem_strdup(topic);
    log->number = number;
    log->next = logs;
    logs = log;
    return log;
}

const struct record *sim_log_append(struct sim_log *log, const struct record *record)
{
    if (log->count == log->cap) {
        log->cap = log->cap ? 2 * log->cap : 64;
        log->records = mem_array(log->records, (size_t)log->cap, sizeof(struct record *));
    }
    struct record *copy = record_copy(record);
    copy->partition = log->number;
    copy->offset = log->count;
    if (copy->timestamp_ms < 0)
        copy->timestamp_ms = wall_now().ms;
    log->records[log->count++] = copy;
    for (struct sim_watch *watch = log->watches, *next; watch; watch = next) {
        next = watch->next;
        watch->fn(watch->arg);
    }
    return copy;
}

const struct record *sim_log_from(const struct sim_log *log, int64_t offset)
{
    for (; offset < log->count; offset++)
        if (log->records[offset])
            return log->records[offset];
    return NULL;
}

void sim_log_watch(struct sim_log *log, struct sim_watch *watch)
{
    watch->next = log->watches;
    log->watches = watch;
}

void sim_log_unwatch(struct sim_log *log, struct sim_watch *watch)
{
    for (struct sim_watch **at = &log->watches; *at; at = &(*at)->next)
        if (*at == watch) {
            *at = watch->next;
            return;
        }
}

static bool same_key(const struct record *a, const struct record *b)
{
    return a->key.len == b->key.len && memcmp(a->key.data, b->key.data, a->key.len) == 0;
}

static bool has_later(const struct sim_log *log, int64_t offset)
{
    for (int64_t i = log->count - 1; i > offset; i--)
        if (log->records[i] && same_key(log->records[i], log->records[offset]))
            return true;
    return false;
}

int64_t sim_log_compact(struct sim_log *log, int64_t lag_us)
{
    int64_t gone = 0, before_ms = wall_now().ms - lag_us / 1000;
    for (int64_t i = 0; i < log->count; i++) {
        if (!log->records[i])
            continue;
        if (log->records[i]->timestamp_ms >= before_ms)
            break;
        if (!has_later(log, i))
            continue;
        free(log->records[i]);
        log->records[i] = NULL;
        gone++;
    }
    return gone;
}

void sim_topics_release(void)
{
    while (logs) {
        struct sim_log *log = logs;
        logs = log->next;
        for (int64_t i = 0; i < log->count; i++)
            free(log->records[i]);
        free(log->records);
        free(log->topic);
        free(log);
    }
}
