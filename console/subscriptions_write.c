/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions, written. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/text.h"
#include "console/api.h"
#include "console/call.h"
#include "console/change.h"
#include "console/given.h"
#include "console/secrets.h"
#include "subscriptions/revision.h"

#define IDEMPOTENCY_KEY_MAX 255
#define HASH_CHARS          32 /* hex digits of a hash that are kept */

static const struct seal_ring *ring_of(const struct change *change)
{
    return change->call->api->deps.ring;
}

/* Creating. */

static void hash_text(const char *tenant, const char *text, char out[HASH_CHARS + 1])
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    struct sha256 *hash = sha256_new();
    sha256_add(hash, tenant, strlen(tenant) + 1);
    sha256_add(hash, text, strlen(text));
    sha256_finish(hash, digest);
    sha256_free(hash);
    text_hex(digest, sizeof digest, hex);
    memcpy(out, hex, HASH_CHARS);
    out[HASH_CHARS] = 0;
}

/* What of the request stays with the subscription, so that the same request, sent again by who had no
 * answer, finds it: "<hash of the key>/<hash of the body>". */
static bool mark_creation(struct call *call, struct problem *problem)
{
    const char *key = http_exchange_header(call->exchange, "idempotency-key");
    json_object_del(call->body, "creation");
    if (!key)
        return true;
    if (!key[0] || strlen(key) > IDEMPOTENCY_KEY_MAX)
        return problem_set(problem, 400, "the Idempotency-Key is not 1 to %d characters long",
            IDEMPOTENCY_KEY_MAX);
    char key_hash[HASH_CHARS + 1], body_hash[HASH_CHARS + 1];
    char *body = json_dumps(call->body, JSON_COMPACT | JSON_SORT_KEYS);
    hash_text(call->tenant, key, key_hash);
    hash_text(call->tenant, body, body_hash);
    json_object_set_new(call->body, "creation", json_sprintf("%s/%s", key_hash, body_hash));
    free(body);
    return true;
}

/* Made by a request with the same key, or NULL. */
static const struct subscription *find_created(const struct change *change, const char *creation)
{
    const struct call *call = change->call;
    const struct store_tenant *tenant = store_tenant(call->api->deps.store, call->tenant);
    for (size_t i = 0; creation && tenant && i < tenant->subscription_count; i++) {
        const char *other = tenant->subscriptions[i]->creation;
        if (other && strncmp(other, creation, HASH_CHARS + 1) == 0)
            return tenant->subscriptions[i];
    }
    return NULL;
}

/* The same request again has the same answer, as long as nobody has changed what it made. */
static bool answer_again(struct change *change, const struct subscription *found,
    const char *creation, struct problem *problem)
{
    if (strcmp(found->creation, creation) != 0)
        return problem_set(problem, 422, "this Idempotency-Key came before with another body");
    if (found->version != 1)
        return problem_set(problem, 409,
            "this request came before, and made %s, which has been changed since", found->key);
    json_decref(change->before);
    json_decref(change->shown);
    change->before = subscription_masked(found);
    change->shown = secrets_shown(found, ring_of(change));
    change->unchanged = true;
    return true;
}

static bool check_count(const struct change *change, struct problem *problem)
{
    const struct call *call = change->call;
    const struct store_tenant *tenant = store_tenant(call->api->deps.store, call->tenant);
    int64_t count = tenant ? (int64_t)tenant->subscription_count : 0;
    int64_t max = call->api->deps.max_per_tenant;
    return count < max || problem_set(problem, 422,
                              "tenant %s has %" PRId64 " subscriptions, and may have %" PRId64
                              " (subscriptions.max_per_tenant)",
                              call->tenant, count, max);
}

static bool is_valid(const json_t *desired, struct problem *problem)
{
    struct subscription *parsed = subscription_parse_all(desired, true, problem_add, problem);
    if (!parsed)
        return false;
    subscription_unref(parsed);
    return true;
}

