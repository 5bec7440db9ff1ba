/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's names: who works and who calls, and the queues between them. */
#ifndef HOOKLINE_PRODUCERS_SIM_PEOPLE_H
#define HOOKLINE_PRODUCERS_SIM_PEOPLE_H

#include <stddef.h>

struct sim_name {
    const char *first;
    const char *last;  /* NULL where it is not known */
    const char *login; /* the name in ASCII, for addresses */
};

extern const struct sim_name sim_names[];
extern const size_t sim_name_count;

#define SIM_QUEUES 3
/* One row per tenant, in turn; numbers are of ranges that are reserved for fiction where there are
 * such, with %04d or so for their end. */
struct sim_place {
    const char *queues[SIM_QUEUES];
    const char *own_number; /* the number that customers call */
    const char *customer_format;
    int customer_max;
};

extern const struct sim_place sim_places[];
extern const size_t sim_place_count;

#endif
