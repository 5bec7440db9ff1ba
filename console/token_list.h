/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens that a tokens file holds, checked; and what the parts of one may be. Pure. */
#ifndef HOOKLINE_CONSOLE_TOKEN_LIST_H
#define HOOKLINE_CONSOLE_TOKEN_LIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/hash.h"
#include "console/tokens.h"

#define TOKENS_MAX        10000
#define TOKEN_NAME_MAX    64
#define TOKEN_HASH_PREFIX "sha256:"

struct token_list;

/* Takes a reference to the JSON of a tokens file. Returns new, or NULL with the JSON pointer to what is
 * wrong in the text: "/tokens/3/role: …" (ERROR_CONFIG). */
must_check struct token_list *token_list_parse(json_t *json, struct error *error);
/* NULL is fine. */
void token_list_free(struct token_list *list);

size_t token_list_count(const struct token_list *list);
/* In the order of the file. Borrowed from the list. */
const struct token *token_list_at(const struct token_list *list, size_t index);
/* The index of the token of that name; false if there is none. */
bool token_list_named(const struct token_list *list, const char *name, size_t *ret_index);
/* The token with that hash, or NULL. Borrowed from the list. Constant time in comparing hashes. */
const struct token *token_list_find(
    const struct token_list *list, const uint8_t hash[SHA256_BYTES]);

/* The hash of a token's text. */
void token_hash(const char *text, uint8_t out[SHA256_BYTES]);
bool token_expired(const struct token *token, struct wall_time now);

/* What a file and a command line may say. The text tells what is wrong, without naming the field
 * (ERROR_CONFIG). */
must_check bool token_check_name(const char *text, struct error *error);
must_check bool token_check_tenant(const char *text, struct error *error); /* or "*" */
must_check bool token_parse_role(const char *text, enum token_role *ret_role, struct error *error);

#endif
