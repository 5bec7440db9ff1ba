/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a secret that signs: a prefix that says what it is, and base64 (Standard Webhooks 1.0.0,
 * "Signature scheme"). Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_SECRET_H
#define HOOKLINE_SUBSCRIPTIONS_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

enum secret_kind {
    SECRET_HMAC,    /* whsec_, 24 to 64 bytes: v1 */
    SECRET_ED25519, /* whsk_, the 32 bytes of a private key, alone or with the 32 of its public
                            * key behind them: v1a */
    SECRET_ED25519_PUBLIC, /* whpk_, 32 bytes: verifies v1a, and signs nothing */
};

/* Reads the `len` bytes of a secret's text, with strict and padded base64, and appends its bytes to
 * `raw`, which the caller wipes. False (ERROR_CONFIG, with nothing of the text in it) if it is none. */
must_check bool secret_read(const char *text, size_t len, enum secret_kind *ret_kind,
    struct buffer *raw, struct error *error);
/* Whether `text` is a secret of that kind; otherwise as secret_read(). */
must_check bool secret_valid(const char *text, enum secret_kind kind, struct error *error);

#define SECRET_TEXT_SIZE 64
/* A new one of 32 bytes from the system's random source, SECRET_HMAC or SECRET_ED25519; of the latter
 * `ret_public` gets the text that verifies, else "". The caller wipes the secret. */
void secret_generate(
    enum secret_kind kind, char ret_text[SECRET_TEXT_SIZE], char ret_public[SECRET_TEXT_SIZE]);

/* Frees what has held a secret, after wiping it. */
void secret_wipe(struct buffer *buffer);

#endif
