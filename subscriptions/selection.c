/* SPDX-License-Identifier: Apache-2.0 */
/* Places in a JSON value: the pointers as one tree, that is walked beside the value. */
#include "subscriptions/selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/memory.h"
#include "events/pointer.h"

/* A place, or what leads to some. */
struct selection {
    char *token;
    bool whole; /* a pointer ends here */
    struct selection *children;
    size_t count;
};

struct selection *selection_new(void)
{
    return mem_zalloc(sizeof(struct selection));
}

static void release(struct selection *node)
{
    for (size_t i = 0; i < node->count; i++)
        release(&node->children[i]);
    free(node->children);
    free(node->token);
}

void selection_free(struct selection *selection)
{
    if (!selection)
        return;
    release(selection);
    free(selection);
}

static struct selection *find(const struct selection *node, const char *token)
{
    for (size_t i = 0; i < node->count; i++)
        if (strcmp(node->children[i].token, token) == 0)
            return &node->children[i];
    return NULL;
}

static struct selection *find_or_add(struct selection *node, const char *token)
{
    struct selection *child = find(node, token);
    if (child)
        return child;
    node->children = mem_array(node->children, node->count + 1, sizeof *node->children);
    child = &node->children[node->count++];
    *child = (struct selection){.token = mem_strdup(token)};
    return child;
}

bool selection_add(struct selection *selection, const char *text, struct error *error)
{
    struct event_pointer *pointer = event_pointer_new(text, error);
    if (!pointer)
        return false;
    struct selection *node = selection;
    for (size_t i = 0; i < pointer->count; i++)
        node = find_or_add(node, pointer->tokens[i]);
    node->whole = true;
    event_pointer_free(pointer);
    return true;
}

static const struct selection *find_index(const struct selection *node, size_t index)
{
    char token[24];
    snprintf(token, sizeof token, "%zu", index);
    return find(node, token);
}

/* What becomes of a value that the tree has a node for, or none (NULL): a new reference, or NULL to leave it
 * out. */
typedef json_t *choose(const struct selection *node, const json_t *value);

/* The same kind of container with what `chosen` makes of each child. */
static json_t *walk(const struct selection *node, const json_t *value, choose *chosen)
{
    const char *name;
    json_t *child;
    size_t index;
    json_t *result = json_or_fatal(json_is_object(value) ? json_object() : json_array());
    json_object_foreach((json_t *)value, name, child) {
        json_t *kept = chosen(find(node, name), child);
        if (kept && json_object_set_new_nocheck(result, name, kept) != 0)
            fatal("out of memory");
    }
    json_array_foreach(value, index, child) {
        json_t *kept = chosen(find_index(node, index), child);
        if (kept && json_array_append_new(result, kept) != 0)
            fatal("out of memory");
    }
    return result;
}

static bool is_container(const json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

/* What leads to nothing is left out: a pointer to "/a/b" takes no "a" that has no "b". */
static json_t *choose_included(const struct selection *node, const json_t *value)
{
    if (!node)
        return NULL;
    if (node->whole)
        return json_incref((json_t *)value);
    if (!is_container(value))
        return NULL;
    json_t *part = walk(node, value, choose_included);
    if (json_object_size(part) > 0 || json_array_size(part) > 0)
        return part;
    json_decref(part);
    return NULL;
}

static json_t *choose_not_excluded(const struct selection *node, const json_t *value)
{
    if (node && node->whole)
        return NULL;
    if (!node || !is_container(value))
        return json_incref((json_t *)value);
    return walk(node, value, choose_not_excluded);
}

json_t *selection_include(const struct selection *selection, const json_t *value)
{
    return walk(selection, value, choose_included);
}

json_t *selection_exclude(const struct selection *selection, const json_t *value)
{
    return walk(selection, value, choose_not_excluded);
}
