/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be written to the registry so that it holds what a file says. Pure. */
#ifndef HOOKLINE_SUBSCRIPTIONS_PLAN_H
#define HOOKLINE_SUBSCRIPTIONS_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/clock.h"
#include "common/error.h"
#include "subscriptions/seal.h"
#include "subscriptions/store.h"

enum plan_action { PLAN_ADD, PLAN_CHANGE, PLAN_KEEP, PLAN_DELETE, PLAN_ACTIONS };

struct plan_item {
    enum plan_action action;
    char *tenant;
    char *id;
    char *changes; /* of PLAN_CHANGE: the names of the fields, "events, url"; else NULL */
    json_t *json;  /* of PLAN_ADD and PLAN_CHANGE: the record to write; else NULL */
};

/* Something that is wrong in the file: "/3/url: no host". */
struct plan_problem {
    char *pointer; /* into the file */
    char *text;
};

/* Either items, or problems. */
struct plan {
    struct plan_item *items; /* in the order of the file; deletions last, by id */
    size_t item_count, item_cap;
    size_t counts[PLAN_ACTIONS];
    struct plan_problem *problems;
    size_t problem_count;
    size_t problems_left_out; /* beyond PLAN_PROBLEMS_MAX */
};

#define PLAN_PROBLEMS_MAX 100

struct plan_options {
    /* Every subscription of the file has to be of this tenant; NULL = of any. */
    const char *tenant;
    /* Delete the subscriptions of `tenant` that the file does not have. */
    bool prune;
    int64_t max_per_tenant;       /* of subscriptions that a tenant may have in the end */
    int64_t max_fan_out;          /* and of those that one event can go to */
    const struct seal_ring *ring; /* seals what is written; NULL = nothing is */
    struct wall_time now;         /* for created_at and updated_at */
};

/* Compares `desired`, an array of subscriptions or {"subscriptions": […]}, with what is in `store`.
 * A subscription of the file replaces that of its id, except for what Hookline itself writes there
 * (version, created_at, updated_at, reset_at), which is neither taken from the file nor compared. Where
 * the file says nothing of "secrets", those of the registry stay.
 * Fills *ret_plan in any case, to be released by the caller; false where there are problems, and
 * then with all of them and no items. */
must_check bool plan_make(const json_t *desired, const struct store *store,
    const struct plan_options *options, struct plan *ret_plan);
void plan_release(struct plan *plan);

#endif
