/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's cast: three tenants, their subscriptions, and how their endpoints behave. */
#ifndef HOOKLINE_COMMANDS_DEMO_ENDPOINTS_H
#define HOOKLINE_COMMANDS_DEMO_ENDPOINTS_H

#include <stdint.h>

#include "commands/receiver.h"
#include "common/error.h"
#include "kafka/embedded.h"
#include "kafka/producer.h"
#include "producers/topic_names.h"

#define DEMO_EVENTS_TOPIC "calls"

struct demo_endpoint {
    const char *tenant;
    const char *id;
    const char *events[4]; /* ends with NULL */
    int status;            /* that it answers with */
    int64_t delay_ms;
    int64_t max_attempts; /* 0 = the default */
};

extern const struct demo_endpoint demo_endpoints[]; /* by tenant; ends with a row without one */
extern const char *const demo_tenants[];            /* NULL-terminated */

/* The receiver's rules for all of them: endpoint i listens on "/<tenant>/<id>". Returns new; to be
 * freed by demo_rules_free(). */
struct receiver_rule *demo_rules_new(void);
void demo_rules_free(struct receiver_rule *rules);

/* Creates the events topic and all that Hookline needs. */
must_check bool demo_create_topics(
    struct kafka_embedded *embedded, const struct topic_options *topics, struct error *error);
/* Writes tenants and subscriptions to the registry, and waits for their acknowledgement. */
must_check bool demo_register(struct kafka_producer *producer, const struct topic_options *topics,
    const char *receiver_url, struct error *error);

#endif
