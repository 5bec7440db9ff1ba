/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: a heap of events. Both clocks follow it, and so does all randomness the seed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/memory.h"
#include "sim.h"

#define WALL_START_MS INT64_C(1790000000000)
#define STEP_COST_US  3
/* So many events in a second of virtual time are not work but a loop that never waits. */
#define SPIN_EVENTS 400000

struct sim_event {
    int64_t at_us;
    uint64_t seq;
    struct loop *loop;
    void (*fn)(void *arg); /* NULL = cancelled */
    void *arg;
    void (*drop)(void *arg); /* NULL, or called where it will never be */
};

static struct {
    struct sim_event **items;
    size_t count, cap;
    uint64_t seq;
    int64_t now_us;
    int64_t second, in_second;
} heap;

struct sim_config sim;
struct sim_stats stats;
int rule_off;

/* --- Randomness (splitmix64) ------------------------------------------------------------------- */

static uint64_t random_state;

void sim_seed(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15u + 0x1234567;
}

uint64_t sim_u64(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t sim_between(int64_t low, int64_t high)
{
    return low + (int64_t)(sim_u64() % (uint64_t)(high - low + 1));
}

bool sim_chance(double probability)
{
    return (double)(sim_u64() >> 11) / 9007199254740992.0 < probability;
}

int64_t sim_exp(int64_t mean_us)
{
    /* A sum of halvings is near enough to a logarithm, and the same on every machine. */
    int64_t whole = 0;
    while (whole < 29 && (sim_u64() & 1))
        whole++;
    int64_t us = whole * mean_us * 7 / 10 + sim_between(0, mean_us * 7 / 10 + 1);
    return us < 20 * mean_us ? us : 20 * mean_us;
}

/* The keyed hash of the tables draws its key here, at its first use. */
ssize_t getrandom(void *buffer, size_t length, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < length; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)(sim.seed * 131 + i * 17 + 5);
    return (ssize_t)length;
}

/* --- The clocks -------------------------------------------------------------------------------- */

int64_t sim_now(void)
{
    return heap.now_us;
}

struct mono_time mono_now(void)
{
    return (struct mono_time){heap.now_us + HOUR}; /* so that 0 is no moment */
}

struct wall_time wall_now(void)
{
    return (struct wall_time){WALL_START_MS + heap.now_us / 1000};
}

const char *wall_format(struct wall_time time, char out[RFC3339_SIZE])
{
    int64_t seconds = time.ms / 1000, ms = time.ms % 1000;
    if (ms < 0) {
        seconds--;
        ms += 1000;
    }
    time_t t = (time_t)seconds;
    struct tm tm;
    char date[24];
    if (!gmtime_r(&t, &tm) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm))
        snprintf(date, sizeof date, "1970-01-01T00:00:00");
    snprintf(out, RFC3339_SIZE, "%s.%03dZ", date, (int)ms);
    return out;
}

/* --- The heap ---------------------------------------------------------------------------------- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void sift_up(size_t index)
{
    struct sim_event *item = heap.items[index];
    while (index > 0 && before(item, heap.items[(index - 1) / 2])) {
        heap.items[index] = heap.items[(index - 1) / 2];
        index = (index - 1) / 2;
    }
    heap.items[index] = item;
}

static void sift_down(size_t index)
{
    struct sim_event *item = heap.items[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap.count)
            break;
        if (child + 1 < heap.count && before(heap.items[child + 1], heap.items[child]))
            child++;
        if (!before(heap.items[child], item))
            break;
        heap.items[index] = heap.items[child];
        index = child;
    }
    heap.items[index] = item;
}

static void push(struct sim_event *event)
{
    if (heap.count == heap.cap) {
        heap.cap = heap.cap ? 2 * heap.cap : 256;
        heap.items = mem_array(heap.items, heap.cap, sizeof(struct sim_event *));
    }
    heap.items[heap.count] = event;
    sift_up(heap.count++);
}

static struct sim_event *pop(void)
{
    struct sim_event *first = heap.items[0];
    struct sim_event *last = heap.items[--heap.count];
    if (heap.count) {
        heap.items[0] = last;
        sift_down(0);
    }
    return first;
}

struct sim_event *sim_at(struct loop *loop, int64_t at_us, void (*fn)(void *arg), void *arg)
{
    return sim_at_own(loop, at_us, fn, arg, NULL);
}

struct sim_event *sim_at_own(
    struct loop *loop, int64_t at_us, void (*fn)(void *arg), void *arg, void (*drop)(void *arg))
{
    struct sim_event *event = mem_alloc(sizeof *event);
    if (at_us < heap.now_us)
        at_us = heap.now_us;
    *event = (struct sim_event){at_us, heap.seq++, loop, fn, arg, drop};
    push(event);
    return event;
}

void sim_cancel(struct sim_event *event)
{
    if (event)
        event->fn = NULL;
}

static void discard(struct sim_event *event)
{
    if (event->drop)
        event->drop(event->arg);
    free(event);
}

static void count_spinning(void)
{
    if (heap.now_us / SECOND != heap.second) {
        heap.second = heap.now_us / SECOND;
        heap.in_second = 0;
    }
    if (++heap.in_second > SPIN_EVENTS)
        sim_violation("the loops never wait: %d events within a second", SPIN_EVENTS);
}

bool sim_step(void)
{
    while (heap.count) {
        struct sim_event *event = pop();
        if (event->at_us > heap.now_us)
            heap.now_us = event->at_us;
        int64_t wait = event->fn && event->loop ? sim_loop_wait_until(event->loop) : 0;
        if (!event->fn || wait < 0) {
            discard(event);
            continue;
        }
        if (wait > heap.now_us) { /* frozen; in their old order afterwards */
            event->at_us = wait;
            push(event);
            continue;
        }
        struct sim_event run = *event;
        free(event);
        stats.steps++;
        heap.now_us += STEP_COST_US;
        count_spinning();
        run.fn(run.arg);
        if (run.loop)
            sim_loop_ran(run.loop);
        return true;
    }
    return false;
}

void sim_events_init(void)
{
    heap.now_us = SECOND;
}

void sim_events_release(void)
{
    while (heap.count)
        discard(pop());
    free(heap.items);
    heap.items = NULL;
    heap.cap = 0;
}
