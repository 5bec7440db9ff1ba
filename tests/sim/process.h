/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer process: the real role over fake clients, on a loop of its own that can crash, freeze
 * and stop. */
#ifndef HOOKLINE_SIM_PROCESS_H
#define HOOKLINE_SIM_PROCESS_H

#include "common/probes.h"
#include "consumers/consumer.h"
#include "sim.h"

struct sim_process {
    int number;
    struct loop *loop; /* kept when it is dead: events still name it */
    struct probes *probes;
    struct store *store;
    struct kafka_producer *producer;
    struct consumer *consumer;
    int64_t registry_next; /* the registry's records that it has read */
    struct sim_event *registry_event;
    bool alive, ready, stopping;
    bool whole;         /* a freeze stops its Kafka clients' threads too */
    int64_t trouble_at; /* its last failed or slow write */
    int64_t session_us;
    struct sim_process *next;
};

/* A new process; it reads the registry and joins. */
struct sim_process *process_start(void);
/* It dies at once: what it had sent may still arrive. */
void process_crash(struct sim_process *process);
/* Asks it to stop; it is gone when that is done. */
void process_stop(struct sim_process *process);
/* Stops it in its tracks. `whole`: its clients' threads too, not only its loop. */
void process_freeze(struct sim_process *process, int64_t us, bool whole);
/* All that live, newest first. Dead ones stay in the list. */
struct sim_process *process_list(void);
int process_count(void);
/* Whether any that lives is. */
bool process_frozen(void);
/* Lets each role look through its own books, if it can. */
void process_check(void);
/* One that lives and is not stopping, at random; NULL = none. */
struct sim_process *process_any(void);
struct sim_process *process_of(const struct loop *loop);
/* Frees what lives; then, when no event can name a loop any more, the rest. */
void process_release(void);
void process_forget(void);

/* --- For the fakes ----------------------------------------------------------------------------- */

/* When its session with the group is over if it says nothing from now on. */
int64_t process_session_left(const struct loop *loop);
int64_t process_trouble_at(const struct loop *loop);
void process_note_trouble(const struct loop *loop);

/* sim_options.c: how the role is set up in this run. */
void sim_consumer_options(struct consumer_options *options);
extern const struct topic_options sim_topic_options;
/* Requests of an endpoint whose subscription says nothing. */
int64_t sim_default_window(void);

#endif
