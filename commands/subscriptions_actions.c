/* SPDX-License-Identifier: Apache-2.0 */
/* hookline subscriptions list, get, delete, reset and reseal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/subscriptions.h"
#include "common/buffer.h"
#include "common/memory.h"
#include "subscriptions/revision.h"
#include "subscriptions/sealing.h"

/* Shown subscriptions. */

static void print_json(const json_t *json)
{
    if (json_dumpf(json, stdout, JSON_INDENT(2)) != 0)
        return; /* finish() finds the stream's error */
    fputc('\n', stdout);
}

static void collect(const struct store_tenant *tenant, void *arg)
{
    for (size_t i = 0; i < tenant->subscription_count; i++)
        if (json_array_append_new(arg, subscription_masked(tenant->subscriptions[i])) != 0)
            fatal("out of memory");
}

struct widths {
    int tenant, id, events;
};

static char *join_events(const struct subscription *sub)
{
    struct buffer out = BUFFER_INIT;
    for (size_t i = 0; i < sub->event_count; i++)
        buffer_printf(&out, "%s%s", i ? "," : "", sub->events[i]);
    return buffer_take(&out);
}

static void widen(int *width, const char *text)
{
    int len = (int)strlen(text);
    if (len > *width)
        *width = len;
}

static void measure(const struct store_tenant *tenant, void *arg)
{
    struct widths *widths = arg;
    for (size_t i = 0; i < tenant->subscription_count; i++) {
        char *events = join_events(tenant->subscriptions[i]);
        widen(&widths->tenant, tenant->id);
        widen(&widths->id, tenant->subscriptions[i]->id);
        widen(&widths->events, events);
        free(events);
    }
}

static void print_lines(const struct store_tenant *tenant, void *arg)
{
    const struct widths *widths = arg;
    for (size_t i = 0; i < tenant->subscription_count; i++) {
        const struct subscription *sub = tenant->subscriptions[i];
        char *events = join_events(sub);
        const char *state = !sub->enabled ? "disabled" : sub->paused ? "paused" : "enabled";
        printf("%-*s  %-*s  %-8s  %-*s  %s\n", widths->tenant, sub->tenant, widths->id, sub->id,
            state, widths->events, events, sub->url);
        free(events);
    }
}

static void each(const struct registry *registry, const char *tenant,
    void (*fn)(const struct store_tenant *tenant, void *arg), void *arg)
{
    const struct store_tenant *one = tenant ? store_tenant(registry->store, tenant) : NULL;
    if (!tenant)
        store_each(registry->store, fn, arg);
    else if (one)
        fn(one, arg);
}

static int list(const struct subscriptions_arguments *arguments, struct registry *registry)
{
    if (arguments->json) {
        json_t *array = json_array();
        each(registry, arguments->tenant, collect, array);
        print_json(array);
        json_decref(array);
        return EXIT_DONE;
    }
    struct widths widths = {(int)strlen("TENANT"), (int)strlen("ID"), (int)strlen("EVENTS")};
    each(registry, arguments->tenant, measure, &widths);
    printf("%-*s  %-*s  %-8s  %-*s  %s\n", widths.tenant, "TENANT", widths.id, "ID", "STATE",
        widths.events, "EVENTS", "URL");
    each(registry, arguments->tenant, print_lines, &widths);
    return EXIT_DONE;
}

static int get(const struct subscriptions_arguments *arguments, struct registry *registry)
{
    const char *tenant = arguments->names[0], *id = arguments->names[1];
    const struct subscription *sub = store_find(registry->store, tenant, id);
    if (!sub) {
        fprintf(stderr, "hookline: there is no subscription %s/%s\n", tenant, id);
        return EXIT_FAILED;
    }
    json_t *masked = subscription_masked(sub);
    print_json(masked);
    json_decref(masked);
    return EXIT_DONE;
}

/* A record for each of those that are named. */
struct naming {
    const struct subscriptions_arguments *arguments;
    const struct registry *registry;
    char *(*value_of)(const struct subscription *subscription, const struct seal_ring *ring);
    size_t written;
    bool *missing; /* by argument */
};

static void put_named(struct writer_batch *batch, void *arg)
{
    struct naming *naming = arg;
    const char *tenant = naming->arguments->names[0];
    naming->written = 0;
    for (size_t i = 1; i < naming->arguments->name_count; i++) {
        const char *id = naming->arguments->names[i];
        const struct subscription *subscription = store_find(naming->registry->store, tenant, id);
        naming->missing[i] = !subscription;
        if (!subscription)
            continue;
        char *value = naming->value_of(subscription, naming->registry->ring);
        registry_put(batch, tenant, id, value);
        naming->written++;
        free(value);
    }
}

static size_t print_missing(const struct naming *naming)
{
    char *const *names = naming->arguments->names;
    size_t count = 0;
    for (size_t i = 1; i < naming->arguments->name_count; i++)
        if (naming->missing[i]) {
            fprintf(stderr, "hookline: there is no subscription %s/%s\n", names[0], names[i]);
            count++;
        }
    return count;
}

