/* SPDX-License-Identifier: Apache-2.0 */
/* common/loop.h on virtual time. A loop is also what stands for a process: its number, whether it is
 * frozen, whether it is dead. */
#include <stdlib.h>

#include "common/error.h"
#include "common/memory.h"
#include "sim.h"

struct loop_prepare {
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    struct loop_prepare *next;
};

struct loop {
    int number;
    bool dead;
    int64_t frozen_until, thawed_at, last_freeze_us;
    struct loop_prepare *prepares;
    enum { PREPARE_NONE, PREPARE_DUE, PREPARE_RAN } prepare;
    int handles;
};

struct loop_timer {
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    int64_t repeat_ms;
    struct sim_event *event; /* NULL unless running */
};

struct loop_wakeup {
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    struct sim_event *event;
};

struct work {
    struct loop *loop;
    void (*done)(void *arg);
    void *arg;
};

/* --- The loop ---------------------------------------------------------------------------------- */

struct loop *loop_new(void)
{
    struct loop *loop = mem_zalloc(sizeof *loop);
    loop->thawed_at = sim_now();
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    bug_on(loop->handles != 0); /* whoever made them had to free them */
    bug_on(!loop->dead);        /* events may be left in the heap: the world keeps dead loops */
    free(loop);
}

void loop_run(struct loop *loop)
{
    (void)loop;
    bug_on(true); /* the world runs all loops */
}

void loop_stop(struct loop *loop)
{
    (void)loop;
}

void sim_loop_name(struct loop *loop, int number)
{
    loop->number = number;
}

int sim_loop_number(const struct loop *loop)
{
    return loop->number;
}

void sim_loop_freeze(struct loop *loop, int64_t until_us)
{
    if (until_us <= loop->frozen_until)
        return;
    loop->last_freeze_us = until_us - sim_now();
    loop->frozen_until = loop->thawed_at = until_us;
}

bool sim_loop_frozen(const struct loop *loop)
{
    return loop->frozen_until > sim_now();
}

int64_t sim_loop_thawed_at(const struct loop *loop)
{
    return loop->thawed_at;
}

int64_t sim_loop_last_freeze_us(const struct loop *loop)
{
    return loop->last_freeze_us;
}

void sim_loop_kill(struct loop *loop)
{
    loop->dead = true;
}

bool sim_loop_dead(const struct loop *loop)
{
    return loop->dead;
}

int64_t sim_loop_wait_until(const struct loop *loop)
{
    return loop->dead ? -1 : loop->frozen_until;
}

/* --- Timers ------------------------------------------------------------------------------------ */

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *timer = mem_zalloc(sizeof *timer);
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
    loop->handles++;
    return timer;
}

static void timer_due(void *arg);

/* libuv counts in whole milliseconds of the loop's clock, so a timer can be early by one; it is late
 * by whatever else the loop does. */
static void timer_arm(struct loop_timer *timer, int64_t delay_ms)
{
    int64_t at = sim_now() / MS * MS + (delay_ms > 0 ? delay_ms : 0) * MS;
    if (delay_ms > 0)
        at += sim_between(0, sim_chance(0.02) ? 20 * MS : MS / 2);
    timer->event = sim_at(timer->loop, at, timer_due, timer);
}

static void timer_due(void *arg)
{
    struct loop_timer *timer = arg;
    timer->event = NULL;
    if (timer->repeat_ms)
        timer_arm(timer, timer->repeat_ms);
    timer->fn(timer->arg);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    bug_on(repeat_ms < 0);
    loop_timer_stop(timer);
    timer->repeat_ms = repeat_ms;
    if (!timer->loop->dead)
        timer_arm(timer, delay_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    sim_cancel(timer->event);
    timer->event = NULL;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    loop_timer_stop(timer);
    timer->loop->handles--;
    free(timer);
}

/* --- Wake-ups ---------------------------------------------------------------------------------- */

struct loop_wakeup *loop_wakeup_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_wakeup *wakeup = mem_zalloc(sizeof *wakeup);
    *wakeup = (struct loop_wakeup){.loop = loop, .fn = fn, .arg = arg};
    loop->handles++;
    return wakeup;
}

static void wakeup_due(void *arg)
{
    struct loop_wakeup *wakeup = arg;
    wakeup->event = NULL;
    wakeup->fn(wakeup->arg);
}

void loop_wakeup_send(struct loop_wakeup *wakeup)
{
    if (!wakeup->event && !wakeup->loop->dead)
        wakeup->event = sim_at(wakeup->loop, sim_now(), wakeup_due, wakeup);
}

void loop_wakeup_free(struct loop_wakeup *wakeup)
{
    if (!wakeup)
        return;
    sim_cancel(wakeup->event);
    wakeup->loop->handles--;
    free(wakeup);
}

/* --- Hooks before waiting ---------------------------------------------------------------------- */

static void prepare_due(void *arg)
{
    struct loop *loop = arg;
    struct loop_prepare *prepare = loop->prepares, *next;
    for (; prepare; prepare = next) { /* one may free itself, not another */
        next = prepare->next;
        prepare->fn(prepare->arg);
    }
    loop->prepare = PREPARE_RAN;
}

void sim_loop_ran(struct loop *loop)
{
    if (loop->prepare == PREPARE_RAN) { /* the hooks' own event is no reason to call them again */
        loop->prepare = PREPARE_NONE;
        return;
    }
    if (!loop->prepares || loop->prepare == PREPARE_DUE || loop->dead)
        return;
    loop->prepare = PREPARE_DUE;
    sim_at(loop, sim_now(), prepare_due, loop);
}

struct loop_prepare *loop_prepare_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_prepare *prepare = mem_zalloc(sizeof *prepare);
    *prepare = (struct loop_prepare){loop, fn, arg, loop->prepares};
    loop->prepares = prepare;
    loop->handles++;
    return prepare;
}

void loop_prepare_free(struct loop_prepare *prepare)
{
    if (!prepare)
        return;
    struct loop_prepare **at = &prepare->loop->prepares;
    while (*at != prepare)
        at = &(*at)->next;
    *at = prepare->next;
    prepare->loop->handles--;
    free(prepare);
}

/* --- Work in other threads --------------------------------------------------------------------- */

static void work_due(void *arg)
{
    struct work job = *(struct work *)arg;
    free(arg);
    job.done(job.arg);
}

void loop_work(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    if (loop->dead)
        return;
    struct work *job = mem_alloc(sizeof *job);
    *job = (struct work){loop, done, arg};
    work(arg);
    sim_at(loop, sim_now() + sim_exp(2 * MS), work_due, job);
}

/* --- What nothing in the simulation has -------------------------------------------------------- */

struct loop_watch *loop_watch_new(
    struct loop *loop, int fd, int events, void (*fn)(void *arg, int events), void *arg)
{
    (void)loop, (void)fd, (void)events, (void)fn, (void)arg;
    bug_on(true);
    return NULL;
}

void loop_watch_free(struct loop_watch *watch)
{
    bug_on(watch != NULL);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum, void (*fn)(void *arg), void *arg)
{
    (void)loop, (void)signum, (void)fn, (void)arg;
    bug_on(true);
    return NULL;
}

void loop_signal_free(struct loop_signal *signal)
{
    bug_on(signal != NULL);
}
