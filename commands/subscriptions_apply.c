/* SPDX-License-Identifier: Apache-2.0 */
/* hookline subscriptions apply: makes the registry hold what a file says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/subscriptions.h"
#include "common/buffer.h"
#include "common/memory.h"
#include "producers/topic_names.h"
#include "subscriptions/plan.h"
#include "webhook/guard.h"
#include "webhook/url.h"

#define FILE_MAX (64 * 1024 * 1024)

/* The file. */

static const char *file_name(const char *name)
{
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

/* Returns new. */
static json_t *load_file(const char *name, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    json_t *json = NULL;
    if (!command_read(name, FILE_MAX, &text, error)) {
        error_prefix(error, "%s", file_name(name));
    } else {
        json_error_t fault;
        json = json_loadb(buffer_text(&text), text.len, JSON_REJECT_DUPLICATES, &fault);
        if (!json)
            error_set(error, ERROR_CONFIG, "%s:%d:%d: %s", file_name(name), fault.line,
                fault.column, fault.text);
    }
    buffer_release(&text);
    return json;
}

/* The plan. */

static void print_problems(const char *file, const struct plan *plan)
{
    for (size_t i = 0; i < plan->problem_count; i++) {
        const struct plan_problem *problem = &plan->problems[i];
        fprintf(stderr, "%s: ", file_name(file));
        command_print_safe(stderr, problem->pointer);
        fputs(problem->pointer[0] ? ": " : "", stderr);
        command_print_safe(stderr, problem->text);
        fputc('\n', stderr);
    }
    if (plan->problems_left_out)
        fprintf(stderr, "%s: and %zu more\n", file_name(file), plan->problems_left_out);
}

static void print_plan(const struct plan *plan)
{
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct plan_item *item = &plan->items[i];
        if (item->action == PLAN_KEEP)
            continue;
        printf("%c %s/%s", "+~=-"[item->action], item->tenant, item->id);
        if (item->changes) {
            fputs("  (", stdout);
            command_print_safe(stdout, item->changes);
            fputc(')', stdout);
        }
        fputc('\n', stdout);
    }
    printf("= %zu unchanged\n", plan->counts[PLAN_KEEP]);
}

static void warn_unsealed(const struct plan *plan, const struct seal_ring *ring)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->item_count; i++)
        count += json_array_size(json_object_get(plan->items[i].json, "secrets")) > 0;
    if (count && !ring)
        fprintf(stderr,
            "hookline: secrets.key_file is not set: the secrets of %zu subscriptions are readable "
            "in "
            "Kafka\n",
            count);
}

/* An early warning: what consumers may do is their own settings' matter, and names resolve as they do. */
static void warn_blocked(const struct plan *plan, const struct guard *guard)
{
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct plan_item *item = &plan->items[i];
        const char *url = json_string_value(json_object_get(item->json, "url"));
        struct url_origin origin = url_origin(url ? url : "");
        enum guard_rule rule = GUARD_NONE;
        if (origin.host)
            rule = guard_check_origin(guard, origin.is_https, origin.port);
        if (origin.host && rule == GUARD_NONE)
            rule = guard_check_host(guard, origin.host);
        if (rule != GUARD_NONE)
            fprintf(stderr,
                "hookline: %s/%s: /url: requests may not go there (%s; see egress in the "
                "settings)\n",
                item->tenant, item->id, guard_rule_names[rule]);
        url_origin_release(&origin);
    }
}

/* Carrying it out. */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The tenants of the file, once each, NULL-terminated; borrowed from the plan. Returns new. */
static const char **list_tenants(const struct plan *plan)
{
    const char **tenants = mem_array(NULL, plan->item_count + 1, sizeof *tenants);
    size_t all = 0, count = 0;
    for (size_t i = 0; i < plan->item_count; i++)
        if (plan->items[i].action != PLAN_DELETE)
            tenants[all++] = plan->items[i].tenant;
    qsort(tenants, all, sizeof *tenants, by_text);
    for (size_t i = 0; i < all; i++)
        if (count == 0 || strcmp(tenants[count - 1], tenants[i]) != 0)
            tenants[count++] = tenants[i];
    tenants[count] = NULL;
    return tenants;
}

/* Where the tenant has no record yet, writes it, with the partitions that its topic really has:
 * deliveries go to the partitions that the record names, whatever the topic grows to later. */
