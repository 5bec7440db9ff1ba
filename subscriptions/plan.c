/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be written to the registry so that it holds what a file says. */
#include "subscriptions/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/table.h"
#include "subscriptions/fan_out.h"
#include "subscriptions/revision.h"

/* A subscription that the file has named already. */
struct named {
    char key[SUBSCRIPTION_KEY_SIZE];
    size_t index;
    struct subscription *subscription; /* a reference */
    UT_hash_handle hh;
};

struct planner {
    const struct store *store;
    const struct plan_options *options;
    struct plan *plan;
    const char *root; /* pointer to the array in the file: "" or "/subscriptions" */
    size_t index;     /* of the element that is looked at */
    struct named *named;
};

static void add_problem(struct plan *plan, char *pointer, const char *text)
{
    if (plan->problem_count == PLAN_PROBLEMS_MAX) {
        plan->problems_left_out++;
        free(pointer);
        return;
    }
    plan->problems = mem_array(plan->problems, plan->problem_count + 1, sizeof *plan->problems);
    plan->problems[plan->problem_count++] = (struct plan_problem){pointer, mem_strdup(text)};
}

/* In the element that is looked at. */
static void on_problem(void *arg, const char *pointer, const char *text)
{
    struct planner *planner = arg;
    add_problem(
        planner->plan, mem_printf("%s/%zu%s", planner->root, planner->index, pointer), text);
}

static struct plan_item *add_item(
    struct plan *plan, enum plan_action action, const char *tenant, const char *id)
{
    if (plan->item_count == plan->item_cap) {
        plan->item_cap = plan->item_cap ? 2 * plan->item_cap : 16;
        plan->items = mem_array(plan->items, plan->item_cap, sizeof *plan->items);
    }
    struct plan_item *item = &plan->items[plan->item_count++];
    *item =
        (struct plan_item){.action = action, .tenant = mem_strdup(tenant), .id = mem_strdup(id)};
    plan->counts[action]++;
    return item;
}

static void plan_subscription(
    struct planner *planner, const json_t *element, const struct subscription *desired)
{
    const struct subscription *old = store_find(planner->store, desired->tenant, desired->id);
    const struct plan_options *options = planner->options;
    char *changes = old ? revision_changes(element, old, options->ring) : NULL;
    enum plan_action action = !old ? PLAN_ADD : changes[0] ? PLAN_CHANGE : PLAN_KEEP;
    struct plan_item *item = add_item(planner->plan, action, desired->tenant, desired->id);
    if (action != PLAN_KEEP)
        item->json = revision_make(element, old, options->ring, options->now);
    if (action == PLAN_CHANGE)
        item->changes = changes;
    else
        free(changes);
}

static bool check_named(struct planner *planner, struct subscription *desired)
{
    const char *key = desired->key;
    struct named *named;
    HASH_FIND_STR(planner->named, key, named);
    if (named) {
        char *text = mem_printf(
            "%s stands in the file already, at %s/%zu", key, planner->root, named->index);
        on_problem(planner, "/id", text);
        free(text);
        return false;
    }
    named = mem_zalloc(sizeof *named);
    memcpy(named->key, key, strlen(key) + 1);
    named->index = planner->index;
    named->subscription = subscription_ref(desired);
    HASH_ADD_STR(planner->named, key, named);
    return true;
}

static bool check_tenant(struct planner *planner, const struct subscription *desired)
{
    const char *tenant = planner->options->tenant;
    if (!tenant || strcmp(tenant, desired->tenant) == 0)
        return true;
    char *text =
        mem_printf("%s, where only subscriptions of %s are expected", desired->tenant, tenant);
    on_problem(planner, "/tenant", text);
    free(text);
    return false;
}

static void plan_element(struct planner *planner, const json_t *element)
{
    struct subscription *desired = subscription_parse_all(element, true, on_problem, planner);
    if (!desired)
        return;
    if (check_tenant(planner, desired) && check_named(planner, desired))
        plan_subscription(planner, element, desired);
    subscription_unref(desired);
}

/* Of the one tenant; what the file has is in `named`. */
static void plan_deletions(struct planner *planner)
{
    const struct store_tenant *tenant = store_tenant(planner->store, planner->options->tenant);
    for (size_t i = 0; tenant && i < tenant->subscription_count; i++) {
        struct named *named;
        HASH_FIND_STR(planner->named, tenant->subscriptions[i]->key, named);
        if (!named)
            add_item(planner->plan, PLAN_DELETE, tenant->id, tenant->subscriptions[i]->id);
    }
}

/* How many subscriptions a tenant would have in the end. */
struct tenant_count {
    char id[SUBSCRIPTION_TENANT_MAX + 1];
    int64_t count;
    UT_hash_handle hh;
};

static struct tenant_count *count_of(
    struct planner *planner, struct tenant_count **counts, const char *id)
{
    struct tenant_count *count;
    HASH_FIND_STR(*counts, id, count);
    if (count)
        return count;
    const struct store_tenant *tenant = store_tenant(planner->store, id);
    count = mem_zalloc(sizeof *count);
    memcpy(count->id, id, strlen(id) + 1);
    count->count = tenant ? (int64_t)tenant->subscription_count : 0;
    struct tenant_count *head = *counts;
    HASH_ADD_STR(head, id, count);
    *counts = head;
    return count;
}

