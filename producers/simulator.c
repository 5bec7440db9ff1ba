/* SPDX-License-Identifier: Apache-2.0 */
/* A contact centre that never was. Everything that is yet to happen lies in a schedule: the next
 * caller, the next step of each call, and the next agent of each tenant to come or go. */
#include "producers/simulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/memory.h"
#include "producers/sim_body.h"
#include "producers/sim_people.h"
#include "producers/sim_random.h"
#include "producers/sim_schedule.h"

#define PHONES_MAX  4
#define AGENTS_MAX  20000
#define FIRST_PHONE 33333
#define TALK_S      150 /* on average */

struct tenant {
    const char *id;
    const struct sim_place *place;
    char switch_id[SIM_UUID_SIZE];
    bool records_finished; /* also sends the finished-call generation */
    struct sim_agent *agents;
    int agent_count, on;
};

/* What a call does next. A transfer rings on one more phone, and goes from there as before. */
enum step {
    STEP_QUEUE,    /* look for phones to ring on */
    STEP_RING,     /* the next of them rings */
    STEP_NO_REPLY, /* they stop ringing */
    STEP_ANSWER,
    STEP_TALKED,
    STEP_END,
    STEP_FINISHED, /* its record is written */
};

struct call {
    struct sim_call_facts facts;
    struct tenant *tenant;
    struct sim_agent *agent; /* of facts */
    enum step step;
    struct sim_agent *phones[PHONES_MAX]; /* that ring */
    char legs[PHONES_MAX][SIM_UUID_SIZE];
    int phone_count, rung;
    int rounds;          /* of ringing */
    int64_t patience_us; /* when the caller gives up */
    bool transferred;
};

enum due_kind { DUE_CALLER, DUE_CALL, DUE_AGENT };

struct simulator {
    struct sim_random random;
    double calls_per_second, pace;
    struct tenant *tenants;
    int tenant_count;
    struct sim_schedule schedule; /* kinds: enum due_kind; subjects: call or tenant */
    int64_t record_number;
    struct buffer body;
    /* During simulator_advance(). */
    void (*fn)(void *arg, const struct simulator_event *event);
    void *arg;
};

static const struct sim_hangup hangup_by_caller = {
    "NORMAL_CLEARING", "caller", "ANSWERED", "answered"};
static const struct sim_hangup hangup_by_agent = {
    "NORMAL_CLEARING", "agent", "ANSWERED", "answered"};
static const struct sim_hangup abandoned = {"ORIGINATOR_CANCEL", "caller", "NO ANSWER", "cancel"};
static const struct sim_hangup missed = {"NO_ANSWER", "system", "NO ANSWER", "no-answer"};
static const struct sim_hangup rejected = {"CALL_REJECTED", "callee", "BUSY", "no-answer"};

/* --- Helpers -------------------------------------------------------------------------------- */

/* Between two durations of real life, in seconds, at our pace and at least a millisecond. */
static int64_t between(struct simulator *sim, double low_s, double high_s)
{
    double s = low_s + sim_random_unit(&sim->random) * (high_s - low_s);
    return 1000 + (int64_t)(s * 1e6 / sim->pace);
}

static int64_t on_average(struct simulator *sim, double mean_s)
{
    return 1000 + (int64_t)(sim_random_exponential(&sim->random) * mean_s * 1e6 / sim->pace);
}

static void make_uuid(struct simulator *sim, char out[SIM_UUID_SIZE])
{
    uint64_t a = sim_random_bits(&sim->random), b = sim_random_bits(&sim->random);
    snprintf(out, SIM_UUID_SIZE, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
        (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0x3fff) | 0x8000U,
        (unsigned long long)(b & 0xffffffffffffU));
}

static void emit(struct simulator *sim, const struct tenant *tenant, const char *key,
    const char *type, int64_t at_us)
{
    struct simulator_event event = {
        .tenant = tenant->id,
        .key = key,
        .type = type,
        .at = {at_us / 1000},
        .body = buffer_text(&sim->body),
        .body_len = sim->body.len,
    };
    sim->fn(sim->arg, &event);
    buffer_clear(&sim->body);
}

