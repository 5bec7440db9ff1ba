/* SPDX-License-Identifier: Apache-2.0 */
/* hookline verify: whether the signature of a captured request is right, and if not, why. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/captured_request.h"
#include "commands/command.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/text.h"
#include "webhook/signature.h"

#define REQUEST_MAX       (64 * 1024 * 1024)
#define SECRETS_MAX_BYTES 16384
#define SECRETS_MAX       16
#define NOW_MAX           INT64_C(999999999999) /* as far as timestamps go */
#define VALUE_SHOWN       128                   /* characters of a header */
#define SIGNATURE_SHOWN   47                    /* a whole v1 */

enum { OPTION_SECRET_FILE = 0x100, OPTION_SECRET_ENV, OPTION_TOLERANCE, OPTION_NOW };

struct arguments {
    const char *secret_file, *secret_env, *file;
    int64_t tolerance_s, now_s;
};

static const struct argp_option options[] = {
    {"secret-file", OPTION_SECRET_FILE, "FILE", 0,
        "Read secrets from FILE, one a line; empty lines and those that begin with # are left out",
        0},
    {"secret-env", OPTION_SECRET_ENV, "NAME", 0,
        "Take the secrets from the environment variable NAME, in the same form", 0},
    {"tolerance", OPTION_TOLERANCE, "DURATION", 0,
        "How far the timestamp may be from now, in whole seconds (5m)", 0},
    {"now", OPTION_NOW, "UNIX", 0,
        "Judge the age as of this time, in seconds since 1970: when the request came", 0},
    {0},
};

