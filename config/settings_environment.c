/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from the environment and from --set. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "config/settings_internal.h"

#define PREFIX        "HOOKLINE_"
#define FILE_VARIABLE "HOOKLINE_CONFIG"
#define NAME_SIZE     128
#define OVERRIDE      "--set"

/* Variables of this shape that are no setting come from Kubernetes, which describes each service of
 * a namespace to each pod in it ("docker links"); one called hookline gives HOOKLINE_PORT. */
#define SERVICE_LINK "^HOOKLINE(_[A-Z0-9_]+)?_(PORT|SERVICE)(_.*)?$"

/* For whoever builds and tests Hookline; see dev/. */
static const char *const ours[] = {FILE_VARIABLE, "HOOKLINE_BIN", "HOOKLINE_WERROR", NULL};
#define TEST_PREFIX "HOOKLINE_TEST_"

static void end_element(struct buffer *element, char ***list, size_t *count)
{
    *list = mem_array(*list, *count + 1, sizeof **list);
    (*list)[(*count)++] = buffer_take(element);
}

char **settings_split_list(const char *text, size_t *ret_count)
{
    struct buffer element = BUFFER_INIT;
    char **list = NULL;
    size_t count = 0;
    for (const char *c = text; *c; c++) {
        if (c[0] == '\\' && c[1] == ',')
            buffer_add(&element, ++c, 1);
        else if (*c == ',')
            end_element(&element, &list, &count);
        else
            buffer_add(&element, c, 1);
    }
    if (*text)
        end_element(&element, &list, &count);
    *ret_count = count;
    return list;
}

static void assign_text(struct settings_loader *loader, const struct setting *setting,
    const char *where, const char *text)
{
    size_t count = 1;
    char **texts = NULL;
    if (setting->type == SETTING_LIST) {
        texts = settings_split_list(text, &count);
    } else {
        texts = mem_array(NULL, 1, sizeof *texts);
        texts[0] = mem_strdup(text);
    }
    struct settings_item *items = mem_array(NULL, count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct settings_item){.text = texts[i], .where = (char *)where};
    loader_assign(loader, setting, where, items, count);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
    free(items);
}

static const struct setting *find_variable(const char *name)
{
    char candidate[NAME_SIZE];
    for (const struct setting *row = settings_table; row->path; row++) {
        settings_environment_name(row, candidate, sizeof candidate);
        if (!strcmp(candidate, name))
            return row;
    }
    return NULL;
}

static bool is_service_link(const char *name)
{
    regex_t regex;
    bug_on(regcomp(&regex, SERVICE_LINK, REG_EXTENDED | REG_NOSUB) != 0);
    bool matches = !regexec(&regex, name, 0, NULL, 0);
    regfree(&regex);
    return matches;
}

static bool is_not_for_us(const char *name)
{
    for (size_t i = 0; ours[i]; i++)
        if (!strcmp(ours[i], name))
            return true;
    return !strncmp(name, TEST_PREFIX, strlen(TEST_PREFIX)) || is_service_link(name);
}

static void read_variable(struct settings_loader *loader, const char *name, const char *value)
{
    const struct setting *setting = find_variable(name);
    if (setting)
        assign_text(loader, setting, name, value);
    else if (!is_not_for_us(name))
        loader_unknown_variable(loader, name);
}

void settings_environment_read(struct settings_loader *loader, char *const *environment)
{
    for (size_t i = 0; environment && environment[i]; i++) {
        const char *equals = strchr(environment[i], '=');
        if (!equals || strncmp(environment[i], PREFIX, strlen(PREFIX)) != 0)
            continue;
        char *name = mem_dup(environment[i], (size_t)(equals - environment[i]));
        read_variable(loader, name, equals + 1);
        free(name);
    }
}

const char *settings_environment_file(char *const *environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        if (!strncmp(environment[i], FILE_VARIABLE "=", strlen(FILE_VARIABLE "=")))
            return environment[i][strlen(FILE_VARIABLE "=")]
                       ? environment[i] + strlen(FILE_VARIABLE "=")
                       : NULL;
    return NULL;
}

static void read_override(struct settings_loader *loader, const char *override)
{
    const char *equals = strchr(override, '=');
    if (!equals) {
        loader_problem(loader, OVERRIDE, "\"%s\" is not of the form path=value", override);
        return;
    }
    char *path = mem_dup(override, (size_t)(equals - override));
    const struct setting *setting = settings_find(path);
    if (setting)
        assign_text(loader, setting, OVERRIDE, equals + 1);
    else
        loader_unknown_setting(loader, OVERRIDE, path);
    free(path);
}

void settings_overrides_read(struct settings_loader *loader, const char *const *overrides)
{
    for (size_t i = 0; overrides && overrides[i]; i++)
        read_override(loader, overrides[i]);
}
