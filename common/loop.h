/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: timers, descriptors, directories, signals, wake-ups from other threads, and blocking work in
 * threads of its own. One loop per process, one thread of ours per loop. */
#ifndef HOOKLINE_COMMON_LOOP_H
#define HOOKLINE_COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"

struct loop;
struct loop_timer;
struct loop_wakeup;
struct loop_watch;
struct loop_directory;
struct loop_signal;
struct loop_prepare;

enum loop_events { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void);
/* All handles must have been freed before. NULL is fine. */
void loop_free(struct loop *loop);
/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
/* Makes loop_run() return after the current turn. */
void loop_stop(struct loop *loop);

/* A timer that is not running yet. `fn` is called on the loop. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg);
/* Runs once after `delay_ms`, then every `repeat_ms` (0 = once). Starting a running timer moves it. */
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
/* Stops and frees; NULL is fine. Allowed inside its own callback; so for the other handles. */
void loop_timer_free(struct loop_timer *timer);

/* `fn` is called on the loop soon after loop_wakeup_send(), which any thread may call; several
 * calls may become one. */
struct loop_wakeup *loop_wakeup_new(struct loop *loop, void (*fn)(void *arg), void *arg);
void loop_wakeup_send(struct loop_wakeup *wakeup);
void loop_wakeup_free(struct loop_wakeup *wakeup);

/* Watches a descriptor, level triggered, for a set of enum loop_events. The descriptor stays the
 * caller's and must be open until loop_watch_free(). */
struct loop_watch *loop_watch_new(
    struct loop *loop, int fd, int events, void (*fn)(void *arg, int events), void *arg);
void loop_watch_free(struct loop_watch *watch);

/* Watches a directory: `fn` is called when a name in it comes, goes, is replaced or written to, and when the directory
 * itself moves or goes, after which nothing more is heard of it. NULL (ERROR_RETRY) if that cannot be. */
must_check struct loop_directory *loop_directory_new(
    struct loop *loop, const char *path, void (*fn)(void *arg), void *arg, struct error *error);
void loop_directory_free(struct loop_directory *directory);

struct loop_signal *loop_signal_new(
    struct loop *loop, int signum, void (*fn)(void *arg), void *arg);
void loop_signal_free(struct loop_signal *signal);

/* Calls `fn` once a turn, right before the loop would wait. What it makes due is seen this turn. */
struct loop_prepare *loop_prepare_new(struct loop *loop, void (*fn)(void *arg), void *arg);
void loop_prepare_free(struct loop_prepare *prepare);

/* Runs `work` in a thread of the pool and then `done` on the loop. `arg` must live until `done`.
 * For short, bounded library calls that block; there are four such threads in a process. */
void loop_work(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg);

#endif
