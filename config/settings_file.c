/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from a file; the only user of libconfig. */
#include <errno.h>
#include <libconfig.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/text.h"
#include "config/settings_internal.h"

struct reader {
    struct settings_loader *loader;
    const char *file;
    char *directory; /* of the file; what @include is relative to, in included files too */
};

/* libconfig 1.5 names an included file as the @include does, 1.7 with the directory. */
static char *real_path(const struct reader *reader, const char *file)
{
    size_t len = strlen(reader->directory);
    bool complete = !file || !strcmp(file, reader->file) || file[0] == '/' ||
                    !strcmp(reader->directory, ".") ||
                    (!strncmp(file, reader->directory, len) && file[len] == '/');
    return complete ? mem_strdup(file ? file : reader->file)
                    : mem_printf("%s/%s", reader->directory, file);
}

static char *place(const struct reader *reader, const char *file, unsigned line)
{
    char *path = real_path(reader, file);
    char *where = mem_printf("%s:%u", path, line);
    free(path);
    return where;
}

static char *place_of(const struct reader *reader, const config_setting_t *element)
{
    return place(reader, config_setting_source_file(element), config_setting_source_line(element));
}

/* Returns new: a line of a file, from 1, or NULL. */
static char *source_line(const struct reader *reader, const char *file, unsigned line)
{
    char *path = real_path(reader, file);
    FILE *stream = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    ssize_t len = -1;
    for (unsigned i = 0; stream && i < line; i++)
        len = getline(&text, &size, stream);
    if (stream)
        fclose(stream);
    free(path);
    if (len < 0) {
        free(text);
        return NULL;
    }
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

/* libconfig 1.5 cuts integers to 32 bits without a word, so that 4294967306 would count as 10. */
static bool is_cut_integer(const struct reader *reader, const config_setting_t *element)
{
    if (config_setting_type(element) != CONFIG_TYPE_INT)
        return false;
    char *line = source_line(
        reader, config_setting_source_file(element), config_setting_source_line(element));
    const char *text = line ? strstr(line, config_setting_name(element)) : NULL;
    if (text)
        text += strcspn(text, "=:");
    if (text)
        text += strspn(text, "=: \t-+0");
    bool cut = text && strspn(text, "0123456789") >= 10;
    free(line);
    return cut;
}

static const char *expectation(enum setting_type type)
{
    static const char *const texts[] = {
        [SETTING_STRING] = "a string",
        [SETTING_BOOL] = "true or false",
        [SETTING_INT] = "a whole number",
        [SETTING_DURATION] = "a duration in quotes, such as \"10s\"",
        [SETTING_SIZE] = "a size in quotes, such as \"64KiB\"",
        [SETTING_ENUM] = "a string",
        [SETTING_LIST] = "a list of strings, such as [\"a\", \"b\"]",
    };
    return texts[type];
}

/* What an element is, in words. A string is not repeated: it may be a secret. Returns new. */
static char *finding(const config_setting_t *element)
{
    switch (config_setting_type(element)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return mem_printf("the number %lld", config_setting_get_int64(element));
    case CONFIG_TYPE_FLOAT:
        return mem_printf("the number %g", config_setting_get_float(element));
    case CONFIG_TYPE_BOOL:
        return mem_strdup(config_setting_get_bool(element) ? "true" : "false");
    case CONFIG_TYPE_STRING:
        return mem_strdup("a string");
    case CONFIG_TYPE_GROUP:
        return mem_strdup("a group");
    default:
        return mem_strdup("a list");
    }
}

static bool is_integer(const config_setting_t *element)
{
    return config_setting_type(element) == CONFIG_TYPE_INT ||
           config_setting_type(element) == CONFIG_TYPE_INT64;
}

/* How an element of the wrong type should have been written, or "". Returns new. */
static char *advice(enum setting_type type, const config_setting_t *element)
{
    char size[TEXT_AMOUNT_SIZE];
    long long number = is_integer(element) ? config_setting_get_int64(element) : -1;
    bool string = config_setting_type(element) == CONFIG_TYPE_STRING;
    if (type == SETTING_DURATION && number >= 0)
        return mem_printf("; write \"%llds\" or \"%lldms\"", number, number);
    if (type == SETTING_SIZE && number >= 0)
        return mem_printf("; write \"%s\"", text_format_size(number, size));
    if ((type == SETTING_INT || type == SETTING_BOOL) && string)
        return mem_strdup("; write it without quotes");
    if (type == SETTING_LIST && string)
        return mem_strdup("; write it in brackets");
    return mem_strdup("");
}

static void wrong_type(const struct reader *reader, const struct setting *setting,
    enum setting_type type, const config_setting_t *element)
{
    char *where = place_of(reader, element);
    char *found = finding(element);
    char *hint = advice(type, element);
    loader_fault(
        reader->loader, setting, where, "expected %s, found %s%s", expectation(type), found, hint);
    free(where);
    free(found);
    free(hint);
}

/* An element as text, if its type is right for a setting of `type`, else NULL. Returns new. */
static char *element_text(enum setting_type type, const config_setting_t *element)
{
    if (type == SETTING_INT)
        return is_integer(element) ? mem_printf("%lld", config_setting_get_int64(element)) : NULL;
    if (type == SETTING_BOOL)
        return config_setting_type(element) == CONFIG_TYPE_BOOL ? finding(element) : NULL;
    return mem_strdup(config_setting_get_string(element));
}

static void read_scalar(
    const struct reader *reader, const struct setting *setting, const config_setting_t *element)
{
    struct settings_item item = {.text = element_text(setting->type, element)};
    if (!item.text) {
        wrong_type(reader, setting, setting->type, element);
        return;
    }
    item.where = place_of(reader, element);
    if (is_cut_integer(reader, element))
        loader_fault(reader->loader, setting, item.where,
            "must be %lld to %lld, and the number is beyond 32 bits", (long long)setting->min,
            (long long)setting->max);
    else
        loader_assign(reader->loader, setting, item.where, &item, 1);
    free(item.text);
    free(item.where);
}

/* Fills `items` with those elements that are strings; reports the others. */
static size_t list_items(const struct reader *reader, const struct setting *setting,
    const config_setting_t *list, struct settings_item *items)
{
    size_t count = 0;
    for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, i);
        char *text = element_text(SETTING_STRING, element);
        if (text)
            items[count++] =
                (struct settings_item){.text = text, .where = place_of(reader, element)};
        else
            wrong_type(reader, setting, SETTING_STRING, element);
    }
    return count;
}

