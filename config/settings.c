/* SPDX-License-Identifier: Apache-2.0 */
/* Loading settings: the sources in their order, what is wrong with them, and who owns what. */
#include "config/settings.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "config/settings_internal.h"

static size_t row_count(void)
{
    size_t count = 0;
    while (settings_table[count].path)
        count++;
    return count;
}

const struct setting *settings_find(const char *path)
{
    for (const struct setting *row = settings_table; row->path; row++)
        if (!strcmp(row->path, path))
            return row;
    return NULL;
}

void settings_environment_name(const struct setting *setting, char *out, size_t size)
{
    snprintf(out, size, "HOOKLINE_%s", setting->path);
    for (char *c = out; *c; c++)
        *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
}

void *settings_keep(struct settings *settings, void *block)
{
    struct settings_memory *memory = settings->memory;
    memory->blocks = mem_array(memory->blocks, memory->block_count + 1, sizeof *memory->blocks);
    memory->blocks[memory->block_count++] = block;
    return block;
}

struct settings_origin *settings_origin(
    const struct settings *settings, const struct setting *setting)
{
    return &settings->memory->origins[setting - settings_table];
}

static void add_problem(struct settings_problems *problems, const char *where, char *text)
{
    problems->items = mem_array(problems->items, problems->count + 1, sizeof *problems->items);
    problems->items[problems->count++] =
        (struct settings_problem){.where = mem_strdup(where), .text = text};
}

static char *format_text(const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        fatal("out of memory");
    return text;
}

void loader_problem(struct settings_loader *loader, const char *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_problem(loader->problems, where, format_text(format, args));
    va_end(args);
}

void loader_fault(struct settings_loader *loader, const struct setting *setting, const char *where,
    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_text(format, args);
    va_end(args);
    add_problem(loader->problems, where, mem_printf("%s: %s", setting->path, text));
    free(text);
    settings_origin(loader->settings, setting)->faulty = true;
}

static void check_items(struct settings_loader *loader, const struct setting *setting,
    const char *where, const struct settings_item *items, size_t count)
{
    int64_t number;
    for (size_t i = 0; i < count; i++) {
        struct error error = ERROR_INIT;
        if (!setting_parse(setting, items[i].text, &number, &error))
            loader_fault(loader, setting, items[i].where, "%s", error.text);
    }
    if (setting->type == SETTING_LIST &&
        (count < (size_t)setting->min || count > (size_t)setting->max))
        loader_fault(loader, setting, where, "must have %lld to %lld elements, has %zu",
            (long long)setting->min, (long long)setting->max, count);
}

void loader_assign(struct settings_loader *loader, const struct setting *setting, const char *where,
    const struct settings_item *items, size_t count)
{
    struct settings_origin *origin = settings_origin(loader->settings, setting);
    origin->faulty = false;
    check_items(loader, setting, where, items, count);
    if (origin->faulty)
        return;
    const char **texts = mem_array(NULL, count, sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = items[i].text;
    setting_store(loader->settings, setting, texts, count);
    free(texts);
    free(origin->where);
    origin->where = mem_strdup(where);
}

static void load_defaults(struct settings *settings)
{
    for (const struct setting *row = settings_table; row->path; row++) {
        if (row->type != SETTING_LIST) {
            setting_store(settings, row, &row->fallback, 1);
            continue;
        }
        size_t count;
        char **texts = settings_split_list(row->fallback, &count);
        setting_store(settings, row, (const char *const *)texts, count);
        for (size_t i = 0; i < count; i++)
            free(texts[i]);
        free(texts);
    }
}

static struct settings *settings_new(void)
{
    struct settings *settings = mem_zalloc(sizeof *settings);
    settings->memory = mem_zalloc(sizeof *settings->memory);
    settings->memory->origins = mem_zalloc(row_count() * sizeof *settings->memory->origins);
    load_defaults(settings);
    return settings;
}

/* For loading once more. */
static void keep_source(struct settings_memory *memory, const struct settings_source *source)
{
    size_t count = 0;
    while (source->overrides && source->overrides[count])
        count++;
    memory->overrides = mem_zalloc((count + 1) * sizeof *memory->overrides);
    for (size_t i = 0; i < count; i++)
        memory->overrides[i] = mem_strdup(source->overrides[i]);
    memory->environment = source->environment;
}

struct settings *settings_load(
    const struct settings_source *source, struct settings_problems *ret_problems)
{
    *ret_problems = (struct settings_problems){NULL, 0};
    struct settings *settings = settings_new();
    keep_source(settings->memory, source);
    struct settings_loader loader = {.settings = settings, .problems = ret_problems};
    const char *file = source->file ? source->file : settings_environment_file(source->environment);
    bool whole = !file || settings_file_read(&loader, file);
    settings->memory->file = mem_strdup(file);
    settings_environment_read(&loader, source->environment);
    settings_overrides_read(&loader, source->overrides);
    settings_properties_read(&loader);
    /* Of a file that breaks off nobody knows what it would have said. */
    if (whole)
        settings_cross_check(&loader);
    if (!ret_problems->count)
        return settings;
    settings_free(settings);
    return NULL;
}

void settings_free(struct settings *settings)
{
    if (!settings)
        return;
    struct settings_memory *memory = settings->memory;
    for (size_t i = 0; i < memory->block_count; i++)
        free(memory->blocks[i]);
    for (size_t i = 0; i < row_count(); i++) {
        free(memory->origins[i].where);
        free(memory->origins[i].block);
    }
    for (size_t i = 0; memory->overrides[i]; i++)
        free(memory->overrides[i]);
    free(memory->overrides);
    free(memory->blocks);
    free(memory->origins);
    free(memory->file);
    free(memory);
    free(settings);
}

void settings_problems_release(struct settings_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].where);
        free(problems->items[i].text);
    }
    free(problems->items);
    *problems = (struct settings_problems){NULL, 0};
}

const char *settings_file(const struct settings *settings)
{
    return settings->memory->file;
}

const char *settings_where(const struct settings *settings, const struct setting *setting)
{
    const char *where = settings_origin(settings, setting)->where;
    return where ? where : "default";
}
