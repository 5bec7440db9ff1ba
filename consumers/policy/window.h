/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests an endpoint may have in flight: additive increase, multiplicative decrease, with
 * hysteresis. The teachers are TCP's slow start and postfix's qmgr. Pure. */
#ifndef HOOKLINE_CONSUMERS_POLICY_WINDOW_H
#define HOOKLINE_CONSUMERS_POLICY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum window_answer {
    WINDOW_GOOD,    /* the endpoint did its work, whatever it thinks of this delivery */
    WINDOW_BAD,     /* refused for load, timed out, connection lost */
    WINDOW_NEUTRAL, /* says nothing about its load: our own fault, cancelled */
};

struct window {
    double size;
    bool slow_start;         /* grows by one with each answer until the first decrease */
    int64_t cooldown;        /* answers to come before it may shrink again: a window full */
    double fast_us, slow_us; /* latency averages: of the last few answers, of the last hundreds */
    int64_t seen;            /* answers in the averages, up to what makes them meaningful */
};

/* Starts with `first` (at least 1). */
void window_init(struct window *window, int64_t first);
/* What may be in flight now: from 1 to `max`. */
int64_t window_size(const struct window *window, int64_t max);
/* An answer. `full`: the window was in full use when it came, or it would not grow. `latency_us`
 * counts with WINDOW_GOOD only. Growth stops at `max`, and a larger one (`max` fell) is cut to it. A
 * bad answer halves it, latency that rises far above its average takes a fifth off; either only once
 * for the answers that were on their way then. */
void window_answered(
    struct window *window, enum window_answer answer, int64_t latency_us, bool full, int64_t max);

#endif
