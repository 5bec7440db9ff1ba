/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to tell of an endpoint. */
#include "consumers/policy/notice.h"

static bool fails_for_long(
    const struct notice_view *view, int64_t notice_after_ms, struct wall_time now)
{
    return view->failing && view->failing_since.ms >= 0 &&
           now.ms - view->failing_since.ms >= notice_after_ms;
}

enum notice notice_due(
    const struct notice_view *view, int64_t notice_after_ms, struct wall_time now)
{
    if (view->recovered_at.ms >= 0)
        return NOTICE_RECOVERED;
    if (view->disabled)
        return view->told == TOLD_DISABLED ? NOTICE_NONE : NOTICE_DISABLED;
    if (view->told != TOLD_FAILING && fails_for_long(view, notice_after_ms, now))
        return NOTICE_FAILING;
    return NOTICE_NONE;
}

enum endpoint_told notice_told(enum notice notice)
{
    static const enum endpoint_told told[] = {
        [NOTICE_NONE] = TOLD_NOTHING,
        [NOTICE_FAILING] = TOLD_FAILING,
        [NOTICE_RECOVERED] = TOLD_NOTHING,
        [NOTICE_DISABLED] = TOLD_DISABLED,
    };
    return told[notice];
}