/* Somebody who is logged in and free, or NULL. A few tries: where nearly all are busy, the caller
 * may as well wait. */
static struct sim_agent *free_agent(struct simulator *sim, struct tenant *tenant)
{
    for (int tries = 0; tries < 24; tries++) {
        struct sim_agent *agent =
            &tenant->agents[sim_random_int(&sim->random, 0, tenant->agent_count - 1)];
        if (agent->on && !agent->busy)
            return agent;
    }
    return NULL;
}

/* --- Calls ---------------------------------------------------------------------------------- */

static void plan_step(struct simulator *sim, struct call *call, int64_t at_us, enum step step)
{
    call->step = step;
    sim_schedule_add(&sim->schedule, at_us, DUE_CALL, call);
}

static void plan_end(
    struct simulator *sim, struct call *call, int64_t at_us, const struct sim_hangup *hangup)
{
    call->facts.hangup = hangup;
    plan_step(sim, call, at_us, STEP_END);
}

static void set_callee(struct sim_call_facts *facts, const char *number)
{
    snprintf(facts->callee_name, sizeof facts->callee_name, "%s", number);
    snprintf(facts->callee_number, sizeof facts->callee_number, "%s", number);
}

static void set_caller(struct sim_call_facts *facts, const char *number)
{
    snprintf(facts->caller_name, sizeof facts->caller_name, "%s", number);
    snprintf(facts->caller_number, sizeof facts->caller_number, "%s", number);
}

/* A customer's number, and for some their name. */
static void draw_customer(struct simulator *sim, struct sim_call_facts *facts,
    const struct sim_place *place, char number[24], char name[96])
{
    int n = sim_random_int(&sim->random, 0, place->customer_max);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of our own table */
    snprintf(number, 24, place->customer_format, n);
#pragma GCC diagnostic pop
    snprintf(name, 96, "%s", number);
    if (!sim_random_chance(&sim->random, 0.6))
        return;
    facts->customer = &sim_names[sim_random_int(&sim->random, 0, (int)sim_name_count - 1)];
    facts->customer_id = 5000 + n % 5000;
    snprintf(name, 96, "%s%s%s", facts->customer->first, facts->customer->last ? " " : "",
        facts->customer->last ? facts->customer->last : "");
}

static void begin_outbound(
    struct simulator *sim, struct call *call, struct sim_agent *agent, int64_t now_us)
{
    struct sim_call_facts *facts = &call->facts;
    facts->outbound = true;
    facts->agent = call->agent = agent;
    agent->busy = true;
    set_caller(facts, agent->phone);
    draw_customer(sim, facts, call->tenant->place, facts->callee_number, facts->callee_name);
    snprintf(facts->did, sizeof facts->did, "%s", facts->callee_number);
    call->phones[0] = agent;
    call->phone_count = 1;
    make_uuid(sim, call->legs[0]);
    if (sim_random_chance(&sim->random, 0.75))
        plan_step(sim, call, now_us + between(sim, 4, 20), STEP_ANSWER);
    else
        plan_end(sim, call, now_us + between(sim, 8, 30),
            sim_random_chance(&sim->random, 0.5) ? &rejected : &missed);
}

static void begin_inbound(struct simulator *sim, struct call *call, int64_t now_us)
{
    struct sim_call_facts *facts = &call->facts;
    const struct sim_place *place = call->tenant->place;
    int queue = sim_random_int(&sim->random, 0, SIM_QUEUES - 1);
    char number[24];

    draw_customer(sim, facts, place, facts->caller_number, facts->caller_name);
    snprintf(facts->did, sizeof facts->did, "%s", place->own_number);
    facts->queue = place->queues[queue];
    snprintf(number, sizeof number, "%d", 33300 + queue);
    set_callee(facts, number);
    call->patience_us = now_us + between(sim, 30, 120);
    plan_step(sim, call, now_us + between(sim, 2, 8), STEP_QUEUE);
}

