/* SPDX-License-Identifier: Apache-2.0 */
/* hookline receive: a webhook receiver that shows what comes, and answers as it is told. */
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/receiver.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"

#define BODY_SHOWN 2048 /* bytes */

enum { OPTION_LISTEN = 0x100, OPTION_ANSWER, OPTION_DELAY, OPTION_RETRY_AFTER, OPTION_JSON };

struct arguments {
    const char *listen;
    int status;
    int64_t delay_ms;
    const char *retry_after;
    bool quiet, json;
};

static const struct argp_option options[] = {
    {"listen", OPTION_LISTEN, "ADDRESS", 0, "Where to listen (127.0.0.1:8080); port 0 = any", 0},
    {"answer", OPTION_ANSWER, "STATUS", 0, "HTTP status to answer with (204)", 0},
    {"delay", OPTION_DELAY, "DURATION", 0, "Answer only after so long, for example 250ms", 0},
    {"retry-after", OPTION_RETRY_AFTER, "SECONDS", 0, "Add this retry-after header", 0},
    {"quiet", 'q', NULL, 0, "Print no requests, only their count at the end", 0},
    {"json", OPTION_JSON, NULL, 0, "Print a line of JSON for each request, with headers and body",
        0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct error error = ERROR_INIT;
    int64_t number;
    switch (key) {
    case OPTION_LISTEN:
        arguments->listen = value;
        return 0;
    case OPTION_ANSWER:
        if (!text_parse_int(value, &number) || number < 200 || number > 599)
            argp_error(state, "--answer: not a status from 200 to 599: %s", value);
        arguments->status = (int)number;
        return 0;
    case OPTION_DELAY:
        if (!text_parse_duration(value, &arguments->delay_ms, &error))
            argp_error(state, "--delay: %s", error.text);
        return 0;
    case OPTION_RETRY_AFTER:
        if (!text_parse_int(value, &number) || number < 0)
            argp_error(state, "--retry-after: not a number of seconds: %s", value);
        arguments->retry_after = value;
        return 0;
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case 'q':
        arguments->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Receive webhooks: print each request and answer it, until interrupted."
           "\vExamples:\n"
           "  hookline receive\n"
           "  hookline receive --listen :8080 --answer 503 --retry-after 5\n"
           "  hookline receive --delay 2s --quiet\n"
           "  hookline receive --json | jq -r '.headers[\"webhook-id\"]'",
};

struct receive {
    const struct arguments *arguments;
    struct loop *loop;
    int64_t count;
};

/* --- What is printed ------------------------------------------------------------------------ */

/* Whoever sends us a request must not steer our terminal: control characters (C0, DEL and C1) and
 * what is no UTF-8 are shown as \xNN. */
static void add_escaped(struct buffer *out, const char *text, size_t len)
{
    for (size_t at = 0, size; at < len; at += size) {
        unsigned char c = (unsigned char)text[at];
        size = text_utf8_length(text + at, len - at);
        bool control =
            c < 0x20 || c == 0x7f || (size == 2 && c == 0xc2 && (unsigned char)text[at + 1] < 0xa0);
        if (size && !control) {
            buffer_add(out, text + at, size);
            continue;
        }
        if (!size)
            size = 1;
        for (size_t i = 0; i < size; i++)
            buffer_printf(out, "\\x%02x", (unsigned char)text[at + i]);
    }
}

static void add_header(
    struct buffer *out, const struct http_exchange *exchange, const char *label, const char *name)
{
    const char *value = http_exchange_header(exchange, name);
    if (!value)
        return;
    buffer_add_text(out, label);
    add_escaped(out, value, strlen(value));
}

static void print_block(const struct receive *receive, const struct http_exchange *exchange)
{
    struct buffer out = BUFFER_INIT;
    char now[RFC3339_SIZE];
    size_t len;
    const char *body = http_exchange_body(exchange, &len);
    const char *path = http_exchange_path(exchange);

    buffer_printf(&out, "%s  %s ", wall_format(wall_now(), now), http_exchange_method(exchange));
    add_escaped(&out, path, strlen(path));
    add_header(&out, exchange, "  ", "hookline-event");
    add_header(&out, exchange, "  tenant ", "hookline-tenant");
    add_header(&out, exchange, "  attempt ", "hookline-attempt");
    add_header(&out, exchange, "  ", "webhook-id");
    buffer_printf(&out, "  -> %d\n", receive->arguments->status);
    if (len) {
        size_t shown = len > BODY_SHOWN ? BODY_SHOWN : len;
        while (shown < len && shown > BODY_SHOWN - 4 && ((unsigned char)body[shown] & 0xc0) == 0x80)
            shown--; /* not in the middle of a character */
        buffer_add_text(&out, "    ");
        add_escaped(&out, body, shown);
        if (shown < len)
            buffer_printf(&out, "… (%zu bytes in all)", len);
        buffer_add_text(&out, "\n");
    }
    fwrite(buffer_text(&out), 1, out.len, stdout);
    buffer_release(&out);
}

static void collect_header(const char *name, const char *value, void *arg)
{
    json_t *headers = arg;
    char *lower = mem_strdup(name);
    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
    const char *before = json_string_value(json_object_get(headers, lower));
    char *joined = before ? mem_printf("%s, %s", before, value) : mem_strdup(value);
    json_t *text = json_string(joined);
    /* Not UTF-8: as hex, so that nothing is lost. */
    if (!text) {
        char *hex = mem_alloc(2 * strlen(joined) + 1);
        text_hex(joined, strlen(joined), hex);
        text = json_sprintf("hex:%s", hex);
        free(hex);
    }
    json_object_set_new(headers, lower, text);
    free(joined);
    free(lower);
}

static void print_json(const struct receive *receive, const struct http_exchange *exchange)
{
    char now[RFC3339_SIZE];
    size_t len;
    const char *body = http_exchange_body(exchange, &len);
    json_t *object = json_object(), *headers = json_object();

    json_object_set_new(object, "at", json_string(wall_format(wall_now(), now)));
    json_object_set_new(object, "method", json_string(http_exchange_method(exchange)));
    json_t *path = json_string(http_exchange_path(exchange));
    json_object_set_new(object, "path", path ? path : json_null());
    http_exchange_headers(exchange, collect_header, headers);
    json_object_set_new(object, "headers", headers);
    if (text_is_utf8(body, len)) {
        json_object_set_new(object, "body", json_stringn_nocheck(len ? body : "", len));
    } else {
        char *hex = mem_alloc(2 * len + 1);
        text_hex(body, len, hex);
        json_object_set_new(object, "body_hex", json_string(hex));
        free(hex);
    }
    json_object_set_new(object, "answered", json_integer(receive->arguments->status));
    json_dumpf(object, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(object);
}

static void seen(void *arg, struct http_exchange *exchange)
{
    struct receive *receive = arg;
    receive->count++;
    if (receive->arguments->quiet)
        return;
    if (receive->arguments->json)
        print_json(receive, exchange);
    else
        print_block(receive, exchange);
    if (fflush(stdout) != 0) /* nobody reads any more: `| head` */
        loop_stop(receive->loop);
}

/* --- The command ---------------------------------------------------------------------------- */

static void interrupted(void *arg)
{
    struct receive *receive = arg;
    loop_stop(receive->loop);
}

static int receive_until_interrupted(struct receive *receive)
{
    const struct arguments *arguments = receive->arguments;
    const struct receiver_rule rules[] = {
        {"/", arguments->status, arguments->delay_ms, arguments->retry_after},
        {.path = NULL},
    };
    const struct receiver_options receiver_options = {
        .listen = arguments->listen, .rules = rules, .seen = seen, .arg = receive};
    struct error error = ERROR_INIT;
    struct receiver *receiver = receiver_new(receive->loop, &receiver_options, &error);
    if (!receiver)
        return command_fail(&error);
    struct loop_signal *sigint = loop_signal_new(receive->loop, SIGINT, interrupted, receive);
    struct loop_signal *sigterm = loop_signal_new(receive->loop, SIGTERM, interrupted, receive);
    fprintf(stderr, "receiving on %s, answering %d; interrupt to end\n", receiver_url(receiver),
        arguments->status);
    loop_run(receive->loop);
    loop_signal_free(sigint);
    loop_signal_free(sigterm);
    receiver_free(receiver);
    fprintf(
        stderr, "received %" PRId64 " request%s\n", receive->count, receive->count == 1 ? "" : "s");
    return EXIT_DONE;
}

int command_receive(int argc, char **argv)
{
    struct arguments arguments = {.listen = "127.0.0.1:8080", .status = 204};
    command_parse(&argp, argc, argv, &arguments);
    struct receive receive = {.arguments = &arguments, .loop = loop_new()};
    int status = receive_until_interrupted(&receive);
    loop_free(receive.loop);
    return status;
}
