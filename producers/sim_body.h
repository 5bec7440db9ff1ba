/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of simulated events, field for field as the call platform spells and orders them. */
#ifndef HOOKLINE_PRODUCERS_SIM_BODY_H
#define HOOKLINE_PRODUCERS_SIM_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "producers/sim_people.h"

#define SIM_UUID_SIZE 37

struct sim_agent {
    const struct sim_name *name;
    int id;
    char phone[12];
    bool on;   /* logged in */
    bool busy; /* rings or talks */
    int64_t changed_us;
    int answered, missed;
    int64_t talked_s;
};

/* How a call ended. */
struct sim_hangup {
    const char *cause, *by, *disposition, *result;
};

/* What the bodies tell of a call. */
struct sim_call_facts {
    const char *switch_id; /* coreUUID: the switch process, no id of the call */
    char id[SIM_UUID_SIZE];
    char leg[SIM_UUID_SIZE]; /* "" = none yet */
    bool outbound;
    char caller_name[96], caller_number[24]; /* as the caller's phone says */
    char callee_name[96], callee_number[24];
    char did[24]; /* number called */
    const char *queue;
    const struct sim_agent *agent;   /* who answered or called; NULL = nobody */
    const struct sim_name *customer; /* NULL = unknown */
    int customer_id;
    int64_t started_us, rang_us, answered_us, ended_us; /* 0 = did not happen */
    const struct sim_hangup *hangup;
};

/* Each appends one body; `at_us` is when it happens. */
void sim_body_created(struct buffer *out, const struct sim_call_facts *call);
void sim_body_ringing(struct buffer *out, const struct sim_call_facts *call, int64_t at_us);
void sim_body_answered(struct buffer *out, const struct sim_call_facts *call, int64_t at_us);
void sim_body_ended(struct buffer *out, const struct sim_call_facts *call);
/* The other generation, with the number of the record. */
void sim_body_finished(struct buffer *out, const struct sim_call_facts *call, int64_t number);
void sim_body_login(
    struct buffer *out, const struct sim_agent *agent, const char *switch_id, int64_t at_us);
void sim_body_logout(
    struct buffer *out, const struct sim_agent *agent, const char *switch_id, int64_t at_us);

#endif
