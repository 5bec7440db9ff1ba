/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"

struct fixture {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_watch *watch;
    struct loop_prepare *prepare;
    struct loop_wakeup *wakeup;
    struct loop_signal *signal;
    struct loop_directory *directory;
    int calls;
    int stop_after;
    int seen_events;
    pthread_t worker;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new(), .stop_after = 1};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    loop_timer_free(fixture->timer);
    loop_watch_free(fixture->watch);
    loop_prepare_free(fixture->prepare);
    loop_wakeup_free(fixture->wakeup);
    loop_signal_free(fixture->signal);
    loop_directory_free(fixture->directory);
    loop_free(fixture->loop);
    return 0;
}

static void count(void *arg)
{
    struct fixture *fixture = arg;
    if (++fixture->calls == fixture->stop_after)
        loop_stop(fixture->loop);
}

static void timer_once(void **state)
{
    struct fixture *fixture = *state;
    struct mono_time start = mono_now();
    fixture->timer = loop_timer_new(fixture->loop, count, fixture);
    loop_timer_start(fixture->timer, 3600000, 0);
    loop_timer_start(fixture->timer, 20, 0); /* moves it */
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
    assert_in_range(mono_diff_ms(mono_now(), start), 19, 5000);
}

static void timer_repeats(void **state)
{
    struct fixture *fixture = *state;
    fixture->stop_after = 4;
    fixture->timer = loop_timer_new(fixture->loop, count, fixture);
    loop_timer_start(fixture->timer, 0, 1);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 4);
}

static void free_own_timer(void *arg)
{
    struct fixture *fixture = arg;
    loop_timer_free(fixture->timer);
    fixture->timer = NULL;
    count(fixture);
}

static void timer_frees_itself(void **state)
{
    struct fixture *fixture = *state;
    fixture->timer = loop_timer_new(fixture->loop, free_own_timer, fixture);
    loop_timer_start(fixture->timer, -5, 1);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
}

static void stopped_timer_is_silent(void **state)
{
    struct fixture *fixture = *state;
    struct loop_timer *stopped = loop_timer_new(fixture->loop, count, fixture);
    loop_timer_start(stopped, 1, 1);
    loop_timer_stop(stopped);
    fixture->timer = loop_timer_new(fixture->loop, count, fixture);
    loop_timer_start(fixture->timer, 20, 0);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
    loop_timer_free(stopped);
}

static void *send_wakeups(void *arg)
{
    struct fixture *fixture = arg;
    for (int i = 0; i < 100; i++)
        loop_wakeup_send(fixture->wakeup);
    return NULL;
}

static void wakeup_from_a_thread(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    fixture->wakeup = loop_wakeup_new(fixture->loop, count, fixture);
    assert_int_equal(pthread_create(&thread, NULL, send_wakeups, fixture), 0);
    loop_run(fixture->loop);
    pthread_join(thread, NULL);
    assert_in_range(fixture->calls, 1, 100);
}

static void on_event(void *arg, int events)
{
    struct fixture *fixture = arg;
    fixture->seen_events |= events;
    count(fixture);
}

static void watch_a_pipe(void **state)
{
    struct fixture *fixture = *state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    fixture->stop_after = 2; /* level triggered: nobody reads it */
    fixture->watch = loop_watch_new(fixture->loop, fds[0], LOOP_READ, on_event, fixture);
    loop_run(fixture->loop);
    assert_int_equal(fixture->seen_events, LOOP_READ);
    loop_watch_free(fixture->watch);

    fixture->seen_events = fixture->calls = 0;
    fixture->watch = loop_watch_new(fixture->loop, fds[1], LOOP_WRITE, on_event, fixture);
    loop_run(fixture->loop);
    assert_int_equal(fixture->seen_events, LOOP_WRITE);
    loop_watch_free(fixture->watch);
    fixture->watch = NULL;
    close(fds[0]);
    close(fds[1]);
}

static void make_file(const char *directory, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* Runs until the watch has fired, and forgets what else it had to say. */
static void await_change(struct fixture *fixture)
{
    fixture->calls = 0;
    loop_run(fixture->loop);
    assert_true(fixture->calls > 0);
}

static void watch_a_directory(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    char path[] = "/tmp/hookline-loop-XXXXXX", file[64], other[64];
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/a", path);
    snprintf(other, sizeof other, "%s/b", path);
    fixture->directory = loop_directory_new(fixture->loop, path, count, fixture, &error);
    assert_non_null(fixture->directory);
    make_file(path, "a");
    await_change(fixture);
    assert_int_equal(rename(file, other), 0);
    await_change(fixture);
    assert_int_equal(symlink("b", file), 0);
    await_change(fixture);
    assert_int_equal(unlink(file) + unlink(other), 0);
    await_change(fixture);
    assert_int_equal(rmdir(path), 0);
    await_change(fixture);
    assert_null(loop_directory_new(fixture->loop, path, count, fixture, &error));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_non_null(strstr(error.text, path));
}

static void signals(void **state)
{
    struct fixture *fixture = *state;
    fixture->signal = loop_signal_new(fixture->loop, SIGUSR1, count, fixture);
    raise(SIGUSR1);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
}

static void start_timer_once(void *arg)
{
    struct fixture *fixture = arg;
    loop_timer_start(fixture->timer, 0, 0);
}

/* What a prepare hook makes due is seen in the same turn: otherwise this would never end. */
static void prepare_before_waiting(void **state)
{
    struct fixture *fixture = *state;
    fixture->timer = loop_timer_new(fixture->loop, count, fixture);
    fixture->prepare = loop_prepare_new(fixture->loop, start_timer_once, fixture);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
}

static void work(void *arg)
{
    struct fixture *fixture = arg;
    fixture->worker = pthread_self();
}

static void work_in_a_thread(void **state)
{
    struct fixture *fixture = *state;
    loop_work(fixture->loop, work, count, fixture);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
    assert_false(pthread_equal(fixture->worker, pthread_self()));
}

static void null_is_fine(void **state)
{
    (void)state;
    loop_timer_free(NULL);
    loop_wakeup_free(NULL);
    loop_watch_free(NULL);
    loop_signal_free(NULL);
    loop_directory_free(NULL);
    loop_prepare_free(NULL);
    loop_free(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timer_once),
        TEST(timer_repeats),
        TEST(timer_frees_itself),
        TEST(stopped_timer_is_silent),
        TEST(wakeup_from_a_thread),
        TEST(watch_a_pipe),
        TEST(watch_a_directory),
        TEST(signals),
        TEST(prepare_before_waiting),
        TEST(work_in_a_thread),
        TEST(null_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
