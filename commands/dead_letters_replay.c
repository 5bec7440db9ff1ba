/* SPDX-License-Identifier: Apache-2.0 */
/* hookline dead-letters replay: what failed for good is delivered once more. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/dead_letters.h"
#include "commands/subscriptions.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"
#include "dead_letters/replay.h"

#define PROGRESS_MS 500

struct replaying {
    const struct dead_letters_arguments *arguments;
    struct loop *loop;
    struct dead_letters_replay *replay;
    struct loop_timer *progress;
    int signals;
    struct error error;
};

static void over(void *arg, const struct error *error)
{
    struct replaying *replaying = arg;
    if (error)
        replaying->error = *error;
    loop_stop(replaying->loop);
}

static void interrupted(void *arg)
{
    struct replaying *replaying = arg;
    if (replaying->signals++ == 0) {
        fputs("hookline: stops after the batch that is under way; a second signal ends at once\n",
            stderr);
        dead_letters_replay_stop(replaying->replay);
        return;
    }
    error_set(&replaying->error, ERROR_RETRY, "ended in the middle of a batch");
    loop_stop(replaying->loop);
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\x1b[K", stderr);
}

static void show_progress(void *arg)
{
    struct replaying *replaying = arg;
    const struct dead_letters_replay_figures *figures =
        dead_letters_replay_figures(replaying->replay);
    if (!isatty(STDERR_FILENO) || figures->total < 0)
        return;
    clear_progress();
    fprintf(stderr, "%" PRId64 " of %" PRId64 " read, %" PRId64 " found, %" PRId64 " %s",
        figures->read, figures->total, figures->matched, figures->verdicts[REPLAY_SENT],
        replaying->arguments->dry_run ? "to be replayed" : "replayed");
}

/* --- What came of it ---------------------------------------------------------------------------------- */

static void print_json(
    const struct dead_letters_arguments *arguments, const struct dead_letters_replay_figures *of)
{
    json_t *json = dead_letters_replay_json(of);
    json_set_or_fatal(json, "dry_run", json_boolean(arguments->dry_run));
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        fatal("out of memory");
    puts(text);
    free(text);
    json_decref(json);
}

static void print_text(
    const struct dead_letters_arguments *arguments, const struct dead_letters_replay_figures *of)
{
    const char *separator = ": ";
    for (int i = 0; i < REPLAY_VERDICTS; i++)
        if (of->verdicts[i] || i == REPLAY_SENT)
            printf("%9" PRId64 "  %s\n", of->verdicts[i],
                i == REPLAY_SENT && arguments->dry_run ? "would be replayed"
                                                       : replay_verdict_texts[i]);
    printf("%9" PRId64 "  dead letters found\n", of->matched);
    if (of->verdicts[REPLAY_SENT])
        printf("%s, by reason", arguments->dry_run ? "Would be replayed" : "Replayed");
    for (int i = 0; i < DEAD_REASONS; i++)
        if (of->reasons[i]) {
            printf("%s%s %" PRId64, separator, dead_letter_reasons[i], of->reasons[i]);
            separator = ", ";
        }
    if (of->verdicts[REPLAY_SENT])
        putchar('\n');
    if (arguments->dry_run)
        puts("This was a dry run: nothing has been sent. Without --dry-run it is.");
}

/* --- The command ---------------------------------------------------------------------------------------- */

static char *who_asks(const struct dead_letters_arguments *arguments)
{
    const char *user = getenv("USER");
    if (arguments->by)
        return mem_strdup(arguments->by);
    bool fit = user && *user && strlen(user) <= 64 && text_is_utf8(user, strlen(user));
    return mem_printf("command line: %s", fit ? user : "unknown");
}

static void run(struct replaying *replaying, const struct dead_letters_replay_options *options)
{
    struct loop_signal *sigint = loop_signal_new(replaying->loop, SIGINT, interrupted, replaying);
    struct loop_signal *sigterm = loop_signal_new(replaying->loop, SIGTERM, interrupted, replaying);
    replaying->progress = loop_timer_new(replaying->loop, show_progress, replaying);
    loop_timer_start(replaying->progress, PROGRESS_MS, PROGRESS_MS);
    replaying->replay = dead_letters_replay_new(replaying->loop, options, over, replaying);
    loop_run(replaying->loop);
    clear_progress();
    const struct dead_letters_replay_figures *figures =
        dead_letters_replay_figures(replaying->replay);
    if (replaying->arguments->json)
        print_json(replaying->arguments, figures);
    else
        print_text(replaying->arguments, figures);
    if (!error_is_set(&replaying->error) && figures->verdicts[REPLAY_REFUSED])
        error_set(&replaying->error, ERROR_PERMANENT,
            "%" PRId64 " deliveries were refused by Kafka", figures->verdicts[REPLAY_REFUSED]);
    if (!error_is_set(&replaying->error) && replaying->signals)
        error_set(&replaying->error, ERROR_RETRY,
            "interrupted: the same command goes on where it stopped");
    dead_letters_replay_free(replaying->replay);
    loop_timer_free(replaying->progress);
    loop_signal_free(sigint);
    loop_signal_free(sigterm);
}

static bool replay(const struct dead_letters_arguments *arguments, const struct settings *settings,
    struct registry *registry, struct error *error)
{
    static const char *const nobody[] = {NULL};
    struct ttl_table ttl = {.defaults = NULL};
    struct replaying replaying = {.arguments = arguments, .loop = registry->loop};
    if (!arguments->dry_run && !registry_make_topics(registry, nobody, error))
        return false;
    if (!ttl_table_init(&ttl, settings->consumer.ttl_events,
            ttl_longest(settings->topics.deliveries_retention_ms), error))
        return false;
    ttl.other_ms = settings->consumer.ttl_other_ms;
    char *by = who_asks(arguments);
    struct dead_letters_replay_options options = {
        .kafka = &settings->kafka,
        .topics = &settings->topics,
        .store = registry->store,
        .ttl = &ttl,
        .ttl_from_acceptance = settings->consumer.ttl_from_acceptance,
        .filter = arguments->filter,
        .since_ms = arguments->since_ms,
        .until_ms = arguments->until_ms,
        .partition = arguments->partition,
        .offset = arguments->offset,
        .dry_run = arguments->dry_run,
        .ignore_ttl = arguments->ignore_ttl,
        .per_second = arguments->rate,
        .limit = arguments->limit,
        .by = by,
        .timeout_ms = arguments->timeout_ms,
    };
    run(&replaying, &options);
    free(by);
    ttl_table_release(&ttl);
    if (error_is_set(&replaying.error))
        *error = replaying.error;
    return !error_is_set(error);
}

int dead_letters_replay(
    const struct dead_letters_arguments *arguments, const struct settings *settings)
{
    struct error error = ERROR_INIT;
    struct registry registry;
    bool good = registry_open(&registry, settings, arguments->timeout_ms, &error) &&
                replay(arguments, settings, &registry, &error);
    registry_close(&registry);
    return good ? EXIT_DONE : command_fail(&error);
}
