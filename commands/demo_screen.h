/* SPDX-License-Identifier: Apache-2.0 */
/* How the demo shows itself: a table that is redrawn in place on a terminal, lines otherwise, or one
 * JSON object at the end. */
#ifndef HOOKLINE_COMMANDS_DEMO_SCREEN_H
#define HOOKLINE_COMMANDS_DEMO_SCREEN_H

#include <stdbool.h>

#include "commands/demo_figures.h"

struct demo_screen {
    bool live; /* the table is redrawn in place */
    bool colour;
    int drawn; /* lines that the next drawing goes over */
};

/* Where everything is, to print. */
struct demo_places {
    const char *brokers, *receiver_url;
    const char *probes; /* address; "" = none */
    const char *prefix; /* of our topics */
    const char *tenant_header;
};

void demo_screen_init(struct demo_screen *screen);
void demo_screen_starting(struct demo_screen *screen);
/* Once, when all is ready. */
void demo_screen_intro(
    struct demo_screen *screen, const struct demo_places *places, double start_seconds);
/* How often to call demo_screen_update(). */
int64_t demo_screen_interval_ms(const struct demo_screen *screen);
void demo_screen_update(struct demo_screen *screen, const struct demo_figures *figures,
    double seconds, const char *state);
void demo_screen_summary(
    struct demo_screen *screen, const struct demo_figures *figures, double seconds);
/* Prints the object of `hookline demo --json`. */
void demo_print_json(const struct demo_figures *figures, double seconds);

#endif
