/* SPDX-License-Identifier: Apache-2.0 */
/* Sample payloads, one or more per canonical type and body generation. All values are invented. */
#include "events/sample.h"

#include <stddef.h>

const struct event_sample event_samples[] = {
    {"call.created", "an inbound call arrives",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"dialplan\":\"inbound-main\","
        "\"callID\":\"b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01\",\"otherLegCallID\":null,"
        "\"type\":\"created\",\"data\":\"045550123\",\"flags\":\"0\","
        "\"callerIdName\":\"045550123\",\"callerIdNumber\":\"045550123\","
        "\"calleeIdName\":\"33333\",\"calleeIdNumber\":\"33333\","
        "\"startedAt\":\"2026-03-02T08:14:05.318Z\",\"startedAtEpoch\":\"1772439245318204\","
        "\"direction\":\"inbound\",\"didCalled\":\"045550100\"}"},
    {"call.created", "an agent calls out",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"dialplan\":\"outbound\","
        "\"callID\":\"0c6f2b8e-91d3-47aa-8c35-7be4f5a6d104\",\"otherLegCallID\":null,"
        "\"type\":\"created\",\"data\":\"33335\",\"flags\":\"0\",\"callerIdName\":\"33335\","
        "\"callerIdNumber\":\"33335\",\"calleeIdName\":\"0505550177\","
        "\"calleeIdNumber\":\"0505550177\",\"startedAt\":\"2026-03-02T09:02:30.000Z\","
        "\"startedAtEpoch\":\"1772442150000412\",\"direction\":\"outbound\","
        "\"didCalled\":\"0505550177\"}"},
    {"call.ringing", "a call rings on an agent's phone",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"dialplan\":null,"
        "\"callID\":\"b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01\","
        "\"otherLegCallID\":\"5e9d3c77-0b1f-4f63-8a2e-9d40c6b1e702\",\"type\":\"ringing\","
        "\"data\":\"045550123\",\"flags\":\"0\",\"callerIdName\":\"045550123\","
        "\"callerIdNumber\":\"045550123\",\"calleeIdName\":\"33333\","
        "\"calleeIdNumber\":\"33333\",\"startedAt\":\"2026-03-02T08:14:11.902Z\","
        "\"startedAtEpoch\":\"1772439251902771\"}"},
    {"call.answered", "an agent answers an inbound call",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"dialplan\":null,"
        "\"callID\":\"b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01\","
        "\"otherLegCallID\":\"5e9d3c77-0b1f-4f63-8a2e-9d40c6b1e702\",\"type\":\"answered\","
        "\"data\":\"045550123\",\"flags\":\"0\",\"callerIdName\":\"045550123\","
        "\"callerIdNumber\":\"045550123\",\"calleeIdName\":\"33333\","
        "\"calleeIdNumber\":\"33333\",\"startedAt\":\"2026-03-02T08:14:17.440Z\","
        "\"startedAtEpoch\":\"1772439257440365\"}"},
    {"call.ended", "an answered call ends",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"dialplan\":null,"
        "\"callID\":\"b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01\","
        "\"otherLegCallID\":\"5e9d3c77-0b1f-4f63-8a2e-9d40c6b1e702\",\"type\":\"ended\","
        "\"data\":\"045550123\",\"flags\":\"0\",\"callerIdName\":\"045550123\","
        "\"callerIdNumber\":\"045550123\",\"calleeIdName\":\"33333\","
        "\"calleeIdNumber\":\"33333\",\"startedAt\":\"2026-03-02T08:14:05.318Z\","
        "\"startedAtEpoch\":\"1772439245318204\",\"direction\":\"inbound\","
        "\"didCalled\":\"045550100\",\"queueName\":\"Sales EN\",\"agentId\":118,"
        "\"agentCCLogin\":\"agent-0118\",\"answeredAt\":\"2026-03-02T08:14:17.440Z\","
        "\"endedAt\":\"2026-03-02T08:17:24.551Z\",\"duration\":199,\"ringTime\":12,"
        "\"queueWaitTime\":6,\"holdTime\":0,\"talkTime\":187,"
        "\"hangupCause\":\"NORMAL_CLEARING\",\"hangupBy\":\"caller\","
        "\"disposition\":\"ANSWERED\",\"result\":\"answered\","
        "\"recordingFile\":\"b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01.mp3\"}"},
    {"call.ended", "a caller gives up while waiting",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"dialplan\":null,"
        "\"callID\":\"c47e5b90-8d1a-4e6f-93b2-a5f0d6c1e806\","
        "\"otherLegCallID\":\"2ab8f6d3-5c40-49e7-b1ca-f03d9e7a4c07\",\"type\":\"ended\","
        "\"data\":\"0505550142\",\"flags\":\"0\",\"callerIdName\":\"0505550142\","
        "\"callerIdNumber\":\"0505550142\",\"calleeIdName\":\"33333\","
        "\"calleeIdNumber\":\"33333\",\"startedAt\":\"2026-03-02T08:21:40.077Z\","
        "\"startedAtEpoch\":\"1772439700077310\",\"direction\":\"inbound\","
        "\"didCalled\":\"045550100\",\"queueName\":\"Sales EN\",\"agentId\":null,"
        "\"agentCCLogin\":null,\"answeredAt\":null,\"endedAt\":\"2026-03-02T08:22:08.611Z\","
        "\"duration\":28,\"ringTime\":28,\"queueWaitTime\":28,\"holdTime\":0,\"talkTime\":0,"
        "\"hangupCause\":\"ORIGINATOR_CANCEL\",\"hangupBy\":\"caller\","
        "\"disposition\":\"NO ANSWER\",\"result\":\"cancel\",\"recordingFile\":null}"},
    {"call.ended", "the record of a finished call",
        "{\"action\":\"create\",\"content\":{\"id\":904417,"
        "\"callID\":\"b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01\",\"direction\":\"inbound\","
        "\"callerIDNumber\":\"+97145550123\",\"didCalled\":\"045550100\","
        "\"hangupCause\":\"NORMAL_CLEARING\",\"disposition\":\"ANSWERED\","
        "\"startedAt\":\"2026-03-02T08:14:05.318Z\",\"answeredAt\":\"2026-03-02T08:14:17.440Z\","
        "\"endedAt\":\"2026-03-02T08:17:24.551Z\",\"duration\":199,\"talkTime\":187,"
        "\"ringTime\":12,\"result\":\"answered\",\"customerId\":\"5521\",\"agentId\":118,"
        "\"agent\":{\"id\":118,\"firstName\":\"Mona\",\"lastName\":\"Test\","
        "\"username\":\"mona.test@example.com\",\"ccLogin\":\"agent-0118\"},"
        "\"customer\":{\"id\":\"5521\",\"firstName\":\"Omar\",\"lastName\":null},"
        "\"recordingFile\":\"b3a1f0c2-6f4e-4d8a-9a57-2c1e8d7f9b01.mp3\"}}"},
    {"agent.login", "an agent logs in",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"status\":\"available\","
        "\"action\":\"agent-add\",\"type\":\"agent-connected\",\"data\":\"33333\","
        "\"startedAt\":\"2026-03-02T05:58:12.640Z\",\"startedAtEpoch\":\"1772431092640093\"}"},
    {"agent.logout", "an agent logs out",
        "{\"coreUUID\":\"7d0c5f1e-3a52-4c0b-9c1d-0f6a2b9e4d11\",\"status\":\"logged out\","
        "\"action\":\"agent-del\",\"type\":\"agent-disconnected\",\"data\":\"33333\","
        "\"startedAt\":\"2026-03-02T14:03:55.201Z\",\"startedAtEpoch\":\"1772460235201744\","
        "\"source\":\"agent\",\"agent\":{\"id\":118,\"firstName\":\"Mona\","
        "\"lastName\":\"Test\",\"username\":\"mona.test@example.com\","
        "\"ccLogin\":\"agent-0118\"},\"callsAnswered\":\"41\",\"noAnswerCount\":\"3\","
        "\"talkTime\":\"6120\",\"wrapUpTime\":\"900\",\"lastStatusChangeEPOCH\":\"1772460235\"}"},
    {NULL, NULL, NULL},
};
