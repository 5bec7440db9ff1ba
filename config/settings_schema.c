/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON Schema of the settings: for what writes settings files, such as the Helm chart. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "config/settings_internal.h"

#define DURATION_PATTERN "^(0|[0-9]+(ms|s|m|h|d))$"
#define SIZE_PATTERN     "^(0|[0-9]+(KiB|MiB|GiB|kB|MB|GB)?)$"

static json_t *choices(const struct setting *setting)
{
    json_t *names = json_or_fatal(json_array());
    for (size_t i = 0; setting->choices[i]; i++)
        json_array_append_new(names, json_string(setting->choices[i]));
    return json_or_fatal(json_pack("{s:o}", "enum", names));
}

static json_t *accepted(const struct setting *setting)
{
    if (setting->choices)
        return choices(setting);
    switch (setting->type) {
    case SETTING_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case SETTING_INT:
        return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)setting->min,
            "maximum", (json_int_t)setting->max);
    case SETTING_DURATION:
        return json_pack("{s:s, s:s}", "type", "string", "pattern", DURATION_PATTERN);
    case SETTING_SIZE:
        return json_pack("{s:s, s:s}", "type", "string", "pattern", SIZE_PATTERN);
    case SETTING_LIST:
        return json_pack("{s:s, s:{s:s}, s:I, s:I}", "type", "array", "items", "type", "string",
            "minItems", (json_int_t)setting->min, "maxItems", (json_int_t)setting->max);
    default:
        return json_pack("{s:s, s:I, s:I}", "type", "string", "minLength", (json_int_t)setting->min,
            "maxLength", (json_int_t)setting->max);
    }
}

static json_t *group_schema(const struct settings_group *group)
{
    json_t *properties = json_or_fatal(json_object());
    for (const struct setting *row = settings_table; row->path; row++) {
        if (!setting_in_group(row, group))
            continue;
        json_t *schema = json_or_fatal(accepted(row));
        json_set_or_fatal(schema, "description", json_string(row->doc));
        json_set_or_fatal(properties, strchr(row->path, '.') + 1, schema);
    }
    return json_or_fatal(json_pack("{s:s, s:s, s:b, s:o}", "description", group->doc, "type",
        "object", "additionalProperties", false, "properties", properties));
}

void settings_print_schema(struct buffer *out)
{
    json_t *properties = json_or_fatal(json_object());
    for (const struct settings_group *group = settings_groups; group->name; group++)
        json_set_or_fatal(properties, group->name, group_schema(group));
    json_t *schema = json_or_fatal(json_pack("{s:s, s:s, s:s, s:b, s:o}", "$schema",
        "https://json-schema.org/draft/2020-12/schema", "title", "Settings of Hookline", "type",
        "object", "additionalProperties", false, "properties", properties));
    char *text = json_dumps(schema, JSON_INDENT(2));
    if (!text)
        fatal("out of memory");
    buffer_printf(out, "%s\n", text);
    free(text);
    json_decref(schema);
}