/* One that is not there makes the command fail, after the others are written. */
static int write_named(const struct subscriptions_arguments *arguments, struct registry *registry,
    char *(*value_of)(const struct subscription *subscription, const struct seal_ring *ring),
    const char *done)
{
    struct naming naming = {.arguments = arguments, .registry = registry, .value_of = value_of};
    struct error error = ERROR_INIT;
    int status;
    naming.missing = mem_zalloc(arguments->name_count * sizeof *naming.missing);
    if (registry_change(registry, put_named, &naming, &error)) {
        status = print_missing(&naming) ? EXIT_FAILED : EXIT_DONE;
        printf("%zu %s\n", naming.written, done);
    } else {
        status = command_fail(&error);
    }
    free(naming.missing);
    return status;
}

static char *no_value(const struct subscription *subscription, const struct seal_ring *ring)
{
    (void)subscription, (void)ring;
    return NULL;
}

static int delete(const struct subscriptions_arguments *arguments, struct registry *registry)
{
    return write_named(arguments, registry, no_value, "deleted");
}

/* The next version of a subscription, with these changes, as text. Takes `changes`; returns new. */
static char *next_version(
    const struct subscription *subscription, json_t *changes, const struct seal_ring *ring)
{
    json_t *record = revision_touch(subscription, changes, ring, wall_now());
    char *value = json_dumps(record, JSON_COMPACT);
    if (!value)
        fatal("out of memory");
    json_decref(record);
    json_decref(changes);
    return value;
}

/* The same subscription, with now as the time before which nothing is held against its endpoint. */
static char *reset_value(const struct subscription *subscription, const struct seal_ring *ring)
{
    char now[RFC3339_SIZE];
    json_t *changes = json_pack("{s:s}", "reset_at", wall_format(wall_now(), now));
    return next_version(subscription, changes, ring);
}

static int reset(const struct subscriptions_arguments *arguments, struct registry *registry)
{
    return write_named(arguments, registry, reset_value, "reset");
}

/* Sealing anew, of all or of a tenant's. */

struct resealing {
    struct registry *registry;
    const char *tenant; /* NULL = all */
    struct writer_batch *batch;
    size_t written;
    struct buffer unreadable; /* a line for each */
};

static void reseal_one(struct resealing *resealing, const struct subscription *subscription)
{
    const struct seal_ring *ring = resealing->registry->ring;
    struct error error = ERROR_INIT;
    size_t changed;
    json_t *tried = subscription_json(subscription);
    if (!sealing_close(tried, ring, &changed, &error))
        buffer_printf(&resealing->unreadable, "hookline: %s: %s\n", subscription->key, error.text);
    json_decref(tried);
    if (!changed)
        return;
    char *value = next_version(subscription, json_object(), ring);
    registry_put(resealing->batch, subscription->tenant, subscription->id, value);
    resealing->written++;
    free(value);
}

static void reseal_tenant(const struct store_tenant *tenant, void *arg)
{
    for (size_t i = 0; i < tenant->subscription_count; i++)
        reseal_one(arg, tenant->subscriptions[i]);
}

static void put_resealed(struct writer_batch *batch, void *arg)
{
    struct resealing *resealing = arg;
    resealing->batch = batch;
    resealing->written = 0;
    buffer_clear(&resealing->unreadable);
    each(resealing->registry, resealing->tenant, reseal_tenant, resealing);
}

static int reseal(const struct subscriptions_arguments *arguments, struct registry *registry)
{
    struct resealing resealing = {.registry = registry,
        .tenant = arguments->name_count ? arguments->names[0] : NULL,
        .unreadable = BUFFER_INIT};
    struct error error = ERROR_INIT;
    bool good = registry->ring != NULL;
    if (!good)
        error_set(&error, ERROR_CONFIG, "secrets.key_file is not set: there is no key");
    good = good && registry_change(registry, put_resealed, &resealing, &error);
    fputs(buffer_text(&resealing.unreadable), stderr);
    if (good)
        printf("%zu sealed with key %s\n", resealing.written, seal_ring_first(registry->ring));
    int status = resealing.unreadable.len ? EXIT_FAILED : EXIT_DONE;
    if (!good)
        status = command_fail(&error);
    buffer_release(&resealing.unreadable);
    return status;
}

/* Around an action that reads the registry. */
static int with_registry(const struct subscriptions_arguments *arguments,
    const struct settings *settings,
    int (*action)(const struct subscriptions_arguments *, struct registry *))
{
    struct registry registry;
    struct error error = ERROR_INIT;
    int status;
    if (registry_open(&registry, settings, arguments->timeout_ms, &error)) {
        if (!registry.exists) /* or topics.prefix is another one than the roles' */
            fprintf(stderr, "hookline: topic %s does not exist (yet)\n", registry.topic);
        status = action(arguments, &registry);
    } else {
        status = command_fail(&error);
    }
    registry_close(&registry);
    return status;
}

int subscriptions_list(
    const struct subscriptions_arguments *arguments, const struct settings *settings)
{
    return with_registry(arguments, settings, list);
}

int subscriptions_get(
    const struct subscriptions_arguments *arguments, const struct settings *settings)
{
    return with_registry(arguments, settings, get);
}

int subscriptions_delete(
    const struct subscriptions_arguments *arguments, const struct settings *settings)
{
    return with_registry(arguments, settings, delete);
}

int subscriptions_reset(
    const struct subscriptions_arguments *arguments, const struct settings *settings)
{
    return with_registry(arguments, settings, reset);
}

int subscriptions_reseal(
    const struct subscriptions_arguments *arguments, const struct settings *settings)
{
    return with_registry(arguments, settings, reseal);
}
