/* SPDX-License-Identifier: Apache-2.0 */
/* What of a subscription is sealed at rest: its secrets, the values of its headers, what it says who it is
 * with, and its private key. The place of a value is its field by name, "/secrets/<id>", "/headers/<name>"
 * or "/auth/basic/password", so that it opens wherever it stands in a list. */
#ifndef HOOKLINE_SUBSCRIPTIONS_SEALING_H
#define HOOKLINE_SUBSCRIPTIONS_SEALING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "subscriptions/seal.h"

/* A value, to be changed with json_string_set(). False ends the walk. */
typedef bool sealing_visit(json_t *value, const char *field, void *arg);

/* Visits each value of a subscription's JSON. False if a visit was. */
bool sealing_each(json_t *subscription, sealing_visit *visit, void *arg);

/* Whether one of them is sealed. */
bool sealing_has_sealed(const json_t *subscription);

/* Seals what is not, and anew what is sealed with another key than the ring's first; *ret_changed is
 * how many. False (ERROR_CONFIG, with the field) if one does not open: it stays, the others are done. */
bool sealing_close(
    json_t *subscription, const struct seal_ring *ring, size_t *ret_changed, struct error *error);

/* Opens what is sealed. False (ERROR_CONFIG, with the field) if one does not open: it stays, the others
 * are done. `ring` may be NULL: no key. */
bool sealing_open(json_t *subscription, const struct seal_ring *ring, struct error *error);

#endif
