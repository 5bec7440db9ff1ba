/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys in PEM (RFC 7468), checked before they are stored: whether they are what they should
 * be, not whether they are valid now. Errors are ERROR_CONFIG and quote nothing. */
#ifndef HOOKLINE_SUBSCRIPTIONS_PEM_H
#define HOOKLINE_SUBSCRIPTIONS_PEM_H

#include <stdbool.h>

#include "common/error.h"

/* One or more certificates. */
must_check bool pem_check_certificates(const char *text, struct error *error);
/* One private key without a passphrase. */
must_check bool pem_check_key(const char *text, struct error *error);
/* Whether the key is that of the first certificate. */
must_check bool pem_check_pair(const char *certificate, const char *key, struct error *error);

#endif
