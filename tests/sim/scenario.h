/* SPDX-License-Identifier: Apache-2.0 */
/* Courses of events that chance would not bring about. Some of the seeds have one of them. */
#ifndef HOOKLINE_SIM_SCENARIO_H
#define HOOKLINE_SIM_SCENARIO_H

#include "world.h"

enum scenario {
    SCENARIO_NONE,
    SCENARIO_PATIENT,  /* the first endpoint is paused for longer than a day */
    SCENARIO_ELEVATOR, /* the first is slow and far behind, the second quick and far ahead */
    SCENARIO_NERVOUS,  /* the first sets lanes aside, and gives them up while they come back */
};

/* Whether this run has one: before the world is drawn. */
enum scenario scenario_draw(void);
/* Whether its moods and its subscription are the scenario's, and chance leaves them alone. */
bool scenario_owns(const struct sim_endpoint *endpoint);
/* When the registry is written. */
void scenario_start(void);
/* When the chaos is over and all other endpoints are well. */
void scenario_run_on(void);

#endif
