/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters are put back, and as what. Pure. docs/contract.md, "Replays". */
#ifndef HOOKLINE_DEAD_LETTERS_REPLAY_JUDGE_H
#define HOOKLINE_DEAD_LETTERS_REPLAY_JUDGE_H

#include <stdbool.h>

#include "common/clock.h"
#include "dead_letters/item.h"
#include "dead_letters/replay_mark.h"
#include "producers/delivery_record.h"
#include "subscriptions/store.h"
#include "subscriptions/ttl.h"

/* What fails for so many times is not to go round for ever. */
#define REPLAYS_MAX 5
/* A letter that another run began to send so long ago, and did not finish: that run has died. */
#define REPLAY_BEGUN_MS 60000

enum replay_verdict {
    REPLAY_SENT, /* or would be */
    REPLAY_ALREADY,
    REPLAY_UNDER_WAY, /* by another run */
    REPLAY_TOO_OFTEN,
    REPLAY_NO_DELIVERY,
    REPLAY_NOT_WHOLE,
    REPLAY_TEST,
    REPLAY_NO_SUBSCRIPTION,
    REPLAY_NOT_ENABLED,
    REPLAY_EXPIRED,
    REPLAY_REFUSED, /* Kafka refused it */
    REPLAY_VERDICTS,
};
/* Their names in JSON, and what they mean, in words that follow a number. */
extern const char *const replay_verdicts[];
extern const char *const replay_verdict_texts[];

struct replay_rules {
    const struct store *store;   /* ready */
    const struct ttl_table *ttl; /* that of the settings */
    bool ttl_from_acceptance;
    bool ignore_ttl;
    const struct replay_marks *marks;
    const char *run;
};

/* With REPLAY_SENT, *ret_delivery is what to write, borrowed from `item`'s record, and *ret_partition where. */
enum replay_verdict replay_judge(const struct replay_rules *rules,
    const struct dead_letter_item *item, struct wall_time now,
    struct delivery_decoded *ret_delivery, int32_t *ret_partition);

#endif
