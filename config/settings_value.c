/* SPDX-License-Identifier: Apache-2.0 */
/* Values of settings: from text, with their range, into the options, and back to text. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "config/settings_internal.h"

static void *field(const struct settings *settings, const struct setting *setting)
{
    return (char *)settings + setting->offset;
}

static bool range_fault(const struct setting *setting, int64_t number, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    buffer_add_text(&text, "must be ");
    setting_format_number(setting, setting->min, &text);
    buffer_add_text(&text, " to ");
    setting_format_number(setting, setting->max, &text);
    if (setting->unit)
        buffer_printf(&text, " %s", setting->unit);
    buffer_add_text(&text, ", is ");
    setting_format_number(setting, number, &text);
    error_set(error, ERROR_CONFIG, "%s", buffer_text(&text));
    buffer_release(&text);
    return false;
}

static bool in_range(
    const struct setting *setting, int64_t number, int64_t *ret_number, struct error *error)
{
    if (number < setting->min || number > setting->max)
        return range_fault(setting, number, error);
    *ret_number = number;
    return true;
}

static bool parse_choice(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    struct buffer names = BUFFER_INIT;
    for (size_t i = 0; setting->choices[i]; i++) {
        if (!strcmp(setting->choices[i], text)) {
            *ret_number = (int64_t)i;
            buffer_release(&names);
            return true;
        }
        buffer_printf(&names, "%s\"%s\"", i ? ", " : "", setting->choices[i]);
    }
    error_set(error, ERROR_CONFIG, "must be one of %s, is \"%s\"", buffer_text(&names), text);
    buffer_release(&names);
    return false;
}

static bool parse_string(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    if (setting->choices)
        return parse_choice(setting, text, ret_number, error);
    size_t len = strlen(text);
    if (!len && setting->min > 0)
        return error_set(error, ERROR_CONFIG, "must not be empty");
    if (len > (size_t)setting->max)
        return error_set(error, ERROR_CONFIG, "must have at most %lld characters, has %zu",
            (long long)setting->max, len);
    return true;
}

static bool parse_bool(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    (void)setting;
    bool yes = !strcmp(text, "true");
    if (!yes && strcmp(text, "false") != 0)
        return error_set(error, ERROR_CONFIG, "must be true or false, is \"%s\"", text);
    *ret_number = yes;
    return true;
}

static bool parse_int(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    int64_t number;
    if (!text_parse_int(text, &number))
        return error_set(error, ERROR_CONFIG, "must be a whole number, is \"%s\"", text);
    return in_range(setting, number, ret_number, error);
}

static bool parse_duration(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    int64_t number;
    /* Nobody can know which unit was meant, so none is assumed. */
    if (text_parse_int(text, &number) && number != 0)
        return error_set(
            error, ERROR_CONFIG, "a duration needs a unit: write \"%ss\" or \"%sms\"", text, text);
    return text_parse_duration(text, &number, error) &&
           in_range(setting, number, ret_number, error);
}

static bool parse_size(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    int64_t number;
    return text_parse_size(text, &number, error) && in_range(setting, number, ret_number, error);
}

/* The length of a list is checked by loader_assign(). */
static bool parse_element(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    (void)setting;
    (void)ret_number;
    return *text || error_set(error, ERROR_CONFIG, "an element of the list is empty");
}

static bool (*const parsers[])(const struct setting *, const char *, int64_t *, struct error *) = {
    [SETTING_STRING] = parse_string,
    [SETTING_BOOL] = parse_bool,
    [SETTING_INT] = parse_int,
    [SETTING_DURATION] = parse_duration,
    [SETTING_SIZE] = parse_size,
    [SETTING_ENUM] = parse_choice,
    [SETTING_LIST] = parse_element,
};

bool setting_parse(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error)
{
    if (!text_is_utf8(text, strlen(text)))
        return error_set(error, ERROR_CONFIG, "is not UTF-8");
    int64_t number = 0;
    if (!parsers[setting->type](setting, text, &number, error) ||
        (setting->check && !setting->check(text, error)))
        return false;
    *ret_number = number;
    return true;
}

