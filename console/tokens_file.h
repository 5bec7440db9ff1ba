/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens file: read by the console, changed by `hookline token`. Everybody may read it, as it has
 * hashes only; one that everybody may write is refused. */
#ifndef HOOKLINE_CONSOLE_TOKENS_FILE_H
#define HOOKLINE_CONSOLE_TOKENS_FILE_H

#include "common/error.h"
#include "console/token_list.h"
#include "console/tokens.h"

#define TOKENS_FILE_MAX (4 * 1024 * 1024) /* bytes */
/* "hlt_", the base64url of 32 bytes without padding (RFC 4648, 5), and a NUL. */
#define TOKEN_TEXT_SIZE 48

/* Returns new, or NULL: the text names the file (ERROR_CONFIG; ERROR_RETRY if the system is at fault). */
must_check struct token_list *tokens_file_read(const char *path, struct error *error);

/* The text of a new token: 256 random bits from the system. */
void token_make(char out[TOKEN_TEXT_SIZE]);

/* The two below replace the file as a whole, by rename(2), and wait for each other by a lock on
 * "<path>.new", so that no change is lost; they block. Other tokens, owner and mode stay as they are.
 * The text names the file; if it fails, the file is as it was. */

/* Adds a token, of which only the hash of `text` is kept; makes the file, for its owner only, if there is
 * none. ERROR_PERMANENT if its name is taken. */
must_check bool tokens_file_add(
    const char *path, const struct token *token, const char *text, struct error *error);
/* ERROR_PERMANENT if there is no token of that name. */
must_check bool tokens_file_revoke(const char *path, const char *name, struct error *error);

#endif
