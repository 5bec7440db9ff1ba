/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery topic of a tenant that is new: made where it is missing, and how many partitions it has. Private to
 * console/. */
#ifndef HOOKLINE_CONSOLE_TENANT_TOPIC_H
#define HOOKLINE_CONSOLE_TENANT_TOPIC_H

#include <stdint.h>

#include "common/error.h"
#include "console/console.h"

struct tenant_topic {
    const struct console_deps *deps; /* borrowed, as all that follows */
    const char *tenant;
    void (*done)(void *arg);
    void *arg;
    /* What came of it. */
    int32_t partitions; /* 0 = none: the error says why */
    struct error error;
};

/* Begins; `done` is called once, on the loop. *topic must live until then. */
void tenant_topic_ensure(struct tenant_topic *topic);

#endif
