/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as people and programs read them: the effective values. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "config/settings_internal.h"

/* A string of libconfig's syntax. */
static void print_quoted(const char *text, struct buffer *out)
{
    buffer_add_text(out, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            buffer_printf(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            buffer_printf(out, "\\x%02x", (unsigned char)*c);
        else
            buffer_add(out, c, 1);
    }
    buffer_add_text(out, "\"");
}

/* A string or an element, without secrets. Returns new. */
static char *masked(const struct setting *setting, const char *text)
{
    if (!setting->mask)
        return mem_strdup(text);
    struct buffer out = BUFFER_INIT;
    setting->mask(text, &out);
    return buffer_take(&out);
}

static void print_text(const struct setting *setting, const char *text, struct buffer *out)
{
    char *shown = masked(setting, text);
    print_quoted(shown, out);
    free(shown);
}

static void print_list(const struct setting *setting, const char *const *list, struct buffer *out)
{
    buffer_add_text(out, "[");
    for (size_t i = 0; list[i]; i++) {
        buffer_add_text(out, i ? ", " : "");
        print_text(setting, list[i], out);
    }
    buffer_add_text(out, "]");
}

static bool is_quoted(enum setting_type type)
{
    return type == SETTING_DURATION || type == SETTING_SIZE || type == SETTING_ENUM;
}

void settings_print_value(
    const struct settings *settings, const struct setting *setting, struct buffer *out)
{
    if (setting->type == SETTING_LIST) {
        print_list(setting, setting_list(settings, setting), out);
    } else if (setting->type == SETTING_STRING) {
        print_text(setting, setting_string(settings, setting), out);
    } else {
        const char *quote = is_quoted(setting->type) ? "\"" : "";
        buffer_add_text(out, quote);
        setting_format_number(setting, setting_number(settings, setting), out);
        buffer_add_text(out, quote);
    }
}

void settings_print(const struct settings *settings, struct buffer *out)
{
    for (const struct setting *row = settings_table; row->path; row++) {
        buffer_printf(out, "%s = ", row->path);
        settings_print_value(settings, row, out);
        if (settings_origin(settings, row)->where)
            buffer_printf(out, "  # %s", settings_where(settings, row));
        buffer_add_text(out, "\n");
    }
}

static json_t *json_text(const struct setting *setting, const char *text)
{
    char *shown = masked(setting, text);
    json_t *json = json_string(shown);
    free(shown);
    return json;
}

static json_t *json_list(const struct setting *setting, const char *const *list)
{
    json_t *json = json_array();
    for (size_t i = 0; list[i]; i++)
        json_array_append_new(json, json_text(setting, list[i]));
    return json;
}

static json_t *json_number(const struct settings *settings, const struct setting *setting)
{
    int64_t number = setting_number(settings, setting);
    if (setting->type == SETTING_INT)
        return json_integer(number);
    if (setting->type == SETTING_BOOL)
        return json_boolean(number);
    struct buffer text = BUFFER_INIT;
    setting_format_number(setting, number, &text);
    json_t *json = json_string(buffer_text(&text));
    buffer_release(&text);
    return json;
}

static json_t *json_value(const struct settings *settings, const struct setting *setting)
{
    if (setting->type == SETTING_LIST)
        return json_list(setting, setting_list(settings, setting));
    if (setting->type == SETTING_STRING)
        return json_text(setting, setting_string(settings, setting));
    return json_number(settings, setting);
}

/* The name of a file need not be UTF-8. */
static json_t *json_origin(const char *where)
{
    json_t *json = json_string(where);
    return json ? json : json_string("file");
}

static void add_to_group(json_t *root, const struct setting *setting, json_t *entry)
{
    const char *dot = strchr(setting->path, '.');
    char *name = mem_dup(setting->path, (size_t)(dot - setting->path));
    if (!json_object_get(root, name))
        json_object_set_new(root, name, json_object());
    json_object_set_new(json_object_get(root, name), dot + 1, entry);
    free(name);
}

void settings_print_json(const struct settings *settings, struct buffer *out)
{
    json_t *root = json_object();
    for (const struct setting *row = settings_table; row->path; row++) {
        json_t *entry = json_object();
        json_object_set_new(entry, "value", json_value(settings, row));
        json_object_set_new(entry, "from", json_origin(settings_where(settings, row)));
        add_to_group(root, row, entry);
    }
    char *text = json_dumps(root, JSON_INDENT(2));
    bug_on(!text);
    buffer_printf(out, "%s\n", text);
    free(text);
    json_decref(root);
}
