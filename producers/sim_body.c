/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of simulated events. Written by hand and not with the JSON library, because here the
 * order and the spelling are the point. */
#include "producers/sim_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

static void add_name(struct buffer *out, const char *name)
{
    char last = out->len ? out->data[out->len - 1] : '{';
    buffer_printf(out, last == '{' ? "\"%s\":" : ",\"%s\":", name);
}

static void add_text(struct buffer *out, const char *name, const char *value)
{
    add_name(out, name);
    if (!value) {
        buffer_add_text(out, "null");
        return;
    }
    buffer_add(out, "\"", 1);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            buffer_add(out, "\\", 1);
        buffer_add(out, p, 1);
    }
    buffer_add(out, "\"", 1);
}

static void add_number(struct buffer *out, const char *name, int64_t value)
{
    add_name(out, name);
    buffer_printf(out, "%" PRId64, value);
}

/* The platform writes some numbers as strings. */
static void add_number_text(struct buffer *out, const char *name, int64_t value)
{
    add_name(out, name);
    buffer_printf(out, "\"%" PRId64 "\"", value);
}

static void add_time(struct buffer *out, const char *name, int64_t us)
{
    char text[RFC3339_SIZE];
    add_text(out, name, us ? wall_format((struct wall_time){us / 1000}, text) : NULL);
}

static int64_t seconds_between(int64_t from_us, int64_t to_us)
{
    return (to_us - from_us + 500000) / 1000000;
}

static const char *number_or_null(const char *text)
{
    return *text ? text : NULL;
}

static void add_started(struct buffer *out, int64_t at_us)
{
    add_time(out, "startedAt", at_us);
    add_number_text(out, "startedAtEpoch", at_us);
}

/* What all states of a call begin with. */
static void begin_state(struct buffer *out, const struct sim_call_facts *call, const char *type,
    const char *dialplan, int64_t at_us)
{
    buffer_add(out, "{", 1);
    add_text(out, "coreUUID", call->switch_id);
    add_text(out, "dialplan", dialplan);
    add_text(out, "callID", call->id);
    add_text(out, "otherLegCallID", number_or_null(call->leg));
    add_text(out, "type", type);
    add_text(out, "data", call->caller_number);
    add_text(out, "flags", "0");
    add_text(out, "callerIdName", call->caller_name);
    add_text(out, "callerIdNumber", call->caller_number);
    add_text(out, "calleeIdName", call->callee_name);
    add_text(out, "calleeIdNumber", call->callee_number);
    add_started(out, at_us);
}

static void add_direction(struct buffer *out, const struct sim_call_facts *call)
{
    add_text(out, "direction", call->outbound ? "outbound" : "inbound");
}

void sim_body_created(struct buffer *out, const struct sim_call_facts *call)
{
    begin_state(
        out, call, "created", call->outbound ? "outbound" : "inbound-main", call->started_us);
    add_direction(out, call);
    add_text(out, "didCalled", call->did);
    buffer_add(out, "}", 1);
}

void sim_body_ringing(struct buffer *out, const struct sim_call_facts *call, int64_t at_us)
{
    begin_state(out, call, "ringing", NULL, at_us);
    buffer_add(out, "}", 1);
}

void sim_body_answered(struct buffer *out, const struct sim_call_facts *call, int64_t at_us)
{
    begin_state(out, call, "answered", NULL, at_us);
    buffer_add(out, "}", 1);
}

/* Until it was answered or given up. */
static int64_t ring_seconds(const struct sim_call_facts *call)
{
    return seconds_between(
        call->started_us, call->answered_us ? call->answered_us : call->ended_us);
}

static int64_t queue_seconds(const struct sim_call_facts *call)
{
    if (call->outbound)
        return 0;
    return seconds_between(
        call->started_us, call->answered_us && call->rang_us ? call->rang_us : call->ended_us);
}

static int64_t talk_seconds(const struct sim_call_facts *call)
{
    return call->answered_us ? seconds_between(call->answered_us, call->ended_us) : 0;
}

static void cc_login(const struct sim_agent *agent, char out[24])
{
    snprintf(out, 24, "agent-%04d", agent->id);
}

static void add_agent_id(struct buffer *out, const struct sim_agent *agent)
{
    if (agent)
        add_number(out, "agentId", agent->id);
    else
        add_text(out, "agentId", NULL);
}

static void add_recording(struct buffer *out, const struct sim_call_facts *call)
{
    char file[SIM_UUID_SIZE + 8];
    snprintf(file, sizeof file, "%s.mp3", call->id);
    add_text(out, "recordingFile", call->answered_us ? file : NULL);
}

