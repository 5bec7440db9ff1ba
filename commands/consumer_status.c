/* SPDX-License-Identifier: Apache-2.0 */
/* hookline consumer --status: asks a running consumer how its endpoints do. */
#include "commands/consumer_status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands/command.h"
#include "commands/http_get.h"
#include "commands/status_table.h"
#include "common/text.h"
#include "consumers/status.h"

#define TIMEOUT_MS 10000

enum { OPTION_STATUS = 0x200, OPTION_TENANT, OPTION_STATE, OPTION_JSON };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Instead of running one, ask a consumer that runs:", 1},
    {"status", OPTION_STATUS, "ADDRESS", OPTION_ARG_OPTIONAL,
        "Show how the endpoints of the one with probes at ADDRESS do, HOST:PORT or "
        "http://HOST:PORT (default: probes.listen)",
        1},
    {"tenant", OPTION_TENANT, "TENANT", 0, "Only this tenant's", 1},
    {"state", OPTION_STATE, "STATE", 0, "Only those that are live, behind, joining or disabled", 1},
    {"json", OPTION_JSON, NULL, 0, "Print the JSON in place of a table", 1},
    {0},
};

static void check_state(struct argp_state *state, const char *value)
{
    for (size_t i = 0; status_states[i]; i++)
        if (strcmp(status_states[i], value) == 0)
            return;
    const char *nearest = text_nearest(value, status_states);
    argp_error(state, "--state: no state \"%s\"; states are live, behind, joining and disabled%s%s",
        value, nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct consumer_status_arguments *arguments = state->input;
    switch (key) {
    case OPTION_STATUS:
        arguments->wanted = true;
        if (value)
            arguments->address = value;
        return 0;
    case OPTION_TENANT:
        arguments->tenant = value;
        return 0;
    case OPTION_STATE:
        check_state(state, value);
        arguments->state = value;
        return 0;
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG: /* an optional value that stands apart */
        if (!arguments->wanted || arguments->address)
            argp_error(state, "\"%s\": no argument is expected", value);
        arguments->address = value;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->wanted && (arguments->tenant || arguments->state || arguments->json))
            argp_error(state, "--tenant, --state and --json go with --status");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp consumer_status_argp = {.options = options, .parser = parse};

static size_t terminal_columns(void)
{
    struct winsize size = {.ws_col = 0};
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

static void add_parameter(struct buffer *target, const char *name, const char *value)
{
    if (!value)
        return;
    buffer_printf(target, "&%s=", name);
    http_add_query(target, value);
}

static bool ask(const struct consumer_status_arguments *arguments, const char *address,
    struct buffer *ret_body, struct error *error)
{
    struct http_address parsed;
    struct buffer target = BUFFER_INIT;
    int status = 0;
    if (!http_address_parse(address, &parsed, error))
        return false;
    buffer_printf(&target, "/endpoints?limit=%d", STATUS_LIMIT_MAX);
    add_parameter(&target, "tenant", arguments->tenant);
    add_parameter(&target, "state", arguments->state);
    bool ok = http_get(&parsed, buffer_text(&target), TIMEOUT_MS, &status, ret_body, error);
    buffer_release(&target);
    if (!ok)
        return false;
    if (status == 404)
        return error_set(
            error, ERROR_PERMANENT, "%s has no /endpoints: is it a consumer?", address);
    if (status != 200)
        return error_set(error, ERROR_PERMANENT, "%s answered %d to /endpoints", address, status);
    return true;
}

static bool print(const struct consumer_status_arguments *arguments, const char *address,
    const struct buffer *body, struct error *error)
{
    json_t *answer = json_loadb(buffer_text(body), body->len, 0, NULL);
    struct buffer out = BUFFER_INIT;
    bool good = json_is_array(json_object_get(answer, "endpoints"));
    if (!good)
        error_fill(error, ERROR_PERMANENT, "%s: the answer is not that of a consumer", address);
    else if (arguments->json)
        buffer_add(&out, body->data, body->len);
    else
        status_table_print(answer, terminal_columns(), &out);
    fwrite(buffer_text(&out), 1, out.len, stdout);
    if (fflush(stdout) != 0)
        good = error_set(error, ERROR_RETRY, "standard output cannot be written");
    buffer_release(&out);
    json_decref(answer);
    return good;
}

int consumer_status(const struct consumer_status_arguments *arguments, const char *listen)
{
    const char *address = arguments->address ? arguments->address : listen;
    struct buffer body = BUFFER_INIT;
    struct error error = ERROR_INIT;
    if (!*address)
        error_fill(&error, ERROR_CONFIG,
            "probes.listen is empty, so there is nothing to ask; say where: --status=HOST:PORT");
    bool ok = !error_is_set(&error) && ask(arguments, address, &body, &error) &&
              print(arguments, address, &body, &error);
    buffer_release(&body);
    return ok ? EXIT_DONE : command_fail(&error);
}
