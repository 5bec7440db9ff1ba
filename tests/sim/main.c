/* SPDX-License-Identifier: Apache-2.0 */
/* Runs seeds: chaos for a number of steps, then calm until everything is done. Each seed of several is
 * a process of its own, so that one that aborts is a result like any other. */
#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "group.h"
#include "ledger.h"
#include "process.h"
#include "scenario.h"
#include "world.h"

/* With all well: the longest open circuit, Retry-After and back-off, one after another. */
#define CALM_MOST (3 * HOUR)
/* And afterwards, when the last states are written and the last late write of a dead process is
 * written over, nothing is to happen any more. */
#define SETTLE (3 * MINUTE)
#define QUIET  (10 * MINUTE)

static const struct {
    const char *name;
    enum sim_chaos chaos;
} chaos_names[] = {
    {"crashes", CHAOS_CRASHES},
    {"freezes", CHAOS_FREEZES},
    {"moves", CHAOS_MOVES},
    {"losses", CHAOS_LOSSES},
    {"stops", CHAOS_STOPS},
    {"outages", CHAOS_OUTAGES},
    {"acks", CHAOS_ACKS},
    {"pauses", CHAOS_PAUSES},
    {"disables", CHAOS_DISABLES},
    {"deletes", CHAOS_DELETES},
    {"tests", CHAOS_TESTS},
    {"gone", CHAOS_GONE},
    {"ttl", CHAOS_TTL},
    {"compaction", CHAOS_COMPACTION},
    {"rates", CHAOS_RATES},
    {"stalls", CHAOS_STALLS},
    {"faults", CHAOS_FAULTS},
    {"long", CHAOS_LONG},
};

static struct {
    uint64_t first, last;
    bool keep_going;
    bool expect_failure;
} runs = {.first = 1, .last = 100};

/* --- One seed ---------------------------------------------------------------------------------- */

static void crashed(int signum)
{
    sim_print_tail();
    printf("seed %" PRIu64 ": signal %d at %.3f s\n", sim.seed, signum, (double)sim_now() / 1e6);
    fflush(stdout);
    _exit(2);
}

static void run_chaos(void)
{
    for (int64_t step = 0; step < sim.steps && sim_step(); step++) {
        if (step % 1000 == 999)
            finish_check_progress();
        if (step % 100 == 99)
            process_check();
    }
}

/* Until all is done, or for too long. */
static void run_calm(void)
{
    char why[200] = "";
    world_calm_down();
    scenario_run_on();
    world_finish();
    int64_t end = sim_now() + CALM_MOST, look = 0;
    while (sim_step()) {
        if (sim_now() > end)
            sim_violation("not done after %d h of calm: %s", (int)(CALM_MOST / HOUR), why);
        if (sim_now() < look)
            continue;
        look = sim_now() + SECOND;
        if (finish_reached(why))
            return;
    }
}

static void run_quiet(void)
{
    char why[200] = "";
    int64_t settled = sim_now() + SETTLE, end = settled + QUIET;
    while (sim_now() < settled && sim_step())
        ;
    struct sim_stats before = stats;
    while (sim_now() < end && sim_step())
        ;
    if (stats.attempts != before.attempts || stats.states != before.states)
        sim_violation("not quiet when all is done: %" PRId64 " attempts, %" PRId64 " states",
            stats.attempts - before.attempts, stats.states - before.states);
    if (!finish_reached(why))
        sim_violation("was done, and is not any more: %s", why);
}

static void run_seed(uint64_t seed)
{
    sim.seed = seed;
    sim_seed(seed);
    sim_events_init();
    world_init();
    run_chaos();
    run_calm();
    run_quiet();
    stats.virtual_s = sim_now() / SECOND;
    process_release();
    sim_events_release();
    process_forget();
    ledger_release();
    group_release();
    sim_topics_release();
}

/* --- Many -------------------------------------------------------------------------------------- */

static void add_stats(struct sim_stats *total)
{
#define X(name) total->name += stats.name;
    SIM_STATS(X)
#undef X
}

static void print_stats(const struct sim_stats *total)
{
#define X(name) printf("%s %" PRId64 "  ", #name, total->name);
    SIM_STATS(X)
#undef X
    printf("\n");
}

