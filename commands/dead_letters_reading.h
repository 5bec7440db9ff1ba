/* SPDX-License-Identifier: Apache-2.0 */
/* The dead-letter topic, read once for a command: from where --since says to where it ends, or --until. */
#ifndef HOOKLINE_COMMANDS_DEAD_LETTERS_READING_H
#define HOOKLINE_COMMANDS_DEAD_LETTERS_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "commands/dead_letters.h"
#include "common/clock.h"
#include "kafka/extents.h"

struct dead_letters_scan;
struct dead_letters_stats;

/* A line to be printed in the order of time. */
struct line {
    int64_t at_ms;
    char *text;
};

struct reading {
    const struct dead_letters_arguments *arguments;
    struct loop *loop;
    struct dead_letters_scan *scan;
    /* What is done with each that matches. */
    void (*take)(struct reading *reading, const struct dead_letter_item *item);
    void (*finish)(struct reading *reading); /* all that was there has been taken; may be NULL */
    bool follow, interrupted, stuck;
    int64_t matched, foreign; /* the latter: records that are no dead letters */
    int64_t read_before;
    struct mono_time progress_at;
    bool shows_progress;
    struct line *lines;
    size_t line_count;
    struct dead_letters_stats *stats;
};

/* Reads what the arguments say, and calls `take` for each that matches. Returns the exit code. */
int dead_letters_read(struct reading *reading, const struct settings *settings);
/* Before something is printed. */
void dead_letters_clear_progress(const struct reading *reading);

#endif
