/* SPDX-License-Identifier: Apache-2.0 */
/* What the strings of a subscription may be. Each check returns false with a text that says what is
 * wrong (ERROR_CONFIG), without naming the field. Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_VALIDATE_H
#define HOOKLINE_SUBSCRIPTIONS_VALIDATE_H

#include <stdbool.h>

#include "common/error.h"

must_check bool validate_tenant(const char *tenant, struct error *error);
must_check bool validate_id(const char *id, struct error *error);
/* An absolute http or https URL by RFC 3986: a host, no user, no fragment, ASCII without what has
 * to be percent-encoded, so that no two parsers can see two hosts in it. */
must_check bool validate_url(const char *url, struct error *error);
/* "call.ringing", "call.*" or "*". */
must_check bool validate_event_pattern(const char *pattern, struct error *error);
/* A type as `ttl_s` names it: "call.ringing" or "*". */
must_check bool validate_event_or_all(const char *event, struct error *error);
/* A token (RFC 9110, 5.6.2) that is not reserved. */
must_check bool validate_header_name(const char *name, struct error *error);
/* Not empty, no control character, no blank at either end. Never quotes the value: it may be a
 * secret. */
must_check bool validate_header_value(const char *value, struct error *error);
/* A user's name for HTTP Basic, what a token is asked for with, its scope: not empty, and no control
 * characters; the first has no colon, the last is ASCII without quotes and backslashes. */
must_check bool validate_username(const char *text, struct error *error);
must_check bool validate_credential(const char *text, struct error *error);
must_check bool validate_scope(const char *text, struct error *error);
/* No control character (C0, DEL, C1), so that it can be printed on a terminal. */
must_check bool validate_line(const char *text, struct error *error);
/* The same, but newlines and tabs pass. */
must_check bool validate_paragraphs(const char *text, struct error *error);

#endif
