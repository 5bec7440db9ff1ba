/* SPDX-License-Identifier: Apache-2.0 */
/* The files that settings come from, to see whether one has changed. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "config/settings_internal.h"

/* Further ones are not followed. */
#define FILES_MAX  32
#define LINE_USUAL 512

struct look {
    struct settings_files *files;
    struct sha256 *hash;
    char *directory; /* what @include is relative to */
};

static void look_at(const struct look *look, const char *path);

/* The path of `@include "path"`, or NULL. Returns new. */
static char *included(const struct look *look, const char *line)
{
    static const char keyword[] = "@include";
    line += strspn(line, " \t");
    if (strncmp(line, keyword, strlen(keyword)) != 0)
        return NULL;
    line += strlen(keyword);
    line += strspn(line, " \t");
    const char *end = *line == '"' ? strchr(line + 1, '"') : NULL;
    if (!end)
        return NULL;
    char *path = mem_dup(line + 1, (size_t)(end - line - 1));
    if (*path == '/')
        return path;
    char *whole = mem_printf("%s/%s", look->directory, path);
    free(path);
    return whole;
}

/* Keys and passwords are among it: no copy is left behind. */
static void read_lines(const struct look *look, FILE *stream)
{
    char chunk[4096];
    size_t size = LINE_USUAL;
    char *line = mem_alloc(size);
    setvbuf(stream, chunk, _IOFBF, sizeof chunk);
    for (ssize_t len; (len = getline(&line, &size, stream)) >= 0;) {
        char *path = included(look, line);
        sha256_add(look->hash, line, (size_t)len);
        if (path)
            look_at(look, path);
        free(path);
    }
    explicit_bzero(line, size);
    free(line);
    fclose(stream);
    explicit_bzero(chunk, sizeof chunk);
}

static void look_at(const struct look *look, const char *path)
{
    struct settings_files *files = look->files;
    for (size_t i = 0; i < files->count; i++)
        if (!strcmp(files->paths[i], path))
            return;
    if (files->count == FILES_MAX)
        return;
    files->paths = mem_array(files->paths, files->count + 1, sizeof *files->paths);
    files->paths[files->count++] = mem_strdup(path);
    FILE *stream = fopen(path, "re");
    sha256_add(look->hash, path, strlen(path) + 1);
    sha256_add(look->hash, stream ? "1" : "0", 1); /* empty is not the same as absent */
    if (stream)
        read_lines(look, stream);
}

void settings_files_look(const struct settings *settings, struct settings_files *ret_files)
{
    const char *const paths[] = {
        settings_file(settings), settings->kafka_properties_file, settings->secrets_key_file};
    char *copy = mem_strdup(paths[0] ? paths[0] : "");
    struct look look = {ret_files, sha256_new(), mem_strdup(dirname(copy))};
    *ret_files = (struct settings_files){.count = 0};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (paths[i] && *paths[i])
            look_at(&look, paths[i]);
    sha256_finish(look.hash, ret_files->digest);
    sha256_free(look.hash);
    free(look.directory);
    free(copy);
}

void settings_files_release(struct settings_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    *files = (struct settings_files){.count = 0};
}