static error_t parse_end(const struct arguments *arguments, struct argp_state *state)
{
    if (!arguments->file)
        argp_error(state, "FILE is missing: the captured request, or - for standard input");
    if (!arguments->secret_file == !arguments->secret_env)
        argp_error(state, "give either --secret-file or --secret-env");
    return 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct error error = ERROR_INIT;
    int64_t number = 0;
    switch (key) {
    case OPTION_SECRET_FILE:
        arguments->secret_file = value;
        return 0;
    case OPTION_SECRET_ENV:
        arguments->secret_env = value;
        return 0;
    case OPTION_TOLERANCE:
        if (!text_parse_duration(value, &number, &error))
            argp_error(state, "--tolerance: %s", error.text);
        arguments->tolerance_s = number / 1000;
        return 0;
    case OPTION_NOW:
        if (!text_parse_int(value, &number) || number < 0 || number > NOW_MAX)
            argp_error(state, "--now: not a number of seconds since 1970: %s", value);
        arguments->now_s = number;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->file)
            argp_error(state, "more than one FILE: %s", value);
        arguments->file = value;
        return 0;
    case ARGP_KEY_END:
        return parse_end(arguments, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "FILE|-",
    .doc =
        "Check the signature of a captured webhook request (Standard Webhooks 1.0.0: v1 and v1a). "
        "FILE is the request as it came: request line (may be missing), headers, an empty line and "
        "the bytes of the body; or a line of 'hookline receive --json'. Prints what it found, and "
        "exits with 0 if the signature is right, 1 if not, 2 if there is nothing to check."
        "\vA secret is whsec_… (v1), whpk_… or whsk_… (v1a: public key, private key). Secrets are "
        "not taken as arguments, as others see those.\n\n"
        "Examples:\n"
        "  hookline verify --secret-file crm.secret request.txt\n"
        "  hookline receive --json | head -n 1 | hookline verify --secret-env SECRET -\n"
        "  nc -l 8080 > request.txt; hookline verify --secret-env SECRET request.txt\n"
        "  hookline verify --secret-file crm.secret --now 1614265330 old.txt",
};

/* --- Input ----------------------------------------------------------------------------------- */

static const char *shown_name(const char *name)
{
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

static bool read_file(const char *name, struct buffer *out, size_t max, struct error *error)
{
    return command_read(name, max, out, error) || error_prefix(error, "%s", shown_name(name));
}

static bool load_request(
    const char *name, struct captured_request *ret_request, struct error *error)
{
    struct buffer data = BUFFER_INIT;
    bool loaded = read_file(name, &data, REQUEST_MAX, error);
    if (loaded && !captured_request_parse(buffer_text(&data), data.len, ret_request, error))
        loaded = error_prefix(error, "%s", shown_name(name));
    buffer_release(&data);
    return loaded;
}

struct secrets {
    struct signing_key *keys[SECRETS_MAX];
    int lines[SECRETS_MAX]; /* where each was */
    size_t count;
};

static void secrets_release(struct secrets *secrets)
{
    for (size_t i = 0; i < secrets->count; i++)
        signing_key_free(secrets->keys[i]);
}

static bool add_secret(
    struct secrets *secrets, int line, const char *text, size_t len, struct error *error)
{
    if (secrets->count == SECRETS_MAX)
        return error_set(error, ERROR_CONFIG, "more than %d secrets", SECRETS_MAX);
    struct signing_key *key = signing_key_new(text, len, error);
    if (!key)
        return error_prefix(error, "line %d", line);
    secrets->keys[secrets->count] = key;
    secrets->lines[secrets->count++] = line;
    return true;
}

static bool parse_secrets(const char *text, struct secrets *secrets, struct error *error)
{
    static const char blanks[] = " \t\r";
    for (int line = 1; *text; line++) {
        size_t len = strcspn(text, "\n"), from = strspn(text, blanks), to = len;
        while (to > from && strchr(blanks, text[to - 1]))
            to--;
        if (to > from && text[from] != '#' &&
            !add_secret(secrets, line, text + from, to - from, error))
            return false;
        text += text[len] ? len + 1 : len;
    }
    return secrets->count || error_set(error, ERROR_CONFIG, "there is no secret in it");
}

static bool load_secrets(
    const struct arguments *arguments, struct secrets *secrets, struct error *error)
{
    if (arguments->secret_env) {
        const char *text = getenv(arguments->secret_env);
        if (!text)
            return error_set(
                error, ERROR_CONFIG, "%s is not set in the environment", arguments->secret_env);
        return parse_secrets(text, secrets, error) ||
               error_prefix(error, "%s", arguments->secret_env);
    }
    struct buffer text = BUFFER_INIT;
    buffer_reserve(&text, SECRETS_MAX_BYTES + 1); /* so that it never moves */
    bool loaded = read_file(arguments->secret_file, &text, SECRETS_MAX_BYTES, error);
    if (loaded && !parse_secrets(buffer_text(&text), secrets, error))
        loaded = error_prefix(error, "%s", arguments->secret_file);
    explicit_bzero(text.data, text.cap);
    buffer_release(&text);
    return loaded;
}

/* --- Output ---------------------------------------------------------------------------------- */

/* What somebody sent must not steer the terminal. Returns how many characters were printed. */
static int print_safe(const char *text, size_t len, size_t max)
{
    bool cut = len > max;
    size_t shown = cut ? max - 3 : len;
    for (size_t i = 0; i < shown; i++)
        putchar(text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
    if (cut)
        fputs("...", stdout);
    return (int)(cut ? max : len);
}

static void print_header(const char *name, const char *value)
{
    printf("%-18s ", name);
    if (value)
        print_safe(value, strlen(value), VALUE_SHOWN);
    else
        fputs("(missing)", stdout);
}

static void print_age(int64_t timestamp_s, int64_t now_s)
{
    static const struct {
        const char *name;
        int64_t seconds, below; /* of the unit; ages that are shown in it */
    } units[] = {{"s", 1, 120}, {"min", 60, 7200}, {"h", 3600, 172800}, {"d", 86400, INT64_MAX}};
    char time[RFC3339_SIZE];
    int64_t age_s = now_s - timestamp_s, size_s = age_s < 0 ? -age_s : age_s;
    size_t unit = 0;
    while (size_s >= units[unit].below)
        unit++;
    printf("  %s, %s%" PRId64 " %s%s", wall_format((struct wall_time){timestamp_s * 1000}, time),
        age_s < 0 ? "in " : "", size_s / units[unit].seconds, units[unit].name,
        age_s < 0 ? "" : " ago");
}

static void print_body(const struct captured_request *request)
{
    printf("%-18s %zu bytes", "body", request->body.len);
    if (request->left_out)
        printf("; %zu more behind its content-length are left out", request->left_out);
    if (request->content_length > (int64_t)request->body.len)
        printf(" of %" PRId64 ": it was cut off", request->content_length);
    putchar('\n');
}

static void print_signature(const struct signature_found *found, const struct secrets *secrets)
{
    int shown = print_safe(found->text, found->len, SIGNATURE_SHOWN);
    printf("%*s  %-7s  ", SIGNATURE_SHOWN - shown, "", signature_scheme_name(found->scheme));
    bool has_key = false;
    for (size_t i = 0; i < secrets->count; i++)
        has_key = has_key || signing_key_scheme(secrets->keys[i]) == found->scheme;
    if (found->key >= 0)
        printf("verifies with the secret in line %d\n", secrets->lines[found->key]);
    else
        puts(found->scheme == SIGNATURE_OTHER ? "left out"
             : !found->well_formed            ? "broken: cut off, or no base64"
             : !has_key                       ? "no secret of this scheme"
                                              : "does not verify");
}

static void print_found(const struct captured_request *request, const struct secrets *secrets,
    const struct signature_report *report, int64_t now_s)
{
    print_header("webhook-id", request->id);
    putchar('\n');
    print_header("webhook-timestamp", request->timestamp);
    if (report->timestamp_s >= 0)
        print_age(report->timestamp_s, now_s);
    putchar('\n');
    if (!request->signatures)
        puts("webhook-signature  (missing)");
    print_body(request);
    if (report->count)
        printf("\n%-*s  %-7s  result\n", SIGNATURE_SHOWN, "signature", "scheme");
    for (size_t i = 0; i < report->count; i++)
        print_signature(&report->found[i], secrets);
    putchar('\n');
}

static const char *const hints[] = {
    [SIGNATURE_VALID] = "",
    [SIGNATURE_BAD_ID] = "Did the capture, or a proxy on the way, leave out or change headers?",
    [SIGNATURE_BAD_TIMESTAMP] =
        "Did the capture, or a proxy on the way, leave out or change headers?",
    [SIGNATURE_BAD_HEADER] = "Has the sender a secret for this endpoint? Did the capture, or a "
                             "proxy on the way, leave out headers?",
    [SIGNATURE_UNKNOWN_SCHEME] = "Is it the signature of something other than Standard Webhooks?",
    [SIGNATURE_BAD_SIGNATURE] = "Was the header cut off or wrapped when it was captured?",
    [SIGNATURE_NO_KEY] = "v1 is verified with a whsec_ secret, v1a with a whpk_ key.",
    [SIGNATURE_MISMATCH] = "Is it the secret of this endpoint, and still live? Are these the bytes "
                           "that came, or was the body parsed and written again, reformatted or "
                           "given another encoding?",
    [SIGNATURE_TOO_OLD] = "Receivers refuse that, as it may be a replay. Of a request captured "
                          "earlier say when it came, with --now. If it is fresh, one of the two "
                          "clocks is wrong.",
    [SIGNATURE_IN_FUTURE] = "One of the two clocks is wrong, or --now is.",
};

/* --- The command ----------------------------------------------------------------------------- */

static enum signature_verdict judge(const struct arguments *arguments,
    const struct captured_request *request, const struct secrets *secrets, struct bytes body,
    struct signature_report *ret_report)
{
    const struct signature_headers headers = {request->id, request->timestamp, request->signatures};
    return signature_verify(secrets->keys, secrets->count, &headers, body, arguments->now_s,
        arguments->tolerance_s, ret_report);
}

/* Whether the body is right but for its last line end: what editors add. */
static bool line_end_was_added(const struct arguments *arguments,
    const struct captured_request *request, const struct secrets *secrets)
{
    const char *text = request->body.data;
    size_t len = request->body.len;
    if (!len || text[len - 1] != '\n')
        return false;
    len -= len > 1 && text[len - 2] == '\r' ? 2 : 1;
    struct signature_report report;
    enum signature_verdict verdict =
        judge(arguments, request, secrets, (struct bytes){text, len}, &report);
    return verdict == SIGNATURE_VALID || verdict == SIGNATURE_TOO_OLD ||
           verdict == SIGNATURE_IN_FUTURE;
}

static int verify(const struct arguments *arguments, const struct captured_request *request,
    const struct secrets *secrets)
{
    struct signature_report report;
    enum signature_verdict verdict = judge(arguments, request, secrets, request->body, &report);
    print_found(request, secrets, &report, arguments->now_s);
    if (verdict == SIGNATURE_VALID) {
        puts("verified");
        return EXIT_DONE;
    }
    const char *hint = hints[verdict];
    if (verdict == SIGNATURE_MISMATCH && line_end_was_added(arguments, request, secrets))
        hint = "It does without the line end that the body ends with: did an editor add it?";
    printf("not verified: %s.\n%s\n", signature_verdict_text(verdict), hint);
    return EXIT_FAILED;
}

int command_verify(int argc, char **argv)
{
    struct arguments arguments = {
        .tolerance_s = SIGNATURE_TOLERANCE_S, .now_s = wall_now().ms / 1000};
    command_parse(&argp, argc, argv, &arguments);
    struct secrets secrets = {.count = 0};
    struct captured_request request;
    struct error error = ERROR_INIT;
    int status;
    if (load_secrets(&arguments, &secrets, &error) &&
        load_request(arguments.file, &request, &error)) {
        status = verify(&arguments, &request, &secrets);
        captured_request_release(&request);
    } else {
        status = command_fail(&error);
    }
    secrets_release(&secrets);
    return status;
}
