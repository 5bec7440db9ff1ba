/* SPDX-License-Identifier: Apache-2.0 */
/* How many dead letters there are, by what they have in common. Pure. */
#ifndef HOOKLINE_DEAD_LETTERS_STATS_H
#define HOOKLINE_DEAD_LETTERS_STATS_H

#include <stdint.h>

#include "common/clock.h"
#include "dead_letters/item.h"

/* Groups beyond it are counted together, under "(others)". */
#define DEAD_LETTERS_GROUPS_MAX 10000

struct dead_letters_group {
    char *reason, *tenant, *host; /* "" = not known */
    int64_t count;
    struct wall_time first, last; /* when they became dead letters */
};

struct dead_letters_stats;

struct dead_letters_stats *dead_letters_stats_new(void);
/* NULL is fine. */
void dead_letters_stats_free(struct dead_letters_stats *stats);
void dead_letters_stats_add(struct dead_letters_stats *stats, const struct dead_letter_item *item);
/* The groups, most letters first; *ret_count of them. Borrowed until the next change. */
const struct dead_letters_group *const *dead_letters_stats_groups(
    struct dead_letters_stats *stats, size_t *ret_count);

#endif
