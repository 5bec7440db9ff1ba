/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests of a subscription are made with that nobody else may know: its header values and passwords,
 * opened, and the keys that sign. */
#ifndef HOOKLINE_WEBHOOK_CREDENTIALS_H
#define HOOKLINE_WEBHOOK_CREDENTIALS_H

#include <stddef.h>

#include "common/error.h"
#include "subscriptions/seal.h"
#include "subscriptions/subscription.h"
#include "webhook/signature.h"

struct credentials {
    struct subscription *subscription;                  /* its values opened; a reference */
    struct signing_key *keys[SUBSCRIPTION_SECRETS_MAX]; /* of its secrets, in their order */
    char *authorization; /* the header's value, if it is always the same (HTTP Basic); else NULL */
};

/* "" for none; room for every secret's signature. */
#define CREDENTIALS_SIGNATURES_SIZE (SUBSCRIPTION_SECRETS_MAX * SIGNATURE_SIZE)

/* Returns new, with a reference of its own; NULL (ERROR_CONFIG, with the field) if a value does not open
 * with `ring` (NULL = no key), or is not what it should be. */
must_check struct credentials *credentials_new(
    struct subscription *subscription, const struct seal_ring *ring, struct error *error);
/* NULL is fine. */
void credentials_free(struct credentials *credentials);

/* The value of webhook-signature: one signature for each secret that has not expired at the message's
 * time. Returns its length; 0 = the subscription has no secrets. */
size_t credentials_sign(const struct credentials *credentials,
    const struct signature_message *message, char out[CREDENTIALS_SIGNATURES_SIZE]);

/* The value of an authorization header for HTTP Basic (RFC 7617). Returns new; wipe it. */
char *credentials_basic(const char *user, const char *password);

#endif
