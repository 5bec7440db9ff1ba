/* SPDX-License-Identifier: Apache-2.0 */
/* The log: a vector per partition of each topic, who follows it, and compaction. */
#ifndef HOOKLINE_SIM_TOPICS_H
#define HOOKLINE_SIM_TOPICS_H

#include "common/record.h"
#include "sim.h"

#define REGISTRY     "hookline.subscriptions"
#define ENDPOINTS    "hookline.endpoints"
#define DEAD_LETTERS "hookline.dead-letters"
#define RESULTS      "hookline.results"
#define OPERATIONAL  "hookline.operational-events"

struct sim_watch {
    void (*fn)(void *arg); /* there is something new; called within the append */
    void *arg;
    struct sim_watch *next;
};

struct sim_log {
    char *topic;
    int32_t number;
    struct record **records; /* by offset; NULL = compacted away */
    int64_t count, cap;
    struct sim_watch *watches;
    struct sim_log *next;
};

/* Makes it with the first call. */
struct sim_log *sim_log(const char *topic, int32_t number);
/* Appends a copy; returns it, with offset and timestamp. */
const struct record *sim_log_append(struct sim_log *log, const struct record *record);
/* The first record at or above `offset`, NULL = none. */
const struct record *sim_log_from(const struct sim_log *log, int64_t offset);
void sim_log_watch(struct sim_log *log, struct sim_watch *watch);
void sim_log_unwatch(struct sim_log *log, struct sim_watch *watch);
/* Of the records older than `lag_us`, only the last of each key stays. Returns how many went. */
int64_t sim_log_compact(struct sim_log *log, int64_t lag_us);
void sim_topics_release(void);

#endif
