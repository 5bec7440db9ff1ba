/* SPDX-License-Identifier: Apache-2.0 */
/* The checker: every delivery that was ever appended, what became of it, and the invariants over
 * attempts, dead letters, states and commits. Each is checked at the moment at which it would break. */
#ifndef HOOKLINE_SIM_LEDGER_H
#define HOOKLINE_SIM_LEDGER_H

#include "group.h"
#include "topics.h"
#include "world.h"

struct sim_lane;

struct sim_delivery {
    int64_t index; /* the number in its id */
    struct sim_log *log;
    int64_t offset;
    struct sim_endpoint *endpoint;
    struct sim_lane *lane; /* NULL = a lane of its own */
    bool test, poisonous;
    bool told; /* of a test: a result was sent */
    int64_t event_ms, accepted_ms, appended_us;
    int64_t attempts, ended; /* begun; ended in a live process */
    /* The first 2xx that a live process has seen. */
    bool delivered;
    struct sim_ownership *delivered_by;
    /* Dead letters appended; the first whose acknowledgement a live process has seen. */
    int64_t dead;
    bool dead_known;
    struct sim_ownership *dead_by;
};

void ledger_init(void);
void ledger_release(void);

/* The bridge is about to append a delivery to an endpoint: returns its number. */
int64_t ledger_new(struct sim_endpoint *endpoint, int order_key, bool test);
/* It was. */
void ledger_appended(int64_t index, const struct record *record);
/* By id, NULL = no such delivery. */
struct sim_delivery *ledger_find(const char *id);

/* Requests of a process that are open. */
struct sim_open {
    int64_t in_flight; /* to the endpoint, without tests */
    int64_t same;      /* of the delivery */
    int64_t tests;     /* to all */
};
/* A request begins, in the process of `loop`; `open` has it, too. Checks whether it may. */
void ledger_attempt(struct loop *loop, struct sim_delivery *delivery, const struct sim_open *open);
/* Its answer has been given to the process that asked. */
void ledger_ended(struct loop *loop, struct sim_delivery *delivery, bool good);

/* A record is handed to a producer. */
void ledger_sent(const struct record *record);
/* In which ownership a record is sent that speaks of a delivery; NULL = none. */
struct sim_ownership *ledger_sender(struct loop *loop, const struct record *record);
/* A producer's record is in the log; `loop` NULL: its process is dead. */
void ledger_written(
    struct loop *loop, const struct sim_ownership *sender, const struct record *record);
/* The process that sent it gets to know that. */
void ledger_acknowledged(struct sim_ownership *sender, const struct record *record);

/* The deadline by the shortest and by the longest time to live that it can have had. */
int64_t ledger_deadline_min(const struct sim_delivery *delivery);
int64_t ledger_deadline_max(const struct sim_delivery *delivery);
bool ledger_resolved(const struct sim_delivery *delivery);

/* durable.c: what the endpoints topic says. */
void durable_init(void);
void durable_release(void);
void durable_written(struct loop *loop, const struct record *record);
/* Whether a new owner would find the delivery. Fills `why` where not. */
bool durable_finds(const struct sim_delivery *delivery, const char **why);
/* Whether the state of one of the partition's endpoints may have left ranges out: they are too many. */
bool durable_is_full(const struct sim_log *log);
/* Reads the topic anew, after compaction. */
void durable_reload(void);

/* finish.c */
/* Whether all is done and quiet. Fills `why` (size 200) where not. */
bool finish_reached(char *why);
/* Whether the endpoints that are well get what is theirs, and what is late is dead-lettered. */
void finish_check_progress(void);

/* open.c: the deliveries that are not resolved, by offset. */
void open_add(struct sim_delivery *delivery);
void open_release(void);
void open_each(const struct sim_endpoint *endpoint,
    void (*fn)(struct sim_delivery *delivery, void *arg), void *arg);
void open_each_of_all(void (*fn)(struct sim_delivery *delivery, void *arg), void *arg);
/* Whether nothing is lost if every process dies now: each delivery that is neither delivered nor
 * dead-lettered is found again by whoever takes over (rules 2 to 4). At these offsets, after a commit;
 * of this endpoint, after a state; all. */
void open_check_offsets(const struct sim_log *log, int64_t from, int64_t to);
void open_check_endpoint(const struct sim_endpoint *endpoint);
void open_check_all(void);

#endif
