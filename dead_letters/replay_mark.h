/* SPDX-License-Identifier: Apache-2.0 */
/* What has been replayed: the records of the topic <topics.prefix>replays, and all of them in memory. Pure.
 * docs/contract.md, "Replays". */
#ifndef HOOKLINE_DEAD_LETTERS_REPLAY_MARK_H
#define HOOKLINE_DEAD_LETTERS_REPLAY_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/record.h"

/* A run claims dead letters before it sends them, and says afterwards that it has. */
enum replay_state { REPLAY_NONE, REPLAY_BEGUN, REPLAY_DONE };

struct replay_mark {
    int32_t partition; /* of the dead letter */
    int64_t offset;
    const char
        *id; /* of its delivery: a topic that was made anew has other letters at the same places */
    enum replay_state state;
    struct wall_time at;
    const char *by;  /* who asked for it */
    const char *run; /* of all that one run writes the same, and unlike any other's */
};

/* The record's key and value. Return new. */
char *replay_mark_key(const struct replay_mark *mark);
char *replay_mark_value(const struct replay_mark *mark);

struct replay_marks;

struct replay_marks *replay_marks_new(void);
/* NULL is fine. */
void replay_marks_free(struct replay_marks *marks);
/* What a record says holds from here on; one without a value says that nothing was replayed. False with a
 * sentence (ERROR_PERMANENT) where it is no mark: then nothing changes. */
bool replay_marks_apply(
    struct replay_marks *marks, const struct record *record, struct error *error);

struct replay_known {
    enum replay_state state;
    struct wall_time at;
    bool own; /* it is of that run */
};
/* What is known of a letter to the run `run`. */
struct replay_known replay_marks_find(const struct replay_marks *marks, int32_t partition,
    int64_t offset, const char *id, const char *run);

#endif
