/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the dead-letter topic once, for a command. */
#include "commands/dead_letters_reading.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/loop.h"
#include "dead_letters/scan.h"
#include "producers/topic_names.h"

#define WATCH_MS 500

/* --- Reading ------------------------------------------------------------------------------------------ */

static enum kafka_intake on_record(void *arg, const struct record *record)
{
    struct reading *reading = arg;
    struct dead_letter_item item;
    struct error error = ERROR_INIT;
    if (!dead_letter_item_read(record, &item, &error)) {
        reading->foreign++;
    } else if (dead_letter_filter_matches(&reading->arguments->filter, &item)) {
        reading->matched++;
        reading->take(reading, &item);
    }
    return KAFKA_TAKEN;
}

static void on_done(void *arg)
{
    struct reading *reading = arg;
    if (reading->finish)
        reading->finish(reading);
    fflush(stdout);
    if (!reading->follow)
        loop_stop(reading->loop);
}

static void interrupted(void *arg)
{
    struct reading *reading = arg;
    reading->interrupted = true;
    loop_stop(reading->loop);
}

static void show_progress(struct reading *reading, int64_t read)
{
    int64_t total = dead_letters_scan_total(reading->scan);
    if (reading->shows_progress && total > 0 && read < total)
        fprintf(stderr, "\r%" PRId64 " of %" PRId64 " read, %" PRId64 " found", read, total,
            reading->matched);
}

void dead_letters_clear_progress(const struct reading *reading)
{
    if (reading->shows_progress)
        fputs("\r\x1b[K", stderr);
}

/* Kafka that brings nothing for long is not waited for. */
static void watch(void *arg)
{
    struct reading *reading = arg;
    int64_t read = dead_letters_scan_read(reading->scan);
    bool all = read >= dead_letters_scan_total(reading->scan);
    show_progress(reading, read);
    if (read != reading->read_before || all)
        reading->progress_at = mono_now();
    reading->read_before = read;
    reading->stuck =
        mono_diff_ms(mono_now(), reading->progress_at) > reading->arguments->timeout_ms;
    if (reading->stuck || ferror(stdout))
        loop_stop(reading->loop);
}

static void run(struct reading *reading, const struct settings *settings, const char *topic,
    const struct kafka_extents *extents)
{
    static const struct dead_letters_scan_callbacks callbacks = {on_record, on_done};
    struct loop_signal *sigint = loop_signal_new(reading->loop, SIGINT, interrupted, reading);
    struct loop_signal *sigterm = loop_signal_new(reading->loop, SIGTERM, interrupted, reading);
    struct loop_timer *timer = loop_timer_new(reading->loop, watch, reading);
    reading->scan = dead_letters_scan_new(
        reading->loop, &settings->kafka, topic, extents, reading->follow, &callbacks, reading);
    reading->progress_at = mono_now();
    reading->shows_progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    loop_timer_start(timer, WATCH_MS, WATCH_MS);
    loop_run(reading->loop);
    dead_letters_clear_progress(reading);
    dead_letters_scan_free(reading->scan);
    loop_timer_free(timer);
    loop_signal_free(sigint);
    loop_signal_free(sigterm);
}

static int judge(const struct reading *reading, const char *topic, const struct settings *settings)
{
    struct error error = ERROR_INIT;
    if (reading->foreign)
        fprintf(stderr, "hookline: %" PRId64 " records of %s are no dead letters: left out\n",
            reading->foreign, topic);
    if (reading->stuck)
        error_set(&error, ERROR_RETRY,
            "topic %s could not be read to its end: Kafka brought nothing for long (kafka.brokers "
            "= %s; "
            "see --timeout)",
            topic, settings->kafka.brokers);
    else if (reading->interrupted && !reading->follow)
        error_set(&error, ERROR_RETRY, "interrupted");
    return error_is_set(&error) ? command_fail(&error) : EXIT_DONE;
}

int dead_letters_read(struct reading *reading, const struct settings *settings)
{
    const struct dead_letters_arguments *arguments = reading->arguments;
    char *topic = topic_name(&settings->topics, TOPIC_DEAD_LETTERS);
    struct kafka_extents extents = {NULL, 0};
    struct error error = ERROR_INIT;
    int status = EXIT_FAILED;
    bool good =
        dead_letters_extents(&settings->kafka, topic, arguments->since_ms, arguments->until_ms,
            arguments->partition, arguments->offset, arguments->timeout_ms, &extents, &error);
    reading->loop = loop_new();
    if (good) {
        run(reading, settings, topic, &extents);
        status = judge(reading, topic, settings);
    } else {
        status = command_fail(&error);
    }
    loop_free(reading->loop);
    kafka_extents_release(&extents);
    free(topic);
    return status;
}
