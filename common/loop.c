/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop, a thin cover of libuv. */
#include "common/loop.h"

#include <stdlib.h>
#include <uv.h>

#include "common/error.h"
#include "common/memory.h"

#define FREE_DEADLINE_MS 60000

struct loop {
    uv_loop_t uv;
};

/* Each handle starts with its libuv handle, whose `data` points back to it; libuv needs it until
 * the close callback, which frees it. */
struct loop_timer {
    uv_timer_t uv;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_wakeup {
    uv_async_t uv;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_watch {
    uv_poll_t uv;
    void (*fn)(void *arg, int events);
    void *arg;
};

struct loop_directory {
    uv_fs_event_t uv;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_signal {
    uv_signal_t uv;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_prepare {
    uv_prepare_t uv;
    void (*fn)(void *arg);
    void *arg;
};

struct work {
    uv_work_t uv;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void check(int result, const char *what)
{
    if (result < 0)
        fatal("%s: %s", what, uv_strerror(result));
}

static void free_handle(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_handle(uv_handle_t *handle)
{
    uv_close(handle, free_handle);
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_zalloc(sizeof *loop);
    check(uv_loop_init(&loop->uv), "event loop");
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    /* Close callbacks, and work that is still under way; a handle that was not freed would keep it
     * turning for ever. */
    struct mono_time end = mono_add_ms(mono_now(), FREE_DEADLINE_MS);
    while (uv_run(&loop->uv, UV_RUN_NOWAIT))
        bug_on(mono_before(end, mono_now()));
    bug_on(uv_loop_close(&loop->uv) != 0);
    free(loop);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static void timer_fired(uv_timer_t *uv)
{
    struct loop_timer *timer = uv->data;
    timer->fn(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *timer = mem_zalloc(sizeof *timer);
    check(uv_timer_init(&loop->uv, &timer->uv), "timer");
    timer->uv.data = timer;
    timer->fn = fn;
    timer->arg = arg;
    return timer;
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    bug_on(repeat_ms < 0);
    if (delay_ms > 0) /* what is due at once is so at whatever time the loop thinks it is */
        uv_update_time(timer->uv.loop);
    uv_timer_start(
        &timer->uv, timer_fired, delay_ms > 0 ? (uint64_t)delay_ms : 0, (uint64_t)repeat_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer)
        close_handle((uv_handle_t *)&timer->uv);
}

static void wakeup_fired(uv_async_t *uv)
{
    struct loop_wakeup *wakeup = uv->data;
    wakeup->fn(wakeup->arg);
}

struct loop_wakeup *loop_wakeup_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_wakeup *wakeup = mem_zalloc(sizeof *wakeup);
    check(uv_async_init(&loop->uv, &wakeup->uv, wakeup_fired), "wake-up");
    wakeup->uv.data = wakeup;
    wakeup->fn = fn;
    wakeup->arg = arg;
    return wakeup;
}

void loop_wakeup_send(struct loop_wakeup *wakeup)
{
    uv_async_send(&wakeup->uv);
}

void loop_wakeup_free(struct loop_wakeup *wakeup)
{
    if (wakeup)
        close_handle((uv_handle_t *)&wakeup->uv);
}

static void watch_fired(uv_poll_t *uv, int status, int events)
{
    struct loop_watch *watch = uv->data;
    int seen = 0;
    if (status < 0) /* let the owner find the error on the descriptor itself */
        seen = LOOP_READ | LOOP_WRITE;
    if (events & UV_READABLE)
        seen |= LOOP_READ;
    if (events & UV_WRITABLE)
        seen |= LOOP_WRITE;
    watch->fn(watch->arg, seen);
}

struct loop_watch *loop_watch_new(
    struct loop *loop, int fd, int events, void (*fn)(void *arg, int events), void *arg)
{
    struct loop_watch *watch = mem_zalloc(sizeof *watch);
    check(uv_poll_init(&loop->uv, &watch->uv, fd), "watch of a descriptor");
    watch->uv.data = watch;
    watch->fn = fn;
    watch->arg = arg;
    int wanted =
        ((events & LOOP_READ) ? UV_READABLE : 0) | ((events & LOOP_WRITE) ? UV_WRITABLE : 0);
    check(uv_poll_start(&watch->uv, wanted, watch_fired), "watch of a descriptor");
    return watch;
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch)
        close_handle((uv_handle_t *)&watch->uv);
}

/* What happened to which name is not told: events of one change come in several, and some get lost. */
static void directory_fired(uv_fs_event_t *uv, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    (void)status;
    struct loop_directory *directory = uv->data;
    directory->fn(directory->arg);
}

struct loop_directory *loop_directory_new(
    struct loop *loop, const char *path, void (*fn)(void *arg), void *arg, struct error *error)
{
    struct loop_directory *directory = mem_zalloc(sizeof *directory);
    check(uv_fs_event_init(&loop->uv, &directory->uv), "watch of a directory");
    directory->uv.data = directory;
    directory->fn = fn;
    directory->arg = arg;
    int result = uv_fs_event_start(&directory->uv, directory_fired, path, 0);
    if (result == 0)
        return directory;
    error_set(error, ERROR_RETRY, "%s: %s", path, uv_strerror(result));
    loop_directory_free(directory);
    return NULL;
}

void loop_directory_free(struct loop_directory *directory)
{
    if (directory)
        close_handle((uv_handle_t *)&directory->uv);
}

static void signal_fired(uv_signal_t *uv, int signum)
{
    (void)signum;
    struct loop_signal *signal = uv->data;
    signal->fn(signal->arg);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum, void (*fn)(void *arg), void *arg)
{
    struct loop_signal *signal = mem_zalloc(sizeof *signal);
    check(uv_signal_init(&loop->uv, &signal->uv), "signal");
    signal->uv.data = signal;
    signal->fn = fn;
    signal->arg = arg;
    check(uv_signal_start(&signal->uv, signal_fired, signum), "signal");
    return signal;
}

void loop_signal_free(struct loop_signal *signal)
{
    if (signal)
        close_handle((uv_handle_t *)&signal->uv);
}

static void prepare_fired(uv_prepare_t *uv)
{
    struct loop_prepare *prepare = uv->data;
    prepare->fn(prepare->arg);
}

struct loop_prepare *loop_prepare_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_prepare *prepare = mem_zalloc(sizeof *prepare);
    check(uv_prepare_init(&loop->uv, &prepare->uv), "loop hook");
    prepare->uv.data = prepare;
    prepare->fn = fn;
    prepare->arg = arg;
    check(uv_prepare_start(&prepare->uv, prepare_fired), "loop hook");
    return prepare;
}

void loop_prepare_free(struct loop_prepare *prepare)
{
    if (prepare)
        close_handle((uv_handle_t *)&prepare->uv);
}

static void work_run(uv_work_t *uv)
{
    struct work *work = uv->data;
    work->work(work->arg);
}

static void work_done(uv_work_t *uv, int status)
{
    (void)status;
    struct work *work = uv->data;
    void (*done)(void *arg) = work->done;
    void *arg = work->arg;
    free(work);
    done(arg);
}

void loop_work(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct work *job = mem_zalloc(sizeof *job);
    job->uv.data = job;
    job->work = work;
    job->done = done;
    job->arg = arg;
    check(uv_queue_work(&loop->uv, &job->uv, work_run, work_done), "worker thread");
}
