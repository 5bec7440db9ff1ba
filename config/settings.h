/* SPDX-License-Identifier: Apache-2.0 */
/* Every setting of Hookline, filled from defaults, a libconfig file, the environment and --set, in
 * that order. The table in settings_table.c is the one place where a setting is described. */
#ifndef HOOKLINE_CONFIG_SETTINGS_H
#define HOOKLINE_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/bridge.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/probes.h"
#include "console/options.h"
#include "consumers/consumer.h"
#include "kafka/client.h"
#include "kafka/producer.h"
#include "producers/topic_names.h"
#include "subscriptions/store.h"

/* The options of the libraries, plain structs that they declare themselves. */
struct settings {
    struct kafka_options kafka; /* its properties include those of kafka_properties_file */
    const char *kafka_properties_file;
    const char *kafka_username_file, *kafka_password_file;
    struct kafka_producer_options producer;
    struct topic_options topics;
    struct bridge_options bridge;
    struct consumer_options consumer;
    int64_t subscriptions_max_per_tenant;
    int64_t subscriptions_max_fan_out;
    const char *secrets_key_file;
    struct console_options console;
    struct probes_options probes;
    struct log_options log;
    /* What the pointers above point to, and where each value is from; private to config/. */
    struct settings_memory *memory;
};

enum setting_type {
    SETTING_STRING, /* const char *, never NULL; one of `choices` if there are any */
    SETTING_BOOL,
    SETTING_INT,      /* int64_t */
    SETTING_DURATION, /* int64_t ms; "10s" */
    SETTING_SIZE,     /* int64_t bytes; "64MiB" */
    SETTING_ENUM,     /* an enum, by the names in `choices` */
    SETTING_LIST,     /* const char *const *, NULL-terminated; a list of strings */
};

struct setting {
    const char *path; /* "kafka.brokers" */
    enum setting_type type;
    bool reloadable;      /* a change takes effect while the process runs */
    size_t offset;        /* into struct settings */
    const char *fallback; /* the default, as one would write it; lists: comma separated */
    int64_t min, max; /* of numbers, durations (ms), sizes (bytes); length of strings and lists */
    const char *const *choices; /* NULL-terminated, in the order of the enum; NULL = none */
    const char *unit;           /* of integers: "records", "requests"; NULL = none */
    const char *doc;            /* what it does, with a period */
    /* Further check of a value (of each element of a list), or NULL. */
    bool (*check)(const char *value, struct error *error);
    /* Appends a value (each element of a list) without the secret in it; NULL = there is none. */
    void (*mask)(const char *value, struct buffer *out);
};

extern const struct setting settings_table[]; /* by group; ends with a row whose path is NULL */

/* The groups of settings, the part of a path before the dot. */
struct settings_group {
    const char *name;
    const char *doc; /* what they are about, with a period */
};
extern const struct settings_group settings_groups[]; /* ends with a row whose name is NULL */

/* The row of that path, or NULL. */
const struct setting *settings_find(const char *path);
/* "HOOKLINE_KAFKA_BROKERS" for "kafka.brokers". */
void settings_environment_name(const struct setting *setting, char *out, size_t size);

/* All that is wrong, in the order found. */
struct settings_problem {
    char *where; /* "hookline.conf:12", "HOOKLINE_KAFKA_BROKERS", "--set" */
    char *text;  /* "kafka.brokerz: no such setting; did you mean kafka.brokers?" */
};

struct settings_problems {
    struct settings_problem *items;
    size_t count;
};

struct settings_source {
    const char *file;             /* NULL = what HOOKLINE_CONFIG in `environment` says, or none */
    const char *const *overrides; /* "path=value", NULL-terminated; NULL = none */
    char *const *environment;     /* environ; NULL = none */
};

/* Returns new, or NULL with every problem in *ret_problems (initialised by the callee; release it
 * in both cases). */
must_check struct settings *settings_load(
    const struct settings_source *source, struct settings_problems *ret_problems);
void settings_free(struct settings *settings);

/* As above, from the sources of `settings` as they are now; `environment` must live still. An empty file is a
 * problem, as it may be one that is being written. */
must_check struct settings *settings_load_again(
    const struct settings *settings, struct settings_problems *ret_problems);
bool settings_differ(
    const struct settings *a, const struct settings *b, const struct setting *setting);
/* Gives `settings` the reloadable values of `fresh`. What the others point to stays where it is; of those that
 * changed, the texts are new, and the old ones gone. */
void settings_adopt(struct settings *settings, const struct settings *fresh);

/* The files that settings come from: the settings file and what it includes, kafka.properties_file,
 * secrets.key_file. */
struct settings_files {
    char **paths;
    size_t count;
    uint8_t digest[SHA256_BYTES]; /* of what stands in them */
};
/* Reads them. Release *ret_files. */
void settings_files_look(const struct settings *settings, struct settings_files *ret_files);
void settings_files_release(struct settings_files *files);
void settings_problems_release(struct settings_problems *problems);

/* The file that was read, or NULL. Borrowed. */
const char *settings_file(const struct settings *settings);
/* Where a value comes from: "hookline.conf:12", "HOOKLINE_KAFKA_BROKERS", "--set" or "default".
 * Borrowed. */
const char *settings_where(const struct settings *settings, const struct setting *setting);

/* The effective value of one setting as one would write it in the file, secrets masked. */
void settings_print_value(
    const struct settings *settings, const struct setting *setting, struct buffer *out);
/* All of them: "path = value" lines in the table's order, with their origin unless default. */
void settings_print(const struct settings *settings, struct buffer *out);
/* {"kafka": {"brokers": {"value": …, "from": "default"}, …}, …} */
void settings_print_json(const struct settings *settings, struct buffer *out);
/* The commented reference file (config/hookline.conf) and docs/configuration.md. */
void settings_print_reference(struct buffer *out);
void settings_print_markdown(struct buffer *out);
/* A JSON Schema (2020-12) of an object with all settings, by group. */
void settings_print_schema(struct buffer *out);

#endif
