/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer processes. */
#include "process.h"

#include <stdlib.h>

#include "common/memory.h"
#include "topics.h"
#include "world.h"

static struct sim_process *processes;
static int started;

static const struct kafka_options kafka_options = {.brokers = "sim:1", .client_id = "sim"};

struct sim_process *process_list(void)
{
    return processes;
}

int process_count(void)
{
    int count = 0;
    for (const struct sim_process *each = processes; each; each = each->next)
        count += each->alive;
    return count;
}

/* The role may define it: asserts, with bug_on(), that no delivery is in two states, that all counts
 * are right, and so on. */
void consumer_check(struct consumer *consumer) __attribute__((weak));

void process_check(void)
{
    for (const struct sim_process *each = processes; consumer_check && each; each = each->next)
        if (each->alive)
            consumer_check(each->consumer);
}

bool process_frozen(void)
{
    for (const struct sim_process *each = processes; each; each = each->next)
        if (each->alive && sim_loop_frozen(each->loop))
            return true;
    return false;
}

struct sim_process *process_of(const struct loop *loop)
{
    struct sim_process *process = processes;
    while (process && process->loop != loop)
        process = process->next;
    return process;
}

struct sim_process *process_any(void)
{
    struct sim_process *fit[16];
    int64_t count = 0;
    for (struct sim_process *each = processes; each; each = each->next)
        if (each->alive && !each->stopping && count < 16)
            fit[count++] = each;
    return count ? fit[sim_between(0, count - 1)] : NULL;
}

/* --- The registry ------------------------------------------------------------------------------ */

static void apply_some(struct sim_process *process, int64_t most)
{
    struct sim_log *log = world_registry();
    const struct record *record;
    while (most-- > 0 && (record = sim_log_from(log, process->registry_next))) {
        process->registry_next = record->offset + 1;
        store_apply(process->store, record);
    }
}

static void registry_due(void *arg)
{
    struct sim_process *process = arg;
    process->registry_event = NULL;
    apply_some(process, sim_between(1, 8));
    if (!process->ready && !sim_log_from(world_registry(), process->registry_next)) {
        process->ready = true;
        consumer_store_ready(process->consumer);
    }
    if (process->registry_next < world_registry()->count)
        process->registry_event =
            sim_at(process->loop, sim_now() + sim_exp(MS), registry_due, process);
}

void world_registry_changed(void)
{
    for (struct sim_process *each = processes; each; each = each->next)
        if (each->alive && !each->registry_event)
            each->registry_event =
                sim_at(each->loop, sim_now() + sim_exp(30 * MS), registry_due, each);
}

static void store_changed(void *arg, const char *tenant, const char *id)
{
    struct sim_process *process = arg;
    if (process->ready)
        consumer_store_changed(process->consumer, tenant, id);
}

/* --- Life and death ---------------------------------------------------------------------------- */

static void make_clients(struct sim_process *process)
{
    static const struct probes_options no_probes = {.listen = ""};
    static const struct store_options store_options = {.topic = "unused", .max_per_tenant = 1000};
    const struct kafka_producer_options producer_options = {
        .linger_ms = 5,
        .max_outstanding = sim_chance(0.3) ? 20 : 2000,
        .max_outstanding_bytes = 16 << 20,
    };
    struct store_callbacks callbacks = {.changed = store_changed};
    struct error error = ERROR_INIT;
    process->probes = probes_new(process->loop, &no_probes, &error);
    process->store = store_new_detached(&store_options);
    store_set_callbacks(process->store, &callbacks, process);
    process->producer =
        kafka_producer_new(process->loop, &kafka_options, &producer_options, &error);
    struct consumer_deps deps = {
        .loop = process->loop,
        .probes = process->probes,
        .kafka = &kafka_options,
        .topics = &sim_topic_options,
        .producer = process->producer,
        .store = process->store,
    };
    struct consumer_options options;
    sim_consumer_options(&options);
    process->session_us = options.consumer.session_timeout_ms * MS;
    process->consumer = consumer_new(&deps, &options, &error);
    if (!process->consumer)
        sim_violation("consumer_new: %s", error.text);
}

struct sim_process *process_start(void)
{
    struct sim_process *process = mem_zalloc(sizeof *process);
    process->number = ++started;
    process->loop = loop_new();
    sim_loop_name(process->loop, process->number);
    process->alive = true;
    process->trouble_at = -HOUR;
    process->next = processes;
    processes = process;
    sim_say("p%d: starts", process->number);
    make_clients(process);
    process->registry_event =
        sim_at(process->loop, sim_now() + sim_exp(50 * MS), registry_due, process);
    return process;
}

/* The order is that of a role's end. */
static void free_all(struct sim_process *process)
{
    sim_cancel(process->registry_event);
    process->registry_event = NULL;
    consumer_free(process->consumer);
    process->consumer = NULL;
    kafka_producer_free(process->producer);
    process->producer = NULL;
    store_free(process->store);
    process->store = NULL;
    probes_free(process->probes);
    process->probes = NULL;
    sim_loop_kill(process->loop);
}

void process_crash(struct sim_process *process)
{
    sim_say("p%d: crashes", process->number);
    stats.crashes++;
    process->alive = false;
    sim_loop_kill(process->loop);
    free_all(process);
    world_process_gone();
}

static void stopped_clean_up(void *arg)
{
    struct sim_process *process = arg;
    if (!process->alive)
        return;
    sim_say("p%d: has stopped", process->number);
    process->alive = false;
    free_all(process);
    world_process_gone();
}

static void stopped(void *arg)
{
    struct sim_process *process = arg;
    sim_at(process->loop, sim_now() + sim_exp(5 * MS), stopped_clean_up, process);
}

void process_stop(struct sim_process *process)
{
    sim_say("p%d: is to stop%s", process->number, process->stopping ? ", at once" : "");
    stats.stops += !process->stopping;
    process->stopping = true;
    consumer_stop(process->consumer, stopped, process);
}

void process_freeze(struct sim_process *process, int64_t us, bool whole)
{
    sim_say("p%d: frozen for %.1f s%s", process->number, (double)us / 1e6,
        whole ? "" : ", its clients are not");
    stats.freezes++;
    process->whole = whole;
    sim_loop_freeze(process->loop, sim_now() + us);
}

void process_release(void)
{
    for (struct sim_process *each = processes; each; each = each->next)
        if (each->alive) {
            each->alive = false;
            sim_loop_kill(each->loop);
            free_all(each);
        }
}

void process_forget(void)
{
    while (processes) {
        struct sim_process *process = processes;
        processes = process->next;
        loop_free(process->loop);
        free(process);
    }
}

int64_t process_session_left(const struct loop *loop)
{
    /* At once where the broker sees the connection end. */
    return sim_chance(0.4) ? sim_exp(100 * MS) : sim_between(0, process_of(loop)->session_us);
}

int64_t process_trouble_at(const struct loop *loop)
{
    return process_of(loop)->trouble_at;
}

void process_note_trouble(const struct loop *loop)
{
    process_of(loop)->trouble_at = sim_now();
}
