/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests an endpoint may have in flight. */
#include "consumers/policy/window.h"

#define FAST_ANSWERS   16
#define SLOW_ANSWERS   256
#define ENOUGH_ANSWERS 64 /* before, the averages are too much alike to be compared */

#define RISE_FACTOR 3     /* of the fast average over the slow one, */
#define RISE_US     20000 /* and so much more: the jitter of a fast endpoint is no load */

void window_init(struct window *window, int64_t first)
{
    *window = (struct window){.size = first > 1 ? (double)first : 1, .slow_start = true};
}

int64_t window_size(const struct window *window, int64_t max)
{
    int64_t size = (int64_t)window->size;
    if (size > max)
        size = max;
    return size > 1 ? size : 1;
}

/* An average's part of a new value: as much as of each before, until there are `answers` of them. */
static double part(int64_t seen, int64_t answers)
{
    return 1 / (double)(seen < answers ? seen : answers);
}

static void average(struct window *window, int64_t latency_us)
{
    double latency = latency_us > 0 ? (double)latency_us : 0;
    if (window->seen < SLOW_ANSWERS)
        window->seen++;
    window->fast_us += (latency - window->fast_us) * part(window->seen, FAST_ANSWERS);
    window->slow_us += (latency - window->slow_us) * part(window->seen, SLOW_ANSWERS);
}

static bool latency_rises(const struct window *window)
{
    return window->seen >= ENOUGH_ANSWERS &&
           window->fast_us > RISE_FACTOR * window->slow_us + RISE_US;
}

/* What is in flight now was sent under the old size, and says the same once more: that many answers
 * are waited for before the next decrease. */
static void shrink(struct window *window, double factor)
{
    window->slow_start = false;
    window->cooldown = (int64_t)window->size;
    window->size *= factor;
    if (window->size < 1)
        window->size = 1;
}

static void grow(struct window *window, double max)
{
    window->size += window->slow_start ? 1 : 1 / window->size;
    if (window->size > max)
        window->size = max;
}

void window_answered(
    struct window *window, enum window_answer answer, int64_t latency_us, bool full, int64_t max)
{
    if (answer == WINDOW_NEUTRAL)
        return;
    /* It may have been larger when it was set: half of what nobody uses would change nothing. */
    double most = max > 1 ? (double)max : 1;
    if (window->size > most)
        window->size = most;
    if (answer == WINDOW_GOOD)
        average(window, latency_us);

    bool may_shrink = window->cooldown == 0;
    if (!may_shrink)
        window->cooldown--;
    if (may_shrink && answer == WINDOW_BAD)
        shrink(window, 0.5);
    else if (may_shrink && latency_rises(window))
        shrink(window, 0.8);
    else if (answer == WINDOW_GOOD && full)
        grow(window, most);
}