static bool decide_create(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    const json_t *body = change->call->body;
    json_t *creation = json_object_get(body, "creation");
    const struct subscription *found = find_created(change, json_string_value(creation));
    if (found)
        return answer_again(change, found, json_string_value(creation), problem);
    if (!is_valid(body, problem) || !check_count(change, problem))
        return false;
    if (old)
        return problem_set(problem, 409, "there is a subscription %s already", old->key);
    change->record = revision_make(body, NULL, ring_of(change), wall_now());
    if (creation)
        json_object_set(change->record, "creation", creation);
    return true;
}

void api_subscription_create(struct call *call)
{
    struct problem problem = {0};
    json_t *shown;
    if (!mark_creation(call, &problem) ||
        !given_complete(call->body, call->tenant, &shown, problem_add, &problem)) {
        call_fail(call, &problem);
        return;
    }
    const char *id = json_string_value(json_object_get(call->body, "id"));
    change_begin_new(call, id ? id : "", decide_create, shown);
}

/* Replacing. */

static bool place_both(json_t *desired, const struct subscription *old, struct problem *problem)
{
    return given_place(desired, "tenant", old->tenant, problem_add, problem) &&
           given_place(desired, "id", old->id, problem_add, problem);
}

/* Takes `desired`. */
static bool revise(
    struct change *change, const struct subscription *old, json_t *desired, struct problem *problem)
{
    const struct seal_ring *ring = ring_of(change);
    struct subscription *parsed = subscription_parse_masked(desired, problem_add, problem);
    bool good = parsed && place_both(desired, old, problem) &&
                revision_unmask(desired, old, ring, problem_add, problem);
    if (good) {
        char *changes = revision_changes(desired, old, ring);
        change->unchanged = changes[0] == 0;
        if (!change->unchanged)
            change->record = revision_make(desired, old, ring, wall_now());
        free(changes);
    }
    subscription_unref(parsed);
    json_decref(desired);
    return good;
}

static bool decide_replace(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    json_t *desired = json_deep_copy(change->call->body);
    if (place_both(desired, old, problem))
        return revise(change, old, desired, problem);
    json_decref(desired);
    return false;
}

void api_subscription_replace(struct call *call)
{
    json_object_del(call->body, "warnings"); /* of our answer, which may come back */
    change_begin(call, "replace", decide_replace, NULL);
}

static bool decide_patch(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    json_t *desired = subscription_masked(old);
    revision_merge(desired, change->call->body);
    return revise(change, old, desired, problem);
}

void api_subscription_patch(struct call *call)
{
    change_begin(call, "patch", decide_patch, NULL);
}

/* The rest. */

static bool decide_delete(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    (void)old, (void)problem;
    change->remove = true;
    return true;
}

void api_subscription_delete(struct call *call)
{
    change_begin(call, "delete", decide_delete, NULL);
}

/* Takes `changes`. */
static bool touch(struct change *change, const struct subscription *old, json_t *changes)
{
    change->record = revision_touch(old, changes, ring_of(change), wall_now());
    json_decref(changes);
    return true;
}

static json_t *now_text(void)
{
    char now[RFC3339_SIZE];
    return json_string(wall_format(wall_now(), now));
}

static bool decide_enable(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    (void)problem;
    return touch(change, old, json_pack("{s:b, s:o}", "enabled", 1, "reset_at", now_text()));
}

void api_subscription_enable(struct call *call)
{
    change_begin(call, "enable", decide_enable, NULL);
}

static bool decide_disable(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    (void)problem;
    change->unchanged = !old->enabled;
    return change->unchanged || touch(change, old, json_pack("{s:b}", "enabled", 0));
}

void api_subscription_disable(struct call *call)
{
    change_begin(call, "disable", decide_disable, NULL);
}

static bool decide_reset(
    struct change *change, const struct subscription *old, struct problem *problem)
{
    (void)problem;
    return touch(change, old, json_pack("{s:o}", "reset_at", now_text()));
}

void api_subscription_reset(struct call *call)
{
    change_begin(call, "reset", decide_reset, NULL);
}
