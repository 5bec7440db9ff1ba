/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of librdkafka from a file of their own, so that passwords need not stand in the
 * settings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "config/settings_internal.h"

#define VALUE_MAX 4096

struct property_list {
    char **items;
    size_t count;
};

/* Takes `property`. */
static void add_property(struct property_list *list, char *property)
{
    list->items = mem_array(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = property;
}

static void read_line(
    struct settings_loader *loader, const char *where, char *line, struct property_list *list)
{
    struct error error = ERROR_INIT;
    line += strspn(line, " \t");
    size_t len = strlen(line);
    while (len > 0 && strchr(" \t\r\n", line[len - 1]))
        line[--len] = '\0';
    if (!len || line[0] == '#')
        return;
    if (!check_property(line, &error)) {
        loader_problem(loader, where, "%s", error.text);
        return;
    }
    add_property(list, mem_strdup(line));
}

static void read_stream(
    struct settings_loader *loader, const char *file, FILE *stream, struct property_list *list)
{
    char *line = NULL;
    size_t size = 0;
    for (unsigned number = 1; getline(&line, &size, stream) >= 0; number++) {
        char *where = mem_printf("%s:%u", file, number);
        read_line(loader, where, line, list);
        free(where);
    }
    free(line);
    if (ferror(stream))
        loader_problem(loader, file, "kafka.properties_file cannot be read: %s", strerror(errno));
}

/* The list of kafka.properties, and the strings of `more`, which settings take over. */
static void append(struct settings *settings, const struct property_list *more)
{
    const char *const *old = settings->kafka.properties;
    size_t count = 0;
    while (old[count])
        count++;
    const char **all =
        settings_keep(settings, mem_array(NULL, count + more->count + 1, sizeof *all));
    for (size_t i = 0; i < count; i++)
        all[i] = old[i];
    for (size_t i = 0; i < more->count; i++)
        all[count + i] = settings_keep(settings, more->items[i]);
    all[count + more->count] = NULL;
    settings->kafka.properties = all;
}

/* The file that a setting names; NULL where it names none, or one that cannot be read. */
static FILE *open_file(struct settings_loader *loader, const char *path, const char **ret_file)
{
    const struct setting *setting = settings_find(path);
    const char *file = setting_string(loader->settings, setting);
    if (!*file || settings_origin(loader->settings, setting)->faulty)
        return NULL;
    FILE *stream = fopen(file, "re");
    if (!stream)
        loader_fault(loader, setting, settings_where(loader->settings, setting),
            "%s cannot be read: %s", file, strerror(errno));
    *ret_file = file;
    return stream;
}

static void read_lines(struct settings_loader *loader, struct property_list *list)
{
    const char *file;
    FILE *stream = open_file(loader, "kafka.properties_file", &file);
    if (!stream)
        return;
    read_stream(loader, file, stream, list);
    fclose(stream);
}

/* A file whose content is the value of one property. */
static void read_value(struct settings_loader *loader, const char *path, const char *property,
    struct property_list *list)
{
    const char *file;
    char text[VALUE_MAX + 1];
    FILE *stream = open_file(loader, path, &file);
    if (!stream)
        return;
    size_t len = fread(text, 1, sizeof text, stream);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (ferror(stream))
        loader_problem(loader, file, "%s cannot be read: %s", path, strerror(errno));
    else if (len == 0 || len > VALUE_MAX || memchr(text, '\0', len) || memchr(text, '\n', len))
        loader_problem(loader, file, "%s: not one line of 1 to %d bytes", path, VALUE_MAX);
    else
        add_property(list, mem_printf("%s=%.*s", property, (int)len, text));
    fclose(stream);
}

void settings_properties_read(struct settings_loader *loader)
{
    struct property_list list = {NULL, 0};
    read_lines(loader, &list);
    read_value(loader, "kafka.username_file", "sasl.username", &list);
    read_value(loader, "kafka.password_file", "sasl.password", &list);
    append(loader->settings, &list);
    free(list.items);
}