static void read_list(
    const struct reader *reader, const struct setting *setting, const config_setting_t *element)
{
    if (!config_setting_is_array(element) && !config_setting_is_list(element)) {
        wrong_type(reader, setting, SETTING_LIST, element);
        return;
    }
    size_t length = (size_t)config_setting_length(element);
    struct settings_item *items = mem_array(NULL, length, sizeof *items);
    size_t count = list_items(reader, setting, element, items);
    char *where = place_of(reader, element);
    loader_assign(reader->loader, setting, where, items, count);
    if (count != length)
        settings_origin(reader->loader->settings, setting)->faulty = true;
    for (size_t i = 0; i < count; i++) {
        free(items[i].text);
        free(items[i].where);
    }
    free(items);
    free(where);
}

static void read_setting(
    const struct reader *reader, const char *path, const config_setting_t *element)
{
    const struct setting *setting = settings_find(path);
    if (!setting) {
        char *where = place_of(reader, element);
        loader_unknown_setting(reader->loader, where, path);
        free(where);
    } else if (setting->type == SETTING_LIST) {
        read_list(reader, setting, element);
    } else {
        read_scalar(reader, setting, element);
    }
}

static void read_group(const struct reader *reader, const config_setting_t *group)
{
    for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
        const config_setting_t *element = config_setting_get_elem(group, i);
        char *path = mem_printf("%s.%s", config_setting_name(group), config_setting_name(element));
        read_setting(reader, path, element);
        free(path);
    }
}

static bool is_group_name(const char *name)
{
    for (const struct settings_group *group = settings_groups; group->name; group++)
        if (!strcmp(group->name, name))
            return true;
    return false;
}

static void read_top(const struct reader *reader, const config_setting_t *element)
{
    const char *name = config_setting_name(element);
    bool known = is_group_name(name);
    if (known && config_setting_is_group(element)) {
        read_group(reader, element);
        return;
    }
    char *where = place_of(reader, element);
    char *found = finding(element);
    if (known)
        loader_problem(reader->loader, where,
            "%s: expected a group of settings, found %s; write "
            "%s = { … };",
            name, found, name);
    else if (config_setting_is_group(element))
        loader_unknown_group(reader->loader, where, name);
    else
        loader_unknown_setting(reader->loader, where, name);
    free(where);
    free(found);
}

/* libconfig does not say which file it is that cannot be included, the line does. No other line is
 * repeated: it may hold a secret. */
static void parse_problem(const struct reader *reader, const config_t *config)
{
    char *where = place(reader, config_error_file(config), (unsigned)config_error_line(config));
    char *line =
        source_line(reader, config_error_file(config), (unsigned)config_error_line(config));
    if (line && strstr(line, "@include"))
        loader_problem(reader->loader, where, "%s: %s", config_error_text(config), line);
    else
        loader_problem(reader->loader, where, "%s", config_error_text(config));
    free(where);
    free(line);
}

/* Before libconfig, which says no more than "file I/O error". */
static bool check_readable(const struct reader *reader)
{
    struct stat status;
    const char *why = NULL;
    if (stat(reader->file, &status) != 0 || access(reader->file, R_OK) != 0)
        why = strerror(errno);
    else if (S_ISDIR(status.st_mode))
        why = "it is a directory";
    if (why)
        loader_problem(reader->loader, reader->file, "the settings file cannot be read: %s", why);
    return !why;
}

static bool read_file(const struct reader *reader, config_t *config)
{
    if (!check_readable(reader))
        return false;
    config_set_include_dir(config, reader->directory);
    if (config_read_file(config, reader->file)) {
        const config_setting_t *root = config_root_setting(config);
        for (unsigned i = 0; i < (unsigned)config_setting_length(root); i++)
            read_top(reader, config_setting_get_elem(root, i));
        return true;
    }
    if (config_error_type(config) == CONFIG_ERR_PARSE)
        parse_problem(reader, config);
    else
        loader_problem(reader->loader, reader->file, "the settings file cannot be read");
    return false;
}

bool settings_file_read(struct settings_loader *loader, const char *file)
{
    char *copy = mem_strdup(file);
    struct reader reader = {.loader = loader, .file = file, .directory = mem_strdup(dirname(copy))};
    config_t config;
    config_init(&config);
    bool whole = read_file(&reader, &config);
    config_destroy(&config);
    free(reader.directory);
    free(copy);
    return whole;
}
