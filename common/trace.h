/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: an event's trace, continued by each attempt to deliver it with a span of the attempt's own. Pure, but
 * for the process's own key. https://www.w3.org/TR/trace-context/ */
#ifndef HOOKLINE_COMMON_TRACE_H
#define HOOKLINE_COMMON_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/record.h"

#define TRACE_ID_SIZE     33
#define TRACE_SPAN_SIZE   17
#define TRACE_PARENT_SIZE 56

struct trace {
    char id[TRACE_ID_SIZE];
    char span[TRACE_SPAN_SIZE]; /* the attempt's; never zero */
    unsigned flags; /* sampled (1) and random (2), as they came; others are not passed on */
    const char
        *state; /* the tracestate, borrowed from the record; NULL = none that is well-formed */
};

/* An attempt, as the receiver knows it. */
struct trace_attempt {
    const char *id; /* of the delivery */
    int64_t number;
    struct wall_time at;
};

/* Continues the trace that the record's traceparent tells of; of a version that is not known what version 00 has. False if
 * there is none, or none that is well-formed: then its tracestate counts for nothing, too. Within a process the same attempt
 * always has the same span, and two have two. */
bool trace_continue(
    const struct record *record, const struct trace_attempt *attempt, struct trace *ret_trace);
/* The value of the header traceparent. Returns `out`. */
const char *trace_parent(const struct trace *trace, char out[TRACE_PARENT_SIZE]);

#endif
