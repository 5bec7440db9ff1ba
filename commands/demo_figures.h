/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo counts: read back from the delivery, results and dead-letter topics, as any tool of
 * a user's could. */
#ifndef HOOKLINE_COMMANDS_DEMO_FIGURES_H
#define HOOKLINE_COMMANDS_DEMO_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "commands/demo_endpoints.h"
#include "commands/latencies.h"
#include "common/record.h"

struct demo_row {
    const struct demo_endpoint *endpoint; /* NULL: the row of all that is none of ours */
    int64_t deliveries, delivered, retries, dead;
    struct latencies latencies; /* from the event's record to the answer */
};

#define DEMO_ROWS_MAX 16

struct demo_figures {
    struct demo_row rows[DEMO_ROWS_MAX];
    size_t row_count;
    int64_t events, refused; /* refused: dead letters of events that became no delivery */
};

/* Returns new, with a row for each endpoint and one for others; freed with free(). */
struct demo_figures *demo_figures_new(void);

/* A record of a delivery topic, of the results topic, of the dead-letter topic. */
void demo_figures_delivery(struct demo_figures *figures, const struct record *record);
void demo_figures_result(struct demo_figures *figures, const struct record *record);
void demo_figures_dead_letter(struct demo_figures *figures, const struct record *record);

/* Adds up the rows of a tenant, or all with NULL. Returns new; freed with free(). */
struct demo_row *demo_figures_sum(const struct demo_figures *figures, const char *tenant);
/* Deliveries of which nothing has become yet. */
int64_t demo_row_waiting(const struct demo_row *row);

#endif
