/* SPDX-License-Identifier: Apache-2.0 */
/* The options that all subcommands share. */
#include "commands/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/text.h"
#include "subscriptions/secret.h"

#define KEY_FILE_MAX 16384 /* bytes */
#define PEM_FILE_MAX (256 * 1024)

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "Read settings from FILE (else from $HOOKLINE_CONFIG)", 0},
    {"set", 's', "PATH=VALUE", 0, "Set one setting, over file and environment; may be repeated", 0},
    {0},
};

static void add_override(struct settings_arguments *arguments, const char *text)
{
    arguments->overrides = mem_array(
        arguments->overrides, arguments->override_count + 2, sizeof *arguments->overrides);
    arguments->overrides[arguments->override_count++] = text;
    arguments->overrides[arguments->override_count] = NULL;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct settings_arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->file = value;
        return 0;
    case 's':
        add_override(arguments, value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp settings_argp = {.options = options, .parser = parse};

void command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(argp, argc, argv, 0, NULL, input) != 0)
        exit(EXIT_USAGE);
}

struct settings *command_settings(struct settings_arguments *arguments)
{
    struct settings_source source = {arguments->file, arguments->overrides, environ};
    struct settings_problems problems;
    struct settings *settings = settings_load(&source, &problems);
    for (size_t i = 0; i < problems.count; i++)
        fprintf(stderr, "%s: %s\n", problems.items[i].where, problems.items[i].text);
    settings_problems_release(&problems);
    free(arguments->overrides);
    arguments->overrides = NULL;
    if (!settings)
        exit(EXIT_USAGE);
    log_apply(&settings->log);
    return settings;
}

int command_fail(const struct error *error)
{
    fprintf(stderr, "hookline: %s\n", error->text);
    return error->kind == ERROR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

/* Without stdio: its buffers would keep a copy. */
static bool read_descriptor(int fd, size_t max, struct buffer *out, struct error *error)
{
    for (;;) {
        char chunk[16384], limit[TEXT_AMOUNT_SIZE];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(error, ERROR_CONFIG, "%s", strerror(errno));
        bool fits = out->len + (size_t)n <= max;
        if (fits)
            buffer_add(out, chunk, (size_t)n);
        explicit_bzero(chunk, sizeof chunk);
        if (!fits)
            return error_set(
                error, ERROR_CONFIG, "larger than %s", text_format_size((int64_t)max, limit));
        if (n == 0)
            return true;
    }
}

bool command_read(const char *name, size_t max, struct buffer *out, struct error *error)
{
    if (strcmp(name, "-") == 0)
        return read_descriptor(STDIN_FILENO, max, out, error);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, ERROR_CONFIG, "%s", strerror(errno));
    bool read = read_descriptor(fd, max, out, error);
    close(fd);
    return read;
}

bool command_key_ring(
    const struct settings *settings, struct seal_ring **ret_ring, struct error *error)
{
    const char *file = settings->secrets_key_file;
    struct buffer text = BUFFER_INIT;
    *ret_ring = NULL;
    if (!*file)
        return true;
    buffer_reserve(&text, KEY_FILE_MAX + 1);
    if (command_read(file, KEY_FILE_MAX, &text, error))
        *ret_ring = seal_ring_parse(buffer_text(&text), text.len, error);
    secret_wipe(&text);
    if (!*ret_ring)
        error_prefix(error, "secrets.key_file: %s", file);
    return *ret_ring != NULL;
}

bool command_certificate(const struct settings *settings, struct buffer *certificate,
    struct buffer *private_key, struct error *error)
{
    const char *file = settings->console.certificate_file;
    const char *key_file = settings->console.private_key_file;
    if (!*file && !*key_file)
        return true;
    if (!*file || !*key_file)
        return error_set(error, ERROR_CONFIG,
            "console.certificate_file and console.private_key_file: there is only one of them");
    if (!command_read(file, PEM_FILE_MAX, certificate, error))
        return error_prefix(error, "console.certificate_file: %s", file);
    buffer_reserve(private_key, PEM_FILE_MAX + 1);
    return command_read(key_file, PEM_FILE_MAX, private_key, error) ||
           error_prefix(error, "console.private_key_file: %s", key_file);
}

void command_print_safe(FILE *stream, const char *text)
{
    for (const char *p = text; *p; p++)
        fputc((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p, stream);
}

error_t command_parse_overview(int key, const char *value, struct argp_state *state,
    const char *const *names, const char *missing)
{
    if (key == ARGP_KEY_NO_ARGS)
        argp_error(state, "an action is missing: %s", missing);
    if (key != ARGP_KEY_ARG)
        return key == ARGP_KEY_NO_ARGS ? 0 : ARGP_ERR_UNKNOWN;
    const char *nearest = text_nearest(value, names);
    argp_error(state, "no such action '%s'%s%s%s", value, nearest ? "; did you mean " : "",
        nearest ? nearest : "", nearest ? "?" : "");
    return 0;
}

int command_finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "hookline: standard output: could not be written\n");
    return EXIT_FAILED;
}
