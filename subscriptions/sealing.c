/* SPDX-License-Identifier: Apache-2.0 */
/* What of a subscription is sealed at rest. */
#include "subscriptions/sealing.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "subscriptions/secret.h"

static bool visit_one(
    json_t *value, const char *list, const char *name, sealing_visit *visit, void *arg)
{
    if (!json_is_string(value) || !name)
        return true;
    char *field = mem_printf("/%s/%s", list, name);
    bool more = visit(value, field, arg);
    free(field);
    return more;
}

/* Values that stand alone, by where they are. */
static const struct {
    const char *object, *part, *name; /* part NULL = the value is the object's own */
    const char *list;
} single[] = {
    {"auth", "basic", "password", "auth/basic"},
    {"auth", "oauth2", "client_secret", "auth/oauth2"},
    {"tls", NULL, "client_key", "tls"},
};

static bool visit_single(json_t *subscription, sealing_visit *visit, void *arg)
{
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        json_t *object = json_object_get(subscription, single[i].object);
        if (single[i].part)
            object = json_object_get(object, single[i].part);
        if (!visit_one(json_object_get(object, single[i].name), single[i].list, single[i].name,
                visit, arg))
            return false;
    }
    return true;
}

bool sealing_each(json_t *subscription, sealing_visit *visit, void *arg)
{
    const char *name;
    json_t *value;
    size_t index;
    json_array_foreach(json_object_get(subscription, "secrets"), index, value)
        if (!visit_one(json_object_get(value, "secret"), "secrets",
                json_string_value(json_object_get(value, "id")), visit, arg))
            return false;
    json_object_foreach(json_object_get(subscription, "headers"), name, value)
        if (!visit_one(value, "headers", name, visit, arg))
            return false;
    return visit_single(subscription, visit, arg);
}

static bool is_open(json_t *value, const char *field, void *arg)
{
    (void)field, (void)arg;
    return !seal_is_sealed(json_string_value(value));
}

bool sealing_has_sealed(const json_t *subscription)
{
    return !sealing_each((json_t *)subscription, is_open, NULL);
}

struct sealing {
    const struct seal_ring *ring;
    struct seal_place place;
    size_t changed;
    struct error *error; /* of the first that does not open */
    bool failed;
};

static void set(struct sealing *sealing, json_t *value, const char *text, size_t len)
{
    if (json_string_setn(value, text, len) != 0)
        fatal("out of memory");
    sealing->changed++;
}

static bool fail(struct sealing *sealing, const char *field, const struct error *error)
{
    if (!sealing->failed)
        error_set(sealing->error, ERROR_CONFIG, "%s %s", field, error->text);
    sealing->failed = true;
    return false;
}

/* Appends what a sealed value holds. */
static bool open_into(
    struct sealing *sealing, const char *sealed, const char *field, struct buffer *out)
{
    struct error error = ERROR_INIT;
    if (!sealing->ring)
        error_set(&error, ERROR_CONFIG, "is sealed, and there is no key file (secrets.key_file)");
    else if (seal_open(sealing->ring, &sealing->place, sealed, out, &error))
        return true;
    return fail(sealing, field, &error);
}

static bool open_value(json_t *value, const char *field, void *arg)
{
    struct sealing *sealing = arg;
    struct buffer text = BUFFER_INIT;
    sealing->place.field = field;
    if (!seal_is_sealed(json_string_value(value)))
        return true;
    if (open_into(sealing, json_string_value(value), field, &text))
        set(sealing, value, buffer_text(&text), text.len);
    secret_wipe(&text);
    return true;
}

static void seal_value(struct sealing *sealing, json_t *value, const char *text, size_t len)
{
    char *sealed = seal_close(sealing->ring, &sealing->place, text, len);
    set(sealing, value, sealed, strlen(sealed));
    free(sealed);
}

static bool close_value(json_t *value, const char *field, void *arg)
{
    struct sealing *sealing = arg;
    const char *text = json_string_value(value);
    struct buffer opened = BUFFER_INIT;
    sealing->place.field = field;
    if (!seal_is_sealed(text))
        seal_value(sealing, value, text, json_string_length(value));
    else if (seal_is_outdated(sealing->ring, text) && open_into(sealing, text, field, &opened))
        seal_value(sealing, value, buffer_text(&opened), opened.len);
    secret_wipe(&opened);
    return true;
}

static bool walk(json_t *subscription, const struct seal_ring *ring, sealing_visit *visit,
    size_t *ret_changed, struct error *error)
{
    struct sealing sealing = {
        .ring = ring,
        .place.tenant = json_string_value(json_object_get(subscription, "tenant")),
        .place.subscription = json_string_value(json_object_get(subscription, "id")),
        .error = error,
    };
    sealing_each(subscription, visit, &sealing);
    *ret_changed = sealing.changed;
    return !sealing.failed;
}

bool sealing_close(
    json_t *subscription, const struct seal_ring *ring, size_t *ret_changed, struct error *error)
{
    return walk(subscription, ring, close_value, ret_changed, error);
}

bool sealing_open(json_t *subscription, const struct seal_ring *ring, struct error *error)
{
    size_t opened;
    return walk(subscription, ring, open_value, &opened, error);
}
