/* SPDX-License-Identifier: Apache-2.0 */
/* The next record of a subscription in the registry. */
#include "subscriptions/revision.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/json.h"
#include "common/memory.h"
#include "subscriptions/sealing.h"

/* What Hookline writes there itself. */
static const char *const own_fields[] = {
    "version", "created_at", "updated_at", "reset_at", "creation"};
#define OWN_FIELDS (sizeof own_fields / sizeof own_fields[0])

/* jansson says "no" for want of memory only, where the arguments are right. */
static void done_or_fatal(int result)
{
    if (result != 0)
        fatal("out of memory");
}

/* One without "secrets" leaves them alone: they may have been generated, and nobody could write them
 * there. */
static bool is_kept(const json_t *desired, const char *name)
{
    for (size_t i = 0; i < OWN_FIELDS; i++)
        if (strcmp(own_fields[i], name) == 0)
            return true;
    return strcmp(name, "secrets") == 0 && !json_object_get(desired, "secrets");
}

static void add_change(struct buffer *changes, const char *name)
{
    buffer_printf(changes, "%s%s", changes->len ? ", " : "", name);
}

/* With everything open that opens; what does not stays. Takes `json`, and returns it. */
static json_t *opened(json_t *json, const struct seal_ring *ring)
{
    struct error error = ERROR_INIT;
    sealing_open(json, ring, &error);
    return json;
}

char *revision_changes(
    const json_t *desired, const struct subscription *old, const struct seal_ring *ring)
{
    struct buffer changes = BUFFER_INIT;
    const char *name;
    json_t *value;
    json_t *before = opened(subscription_json(old), ring);
    json_t *after = opened(json_or_fatal(json_deep_copy(desired)), ring);
    json_object_foreach(after, name, value) {
        const json_t *was = json_object_get(before, name);
        if (!is_kept(desired, name) && !(was && json_equal(was, value)))
            add_change(&changes, name);
    }
    json_object_foreach(before, name, value)
        if (!is_kept(desired, name) && !json_object_get(after, name))
            add_change(&changes, name);
    json_decref(before);
    json_decref(after);
    return buffer_take(&changes);
}

/* `old` NULL = nothing is there. */
static void keep(json_t *record, const char *name, json_t *old)
{
    json_t *kept = json_object_get(old, name);
    if (kept)
        json_set_or_fatal(record, name, json_incref(kept));
    else
        json_object_del(record, name);
}

/* Seals it, and writes what tells it from the one before. */
static json_t *finish(json_t *record, const struct subscription *old, const struct seal_ring *ring,
    struct wall_time time)
{
    struct error error = ERROR_INIT;
    size_t sealed;
    char now[RFC3339_SIZE];
    wall_format(time, now);
    if (ring) /* what was kept, and does not open, is no worse than before */
        sealing_close(record, ring, &sealed, &error);
    json_set_or_fatal(record, "version", json_integer(old ? old->version + 1 : 1));
    if (!json_object_get(record, "created_at"))
        json_set_or_fatal(record, "created_at", json_string(now));
    json_set_or_fatal(record, "updated_at", json_string(now));
    return record;
}

json_t *revision_make(const json_t *desired, const struct subscription *old,
    const struct seal_ring *ring, struct wall_time now)
{
    json_t *record = json_or_fatal(json_deep_copy(desired)),
           *before = old ? subscription_json(old) : NULL;
    for (size_t i = 0; i < OWN_FIELDS; i++)
        keep(record, own_fields[i], before);
    if (is_kept(desired, "secrets"))
        keep(record, "secrets", before);
    json_decref(before);
    return finish(record, old, ring, now);
}

json_t *revision_touch(const struct subscription *old, const json_t *changes,
    const struct seal_ring *ring, struct wall_time now)
{
    json_t *record = subscription_json(old);
    done_or_fatal(json_object_update(record, (json_t *)changes));
    return finish(record, old, ring, now);
}

/* Masks. */

struct unmasking {
    json_t *old;
    subscription_problem *report;
    void *arg;
    bool good;
};

struct stored {
    const char *field;
    const char *value;
};

static bool match_stored(json_t *value, const char *field, void *arg)
{
    struct stored *stored = arg;
    if (strcmp(field, stored->field) == 0)
        stored->value = json_string_value(value);
    return !stored->value;
}

static bool unmask(json_t *value, const char *field, void *arg)
{
    struct unmasking *unmasking = arg;
    struct stored stored = {.field = field};
    if (strcmp(json_string_value(value), SUBSCRIPTION_MASK) != 0)
        return true;
    sealing_each(unmasking->old, match_stored, &stored);
    if (stored.value) {
        done_or_fatal(json_string_set(value, stored.value));
        return true;
    }
    unmasking->report(unmasking->arg, field,
        "\"" SUBSCRIPTION_MASK "\" stands for a hidden value, and there is none: give the value");
    unmasking->good = false;
    return true;
}

/* As the consumer will see it, as far as it opens here. */
static bool is_valid(
    const json_t *desired, const struct seal_ring *ring, subscription_problem *report, void *arg)
{
    json_t *copy = opened(json_or_fatal(json_deep_copy(desired)), ring);
    struct subscription *subscription = subscription_parse_all(copy, false, report, arg);
    json_decref(copy);
    if (!subscription)
        return false;
    subscription_unref(subscription);
    return true;
}

bool revision_unmask(json_t *desired, const struct subscription *old, const struct seal_ring *ring,
    subscription_problem *report, void *arg)
{
    struct unmasking unmasking = {subscription_json(old), report, arg, true};
    sealing_each(desired, unmask, &unmasking);
    json_decref(unmasking.old);
    return unmasking.good && is_valid(desired, ring, report, arg);
}

void revision_merge(json_t *target, const json_t *patch)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)patch, name, value) {
        if (json_is_null(value)) {
            json_object_del(target, name);
        } else if (json_is_object(value)) {
            json_t *part = json_object_get(target, name);
            if (!json_is_object(part)) {
                part = json_or_fatal(json_object());
                json_set_or_fatal(target, name, part);
            }
            revision_merge(part, value);
        } else {
            json_set_or_fatal(target, name, json_deep_copy(value));
        }
    }
}
