/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that the API draws, and their rotation. */
#include "console/secrets.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "console/api.h"
#include "console/call.h"
#include "console/change.h"
#include "subscriptions/revision.h"
#include "subscriptions/sealing.h"
#include "subscriptions/secret.h"

#define ID_BYTES    12
#define GRACE_MAX_S 2592000 /* 30 days */

json_t *secrets_random_id(const char *prefix)
{
    uint8_t raw[ID_BYTES];
    char hex[2 * ID_BYTES + 1];
    if (RAND_bytes(raw, sizeof raw) != 1)
        fatal("no random numbers to be had");
    text_hex(raw, sizeof raw, hex);
    return json_sprintf("%s%s", prefix, hex);
}

/* A member of "secrets". *ret_shown gets what is shown of it. Returns new. */
static json_t *draw(enum secret_kind kind, json_t **ret_shown)
{
    char text[SECRET_TEXT_SIZE], public[SECRET_TEXT_SIZE], now[RFC3339_SIZE];
    json_t *id = secrets_random_id("key_");
    secret_generate(kind, text, public);
    json_t *shown = json_pack("{s:s}", "secret", text);
    if (public[0])
        json_object_set_new(shown, "public_key", json_string(public));
    json_t *secret =
        json_pack("{s:O, s:s, s:s, s:s}", "id", id, "scheme", kind == SECRET_ED25519 ? "v1a" : "v1",
            "secret", text, "created_at", wall_format(wall_now(), now));
    *ret_shown = json_pack("{s:o}", json_string_value(id), shown);
    json_decref(id);
    OPENSSL_cleanse(text, sizeof text);
    return secret;
}

json_t *secrets_add_first(json_t *body)
{
    json_t *shown;
    json_object_set_new(body, "secrets", json_pack("[o]", draw(SECRET_HMAC, &shown)));
    return shown;
}

json_t *secrets_shown(const struct subscription *subscription, const struct seal_ring *ring)
{
    struct error error = ERROR_INIT;
    json_t *shown = json_object(), *copy = subscription_json(subscription), *secret;
    size_t index;
    sealing_open(copy, ring, &error);
    json_array_foreach(json_object_get(copy, "secrets"), index, secret) {
        const char *text = json_string_value(json_object_get(secret, "secret"));
        if (!seal_is_sealed(text))
            json_object_set_new(shown, json_string_value(json_object_get(secret, "id")),
                json_pack("{s:s}", "secret", text));
    }
    json_decref(copy);
    return shown;
}

/* Rotating. */

static int64_t grace_ms(const struct call *call)
{
    const json_t *grace = json_object_get(call->body, "grace_s");
    return grace ? json_integer_value(grace) * 1000 : call->api->options->secret_grace_ms;
}

/* Whether a secret is one that the new one takes the place of, once the grace period is over. */
static bool is_replaced(
    const struct subscription_secret *secret, enum secret_kind kind, int64_t end_ms)
{
    return secret->kind == kind && (!secret->expires_at_ms || secret->expires_at_ms > end_ms);
}

static void carry_on(json_t *list, json_t *secret, const struct subscription_secret *known,
    bool replaced, int64_t end_ms)
{
    int64_t now_ms = wall_now().ms;
    int64_t expires_ms = replaced ? end_ms : known->expires_at_ms;
    if (expires_ms && expires_ms <= now_ms)
        return;
    json_t *copy = json_deep_copy(secret);
    if (replaced) {
        char end[RFC3339_SIZE];
        wall_format((struct wall_time){end_ms}, end);
        json_object_set_new(copy, "expires_at", json_string(end));
    }
    json_array_append_new(list, copy);
}

static bool decide_rotate(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    const struct call *call = change->call;
    json_t *new = json_object_get(call->body, "new"), *secret;
    const char *scheme = json_string_value(json_object_get(new, "scheme"));
    enum secret_kind kind = strcmp(scheme, "v1a") == 0 ? SECRET_ED25519 : SECRET_HMAC;
    int64_t end_ms = wall_now().ms + grace_ms(call);
    json_t *list = json_pack("[O]", new), *before = subscription_json(old);
    size_t index;
    json_array_foreach(json_object_get(before, "secrets"), index, secret)
        carry_on(list, secret, &old->secrets[index],
            is_replaced(&old->secrets[index], kind, end_ms), end_ms);
    json_decref(before);
    json_t *changes = json_pack("{s:o}", "secrets", list);
    bool fits = json_array_size(list) <= SUBSCRIPTION_SECRETS_MAX;
    if (fits)
        change->record = revision_touch(old, changes, call->api->deps.ring, wall_now());
    json_decref(changes);
    return fits ||
           problem_set(problem, 409,
               "%s has %d secrets that have not expired, and can have no more: wait, or take "
               "some away",
               old->key, SUBSCRIPTION_SECRETS_MAX);
}

static bool check_rotation(const struct call *call, struct problem *problem)
{
    const char *name;
    json_t *value;
    json_object_foreach(call->body, name, value) {
        const char *text = json_string_value(value);
        bool is_scheme = strcmp(name, "scheme") == 0, is_grace = strcmp(name, "grace_s") == 0;
        char *pointer = mem_printf("/%s", name);
        if (!is_scheme && !is_grace)
            problem_add(problem, pointer, "no such field");
        else if (is_scheme && !(text && (strcmp(text, "v1") == 0 || strcmp(text, "v1a") == 0)))
            problem_add(problem, pointer, "neither \"v1\" nor \"v1a\"");
        else if (is_grace && !(json_is_integer(value) && json_integer_value(value) >= 0 &&
                                 json_integer_value(value) <= GRACE_MAX_S))
            problem_add(problem, pointer, "not a whole number of seconds from 0 to 2592000");
        free(pointer);
    }
    return problem->status == 0;
}

void api_subscription_rotate(struct call *call)
{
    struct problem problem = {0};
    if (!check_rotation(call, &problem)) {
        call_fail(call, &problem);
        return;
    }
    if (!call->body)
        call->body = json_object();
    const char *scheme = json_string_value(json_object_get(call->body, "scheme"));
    json_t *shown;
    json_t *new = draw(scheme && strcmp(scheme, "v1a") == 0 ? SECRET_ED25519 : SECRET_HMAC, &shown);
    json_object_set_new(call->body, "new", new);
    change_begin(call, "rotate-secret", decide_rotate, shown);
}
