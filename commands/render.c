/* SPDX-License-Identifier: Apache-2.0 */
/* hookline render: the requests that events would become for a subscription. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/lines.h"
#include "commands/subscription_files.h"
#include "common/buffer.h"
#include "common/hash.h"
#include "common/text.h"
#include "events/event.h"
#include "producers/delivery_record.h"
#include "subscriptions/subscription.h"
#include "webhook/credentials.h"
#include "webhook/preview.h"
#include "webhook/request.h"

#define LINE_MAX_BYTES (8 * 1024 * 1024)
#define FILE_MAX_BYTES (64 * 1024 * 1024)
#define HEADERS_MAX    32 /* of the events' records */

struct arguments {
    struct settings_arguments settings;
    const char *names[2];
    size_t name_count;
    const char *id;
    struct header headers[HEADERS_MAX];
    size_t header_count;
    struct wall_time at;
    bool json, all;
};

static const struct argp_option options[] = {
    {"id", 'i', "ID", 0, "The subscription of this id, where the file has several", 0},
    {"type", 't', "TYPE", 0,
        "All events are of this type, whatever they say (--header ce_type=TYPE)", 0},
    {"header", 'H', "NAME=VALUE", 0,
        "A header of the events' records, such as ce_source=/pbx or "
        "content-type=application/cloudevents+json; may be repeated",
        0},
    {"at", 'A', "TIME", 0, "The requests are made then (RFC 3339), and not now", 0},
    {"all", 'a', NULL, 0, "Also events that the subscription does not ask for", 0},
    {"json", 'j', NULL, 0, "A JSON object on a line for each request", 0},
    {0},
};

static void add_header(struct arguments *arguments, struct header header, struct argp_state *state)
{
    if (arguments->header_count == HEADERS_MAX)
        argp_error(state, "more than %d headers", HEADERS_MAX);
    arguments->headers[arguments->header_count++] = header;
}

static struct header parse_header(char *value, struct argp_state *state)
{
    char *equals = strchr(value, '=');
    if (!equals || equals == value) {
        argp_error(state, "--header: not NAME=VALUE: %s", value);
        return (struct header){0};
    }
    *equals = '\0';
    return (struct header){value, {equals + 1, strlen(equals + 1)}};
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case 'i':
        arguments->id = value;
        return 0;
    case 't':
        if (!event_type_valid(value))
            argp_error(state, "--type: not an event type: %s", value);
        add_header(arguments, (struct header){"ce_type", {value, strlen(value)}}, state);
        return 0;
    case 'H':
        add_header(arguments, parse_header(value, state), state);
        return 0;
    case 'A':
        if (!text_parse_time(value, &arguments->at))
            argp_error(
                state, "--at: not a time (RFC 3339), such as 2026-01-31T12:00:00Z: %s", value);
        return 0;
    case 'a':
        arguments->all = true;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->name_count == 2)
            argp_error(state, "too many arguments: %s", value);
        arguments->names[arguments->name_count++] = value;
        return 0;
    case ARGP_KEY_END:
        if (arguments->name_count == 0)
            argp_error(state, "no SUBSCRIPTION-FILE");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "SUBSCRIPTION-FILE [FILE|-]",
    .doc =
        "Print the requests that the events of FILE, or of standard input, would become: the dry "
        "run of "
        "a subscription's format, fields, headers and signature, without Kafka and without a "
        "network. An "
        "event is a JSON object on a line. The subscription is read from a file as for hookline "
        "subscriptions apply. Header values that may be secret are shown as \"***\"; signatures "
        "are real, "
        "and made with the id and the time that stand in the request, which differ from those of a "
        "delivery. Exits with 0 if a request was printed, 1 if none, 2 if the subscription is not "
        "valid "
        "or a line was no event."
        "\vExamples:\n"
        "  hookline render crm.json < events.ndjson\n"
        "  hookline render --id crm --json subscriptions.json events.ndjson\n"
        "  hookline render -H ce_source=/pbx -t call.ended crm.json < event.json",
    .children = children,
};

