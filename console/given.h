/* SPDX-License-Identifier: Apache-2.0 */
/* A new subscription as somebody gives it, and what is filled in where it says nothing. Private to console/. */
#ifndef HOOKLINE_CONSOLE_GIVEN_H
#define HOOKLINE_CONSOLE_GIVEN_H

#include <jansson.h>
#include <stdbool.h>

#include "subscriptions/subscription.h"

/* `given` says of `name` what the path says, or nothing: then it is filled in. False, with a report, where it says
 * something else. */
bool given_place(
    json_t *given, const char *name, const char *value, subscription_problem *report, void *arg);

/* Tenant, id and a secret, where they are left out. *ret_shown gets what is to be shown of the secret, as from
 * secrets_add_first(), or NULL. False, with a report, where it is of another tenant. */
bool given_complete(
    json_t *given, const char *tenant, json_t **ret_shown, subscription_problem *report, void *arg);

#endif
