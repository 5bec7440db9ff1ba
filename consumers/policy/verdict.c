/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means. */
#include "consumers/policy/verdict.h"

static struct judgement judge_status(int status)
{
    if (status >= 200 && status <= 299)
        return (struct judgement){VERDICT_DELIVERED, false, false};
    switch (status) {
    case 410:
        return (struct judgement){VERDICT_GONE, true, false};
    case 429:
    case 503:
        return (struct judgement){VERDICT_RETRY, true, true};
    case 502:
    case 504:
        return (struct judgement){VERDICT_RETRY, true, false};
    case 408:
    case 425:
        return (struct judgement){VERDICT_RETRY, false, false};
    default:
        if (status >= 300 && status <= 499)
            return (struct judgement){VERDICT_REJECTED, false, false};
        return (struct judgement){VERDICT_RETRY, false, false}; /* 5xx, and what is no status */
    }
}

struct judgement verdict_judge(enum http_fault fault, int status)
{
    switch (fault) {
    case HTTP_ANSWERED:
        return judge_status(status);
    case HTTP_OURS:
    case HTTP_CANCELLED:
        return (struct judgement){VERDICT_OURS, false, false};
    case HTTP_BLOCKED:
        return (struct judgement){VERDICT_BLOCKED, false, false};
    default:
        return (struct judgement){VERDICT_RETRY, true, false};
    }
}