static void check_fan_out(struct planner *planner, const char *id)
{
    const struct store_tenant *tenant = store_tenant(planner->store, id);
    size_t stored = tenant ? tenant->subscription_count : 0, count = 0;
    struct subscription **all =
        mem_array(NULL, stored + HASH_COUNT(planner->named), sizeof(struct subscription *));
    struct named *named;
    for (size_t i = 0; i < stored && !planner->options->prune; i++) {
        HASH_FIND_STR(planner->named, tenant->subscriptions[i]->key, named);
        if (!named)
            all[count++] = tenant->subscriptions[i];
    }
    for (named = planner->named; named; named = named->hh.next)
        if (strcmp(named->subscription->tenant, id) == 0)
            all[count++] = named->subscription;
    size_t most = fan_out_most(all, count, NULL);
    free(all);
    if (most <= (size_t)planner->options->max_fan_out)
        return;
    char *text = mem_printf("tenant %s: an event could go to %zu subscriptions, more than %" PRId64
                            " (subscriptions.max_fan_out)",
        id, most, planner->options->max_fan_out);
    add_problem(planner->plan, mem_strdup(planner->root), text);
    free(text);
}

static void check_count(struct planner *planner, const struct tenant_count *count)
{
    int64_t max = planner->options->max_per_tenant;
    if (count->count <= max)
        return;
    char *text = mem_printf("tenant %s would have %" PRId64 " subscriptions, more than %" PRId64
                            " (subscriptions.max_per_tenant)",
        count->id, count->count, max);
    add_problem(planner->plan, mem_strdup(planner->root), text);
    free(text);
}

/* The store would skip what is beyond the limit. */
static void check_counts(struct planner *planner)
{
    struct tenant_count *counts = NULL;
    const struct plan *plan = planner->plan;
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct plan_item *item = &plan->items[i];
        if (item->action != PLAN_KEEP)
            count_of(planner, &counts, item->tenant)->count +=
                (item->action == PLAN_ADD) - (item->action == PLAN_DELETE);
    }
    struct tenant_count *count = counts, *next;
    HASH_CLEAR(hh, counts); /* frees the table only: the list through the counts stays */
    for (; count; count = next) {
        next = count->hh.next;
        check_count(planner, count);
        check_fan_out(planner, count->id);
        free(count);
    }
}

/* The array of subscriptions in the file, or NULL after a problem. */
static const json_t *find_array(struct planner *planner, const json_t *desired)
{
    if (json_is_array(desired))
        return desired;
    const json_t *array = json_object_get(desired, "subscriptions");
    if (!json_is_array(array)) {
        add_problem(planner->plan, mem_strdup(array ? "/subscriptions" : ""),
            "expected an array of subscriptions, or {\"subscriptions\": […]}");
        return NULL;
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)desired, name, value)
        if (strcmp(name, "subscriptions") != 0)
            add_problem(planner->plan, mem_printf("/%s", name), "no such field");
    planner->root = "/subscriptions";
    return array;
}

static void plan_file(struct planner *planner, const json_t *desired)
{
    const json_t *array = find_array(planner, desired);
    json_t *element;
    json_array_foreach((json_t *)array, planner->index, element)
        plan_element(planner, element);
    if (planner->options->prune)
        plan_deletions(planner);
    check_counts(planner);
}

static void drop_items(struct plan *plan)
{
    for (size_t i = 0; i < plan->item_count; i++) {
        free(plan->items[i].tenant);
        free(plan->items[i].id);
        free(plan->items[i].changes);
        json_decref(plan->items[i].json);
    }
    free(plan->items);
    plan->items = NULL;
    plan->item_count = plan->item_cap = 0;
    memset(plan->counts, 0, sizeof plan->counts);
}

static void drop_named(struct planner *planner)
{
    struct named *named = planner->named, *next;
    HASH_CLEAR(hh, planner->named); /* frees the table only */
    for (; named; named = next) {
        next = named->hh.next;
        subscription_unref(named->subscription);
        free(named);
    }
}

bool plan_make(const json_t *desired, const struct store *store, const struct plan_options *options,
    struct plan *ret_plan)
{
    bug_on(options->prune && !options->tenant);
    *ret_plan = (struct plan){0};
    struct planner planner = {.store = store, .options = options, .plan = ret_plan, .root = ""};
    plan_file(&planner, desired);
    drop_named(&planner);
    if (ret_plan->problem_count == 0)
        return true;
    drop_items(ret_plan);
    return false;
}

void plan_release(struct plan *plan)
{
    drop_items(plan);
    for (size_t i = 0; i < plan->problem_count; i++) {
        free(plan->problems[i].pointer);
        free(plan->problems[i].text);
    }
    free(plan->problems);
    *plan = (struct plan){0};
}