void sim_body_ended(struct buffer *out, const struct sim_call_facts *call)
{
    char login[24];
    if (call->agent)
        cc_login(call->agent, login);
    begin_state(out, call, "ended", NULL, call->started_us);
    add_direction(out, call);
    add_text(out, "didCalled", call->did);
    add_text(out, "queueName", call->outbound ? NULL : call->queue);
    add_agent_id(out, call->agent);
    add_text(out, "agentCCLogin", call->agent ? login : NULL);
    add_time(out, "answeredAt", call->answered_us);
    add_time(out, "endedAt", call->ended_us);
    add_number(out, "duration", seconds_between(call->started_us, call->ended_us));
    add_number(out, "ringTime", ring_seconds(call));
    add_number(out, "queueWaitTime", queue_seconds(call));
    add_number(out, "holdTime", 0);
    add_number(out, "talkTime", talk_seconds(call));
    add_text(out, "hangupCause", call->hangup->cause);
    add_text(out, "hangupBy", call->hangup->by);
    add_text(out, "disposition", call->hangup->disposition);
    add_text(out, "result", call->hangup->result);
    add_recording(out, call);
    buffer_add(out, "}", 1);
}

static void add_agent(struct buffer *out, const struct sim_agent *agent)
{
    char login[24], address[96];
    if (!agent) {
        add_text(out, "agent", NULL);
        return;
    }
    cc_login(agent, login);
    snprintf(address, sizeof address, "%s@example.com", agent->name->login);
    add_name(out, "agent");
    buffer_add(out, "{", 1);
    add_number(out, "id", agent->id);
    add_text(out, "firstName", agent->name->first);
    add_text(out, "lastName", agent->name->last);
    add_text(out, "username", address);
    add_text(out, "ccLogin", login);
    buffer_add(out, "}", 1);
}

static void add_customer(struct buffer *out, const struct sim_call_facts *call)
{
    if (!call->customer) {
        add_text(out, "customer", NULL);
        return;
    }
    add_name(out, "customer");
    buffer_add(out, "{", 1);
    add_number_text(out, "id", call->customer_id);
    add_text(out, "firstName", call->customer->first);
    add_text(out, "lastName", call->customer->last);
    buffer_add(out, "}", 1);
}

void sim_body_finished(struct buffer *out, const struct sim_call_facts *call, int64_t number)
{
    buffer_add_text(out, "{\"action\":\"create\",\"content\":{");
    add_number(out, "id", number);
    add_text(out, "callID", call->id);
    add_direction(out, call);
    add_text(out, "callerIDNumber", call->caller_number);
    add_text(out, "didCalled", call->did);
    add_text(out, "hangupCause", call->hangup->cause);
    add_text(out, "disposition", call->hangup->disposition);
    add_time(out, "startedAt", call->started_us);
    add_time(out, "answeredAt", call->answered_us);
    add_time(out, "endedAt", call->ended_us);
    add_number(out, "duration", seconds_between(call->started_us, call->ended_us));
    add_number(out, "talkTime", talk_seconds(call));
    add_number(out, "ringTime", ring_seconds(call));
    add_text(out, "result", call->hangup->result);
    if (call->customer)
        add_number_text(out, "customerId", call->customer_id);
    else
        add_text(out, "customerId", NULL);
    add_agent_id(out, call->agent);
    add_agent(out, call->agent);
    add_customer(out, call);
    add_recording(out, call);
    buffer_add_text(out, "}}");
}

void sim_body_login(
    struct buffer *out, const struct sim_agent *agent, const char *switch_id, int64_t at_us)
{
    buffer_add(out, "{", 1);
    add_text(out, "coreUUID", switch_id);
    add_text(out, "status", "available");
    add_text(out, "action", "agent-add");
    add_text(out, "type", "agent-connected");
    add_text(out, "data", agent->phone);
    add_started(out, at_us);
    buffer_add(out, "}", 1);
}

void sim_body_logout(
    struct buffer *out, const struct sim_agent *agent, const char *switch_id, int64_t at_us)
{
    buffer_add(out, "{", 1);
    add_text(out, "coreUUID", switch_id);
    add_text(out, "status", "logged out");
    add_text(out, "action", "agent-del");
    add_text(out, "type", "agent-disconnected");
    add_text(out, "data", agent->phone);
    add_started(out, at_us);
    add_text(out, "source", "agent");
    add_agent(out, agent);
    add_number_text(out, "callsAnswered", agent->answered);
    add_number_text(out, "noAnswerCount", agent->missed);
    add_number_text(out, "talkTime", agent->talked_s);
    add_number_text(out, "wrapUpTime", 20 * agent->answered);
    add_number_text(out, "lastStatusChangeEPOCH", agent->changed_us / 1000000);
    buffer_add(out, "}", 1);
}
