/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of librdkafka from a file of their own, so that passwords need not stand in the
 * settings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "config/settings_internal.h"

struct property_list {
    char **items;
    size_t count;
};

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
    list->items = mem_array(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = mem_strdup(line);
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

void settings_properties_read(struct settings_loader *loader)
{
    const struct setting *setting = settings_find("kafka.properties_file");
    const char *file = loader->settings->kafka_properties_file;
    if (!*file || settings_origin(loader->settings, setting)->faulty)
        return;
    FILE *stream = fopen(file, "re");
    if (!stream) {
        loader_fault(loader, setting, settings_where(loader->settings, setting),
            "%s cannot be read: %s", file, strerror(errno));
        return;
    }
    struct property_list list = {NULL, 0};
    read_stream(loader, file, stream, &list);
    fclose(stream);
    append(loader->settings, &list);
    free(list.items);
}