static void begin_call(struct simulator *sim, int64_t now_us)
{
    struct call *call = mem_zalloc(sizeof *call);
    call->tenant = &sim->tenants[sim_random_int(&sim->random, 0, sim->tenant_count - 1)];
    call->facts.switch_id = call->tenant->switch_id;
    call->facts.started_us = now_us;
    make_uuid(sim, call->facts.id);
    struct sim_agent *agent =
        sim_random_chance(&sim->random, 0.2) ? free_agent(sim, call->tenant) : NULL;
    if (agent)
        begin_outbound(sim, call, agent, now_us);
    else
        begin_inbound(sim, call, now_us);
    sim_body_created(&sim->body, &call->facts);
    emit(sim, call->tenant, call->facts.id, "call.created", now_us);
}

/* Free again are all phones but `keep`. */
static void release_phones(struct call *call, const struct sim_agent *keep)
{
    for (int i = 0; i < call->phone_count; i++)
        if (call->phones[i] != keep)
            call->phones[i]->busy = false;
    call->phone_count = call->rung = 0;
}

static void find_phones(struct simulator *sim, struct call *call, int64_t now_us)
{
    int wanted = call->transferred ? 1 : sim_random_int(&sim->random, 1, PHONES_MAX);
    struct sim_agent *agent;
    while (call->phone_count < wanted && (agent = free_agent(sim, call->tenant))) {
        agent->busy = true;
        make_uuid(sim, call->legs[call->phone_count]);
        call->phones[call->phone_count++] = agent;
    }
    if (call->phone_count > 0)
        plan_step(sim, call, now_us, STEP_RING);
    else if (call->transferred) /* nobody to transfer to: the two go on a little */
        plan_end(sim, call, now_us + on_average(sim, 30), &hangup_by_caller);
    else if (now_us >= call->patience_us)
        plan_end(sim, call, now_us, &abandoned);
    else
        plan_step(sim, call, now_us + between(sim, 2, 6), STEP_QUEUE);
}

static void ring(struct simulator *sim, struct call *call, int64_t now_us)
{
    struct sim_call_facts *facts = &call->facts;
    int phone = call->rung++;
    snprintf(facts->leg, sizeof facts->leg, "%s", call->legs[phone]);
    set_callee(facts, call->phones[phone]->phone);
    if (!facts->rang_us)
        facts->rang_us = now_us;
    sim_body_ringing(&sim->body, facts, now_us);
    emit(sim, call->tenant, facts->id, "call.ringing", now_us);

    if (call->rung < call->phone_count)
        plan_step(sim, call, now_us + between(sim, 0, 0.05), STEP_RING);
    else if (call->transferred || sim_random_chance(&sim->random, 0.82))
        plan_step(sim, call, now_us + between(sim, 2, 14), STEP_ANSWER);
    else if (sim_random_chance(&sim->random, 0.3))
        plan_end(sim, call, now_us + between(sim, 3, 20), &abandoned);
    else
        plan_step(sim, call, now_us + between(sim, 18, 22), STEP_NO_REPLY);
}

static void no_reply(struct simulator *sim, struct call *call, int64_t now_us)
{
    for (int i = 0; i < call->phone_count; i++)
        call->phones[i]->missed++;
    release_phones(call, NULL);
    if (++call->rounds < 2)
        plan_step(sim, call, now_us + between(sim, 1, 2), STEP_QUEUE);
    else
        plan_end(sim, call, now_us + between(sim, 0, 1), &missed);
}

