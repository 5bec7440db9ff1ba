/* SPDX-License-Identifier: Apache-2.0 */
/* How many subscriptions of a tenant one event can go to. */
#include "subscriptions/fan_out.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/table.h"

/* A type that is named, or one that is not: "call.\1" is of "call.*", and nobody's name. */
struct type {
    char *name;
    size_t exact; /* how many name it */
    UT_hash_handle hh;
};

struct counting {
    struct type *types;
    const struct subscription **wild; /* those with a pattern that names no single type */
    size_t wild_count;
};

static bool is_wild(const char *pattern)
{
    size_t len = strlen(pattern);
    return len && pattern[len - 1] == '*';
}

static struct type *type_of(struct counting *counting, const char *pattern)
{
    struct type *type;
    char *name = mem_strdup(pattern);
    if (is_wild(name))
        name[strlen(name) - 1] = '\1';
    HASH_FIND_STR(counting->types, name, type);
    if (type) {
        free(name);
        return type;
    }
    type = mem_zalloc(sizeof *type);
    type->name = name;
    HASH_ADD_KEYPTR(hh, counting->types, type->name, strlen(type->name), type);
    return type;
}

static void count_one(struct counting *counting, const struct subscription *one)
{
    bool wild = false;
    for (size_t i = 0; i < one->event_count; i++) {
        struct type *type = type_of(counting, one->events[i]);
        if (is_wild(one->events[i]))
            wild = true;
        else
            type->exact++;
    }
    if (wild)
        counting->wild[counting->wild_count++] = one;
}

static bool names(const struct subscription *one, const char *type)
{
    for (size_t i = 0; i < one->event_count; i++)
        if (strcmp(one->events[i], type) == 0)
            return true;
    return false;
}

static size_t count_wanting(const struct counting *counting, const struct type *type)
{
    size_t count = type->exact;
    for (size_t i = 0; i < counting->wild_count; i++)
        count += !names(counting->wild[i], type->name) &&
                 subscription_wants(counting->wild[i], type->name);
    return count;
}

size_t fan_out_most(struct subscription *const *all, size_t count, const struct subscription *of)
{
    struct counting counting = {NULL, mem_array(NULL, count + 1, sizeof(struct subscription *)), 0};
    size_t most = 0;
    for (size_t i = 0; i < count; i++)
        if (all[i]->enabled)
            count_one(&counting, all[i]);
    struct type *type = counting.types, *next;
    HASH_CLEAR(hh, counting.types); /* frees the table only */
    for (; type; type = next) {
        size_t wanting =
            !of || subscription_wants(of, type->name) ? count_wanting(&counting, type) : 0;
        most = wanting > most ? wanting : most;
        next = type->hh.next;
        free(type->name);
        free(type);
    }
    free(counting.wild);
    return most;
}