static bool write_tenant(struct registry *registry, const char *tenant, struct error *error)
{
    char *topic = topic_deliveries(&registry->settings->topics, tenant);
    int32_t actual = kafka_topic_find(&registry->topics, topic)->partitions;
    const struct store_tenant *known = store_tenant(registry->store, tenant);
    int32_t recorded = known ? known->partitions : 0;
    bool good = true;
    if (recorded > actual) {
        good = error_set(error, ERROR_PERMANENT,
            "topic %s has %" PRId32 " partitions, but the tenant's record in the registry "
            "says %" PRId32 ": add partitions to the topic",
            topic, actual, recorded);
    } else if (recorded == 0) {
        char *value = store_tenant_record(tenant, actual);
        good = registry_send(registry, tenant, NULL, value, error);
        free(value);
    }
    free(topic);
    return good;
}

static bool write_item(struct registry *registry, const struct plan_item *item, struct error *error)
{
    if (item->action == PLAN_KEEP)
        return true;
    char *value = NULL;
    if (item->json && !(value = json_dumps(item->json, JSON_COMPACT)))
        fatal("out of memory");
    bool sent = registry_send(registry, item->tenant, item->id, value, error);
    free(value);
    return sent;
}

/* Topics first, then tenants, then subscriptions: whatever is there when we are interrupted is of
 * use, and the next run adds the rest. */
static bool carry_out(struct registry *registry, const struct plan *plan, struct error *error)
{
    const char **tenants = list_tenants(plan);
    bool good = registry_make_topics(registry, tenants, error);
    for (size_t i = 0; good && tenants[i]; i++)
        good = write_tenant(registry, tenants[i], error);
    for (size_t i = 0; good && i < plan->item_count; i++)
        good = write_item(registry, &plan->items[i], error);
    free(tenants);
    return good && registry_settle(registry, error);
}

static void print_summary(const struct plan *plan, bool dry_run)
{
    printf("%s: %zu added, %zu changed, %zu deleted, %zu unchanged\n",
        dry_run ? "dry run, nothing written" : "applied", plan->counts[PLAN_ADD],
        plan->counts[PLAN_CHANGE], plan->counts[PLAN_DELETE], plan->counts[PLAN_KEEP]);
}

static struct plan_options plan_options(const struct subscriptions_arguments *arguments,
    const struct settings *settings, const struct seal_ring *ring)
{
    return (struct plan_options){
        .tenant = arguments->tenant,
        .prune = arguments->prune,
        .max_per_tenant = settings->subscriptions_max_per_tenant,
        .ring = ring,
        .now = wall_now(),
    };
}

/* What is wrong with the file in itself is said without asking Kafka. */
static bool check_file(const struct subscriptions_arguments *arguments,
    const struct settings *settings, const json_t *desired)
{
    struct plan_options options = plan_options(arguments, settings, NULL);
    struct store_options nothing = {.topic = "", .max_per_tenant = 0};
    struct store *store = store_new_detached(&nothing);
    struct plan plan;
    bool good = plan_make(desired, store, &options, &plan);
    print_problems(arguments->file, &plan);
    plan_release(&plan);
    store_free(store);
    return good;
}

static int apply(const struct subscriptions_arguments *arguments, struct registry *registry,
    const json_t *desired, const struct guard *guard)
{
    struct plan_options options = plan_options(arguments, registry->settings, registry->ring);
    struct plan plan;
    struct error error = ERROR_INIT;
    int status = EXIT_DONE;
    if (!plan_make(desired, registry->store, &options, &plan)) {
        print_problems(arguments->file, &plan);
        status = EXIT_USAGE;
    } else {
        print_plan(&plan);
        warn_unsealed(&plan, registry->ring);
        warn_blocked(&plan, guard);
        fflush(stdout);
        if (!arguments->dry_run && !carry_out(registry, &plan, &error))
            status = command_fail(&error);
        else
            print_summary(&plan, arguments->dry_run);
    }
    plan_release(&plan);
    return status;
}

static int open_and_apply(const struct subscriptions_arguments *arguments,
    const struct settings *settings, const json_t *desired)
{
    struct error error = ERROR_INIT;
    struct registry registry;
    int status;
    struct guard *guard = guard_new(&settings->consumer.http.guard, &error);
    if (!guard)
        return command_fail(&error);
    if (registry_open(&registry, settings, arguments->timeout_ms, &error))
        status = apply(arguments, &registry, desired, guard);
    else
        status = command_fail(&error);
    registry_close(&registry);
    guard_free(guard);
    return status;
}

int subscriptions_apply(
    const struct subscriptions_arguments *arguments, const struct settings *settings)
{
    struct error error = ERROR_INIT;
    json_t *desired = load_file(arguments->file, &error);
    if (!desired)
        return command_fail(&error);
    int status = EXIT_USAGE;
    if (check_file(arguments, settings, desired))
        status = open_and_apply(arguments, settings, desired);
    json_decref(desired);
    return status;
}