static void answer(struct simulator *sim, struct call *call, int64_t now_us)
{
    struct sim_call_facts *facts = &call->facts;
    int phone = sim_random_int(&sim->random, 0, call->phone_count - 1);
    struct sim_agent *agent = call->phones[phone];

    snprintf(facts->leg, sizeof facts->leg, "%s", call->legs[phone]);
    if (!facts->outbound)
        set_callee(facts, agent->phone);
    release_phones(call, agent);
    if (call->agent && call->agent != agent) /* transferred */
        call->agent->busy = false;
    facts->agent = call->agent = agent;
    agent->answered++;
    if (!facts->answered_us)
        facts->answered_us = now_us;
    sim_body_answered(&sim->body, facts, now_us);
    emit(sim, call->tenant, facts->id, "call.answered", now_us);
    plan_step(sim, call, now_us + between(sim, 10, 20) + on_average(sim, TALK_S), STEP_TALKED);
}

static void talked(struct simulator *sim, struct call *call, int64_t now_us)
{
    if (!call->facts.outbound && !call->transferred && sim_random_chance(&sim->random, 0.1)) {
        call->transferred = true;
        plan_step(sim, call, now_us, STEP_QUEUE);
        return;
    }
    plan_end(sim, call, now_us,
        sim_random_chance(&sim->random, 0.7) ? &hangup_by_caller : &hangup_by_agent);
}

static void end(struct simulator *sim, struct call *call, int64_t now_us)
{
    struct sim_call_facts *facts = &call->facts;
    release_phones(call, NULL);
    facts->ended_us = now_us;
    if (call->agent)
        call->agent->busy = false;
    if (call->agent && facts->answered_us)
        call->agent->talked_s += (now_us - facts->answered_us) / 1000000;
    sim_body_ended(&sim->body, facts);
    emit(sim, call->tenant, facts->id, "call.ended", now_us);
    if (call->tenant->records_finished)
        plan_step(sim, call, now_us + between(sim, 1, 5), STEP_FINISHED);
    else
        free(call);
}

static void finished(struct simulator *sim, struct call *call, int64_t now_us)
{
    sim_body_finished(&sim->body, &call->facts, ++sim->record_number);
    emit(sim, call->tenant, call->facts.id, "call.ended", now_us);
    free(call);
}

static void (*const steps[])(struct simulator *sim, struct call *call, int64_t now_us) = {
    [STEP_QUEUE] = find_phones,
    [STEP_RING] = ring,
    [STEP_NO_REPLY] = no_reply,
    [STEP_ANSWER] = answer,
    [STEP_TALKED] = talked,
    [STEP_END] = end,
    [STEP_FINISHED] = finished,
};

/* --- Agents --------------------------------------------------------------------------------- */

/* Three quarters or more are at work; who is on the phone stays. */
static void change_agent(struct simulator *sim, struct tenant *tenant, int64_t now_us)
{
    struct sim_agent *agent =
        &tenant->agents[sim_random_int(&sim->random, 0, tenant->agent_count - 1)];
    sim_schedule_add(&sim->schedule, now_us + on_average(sim, 90), DUE_AGENT, tenant);
    if (agent->busy || (agent->on && 4 * (tenant->on - 1) < 3 * tenant->agent_count))
        return;
    agent->on = !agent->on;
    agent->changed_us = now_us;
    tenant->on += agent->on ? 1 : -1;
    if (agent->on)
        sim_body_login(&sim->body, agent, tenant->switch_id, now_us);
    else
        sim_body_logout(&sim->body, agent, tenant->switch_id, now_us);
    emit(sim, tenant, NULL, agent->on ? "agent.login" : "agent.logout", now_us);
}

static int agents_needed(const struct simulator_options *options, int tenants)
{
    if (options->agents_per_tenant > 0)
        return options->agents_per_tenant < AGENTS_MAX ? options->agents_per_tenant : AGENTS_MAX;
    /* A call keeps one agent talking and some others' phones ringing; half as much again is free. */
    double busy = options->calls_per_second / tenants * (TALK_S + 50) / options->pace;
    double wanted = 1.5 * busy;
    return wanted < 12 ? 12 : wanted > AGENTS_MAX ? AGENTS_MAX : (int)wanted;
}

