/* SPDX-License-Identifier: Apache-2.0 */
/* hookline subscriptions apply: makes the registry hold what a file says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/lines.h"
#include "commands/subscription_files.h"
#include "commands/subscriptions.h"
#include "common/buffer.h"
#include "common/memory.h"
#include "producers/topic_names.h"
#include "subscriptions/plan.h"
#include "webhook/guard.h"

#define FILE_MAX (64 * 1024 * 1024)

/* The file. */

/* Returns new. */
static json_t *load_file(const char *name, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    json_t *json = NULL;
    if (!command_read(name, FILE_MAX, &text, error)) {
        error_prefix(error, "%s", lines_name(name));
    } else {
        json_error_t fault;
        json = json_loadb(buffer_text(&text), text.len, JSON_REJECT_DUPLICATES, &fault);
        if (!json)
            error_set(error, ERROR_CONFIG, "%s:%d:%d: %s", lines_name(name), fault.line,
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
        fprintf(stderr, "%s: ", lines_name(file));
        command_print_safe(stderr, problem->pointer);
        fputs(problem->pointer[0] ? ": " : "", stderr);
        command_print_safe(stderr, problem->text);
        fputc('\n', stderr);
    }
    if (plan->problems_left_out)
        fprintf(stderr, "%s: and %zu more\n", lines_name(file), plan->problems_left_out);
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

static void warn_url(
    const struct plan_item *item, const char *pointer, const json_t *url, const struct guard *guard)
{
    enum guard_rule rule =
        json_is_string(url) ? guard_check_url(guard, json_string_value(url)) : GUARD_NONE;
    if (rule != GUARD_NONE)
        fprintf(stderr,
            "hookline: %s/%s: %s: requests may not go there (%s; see egress in the settings)\n",
            item->tenant, item->id, pointer, guard_rule_names[rule]);
}

/* An early warning: what consumers may do is their own settings' matter, and names resolve as they do. */
static void warn_blocked(const struct plan *plan, const struct guard *guard)
{
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct plan_item *item = &plan->items[i];
        const json_t *oauth2 = json_object_get(json_object_get(item->json, "auth"), "oauth2");
        warn_url(item, "/url", json_object_get(item->json, "url"), guard);
        warn_url(item, "/auth/oauth2/token_url", json_object_get(oauth2, "token_url"), guard);
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

struct tenant_partitions {
    int32_t actual;   /* of its topic */
    int32_t recorded; /* 0 = it has no record yet */
};

static struct tenant_partitions partitions_of(const struct registry *registry, const char *tenant)
{
    char *topic = topic_deliveries(&registry->settings->topics, tenant);
    const struct store_tenant *known = store_tenant(registry->store, tenant);
    struct tenant_partitions partitions = {
        kafka_topic_find(&registry->topics, topic)->partitions, known ? known->partitions : 0};
    free(topic);
    return partitions;
}

static bool check_tenant(const struct registry *registry, const char *tenant, struct error *error)
{
    struct tenant_partitions partitions = partitions_of(registry, tenant);
    if (partitions.recorded <= partitions.actual)
        return true;
    char *topic = topic_deliveries(&registry->settings->topics, tenant);
    error_set(error, ERROR_PERMANENT,
        "topic %s has %" PRId32 " partitions, but the tenant's record in the registry "
        "says %" PRId32 ": add partitions to the topic",
        topic, partitions.actual, partitions.recorded);
    free(topic);
    return false;
}

/* Where the tenant has no record yet, with the partitions that its topic really has: deliveries go to the
 * partitions that the record names, whatever the topic grows to later. */
static void put_tenant(
    const struct registry *registry, struct writer_batch *batch, const char *tenant)
{
    struct tenant_partitions partitions = partitions_of(registry, tenant);
    if (partitions.recorded)
        return;
    char *value = store_tenant_record(tenant, partitions.actual);
    registry_put(batch, tenant, NULL, value);
    free(value);
}

static void put_item(struct writer_batch *batch, const struct plan_item *item)
{
    char *value = NULL;
    if (item->json && !(value = json_dumps(item->json, JSON_COMPACT)))
        fatal("out of memory");
    registry_put(batch, item->tenant, item->id, value);
    free(value);
}

/* Deletions first: who reads counts as it reads, and would skip a subscription that has no room yet. Then
 * tenants before their subscriptions: whatever is there when a batch of several transactions is interrupted
 * is of use, and the next run adds the rest. */
static void put_plan(const struct registry *registry, const struct plan *plan,
    struct writer_batch *batch, struct error *error)
{
    const char **tenants = list_tenants(plan);
    bool good = true;
    for (size_t i = 0; good && tenants[i]; i++)
        good = check_tenant(registry, tenants[i], error);
    for (size_t i = 0; good && i < plan->item_count; i++)
        if (plan->items[i].action == PLAN_DELETE)
            put_item(batch, &plan->items[i]);
    for (size_t i = 0; good && tenants[i]; i++)
        put_tenant(registry, batch, tenants[i]);
    for (size_t i = 0; good && i < plan->item_count; i++)
        if (plan->items[i].action == PLAN_ADD || plan->items[i].action == PLAN_CHANGE)
            put_item(batch, &plan->items[i]);
    free(tenants);
}

/* Whether the registry holds it all: then nobody has to be fenced in order to write nothing. */
static bool is_applied(
    const struct registry *registry, const struct plan *plan, const char *const *tenants)
{
    bool applied = plan->counts[PLAN_KEEP] == plan->item_count;
    for (size_t i = 0; applied && tenants[i]; i++) {
        struct tenant_partitions partitions = partitions_of(registry, tenants[i]);
        applied = partitions.recorded && partitions.recorded <= partitions.actual;
    }
    return applied;
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
        .max_fan_out = settings->subscriptions_max_fan_out,
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

struct applying {
    const struct subscriptions_arguments *arguments;
    struct registry *registry;
    const json_t *desired;
    const struct guard *guard;
    struct plan plan; /* the last that was made */
    size_t shown;     /* how often one was */
    struct error error;
};

static bool make_plan(struct applying *applying)
{
    const struct registry *registry = applying->registry;
    struct plan_options options =
        plan_options(applying->arguments, registry->settings, registry->ring);
    plan_release(&applying->plan);
    return plan_make(applying->desired, registry->store, &options, &applying->plan);
}

static void show_plan(struct applying *applying)
{
    if (applying->shown++)
        fprintf(stderr, "hookline: another writer came between; what is left to do:\n");
    print_plan(&applying->plan);
    if (applying->shown == 1) {
        warn_unsealed(&applying->plan, applying->registry->ring);
        warn_blocked(&applying->plan, applying->guard);
    }
    fflush(stdout);
}

static void decide(struct writer_batch *batch, void *arg)
{
    struct applying *applying = arg;
    if (!make_plan(applying))
        return; /* somebody else has added so many that there is no room */
    show_plan(applying);
    applying->error = (struct error)ERROR_INIT;
    put_plan(applying->registry, &applying->plan, batch, &applying->error);
}

/* Topics first, so that they are there when the first event comes. */
static bool carry_out(struct applying *applying, struct error *error)
{
    const char **tenants = list_tenants(&applying->plan);
    bool good = registry_make_topics(applying->registry, tenants, error);
    bool applied = good && is_applied(applying->registry, &applying->plan, tenants);
    free(tenants);
    if (applied)
        show_plan(applying);
    if (good && !applied)
        good = registry_change(applying->registry, decide, applying, error);
    if (good && error_is_set(&applying->error))
        good = error_set(error, applying->error.kind, "%s", applying->error.text);
    return good;
}

static int apply(struct applying *applying)
{
    const struct subscriptions_arguments *arguments = applying->arguments;
    struct error error = ERROR_INIT;
    int status = EXIT_DONE;
    if (make_plan(applying) && arguments->dry_run)
        show_plan(applying);
    else if (applying->plan.problem_count == 0 && !carry_out(applying, &error))
        status = command_fail(&error);
    if (applying->plan.problem_count) {
        print_problems(arguments->file, &applying->plan);
        status = EXIT_USAGE;
    } else if (status == EXIT_DONE) {
        print_summary(&applying->plan, arguments->dry_run);
    }
    plan_release(&applying->plan);
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
    struct applying applying = {
        .arguments = arguments, .registry = &registry, .desired = desired, .guard = guard};
    if (registry_open(&registry, settings, arguments->timeout_ms, &error))
        status = apply(&applying);
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
    if (!subscription_files_read(desired, arguments->file, &error)) {
        error_prefix(&error, "%s", lines_name(arguments->file));
        status = command_fail(&error);
    } else if (check_file(arguments, settings, desired)) {
        status = open_and_apply(arguments, settings, desired);
    }
    json_decref(desired);
    return status;
}
