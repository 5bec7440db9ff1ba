/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of config/ share: the loader, values as text, and the checks. */
#ifndef HOOKLINE_CONFIG_SETTINGS_INTERNAL_H
#define HOOKLINE_CONFIG_SETTINGS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"

/* Where the value of one row comes from, and what it points to. */
struct settings_origin {
    char *where; /* NULL = default */
    void *block; /* of a string or a list; NULL = of none */
    bool faulty; /* the last source that spoke of it was wrong: no cross-check looks at it */
};

struct settings_memory {
    void **blocks; /* what values point to beside the blocks of their rows */
    size_t block_count;
    char *file;
    char **overrides; /* NULL-terminated */
    char *const *environment;
    struct settings_origin *origins; /* by row */
};

struct settings_loader {
    struct settings *settings;
    struct settings_problems *problems;
};

/* A value, or an element of a list, as text. */
struct settings_item {
    char *text;
    char *where;
};

/* settings.c */
/* Takes a block that settings_free() frees, and returns it. */
void *settings_keep(struct settings *settings, void *block);
struct settings_origin *settings_origin(
    const struct settings *settings, const struct setting *setting);
void loader_problem(struct settings_loader *loader, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As above, for a value of `setting`: names its path, and marks it as faulty. */
void loader_fault(struct settings_loader *loader, const struct setting *setting, const char *where,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Checks and stores a value, one item unless the setting is a list. Items are borrowed. */
void loader_assign(struct settings_loader *loader, const struct setting *setting, const char *where,
    const struct settings_item *items, size_t count);

/* settings_suggest.c */
/* Reports a name that no setting, group or variable has, with the nearest that one has. */
void loader_unknown_setting(struct settings_loader *loader, const char *where, const char *path);
void loader_unknown_group(struct settings_loader *loader, const char *where, const char *name);
void loader_unknown_variable(struct settings_loader *loader, const char *name);

/* settings_file.c: false if the file could not be read to its end. */
bool settings_file_read(struct settings_loader *loader, const char *file);
/* settings_environment.c */
void settings_environment_read(struct settings_loader *loader, char *const *environment);
void settings_overrides_read(struct settings_loader *loader, const char *const *overrides);
/* The file that HOOKLINE_CONFIG names, or NULL. Borrowed. */
const char *settings_environment_file(char *const *environment);
/* Splits at commas; "\," is a comma that stays. Returns new, strings too. */
char **settings_split_list(const char *text, size_t *ret_count);
/* settings_properties.c: appends the properties of kafka.properties_file and those that have a file each. */
void settings_properties_read(struct settings_loader *loader);

/* settings_value.c */
/* Checks one value or element; `ret_number` gets what it is as a number, 0 for text. */
must_check bool setting_parse(
    const struct setting *setting, const char *text, int64_t *ret_number, struct error *error);
/* Stores checked texts in place of what was there. */
void setting_store(struct settings *settings, const struct setting *setting,
    const char *const *texts, size_t count);
/* Makes the value what it is in `from`. */
void setting_copy(
    struct settings *settings, const struct setting *setting, const struct settings *from);
bool setting_equal(
    const struct settings *a, const struct settings *b, const struct setting *setting);
/* The value as a number; not for strings and lists. */
int64_t setting_number(const struct settings *settings, const struct setting *setting);
const char *setting_string(const struct settings *settings, const struct setting *setting);
const char *const *setting_list(const struct settings *settings, const struct setting *setting);
/* "4", "10s", "64MiB", "failures", "true". */
void setting_format_number(const struct setting *setting, int64_t number, struct buffer *out);

/* settings_document.c */
bool setting_in_group(const struct setting *setting, const struct settings_group *group);

/* settings_check.c */
bool check_brokers(const char *value, struct error *error);
bool check_property(const char *value, struct error *error);
bool check_topic_prefix(const char *value, struct error *error);
bool check_topic(const char *value, struct error *error);
bool check_topic_config(const char *value, struct error *error);
bool check_replication_factor(const char *value, struct error *error);
bool check_tenant(const char *value, struct error *error);
bool check_tenant_pattern(const char *value, struct error *error);
bool check_pointer(const char *value, struct error *error);
bool check_ttl(const char *value, struct error *error);
bool check_proxy(const char *value, struct error *error);
bool check_listen(const char *value, struct error *error);
bool check_host_name(const char *value, struct error *error);
void mask_property(const char *value, struct buffer *out);
void mask_url(const char *value, struct buffer *out);
/* settings_cross_check.c: what no row can say alone. */
void settings_cross_check(struct settings_loader *loader);

#endif
