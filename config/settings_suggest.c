/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may have meant who wrote a name that does not exist. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "config/settings_internal.h"

#define VARIABLE_SIZE 128

/* A name without its group, or in another one: "brokers", "results.drain_timeout". */
static const char *same_name_elsewhere(const char *path)
{
    const char *dot = strrchr(path, '.');
    const char *name = dot ? dot + 1 : path;
    for (const struct setting *row = settings_table; row->path; row++)
        if (!strcmp(strchr(row->path, '.') + 1, name))
            return row->path;
    return NULL;
}

static const char *nearest_path(const char *path)
{
    size_t count = 0;
    const char **paths = NULL;
    const struct setting *row = settings_table;
    do {
        paths = mem_array(paths, count + 1, sizeof *paths);
        paths[count++] = row->path;
    } while (row++->path);
    const char *same = same_name_elsewhere(path);
    const char *nearest = same ? same : text_nearest(path, paths);
    free(paths);
    return nearest;
}

void loader_unknown_setting(struct settings_loader *loader, const char *where, const char *path)
{
    const char *nearest = nearest_path(path);
    if (nearest)
        loader_problem(loader, where, "%s: no such setting; did you mean %s?", path, nearest);
    else
        loader_problem(loader, where, "%s: no such setting; 'hookline settings' lists all", path);
}

static const char *nearest_group(const char *name, struct buffer *all)
{
    size_t count = 0;
    const char **names = NULL;
    for (const struct settings_group *group = settings_groups; group->name; group++) {
        names = mem_array(names, count + 2, sizeof *names);
        names[count++] = group->name;
        names[count] = NULL;
        buffer_printf(all, "%s%s", count > 1 ? ", " : "", group->name);
    }
    const char *nearest = text_nearest(name, names);
    free(names);
    return nearest;
}

void loader_unknown_group(struct settings_loader *loader, const char *where, const char *name)
{
    struct buffer all = BUFFER_INIT;
    const char *nearest = nearest_group(name, &all);
    if (nearest)
        loader_problem(
            loader, where, "%s: no such group of settings; did you mean %s?", name, nearest);
    else
        loader_problem(
            loader, where, "%s: no such group of settings; there are %s", name, buffer_text(&all));
    buffer_release(&all);
}

void loader_unknown_variable(struct settings_loader *loader, const char *name)
{
    size_t count = 0;
    char **names = NULL;
    for (const struct setting *row = settings_table; row->path; row++) {
        names = mem_array(names, count + 2, sizeof *names);
        names[count] = mem_alloc(VARIABLE_SIZE);
        settings_environment_name(row, names[count++], VARIABLE_SIZE);
        names[count] = NULL;
    }
    const char *nearest = text_nearest(name, (const char *const *)names);
    if (nearest)
        loader_problem(
            loader, name, "no setting is set by this variable; did you mean %s?", nearest);
    else
        loader_problem(loader, name, "no setting is set by this variable");
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}
