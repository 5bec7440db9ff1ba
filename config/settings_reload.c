/* SPDX-License-Identifier: Apache-2.0 */
/* Settings read once more while the process runs. */
#include <stdlib.h>
#include <sys/stat.h>

#include "common/memory.h"
#include "config/settings_internal.h"

/* It would be all defaults, and is more likely one that somebody is writing. */
static bool is_empty(const char *file)
{
    struct stat status;
    return stat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

struct settings *settings_load_again(
    const struct settings *settings, struct settings_problems *ret_problems)
{
    const struct settings_memory *memory = settings->memory;
    struct settings_source source = {
        memory->file, (const char *const *)memory->overrides, memory->environment};
    if (!memory->file || !is_empty(memory->file))
        return settings_load(&source, ret_problems);
    *ret_problems = (struct settings_problems){NULL, 0};
    struct settings_loader loader = {.problems = ret_problems};
    loader_problem(&loader, memory->file,
        "the settings file is empty; one in which nothing is set has a comment in it");
    return NULL;
}

bool settings_differ(
    const struct settings *a, const struct settings *b, const struct setting *setting)
{
    return !setting_equal(a, b, setting);
}

void settings_adopt(struct settings *settings, const struct settings *fresh)
{
    for (const struct setting *row = settings_table; row->path; row++) {
        bool differs = !setting_equal(settings, fresh, row);
        if (differs && !row->reloadable)
            continue;
        if (differs)
            setting_copy(settings, row, fresh);
        struct settings_origin *origin = settings_origin(settings, row);
        free(origin->where);
        origin->where = mem_strdup(settings_origin(fresh, row)->where);
    }
}
