/* SPDX-License-Identifier: Apache-2.0 */
/* hookline settings: the values in force, or the documents about all of them. */
#include <stdio.h>

#include "commands/command.h"
#include "common/buffer.h"
#include "config/settings.h"

enum { OPTION_JSON = 0x100, OPTION_REFERENCE, OPTION_MARKDOWN, OPTION_SCHEMA };

struct arguments {
    struct settings_arguments settings;
    int output; /* one of the options, 0 = lines */
};

static const struct argp_option options[] = {
    {"json", OPTION_JSON, NULL, 0, "Print a JSON object", 0},
    {"reference", OPTION_REFERENCE, NULL, 0, "Print a settings file with all defaults", 0},
    {"markdown", OPTION_MARKDOWN, NULL, 0, "Print the tables of docs/configuration.md", 0},
    {"schema", OPTION_SCHEMA, NULL, 0, "Print a JSON Schema of all settings", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)value;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case OPTION_JSON:
    case OPTION_REFERENCE:
    case OPTION_MARKDOWN:
    case OPTION_SCHEMA:
        if (arguments->output && arguments->output != key)
            argp_error(
                state, "only one of --json, --reference, --markdown and --schema can be given");
        arguments->output = key;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Print the settings in force, secrets masked, with the place of each that is not its "
           "default.",
    .children = children,
};

static void print_values(struct arguments *arguments, struct buffer *out)
{
    struct settings *settings = command_settings(&arguments->settings);
    if (arguments->output == OPTION_JSON)
        settings_print_json(settings, out);
    else
        settings_print(settings, out);
    settings_free(settings);
}

int command_settings_show(int argc, char **argv)
{
    struct arguments arguments = {.output = 0};
    struct buffer out = BUFFER_INIT;
    command_parse(&argp, argc, argv, &arguments);
    if (arguments.output == OPTION_REFERENCE)
        settings_print_reference(&out);
    else if (arguments.output == OPTION_MARKDOWN)
        settings_print_markdown(&out);
    else if (arguments.output == OPTION_SCHEMA)
        settings_print_schema(&out);
    else
        print_values(&arguments, &out);
    bool written = fwrite(buffer_text(&out), 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buffer_release(&out);
    return written ? EXIT_DONE : EXIT_FAILED;
}
