/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a subscription that say how to get at its endpoint: `auth` and `tls`. */
#ifndef HOOKLINE_SUBSCRIPTIONS_PARSE_ACCESS_H
#define HOOKLINE_SUBSCRIPTIONS_PARSE_ACCESS_H

#include <jansson.h>

#include "subscriptions/parser.h"

void parse_auth(struct parser *parser, const json_t *object);
void parse_tls(struct parser *parser, const json_t *object);

/* Once all fields are read: whether these two go with the rest. */
void parse_access_check(struct parser *parser);

#endif