/* What the value points to from now on. Takes `block`. */
static void set_block(struct settings *settings, const struct setting *setting, void *block)
{
    struct settings_origin *origin = settings_origin(settings, setting);
    free(origin->block);
    origin->block = block;
}

static void store_string(struct settings *settings, const struct setting *setting, const char *text)
{
    char *copy = mem_strdup(text);
    *(const char **)field(settings, setting) = copy;
    set_block(settings, setting, copy);
}

/* The list and its texts in one block. */
static void store_list(struct settings *settings, const struct setting *setting,
    const char *const *texts, size_t count)
{
    size_t size = (count + 1) * sizeof *texts;
    for (size_t i = 0; i < count; i++)
        size += strlen(texts[i]) + 1;
    const char **list = mem_alloc(size);
    char *at = (char *)(list + count + 1);
    for (size_t i = 0; i < count; i++) {
        list[i] = at;
        at = stpcpy(at, texts[i]) + 1;
    }
    list[count] = NULL;
    *(const char *const **)field(settings, setting) = list;
    set_block(settings, setting, list);
}

static void store_number(struct settings *settings, const struct setting *setting, int64_t number)
{
    if (setting->type == SETTING_BOOL)
        *(bool *)field(settings, setting) = number != 0;
    else if (setting->type == SETTING_ENUM)
        *(unsigned *)field(settings, setting) = (unsigned)number;
    else
        *(int64_t *)field(settings, setting) = number;
}

void setting_store(struct settings *settings, const struct setting *setting,
    const char *const *texts, size_t count)
{
    if (setting->type == SETTING_LIST) {
        store_list(settings, setting, texts, count);
        return;
    }
    bug_on(count != 1);
    int64_t number = 0;
    struct error error = ERROR_INIT;
    bug_on(!setting_parse(setting, texts[0], &number, &error));
    if (setting->type == SETTING_STRING)
        store_string(settings, setting, texts[0]);
    else
        store_number(settings, setting, number);
}

int64_t setting_number(const struct settings *settings, const struct setting *setting)
{
    if (setting->type == SETTING_BOOL)
        return *(bool *)field(settings, setting);
    if (setting->type == SETTING_ENUM)
        return *(unsigned *)field(settings, setting);
    return *(int64_t *)field(settings, setting);
}

const char *setting_string(const struct settings *settings, const struct setting *setting)
{
    return *(const char **)field(settings, setting);
}

const char *const *setting_list(const struct settings *settings, const struct setting *setting)
{
    return *(const char *const **)field(settings, setting);
}

static size_t list_length(const char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    return count;
}

void setting_copy(
    struct settings *settings, const struct setting *setting, const struct settings *from)
{
    if (setting->type == SETTING_LIST) {
        const char *const *list = setting_list(from, setting);
        store_list(settings, setting, list, list_length(list));
    } else if (setting->type == SETTING_STRING) {
        store_string(settings, setting, setting_string(from, setting));
    } else {
        store_number(settings, setting, setting_number(from, setting));
    }
}

static bool equal_lists(const char *const *a, const char *const *b)
{
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return !*a && !*b;
}

bool setting_equal(
    const struct settings *a, const struct settings *b, const struct setting *setting)
{
    if (setting->type == SETTING_LIST)
        return equal_lists(setting_list(a, setting), setting_list(b, setting));
    if (setting->type == SETTING_STRING)
        return strcmp(setting_string(a, setting), setting_string(b, setting)) == 0;
    return setting_number(a, setting) == setting_number(b, setting);
}

void setting_format_number(const struct setting *setting, int64_t number, struct buffer *out)
{
    char amount[TEXT_AMOUNT_SIZE];
    switch (setting->type) {
    case SETTING_DURATION:
        buffer_add_text(out, text_format_duration(number, amount));
        break;
    case SETTING_SIZE:
        buffer_add_text(out, text_format_size(number, amount));
        break;
    case SETTING_BOOL:
        buffer_add_text(out, number ? "true" : "false");
        break;
    case SETTING_ENUM:
        buffer_add_text(out, setting->choices[number]);
        break;
    default:
        buffer_printf(out, "%lld", (long long)number);
    }
}
