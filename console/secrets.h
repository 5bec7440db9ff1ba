/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that the API draws, and shows once. Private to console/. */
#ifndef HOOKLINE_CONSOLE_SECRETS_H
#define HOOKLINE_CONSOLE_SECRETS_H

#include <jansson.h>

#include "subscriptions/seal.h"
#include "subscriptions/subscription.h"

/* A JSON string: the prefix and 24 hex digits. Returns new. */
json_t *secrets_random_id(const char *prefix);

/* Gives `body` a secret, and returns new what is to be shown of it, {"<id>":{"secret":…}}. */
json_t *secrets_add_first(json_t *body);

/* The same for the secrets that a subscription has, as far as they open. Returns new. */
json_t *secrets_shown(const struct subscription *subscription, const struct seal_ring *ring);

#endif