static void init_tenant(struct simulator *sim, struct tenant *tenant, int number,
    const struct simulator_options *options, int64_t now_us)
{
    tenant->id = options->tenants[number];
    tenant->place = &sim_places[(size_t)number % sim_place_count];
    tenant->records_finished = number % 3 == 1;
    tenant->agent_count = agents_needed(options, sim->tenant_count);
    tenant->agents = mem_array(NULL, (size_t)tenant->agent_count, sizeof *tenant->agents);
    make_uuid(sim, tenant->switch_id);
    for (int i = 0; i < tenant->agent_count; i++) {
        struct sim_agent *agent = &tenant->agents[i];
        *agent = (struct sim_agent){
            .name = &sim_names[(size_t)(i + 7 * number) % sim_name_count],
            .id = 118 + i,
            .on = i % 8 != 7,
            .changed_us = now_us,
        };
        snprintf(agent->phone, sizeof agent->phone, "%d", FIRST_PHONE + i);
        tenant->on += agent->on;
    }
    sim_schedule_add(&sim->schedule, now_us + on_average(sim, 30), DUE_AGENT, tenant);
}

/* --- The whole ------------------------------------------------------------------------------ */

static void plan_caller(struct simulator *sim, int64_t now_us)
{
    if (sim->calls_per_second <= 0)
        return;
    double wait_us = sim_random_exponential(&sim->random) * 1e6 / sim->calls_per_second;
    /* The longest wait that still fits any clock is a year. */
    sim_schedule_add(
        &sim->schedule, now_us + (int64_t)(wait_us < 3e13 ? wait_us : 3e13), DUE_CALLER, NULL);
}

struct simulator *simulator_new(const struct simulator_options *options, struct wall_time start)
{
    struct simulator *sim = mem_zalloc(sizeof *sim);
    /* Real life has digits behind the millisecond. */
    int64_t now_us = start.ms * 1000 + 417;

    sim->random.state = options->seed;
    sim->calls_per_second = options->calls_per_second;
    sim->pace = options->pace > 0 ? options->pace : 1;
    sim->record_number = 904416;
    while (options->tenants[sim->tenant_count])
        sim->tenant_count++;
    bug_on(sim->tenant_count == 0);
    sim->tenants = mem_zalloc((size_t)sim->tenant_count * sizeof *sim->tenants);
    struct simulator_options clean = *options;
    clean.pace = sim->pace;
    for (int i = 0; i < sim->tenant_count; i++)
        init_tenant(sim, &sim->tenants[i], i, &clean, now_us);
    plan_caller(sim, now_us);
    return sim;
}

void simulator_free(struct simulator *simulator)
{
    if (!simulator)
        return;
    const struct sim_schedule *schedule = &simulator->schedule;
    for (size_t i = 0; i < schedule->count; i++)
        if (schedule->heap[i].kind == DUE_CALL) /* each call lies there exactly once */
            free(schedule->heap[i].subject);
    for (int i = 0; i < simulator->tenant_count; i++)
        free(simulator->tenants[i].agents);
    free(simulator->tenants);
    sim_schedule_release(&simulator->schedule);
    buffer_release(&simulator->body);
    free(simulator);
}

void simulator_advance(struct simulator *simulator, struct wall_time now,
    void (*fn)(void *arg, const struct simulator_event *event), void *arg)
{
    struct simulator *sim = simulator;
    sim->fn = fn;
    sim->arg = arg;
    while (sim_schedule_next_us(&sim->schedule) / 1000 <= now.ms) {
        struct sim_due due = sim_schedule_take(&sim->schedule);
        if (due.kind == DUE_CALL) {
            struct call *call = due.subject;
            steps[call->step](sim, call, due.at_us);
        } else if (due.kind == DUE_AGENT) {
            change_agent(sim, due.subject, due.at_us);
        } else {
            plan_caller(sim, due.at_us);
            begin_call(sim, due.at_us);
        }
    }
}

struct wall_time simulator_next(const struct simulator *simulator)
{
    return (struct wall_time){sim_schedule_next_us(&simulator->schedule) / 1000};
}
