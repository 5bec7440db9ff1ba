/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens of the console's API: those of a file, which is followed while the process runs.
 *
 * The file has names, roles, tenants and the SHA-256 of each token's text. A token has 256 random bits,
 * so there is nothing to guess that a slow hash would make dearer, and a fast one costs a request
 * nothing. docs/contract.md, "Tokens", is the interface. */
#ifndef HOOKLINE_CONSOLE_TOKENS_H
#define HOOKLINE_CONSOLE_TOKENS_H

#include "common/clock.h"
#include "common/error.h"
#include "common/loop.h"

enum token_role { TOKEN_VIEWER, TOKEN_OPERATOR, TOKEN_ADMIN };
extern const char *const token_roles[]; /* "viewer", …, in the order of the enum; ends with NULL */

struct token {
    const char *name; /* for people and logs, unique */
    enum token_role role;
    const char *tenant;          /* NULL = all */
    struct wall_time expires_at; /* ms 0 = never */
};

struct tokens;

/* Reads the file, and looks each second whether it has changed. One that has become invalid,
 * unreadable or missing is logged, and the tokens of the last good one stay. Returns new, or NULL with
 * the file and what is wrong with it in the text (ERROR_CONFIG; ERROR_RETRY if the system is at fault).
 * `loop` is borrowed. */
must_check struct tokens *tokens_new(struct loop *loop, const char *path, struct error *error);
/* NULL is fine. */
void tokens_free(struct tokens *tokens);

/* The token with that text; NULL: unknown or expired. Borrowed until the next turn of the loop. How
 * long it takes says nothing of the hashes that are known. */
const struct token *tokens_find(
    const struct tokens *tokens, const char *text, struct wall_time now);

#endif