/* Returns whether it passed. */
static bool run_forked(uint64_t seed, struct sim_stats *total)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    if (child == 0) {
        run_seed(seed);
        add_stats(total);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) > 2))
        printf("seed %" PRIu64 ": ended with status %d\n", seed, status);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static uint64_t run_all(struct sim_stats *total)
{
    uint64_t failed = 0;
    for (uint64_t seed = runs.first; seed <= runs.last; seed++) {
        failed += !run_forked(seed, total);
        if (failed && !runs.keep_going)
            break;
    }
    return failed;
}

/* --- The command line -------------------------------------------------------------------------- */

enum { OPTION_RULE_OFF = 256, OPTION_WITHOUT, OPTION_TRACE, OPTION_LAST, OPTION_EXPECT };

static const struct argp_option options[] = {
    {"seeds", 's', "A..B", 0, "The seeds to run, or one (1..100)", 0},
    {"steps", 'n', "N", 0, "Events of chaos in each (8000)", 0},
    {"verbose", 'v', NULL, 0, "With a violation, print the last events", 0},
    {"last", OPTION_LAST, "N", 0, "How many (300)", 0},
    {"trace", OPTION_TRACE, NULL, 0, "Print all events as they come", 0},
    {"rule-off", OPTION_RULE_OFF, "N", 0, "Take rule N out of the engine", 0},
    {"without", OPTION_WITHOUT, "A,B", 0, "Leave out: crashes, freezes, moves, …", 0},
    {"keep-going", 'k', NULL, 0, "Run all seeds and count those that fail", 0},
    {"expect-failure", OPTION_EXPECT, NULL, 0, "Exit with 0 if a seed fails, and with 1 if none",
        0},
    {0},
};

static void parse_seeds(char *arg, struct argp_state *state)
{
    char *end;
    runs.first = runs.last = strtoull(arg, &end, 10);
    if (strncmp(end, "..", 2) == 0)
        runs.last = strtoull(end + 2, &end, 10);
    if (*end || runs.last < runs.first)
        argp_error(state, "--seeds: %s is not A..B", arg);
}

static void parse_without(char *arg, struct argp_state *state)
{
    char *rest = NULL;
    for (char *name = strtok_r(arg, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        size_t i = 0, count = sizeof chaos_names / sizeof *chaos_names;
        while (i < count && strcmp(chaos_names[i].name, name) != 0)
            i++;
        if (i == count)
            argp_error(state, "--without: no chaos \"%s\"", name);
        else
            sim.chaos &= ~(unsigned)chaos_names[i].chaos;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 's':
        parse_seeds(arg, state);
        return 0;
    case 'n':
        sim.steps = strtoll(arg, NULL, 10);
        return 0;
    case 'v':
        sim.verbose = true;
        return 0;
    case OPTION_LAST:
        sim.last = strtoll(arg, NULL, 10);
        return 0;
    case OPTION_TRACE:
        sim.trace = true;
        return 0;
    case OPTION_RULE_OFF:
        rule_off = (int)strtol(arg, NULL, 10);
        return 0;
    case OPTION_WITHOUT:
        parse_without(arg, state);
        return 0;
    case 'k':
        runs.keep_going = true;
        return 0;
    case OPTION_EXPECT:
        runs.expect_failure = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
        .parser = parse,
        .doc = "The delivery engine on virtual time. HOOKLINE_TEST_SIZE=full makes the defaults "
               "larger."};
    const char *size = getenv("HOOKLINE_TEST_SIZE");
    sim = (struct sim_config){.steps = 8000, .chaos = ~0u, .last = 300};
    if (size && strcmp(size, "full") == 0) {
        runs.last = 3000;
        sim.steps = 20000;
    }
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    json_object_seed(1);
    signal(SIGABRT, crashed);
    signal(SIGSEGV, crashed);
    if (runs.first == runs.last) {
        run_seed(runs.first);
        print_stats(&stats);
        return 0;
    }
    struct sim_stats *total =
        mmap(NULL, sizeof *total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t failed = run_all(total);
    print_stats(total);
    printf("%" PRIu64 " of %" PRIu64 " seeds failed\n", failed, runs.last - runs.first + 1);
    return (failed > 0) != runs.expect_failure;
}
