/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that every Kafka client of ours shares, and which librdkafka properties may be set. */
#ifndef HOOKLINE_KAFKA_CLIENT_H
#define HOOKLINE_KAFKA_CLIENT_H

#include <stdbool.h>

#include "common/error.h"

struct kafka_options {
    const char *brokers;   /* "host:port,host:port" */
    const char *client_id; /* "hookline" */
    const char *const
        *properties; /* "name=value" for librdkafka; NULL-terminated; later ones win */
};

/* Whether "name=value" is a property that librdkafka knows, with a value it takes, and not one that
 * would break a promise (offset reset, auto-commit, partitioner, isolation level, idempotence, …).
 * ERROR_CONFIG says which and why. */
must_check bool kafka_property_check(const char *property, struct error *error);

/* The names of all properties that may not be set, with the reason: for the documents. */
struct kafka_forbidden_property {
    const char *name;
    const char *why;
};
extern const struct kafka_forbidden_property kafka_forbidden_properties[]; /* ends with NULL */

/* The version of the library that is loaded: "2.0.2". */
const char *kafka_library_version(void);

/* The metrics of all clients, at 0. */
void kafka_register_metrics(void);

#endif
