/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between settings. A check leaves alone what is already known to be wrong. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "config/settings_internal.h"
#include "events/event.h"
#include "producers/topic_names.h"

/* The first must not be larger than the second. */
static const struct {
    const char *smaller;
    const char *larger;
} ordered[] = {
    {"consumer.backoff_first", "consumer.backoff_max"},
    {"consumer.connect_timeout", "consumer.timeout"},
    {"consumer.endpoint_window", "consumer.max_in_flight"},
    {"consumer.max_in_flight", "consumer.max_held"},
    {"event.max_size", "consumer.max_held_size"},
    {"event.max_size", "producer.max_outstanding_bytes"},
};

static const struct setting *row(const char *path)
{
    const struct setting *setting = settings_find(path);
    bug_on(!setting);
    return setting;
}

static bool is_good(const struct settings_loader *loader, const struct setting *setting)
{
    return !settings_origin(loader->settings, setting)->faulty;
}

/* Where somebody set one of the two: the defaults agree with each other. */
static const char *blame(
    const struct settings_loader *loader, const struct setting *a, const struct setting *b)
{
    const char *where = settings_origin(loader->settings, a)->where;
    return where ? where : settings_where(loader->settings, b);
}

static void order_fault(
    struct settings_loader *loader, const struct setting *smaller, const struct setting *larger)
{
    struct buffer a = BUFFER_INIT, b = BUFFER_INIT;
    setting_format_number(smaller, setting_number(loader->settings, smaller), &a);
    setting_format_number(larger, setting_number(loader->settings, larger), &b);
    loader_problem(loader, blame(loader, smaller, larger), "%s: must not be more than %s: %s, %s",
        smaller->path, larger->path, buffer_text(&a), buffer_text(&b));
    buffer_release(&a);
    buffer_release(&b);
}

static void check_orders(struct settings_loader *loader)
{
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++) {
        const struct setting *smaller = row(ordered[i].smaller), *larger = row(ordered[i].larger);
        if (is_good(loader, smaller) && is_good(loader, larger) &&
            setting_number(loader->settings, smaller) > setting_number(loader->settings, larger))
            order_fault(loader, smaller, larger);
    }
}

static void check_groups(struct settings_loader *loader)
{
    const struct setting *bridge = row("bridge.group"), *consumer = row("consumer.group");
    if (is_good(loader, bridge) && is_good(loader, consumer) &&
        !strcmp(
            setting_string(loader->settings, bridge), setting_string(loader->settings, consumer)))
        loader_problem(loader, blame(loader, consumer, bridge),
            "consumer.group: must not be the same as bridge.group");
}

static bool is_event_rule(const struct setting *setting)
{
    return !strncmp(setting->path, "tenant.", strlen("tenant.")) ||
           !strncmp(setting->path, "event.", strlen("event."));
}

/* The setting that an error's text names, or else the first that somebody set. */
static const char *blame_rule(const struct settings_loader *loader, const char *text)
{
    const char *first = NULL;
    for (const struct setting *s = settings_table; s->path; s++) {
        if (!is_event_rule(s))
            continue;
        const char *where = settings_where(loader->settings, s);
        if (strstr(text, s->path))
            return where;
        if (!first && settings_origin(loader->settings, s)->where)
            first = where;
    }
    return first ? first : "default";
}

static void check_event_rules(struct settings_loader *loader)
{
    for (const struct setting *s = settings_table; s->path; s++)
        if (is_event_rule(s) && !is_good(loader, s))
            return;
    struct error error = ERROR_INIT;
    struct event_rules *rules = event_rules_new(&loader->settings->bridge.events, &error);
    if (!rules)
        loader_problem(loader, blame_rule(loader, error.text), "%s", error.text);
    event_rules_free(rules);
}

/* Whether reading events from `topic` would mean reading what we wrote ourselves. */
static bool is_ours(const struct topic_options *topics, const char *topic)
{
    char *deliveries = mem_printf("%sdeliveries.", topics->prefix);
    bool ours = !strncmp(topic, deliveries, strlen(deliveries));
    free(deliveries);
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS && !ours; kind++) {
        char *name = topic_name(topics, kind);
        ours = !strcmp(topic, name);
        free(name);
    }
    return ours;
}

static void check_events_topics(struct settings_loader *loader)
{
    const struct setting *prefix = row("topics.prefix"), *events = row("topics.events");
    if (!is_good(loader, prefix) || !is_good(loader, events))
        return;
    const struct topic_options *topics = &loader->settings->topics;
    for (size_t i = 0; topics->events[i]; i++)
        if (is_ours(topics, topics->events[i]))
            loader_problem(loader, blame(loader, events, prefix),
                "topics.events: %s is one of Hookline's own topics, which begin with "
                "topics.prefix",
                topics->events[i]);
}

void settings_cross_check(struct settings_loader *loader)
{
    check_orders(loader);
    check_groups(loader);
    check_event_rules(loader);
    check_events_topics(loader);
}