/* --- The subscription ------------------------------------------------------------------------------ */

static const json_t *list_of(const json_t *file)
{
    const json_t *list = json_object_get(file, "subscriptions");
    return list ? list : file;
}

/* Borrowed from `file`. */
static const json_t *choose(const json_t *file, const char *id, struct error *error)
{
    const json_t *list = list_of(file), *found = NULL;
    json_t *each;
    size_t index, count = 0;
    if (json_is_object(list))
        return list;
    json_array_foreach(list, index, each) {
        const char *its_id = json_string_value(json_object_get(each, "id"));
        if (id && !(its_id && strcmp(its_id, id) == 0))
            continue;
        found = each;
        count++;
    }
    if (count == 1)
        return found;
    if (count > 1)
        error_set(error, ERROR_CONFIG, "%zu subscriptions%s: say which with --id", count,
            id ? " of this id" : "");
    else if (id)
        error_set(error, ERROR_CONFIG, "no subscription of the id %s", id);
    else
        error_set(error, ERROR_CONFIG, "no subscription");
    return NULL;
}

/* Returns new. */
static struct subscription *load(const char *name, const char *id, struct error *error)
{
    struct subscription *subscription = NULL;
    struct buffer text = BUFFER_INIT;
    json_error_t fault;
    json_t *json = NULL;
    if (command_read(name, FILE_MAX_BYTES, &text, error)) {
        json = json_loadb(buffer_text(&text), text.len, JSON_REJECT_DUPLICATES, &fault);
        if (!json)
            error_set(
                error, ERROR_CONFIG, "line %d column %d: %s", fault.line, fault.column, fault.text);
    }
    if (json && !subscription_files_read(json, name, error)) {
        json_decref(json);
        json = NULL;
    }
    const json_t *chosen = json ? choose(json, id, error) : NULL;
    if (chosen)
        subscription = subscription_parse(chosen, false, error);
    if (!subscription)
        error_prefix(error, "%s", lines_name(name));
    json_decref(json);
    buffer_release(&text);
    return subscription;
}

/* --- Events ------------------------------------------------------------------------------------------ */

struct render {
    const struct arguments *arguments;
    struct credentials *credentials;
    struct event_rules *rules;
    struct sha256 *hash;
    const char *name; /* of the input, for messages */
    int64_t printed;
    bool failed; /* a line was no event, or could not be rendered */
};

static void complain(const struct render *render, int64_t number, const char *text)
{
    fflush(stdout);
    fprintf(stderr, "hookline: %s:%" PRId64 ": ", render->name, number);
    command_print_safe(stderr, text);
    fputc('\n', stderr);
}

static void fail(struct render *render, int64_t number, const char *text)
{
    complain(render, number, text);
    render->failed = true;
}

/* Why the subscription would not get it, or NULL. */
static const char *refusal(const struct subscription *subscription, const struct event *event)
{
    if (!subscription_wants(subscription, event->type))
        return "left out: its type is not in the subscription's events";
    if (subscription->filter && !pattern_matches(subscription->filter, event->body, event->type))
        return "left out: the subscription's filter does not match it";
    return NULL;
}

static void print(struct render *render, const struct preview *preview)
{
    if (render->arguments->json) {
        json_t *json = preview_json(preview);
        char *text = json_dumps(json, JSON_COMPACT);
        if (!text)
            fatal("out of memory");
        puts(text);
        free(text);
        json_decref(json);
    } else {
        struct buffer text = BUFFER_INIT;
        preview_text(preview, &text);
        if (render->printed)
            putchar('\n');
        fwrite(text.data, 1, text.len, stdout);
        buffer_release(&text);
    }
    render->printed++;
}

