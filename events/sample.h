/* SPDX-License-Identifier: Apache-2.0 */
/* Sample payloads, at least one per canonical type and body generation, for tests of webhooks and
 * documents. All values are invented. */
#ifndef HOOKLINE_EVENTS_SAMPLE_H
#define HOOKLINE_EVENTS_SAMPLE_H

struct event_sample {
    const char *type;  /* canonical */
    const char *title; /* "a call rings on an agent's phone" */
    const char *json;
};

/* Ends with a row whose type is NULL. */
extern const struct event_sample event_samples[];

#endif
