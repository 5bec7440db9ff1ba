/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests of a subscription are made with that nobody else may know. */
#include "webhook/credentials.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "subscriptions/sealing.h"
#include "subscriptions/secret.h"

/* The subscription with its values opened: a reference to it, or to a copy. */
static struct subscription *open_values(
    struct subscription *subscription, const struct seal_ring *ring, struct error *error)
{
    struct subscription *opened = NULL;
    json_t *json = subscription_json(subscription);
    if (!sealing_has_sealed(json))
        opened = subscription_ref(subscription);
    else if (sealing_open(json, ring, error))
        opened = subscription_parse(json, false, error);
    json_decref(json);
    return opened;
}

static bool make_keys(struct credentials *credentials, struct error *error)
{
    const struct subscription *subscription = credentials->subscription;
    for (size_t i = 0; i < subscription->secret_count; i++) {
        const struct subscription_secret *secret = &subscription->secrets[i];
        credentials->keys[i] = signing_key_new(secret->text, strlen(secret->text), error);
        if (!credentials->keys[i]) {
            error_prefix(error, "/secrets/%s", secret->id);
            return false;
        }
    }
    return true;
}

char *credentials_basic(const char *user, const char *password)
{
    static const char scheme[] = "Basic ";
    struct buffer plain = BUFFER_INIT;
    buffer_printf(&plain, "%s:%s", user, password);
    char *value = mem_alloc(sizeof scheme + 4 * (plain.len / 3 + 1));
    memcpy(value, scheme, sizeof scheme - 1);
    EVP_EncodeBlock((unsigned char *)value + sizeof scheme - 1, (const unsigned char *)plain.data,
        (int)plain.len);
    secret_wipe(&plain);
    return value;
}

static void set_authorization(struct credentials *credentials)
{
    const struct subscription_auth *auth = &credentials->subscription->auth;
    if (auth->username)
        credentials->authorization = credentials_basic(auth->username, auth->password);
}

struct credentials *credentials_new(
    struct subscription *subscription, const struct seal_ring *ring, struct error *error)
{
    struct credentials *credentials = mem_zalloc(sizeof *credentials);
    credentials->subscription = open_values(subscription, ring, error);
    if (credentials->subscription && make_keys(credentials, error)) {
        set_authorization(credentials);
        return credentials;
    }
    credentials_free(credentials);
    return NULL;
}

void credentials_free(struct credentials *credentials)
{
    if (!credentials)
        return;
    for (size_t i = 0; i < SUBSCRIPTION_SECRETS_MAX; i++)
        signing_key_free(credentials->keys[i]);
    if (credentials->authorization)
        OPENSSL_cleanse(credentials->authorization, strlen(credentials->authorization));
    free(credentials->authorization);
    subscription_unref(credentials->subscription);
    free(credentials);
}

size_t credentials_sign(const struct credentials *credentials,
    const struct signature_message *message, char out[CREDENTIALS_SIGNATURES_SIZE])
{
    const struct subscription *subscription = credentials->subscription;
    struct signing_key *live[SUBSCRIPTION_SECRETS_MAX] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < subscription->secret_count; i++) {
        int64_t expires_at_ms = subscription->secrets[i].expires_at_ms;
        if (!expires_at_ms || expires_at_ms / 1000 > message->timestamp_s)
            live[count++] = credentials->keys[i];
    }
    size_t len = signature_sign_all(live, count, message, out);
    bug_on(
        count > 0 && len == 0); /* ids of deliveries can be signed: producers/delivery_record.c */
    return len;
}