static void render_event(
    struct render *render, int64_t number, const struct record *record, const struct event *event)
{
    const struct subscription *subscription = render->credentials->subscription;
    struct wall_time at = render->arguments->at.ms ? render->arguments->at : wall_now();
    struct error error = ERROR_INIT;
    char id[DELIVERY_ID_SIZE];
    delivery_id(render->hash, record, subscription->tenant, subscription->id, id);
    struct webhook_delivery delivery = {
        .id = id,
        .event = event->type,
        .attempt = 1,
        .at = at,
        .event_at = at,
        .order_key = event->order_key,
        .redact = event->denied,
        .record = record,
    };
    struct preview *preview = preview_new(render->credentials, &delivery, &error);
    if (preview)
        print(render, preview);
    else
        fail(render, number, error.text);
    preview_free(preview);
}

static bool take_line(void *arg, int64_t number, const char *data, size_t len, bool too_long)
{
    struct render *render = arg;
    const struct arguments *arguments = render->arguments;
    struct event event;
    struct event_refusal bad = {0};
    const struct record record = {
        .topic = "render",
        .offset = number,
        .value = {data, len},
        .headers = (struct header *)arguments->headers,
        .header_count = arguments->header_count,
    };
    if (too_long) {
        fail(render, number, "the line is too long");
    } else if (!event_decode(render->rules, &record, &event, &bad)) {
        fail(render, number, bad.error.text);
    } else {
        const char *why = refusal(render->credentials->subscription, &event);
        if (why && !arguments->all)
            complain(render, number, why);
        else
            render_event(render, number, &record, &event);
        event_release(&event);
    }
    return !ferror(stdout);
}

static void flush(void *arg)
{
    (void)arg;
    fflush(stdout);
}

static int render_input(struct render *render)
{
    const struct arguments *arguments = render->arguments;
    const char *name = arguments->name_count == 2 ? arguments->names[1] : "-";
    struct lines lines = {
        .max_bytes = LINE_MAX_BYTES, .line = take_line, .idle = flush, .arg = render};
    struct error error = ERROR_INIT;
    render->name = lines_name(name);
    bool read = lines_read(&lines, name, &error);
    lines_release(&lines);
    if (!read)
        return command_fail(&error);
    if (render->failed)
        return EXIT_USAGE;
    return render->printed ? EXIT_DONE : EXIT_FAILED;
}

static struct credentials *open_credentials(
    const struct arguments *arguments, const struct settings *settings, struct error *error)
{
    struct seal_ring *ring = NULL;
    struct credentials *credentials = NULL;
    struct subscription *subscription = load(arguments->names[0], arguments->id, error);
    if (subscription && command_key_ring(settings, &ring, error))
        credentials = credentials_new(subscription, ring, error);
    seal_ring_free(ring);
    subscription_unref(subscription);
    return credentials;
}

/* As the bridge reads them, but that all are the subscription's tenant's. */
static struct event_rules *make_rules(
    const struct settings *settings, const struct subscription *subscription, struct error *error)
{
    struct event_options events = settings->bridge.events;
    events.tenant_header = events.tenant_topic_regex = events.tenant_pointer = "";
    events.tenant_key_prefix = false;
    events.tenant_fixed = subscription->tenant;
    events.max_bytes = LINE_MAX_BYTES;
    return event_rules_new(&events, error);
}

int command_render(int argc, char **argv)
{
    struct arguments arguments = {0};
    command_parse(&argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    struct error error = ERROR_INIT;
    struct render render = {.arguments = &arguments, .hash = sha256_new()};
    render.credentials = open_credentials(&arguments, settings, &error);
    if (render.credentials)
        render.rules = make_rules(settings, render.credentials->subscription, &error);
    int status = render.rules ? render_input(&render) : command_fail(&error);
    event_rules_free(render.rules);
    credentials_free(render.credentials);
    sha256_free(render.hash);
    settings_free(settings);
    return status;
}
