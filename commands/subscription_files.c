/* SPDX-License-Identifier: Apache-2.0 */
/* What a file of subscriptions names by further files. */
#include "commands/subscription_files.h"

#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "common/buffer.h"
#include "common/memory.h"
#include "subscriptions/secret.h"
#include "subscriptions/subscription.h"

#define VALUE_MAX (64 * 1024) /* bytes of a file; what a value may have is checked later */

/* Where a value can be named: "<object>/<part>/<name>_file" stands for "<name>" there. */
static const struct place {
    const char *object, *part; /* part NULL = the object itself */
    const char *name, *file_name;
} places[] = {
    {"auth", "basic", "password", "password_file"},
    {"auth", "oauth2", "client_secret", "client_secret_file"},
    {"tls", NULL, "ca", "ca_file"},
    {"tls", NULL, "client_certificate", "client_certificate_file"},
    {"tls", NULL, "client_key", "client_key_file"},
};

struct reading {
    const char *file; /* that names the others */
    char *root;       /* JSON pointer to the subscription */
    struct error *error;
};

static bool fail(const struct reading *reading, const char *pointer, const char *text)
{
    return error_set(reading->error, ERROR_CONFIG, "%s%s: %s", reading->root, pointer, text);
}

/* A name as it stands in the file: relative to where that is. Returns new. */
static char *resolve(const char *name, const char *file)
{
    const char *slash = strcmp(file, "-") == 0 ? NULL : strrchr(file, '/');
    if (name[0] == '/' || !slash)
        return mem_strdup(name);
    return mem_printf("%.*s/%s", (int)(slash - file), file, name);
}

/* The content without the end of its last line. A new string, or NULL. */
static json_t *read_value(const struct reading *reading, const json_t *name, const char *pointer)
{
    struct buffer text = BUFFER_INIT;
    struct error error = ERROR_INIT;
    json_t *value = NULL;
    if (!json_is_string(name)) {
        fail(reading, pointer, "not the name of a file");
        return NULL;
    }
    char *path = resolve(json_string_value(name), reading->file);
    buffer_reserve(&text, VALUE_MAX + 1);
    if (command_read(path, VALUE_MAX, &text, &error)) {
        while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
            text.len--;
        value = json_stringn(text.data, text.len);
        if (!value)
            error_set(&error, ERROR_CONFIG, "not UTF-8");
    }
    if (!value) {
        error_prefix(&error, "%s", path);
        fail(reading, pointer, error.text);
    }
    secret_wipe(&text);
    free(path);
    return value;
}

/* Takes `value`, which may be NULL. */
static bool put(const struct reading *reading, json_t *object, const char *name, json_t *value,
    const char *pointer)
{
    if (!value)
        return false;
    if (json_object_get(object, name)) {
        json_decref(value);
        return fail(reading, pointer, "the value itself stands there too");
    }
    if (json_object_set_new(object, name, value) != 0)
        fatal("out of memory");
    return true;
}

static bool read_place(
    const struct reading *reading, json_t *subscription, const struct place *place)
{
    json_t *object = json_object_get(subscription, place->object);
    if (place->part)
        object = json_object_get(object, place->part);
    json_t *name = json_object_get(object, place->file_name);
    if (!name)
        return true;
    char *pointer = mem_printf("/%s%s%s/%s", place->object, place->part ? "/" : "",
        place->part ? place->part : "", place->file_name);
    json_t *value = read_value(reading, name, pointer);
    json_object_del(object, place->file_name);
    bool good = put(reading, object, place->name, value, pointer);
    free(pointer);
    return good;
}

/* Of one secret: its id is the word "file". */
static bool read_secret(const struct reading *reading, json_t *subscription)
{
    json_t *name = json_object_get(subscription, "secret_file");
    if (!name)
        return true;
    json_t *value = read_value(reading, name, "/secret_file");
    json_object_del(subscription, "secret_file");
    if (!value)
        return false;
    const char *scheme = strncmp(json_string_value(value), "whsk_", 5) == 0 ? "v1a" : "v1";
    return put(reading, subscription, "secrets",
        json_pack("[{ss,ss,so}]", "id", "file", "scheme", scheme, "secret", value), "/secret_file");
}

static bool read_headers(const struct reading *reading, json_t *subscription)
{
    json_t *files = json_object_get(subscription, "header_files"), *headers, *name;
    const char *header;
    if (!files)
        return true;
    if (!json_is_object(files))
        return fail(reading, "/header_files", "not an object");
    headers = json_object_get(subscription, "headers");
    if (!headers && json_object_set_new(subscription, "headers", headers = json_object()) != 0)
        fatal("out of memory");
    json_object_foreach(files, header, name) {
        char *pointer = mem_printf("/header_files/%s", header);
        bool good = put(reading, headers, header, read_value(reading, name, pointer), pointer);
        free(pointer);
        if (!good)
            return false;
    }
    json_object_del(subscription, "header_files");
    return true;
}

static bool read_one(const struct reading *reading, json_t *subscription)
{
    if (!json_is_object(subscription))
        return true; /* which will be complained of */
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (!read_place(reading, subscription, &places[i]))
            return false;
    return read_secret(reading, subscription) && read_headers(reading, subscription);
}

bool subscription_files_read(json_t *json, const char *file, struct error *error)
{
    json_t *list = json_object_get(json, "subscriptions"), *subscription;
    const char *root = list ? "/subscriptions" : "";
    bool good = true;
    size_t index;
    if (!list && json_is_object(json)) {
        struct reading reading = {file, (char[]){""}, error};
        return read_one(&reading, json);
    }
    json_array_foreach(list ? list : json, index, subscription) {
        struct reading reading = {file, mem_printf("%s/%zu", root, index), error};
        good = read_one(&reading, subscription);
        free(reading.root);
        if (!good)
            break;
    }
    return good;
}
