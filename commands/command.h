/* SPDX-License-Identifier: Apache-2.0 */
/* What a subcommand is, and the options that all of them share. */
#ifndef HOOKLINE_COMMANDS_COMMAND_H
#define HOOKLINE_COMMANDS_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/buffer.h"
#include "common/error.h"
#include "config/settings.h"
#include "subscriptions/seal.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *summary; /* one line, for `hookline --help` */
    /* argv[0] is "hookline <name>"; returns the exit code. */
    int (*run)(int argc, char **argv);
};

extern const struct command commands[]; /* ends with NULL; in main.c's order of importance */

/* The options --config FILE and --set path=value of every command that needs settings, as an argp
 * child. The child's input is a struct settings_arguments, zeroed. */
struct settings_arguments {
    const char *file;
    const char **overrides; /* NULL-terminated */
    size_t override_count;
};
extern const struct argp settings_argp;

/* Parses with argp under our exit codes (2 for usage). */
void command_parse(const struct argp *argp, int argc, char **argv, void *input);
/* Loads the settings and applies log.*; on problems prints each to standard error and exits with 2. */
struct settings *command_settings(struct settings_arguments *arguments);

/* The parser of a command line without an action, which only --help can save: names what was meant. `names` are the
 * actions, NULL-terminated; `missing` is said where there is none. */
error_t command_parse_overview(int key, const char *value, struct argp_state *state,
    const char *const *names, const char *missing);
/* The exit code, or a failure where the output did not reach its reader. */
int command_finish(int status);

/* Prints "hookline: …" to standard error, and returns the exit code that fits the error's kind. */
int command_fail(const struct error *error);
/* Appends the whole of file `name`, "-" being standard input, to `out`. No copy of it is left behind,
 * if `out` has room for `max` bytes: it may be a secret. False (ERROR_CONFIG, without the name) if it
 * cannot be read or is larger than `max`. */
must_check bool command_read(const char *name, size_t max, struct buffer *out, struct error *error);
/* Reads the files that console.certificate_file and console.private_key_file name; both stay empty if
 * neither is set. False (ERROR_CONFIG, naming the setting) if they cannot be read, or there is only one. */
must_check bool command_certificate(const struct settings *settings, struct buffer *certificate,
    struct buffer *private_key, struct error *error);
/* Reads the keys that secrets.key_file names; *ret_ring is new, or NULL if it names none. False
 * (ERROR_CONFIG, naming the setting) if they cannot be read. */
must_check bool command_key_ring(
    const struct settings *settings, struct seal_ring **ret_ring, struct error *error);
/* Prints what others wrote, in which escape sequences of the terminal become question marks. */
void command_print_safe(FILE *stream, const char *text);

int command_bridge(int argc, char **argv);
int command_consumer(int argc, char **argv);
int command_console(int argc, char **argv);
int command_run(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_publish(int argc, char **argv);
int command_simulate(int argc, char **argv);
int command_match(int argc, char **argv);
int command_render(int argc, char **argv);
int command_receive(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_token(int argc, char **argv);
int command_subscriptions(int argc, char **argv);
int command_dead_letters(int argc, char **argv);
int command_topics(int argc, char **argv);
int command_settings_show(int argc, char **argv);
int command_check(int argc, char **argv);
int command_metrics(int argc, char **argv);

#endif
