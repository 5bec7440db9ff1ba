/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's ground: virtual time, one heap of events, one source of randomness, the trace, and
 * what counts as a violation. Everything in tests/sim/ builds on it. */
#ifndef HOOKLINE_SIM_H
#define HOOKLINE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/loop.h"

#define MS     INT64_C(1000) /* in virtual microseconds */
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

/* --- What a run may do; all of it unless taken away with --without ----------------------------- */

enum sim_chaos {
    CHAOS_CRASHES = 1 << 0,
    CHAOS_FREEZES = 1 << 1,
    CHAOS_MOVES = 1 << 2,
    CHAOS_LOSSES = 1 << 3,
    CHAOS_STOPS = 1 << 4,
    CHAOS_OUTAGES = 1 << 5,
    CHAOS_ACKS = 1 << 6,
    CHAOS_PAUSES = 1 << 7,
    CHAOS_DISABLES = 1 << 8,
    CHAOS_DELETES = 1 << 9,
    CHAOS_TESTS = 1 << 10,
    CHAOS_GONE = 1 << 11,
    CHAOS_TTL = 1 << 12,
    CHAOS_COMPACTION = 1 << 13,
    CHAOS_RATES = 1 << 14,
    CHAOS_STALLS = 1 << 15,
    CHAOS_FAULTS = 1 << 16,
    CHAOS_LONG = 1 << 17,
};

struct sim_config {
    uint64_t seed;
    int64_t steps;  /* events of the part with chaos */
    unsigned chaos; /* a set of enum sim_chaos */
    bool trace;     /* print every line as it comes */
    bool verbose;   /* keep the last lines, and print them with a violation */
    int64_t last;   /* how many */
};
extern struct sim_config sim;

/* Which of the rules of the protocol the engine is to leave out; 0 = none. The engine reads it. */
extern int rule_off;

static inline bool sim_may(enum sim_chaos chaos)
{
    return (sim.chaos & (unsigned)chaos) != 0;
}

/* --- What happened, over all seeds ------------------------------------------------------------- */

/* clang-format off */
#define SIM_STATS(X) \
    X(steps) X(virtual_s) X(records) X(attempts) X(delivered) X(repeats) X(dead_letters) \
    X(expired) X(crashes) X(freezes) X(expulsions) X(moves) X(clean_moves) X(stops) \
    X(states) X(notices) X(late_writes) X(outdated_states) X(failed_writes) X(commits) \
    X(refused_commits) X(seek_reads) X(seek_skips) X(behind) X(aside) X(compactions)
/* clang-format on */

struct sim_stats {
#define X(name) int64_t name;
    SIM_STATS(X)
#undef X
};
extern struct sim_stats stats;

/* --- Time and events --------------------------------------------------------------------------- */

/* Virtual microseconds since the start of the run. */
int64_t sim_now(void);

struct sim_event;
/* Calls `fn` at `at_us` (in the past = now), in order of time, then of calls. An event of a loop waits
 * while that loop is frozen and is dropped once it is dead; NULL = of the world itself. */
struct sim_event *sim_at(struct loop *loop, int64_t at_us, void (*fn)(void *arg), void *arg);
/* The same with an `arg` that is the event's own: `drop` gets it where `fn` never will. */
struct sim_event *sim_at_own(
    struct loop *loop, int64_t at_us, void (*fn)(void *arg), void *arg, void (*drop)(void *arg));
/* Not after it was called. NULL is fine. */
void sim_cancel(struct sim_event *event);
/* Runs the next event; false where there is none. */
bool sim_step(void);
void sim_events_init(void);
void sim_events_release(void);

/* --- Randomness: all of it comes from the seed ------------------------------------------------- */

void sim_seed(uint64_t seed);
uint64_t sim_u64(void);
int64_t sim_between(int64_t low, int64_t high); /* both included */
bool sim_chance(double probability);
/* Exponential around `mean_us`, at most 20 times as long. */
int64_t sim_exp(int64_t mean_us);

/* --- The trace, and the end -------------------------------------------------------------------- */

/* Whether lines are wanted at all: what is costly to say is asked for first. */
bool sim_tracing(void);
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An invariant does not hold: prints what and the seed, and ends the process with 1. */
_Noreturn void sim_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_print_tail(void);

/* --- Loops, seen from outside ------------------------------------------------------------------ */

/* The number of the process that a loop belongs to. */
void sim_loop_name(struct loop *loop, int number);
int sim_loop_number(const struct loop *loop);
/* Nothing runs on it until then. */
void sim_loop_freeze(struct loop *loop, int64_t until_us);
bool sim_loop_frozen(const struct loop *loop);
/* The process has died: none of its events runs any more, and nothing that its code still does while
 * it is freed has any effect. */
void sim_loop_kill(struct loop *loop);
bool sim_loop_dead(const struct loop *loop);
/* When it runs again, or ran again after the last freeze that was so long. */
int64_t sim_loop_thawed_at(const struct loop *loop);
int64_t sim_loop_last_freeze_us(const struct loop *loop);
/* Between loops and events: whether an event of it may run now, else until when it waits (-1: never).
 * Called by the heap. */
int64_t sim_loop_wait_until(const struct loop *loop);
void sim_loop_ran(struct loop *loop);

#endif
