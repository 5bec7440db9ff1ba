/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means: the table of docs/contract.md, "The request". Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_VERDICT_H
#define HOOKLINE_CONSUMERS_POLICY_VERDICT_H

#include <stdbool.h>

#include "webhook/http_client.h"

enum verdict {
    VERDICT_DELIVERED,
    VERDICT_RETRY,    /* the delivery is charged an attempt */
    VERDICT_REJECTED, /* 3xx and most 4xx: a few attempts, the endpoint is alive */
    VERDICT_GONE,     /* 410 */
    VERDICT_OURS,     /* our own fault: retried, nobody is charged */
    VERDICT_BLOCKED,  /* it may not go there: a dead letter at once */
};

struct judgement {
    enum verdict verdict;
    bool endpoint_fault; /* counts against the endpoint too */
    bool may_pause;      /* a Retry-After pauses the endpoint */
};

/* `status` counts only with HTTP_ANSWERED. */
struct judgement verdict_judge(enum http_fault fault, int status);

#endif
