/* SPDX-License-Identifier: Apache-2.0 */
/* hookline publish: lines of a file or of standard input as records of an events topic. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "commands/lines.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "events/event.h"
#include "events/json_check.h"
#include "events/pointer.h"
#include "kafka/producer.h"
#include "kafka/topics.h"

#define LINE_MAX_BYTES (8 * 1024 * 1024)
#define HEADERS_MAX    64
#define READ_BYTES     65536
#define STEP_MS        200
#define QUIET_MS       5000 /* without an answer from Kafka before we say so */

enum { OPTION_TOPIC = 0x100, OPTION_TENANT, OPTION_KEY_FROM, OPTION_HEADER, OPTION_TIMEOUT };

struct arguments {
    struct settings_arguments settings;
    const char *topic, *tenant, *file;
    struct event_pointer *key_from;
    struct header headers[HEADERS_MAX];
    size_t header_count;
    int64_t timeout_ms;
};

static const struct argp_option options[] = {
    {"topic", OPTION_TOPIC, "TOPIC", 0, "Where to publish (the first of topics.events)", 0},
    {"tenant", OPTION_TENANT, "TENANT", 0, "Add the header that names the tenant (tenant.header)",
        0},
    {"key-from", OPTION_KEY_FROM, "POINTER", 0,
        "Take the record key from each line by this JSON pointer, where it answers", 0},
    {"header", OPTION_HEADER, "NAME=VALUE", 0, "Add this header to each record; repeatable", 0},
    {"timeout", OPTION_TIMEOUT, "DURATION", 0,
        "Give up when Kafka has acknowledged nothing for so long (30s)", 0},
    {0},
};

/* Takes "name=value" out of the argument list, in place: the program's own arguments are ours. */
static void add_header(struct arguments *arguments, char *text, struct argp_state *state)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        argp_error(state, "--header: not NAME=VALUE: %s", text);
        return;
    }
    /* Leaves one place for the tenant. */
    if (arguments->header_count == HEADERS_MAX - 1)
        argp_error(state, "--header: more than %d", HEADERS_MAX - 1);
    *equals = '\0';
    arguments->headers[arguments->header_count++] =
        (struct header){text, {equals + 1, strlen(equals + 1)}};
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct error error = ERROR_INIT;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case OPTION_TOPIC:
        arguments->topic = value;
        return 0;
    case OPTION_TENANT:
        if (!event_tenant_valid(value))
            argp_error(state, "--tenant: not 1 to 64 of a-z, 0-9, _ and -: %s", value);
        arguments->tenant = value;
        return 0;
    case OPTION_KEY_FROM:
        event_pointer_free(arguments->key_from);
        arguments->key_from = event_pointer_new(value, &error);
        if (!arguments->key_from)
            argp_error(state, "--key-from: %s", error.text);
        return 0;
    case OPTION_HEADER:
        add_header(arguments, value, state);
        return 0;
    case OPTION_TIMEOUT:
        if (!text_parse_duration(value, &arguments->timeout_ms, &error))
            argp_error(state, "--timeout: %s", error.text);
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->file)
            argp_error(state, "more than one FILE: %s", value);
        arguments->file = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "[FILE|-]",
    .doc = "Publish each line of FILE, or of standard input, as a record of an events topic. The "
           "bytes of a line are its value, unchanged; empty lines are left out. Lines are not "
           "judged: the bridge does that. Exits with 1 if a record could not be published."
           "\vExamples:\n"
           "  hookline publish --tenant acme --key-from /callID events.ndjson\n"
           "  echo '{\"type\":\"ringing\",\"callID\":\"c-1\"}' | hookline publish --tenant acme\n"
           "  tail -f events.ndjson | hookline publish --topic calls --tenant acme\n"
           "  hookline publish --header tenant-id=acme --header ce_id=7 event.json",
    .children = children,
};

struct publish {
    const struct arguments *arguments;
    const struct kafka_options *kafka;
    const char *topic;
    struct kafka_producer *producer;
    struct error first_error;
    int64_t published, failed, lines, bytes;
    bool given_up;
    struct mono_time started, next_progress, next_quiet;
    struct mono_time idle_until; /* nothing was outstanding until then */
};

static volatile sig_atomic_t stop_requested;

static void request_stop(int signum)
{
    (void)signum;
    stop_requested = 1;
}

/* --- Sending -------------------------------------------------------------------------------- */

static void note_failure(struct publish *publish, const struct error *error)
{
    publish->failed++;
    error_set(&publish->first_error, error->kind, "%s", error->text);
}

static void produced(void *arg, const struct kafka_receipt *receipt)
{
    struct publish *publish = arg;
    if (receipt->error)
        note_failure(publish, receipt->error);
    else
        publish->published++;
}

static void show_progress(struct publish *publish, struct mono_time now)
{
    bool terminal = isatty(STDERR_FILENO);
    if (mono_before(now, publish->next_progress))
        return;
    publish->next_progress = mono_add_ms(now, terminal ? 1000 : 10000);
    double seconds = (double)mono_diff_us(now, publish->started) / 1e6;
    fprintf(stderr, "%s%" PRId64 " of %" PRId64 " records published, %.1f MB, %.0f records/s%s%s",
        terminal ? "\r" : "", publish->published, publish->lines, (double)publish->bytes / 1e6,
        (double)publish->published / seconds, publish->failed ? ", some failed" : "",
        terminal ? "\033[K" : "\n");
}

/* Whether Kafka answers and has no such topic. A broker that makes topics by use has by now. */
static bool topic_is_missing(const struct publish *publish)
{
    struct kafka_topic_list list = {NULL, 0};
    if (!kafka_topics_list(publish->kafka, QUIET_MS, &list, NULL))
        return false;
    bool missing = !kafka_topic_find(&list, publish->topic);
    kafka_topic_list_release(&list);
    return missing;
}

static void give_up(struct publish *publish, const char *text)
{
    publish->given_up = true;
    error_set(&publish->first_error, ERROR_RETRY, "%s", text);
}

/* Kafka has not answered for long: says so, or gives up. */
static void look_why(struct publish *publish, struct mono_time now, int64_t silent_ms)
{
    char text[256];
    if (silent_ms >= publish->arguments->timeout_ms) {
        snprintf(text, sizeof text,
            "Kafka has acknowledged nothing for %" PRId64
            " s: is it up, and is kafka.brokers right?",
            silent_ms / 1000);
        give_up(publish, text);
    } else if (silent_ms >= QUIET_MS && !mono_before(now, publish->next_quiet)) {
        publish->next_quiet = mono_add_ms(now, QUIET_MS);
        log_warn("waiting for Kafka to acknowledge records",
            LOG_INT("outstanding", (int64_t)kafka_producer_outstanding(publish->producer)),
            LOG_INT("seconds", silent_ms / 1000));
        if (topic_is_missing(publish)) {
            snprintf(text, sizeof text, "there is no topic %s", publish->topic);
            give_up(publish, text);
        }
    }
}

/* Lets the producer work, and looks whether Kafka still answers. */
static void work(struct publish *publish, int64_t ms)
{
    if (kafka_producer_outstanding(publish->producer) == 0)
        publish->idle_until = mono_now();
    kafka_producer_flush(publish->producer, ms);
    struct mono_time now = mono_now();
    show_progress(publish, now);
    if (kafka_producer_outstanding(publish->producer) == 0) {
        publish->idle_until = now;
        return;
    }
    struct mono_time since = kafka_producer_last_ack(publish->producer);
    if (mono_before(since, publish->idle_until))
        since = publish->idle_until;
    look_why(publish, now, mono_diff_ms(now, since));
}

/* The key is borrowed from `json` or `number`. */
static struct bytes key_of_line(
    const struct publish *publish, const json_t *json, char number[EVENT_JSON_NUMBER_SIZE])
{
    struct bytes key = {NULL, 0};
    const json_t *value = json ? event_pointer_get(publish->arguments->key_from, json) : NULL;
    if (event_json_id(value, number, &key) != EVENT_JSON_TEXT)
        key = (struct bytes){NULL, 0};
    return key;
}

static void send_line(struct publish *publish, const char *data, size_t len)
{
    char number[EVENT_JSON_NUMBER_SIZE];
    struct error error = ERROR_INIT;
    /* A line that is no JSON has no key; it is sent all the same. */
    json_t *json = publish->arguments->key_from
                       ? json_loadb(data, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL)
                       : NULL;
    const struct record record = {
        .topic = publish->topic,
        .partition = KAFKA_ANY_PARTITION,
        .timestamp_ms = -1,
        .key = json ? key_of_line(publish, json, number) : (struct bytes){NULL, 0},
        .value = {data, len},
        .headers = publish->arguments->headers,
        .header_count = publish->arguments->header_count,
    };
    if (!kafka_producer_send(publish->producer, &record, false, produced, publish, &error))
        note_failure(publish, &error);
    json_decref(json);
}

static bool take_line(void *arg, int64_t number, const char *data, size_t len, bool too_long)
{
    struct publish *publish = arg;
    publish->lines++;
    publish->bytes += (int64_t)len;
    if (too_long) {
        struct error error = ERROR_INIT;
        error_set(&error, ERROR_PERMANENT, "line %" PRId64 " is longer than %d MiB", number,
            LINE_MAX_BYTES >> 20);
        note_failure(publish, &error);
        return true;
    }
    while (!kafka_producer_has_room(publish->producer) && !publish->given_up && !stop_requested)
        work(publish, STEP_MS);
    if (publish->given_up || stop_requested) {
        publish->lines--;
        return false;
    }
    if (kafka_producer_outstanding(publish->producer) == 0)
        publish->idle_until = mono_now();
    send_line(publish, data, len);
    return true;
}

/* --- Reading -------------------------------------------------------------------------------- */

/* Waits for input but lets the producer work meanwhile: a slow writer must not hide that Kafka is
 * down, nor hold back the receipts of what it wrote before. */
static bool wait_for_input(struct publish *publish, int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    while (!stop_requested && !publish->given_up) {
        int n = poll(&wanted, 1, kafka_producer_outstanding(publish->producer) ? 0 : STEP_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
        work(publish, 20);
    }
    return false;
}

static void read_lines(struct publish *publish, int fd, const char *name)
{
    struct lines lines = {.max_bytes = LINE_MAX_BYTES, .line = take_line, .arg = publish};
    char *piece = mem_alloc(READ_BYTES);
    bool going = true;
    while (going && wait_for_input(publish, fd)) {
        ssize_t n = read(fd, piece, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            error_set(&publish->first_error, ERROR_PERMANENT, "%s: %s", name, strerror(errno));
        if (n == 0)
            lines_finish(&lines);
        going = n > 0 && lines_feed(&lines, piece, (size_t)n);
        show_progress(publish, mono_now());
    }
    free(piece);
    lines_release(&lines);
}

/* --- The command ---------------------------------------------------------------------------- */

static int report(struct publish *publish)
{
    int64_t pending = (int64_t)kafka_producer_outstanding(publish->producer);
    double seconds = (double)mono_diff_us(mono_now(), publish->started) / 1e6;
    fprintf(stderr, "%spublished %" PRId64 " record%s to %s in %.1f s (%" PRId64 " failed)\n",
        isatty(STDERR_FILENO) ? "\r\033[K" : "", publish->published,
        publish->published == 1 ? "" : "s", publish->topic, seconds, publish->failed + pending);
    return error_is_set(&publish->first_error) ? command_fail(&publish->first_error) : EXIT_DONE;
}

static void catch_signals(void)
{
    /* No SA_RESTART: it ends a wait. A second signal ends us at once. */
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int publish_file(const struct settings *settings, const struct arguments *arguments,
    const char *topic, int fd, const char *name)
{
    struct error error = ERROR_INIT;
    struct loop *loop = loop_new();
    struct publish publish = {
        .arguments = arguments,
        .kafka = &settings->kafka,
        .topic = topic,
        .started = mono_now(),
    };
    publish.next_progress = mono_add_ms(publish.started, isatty(STDERR_FILENO) ? 1000 : 10000);
    publish.producer = kafka_producer_new(loop, &settings->kafka, &settings->producer, &error);
    if (!publish.producer) {
        loop_free(loop);
        return command_fail(&error);
    }
    publish.idle_until = publish.next_quiet = publish.started;
    catch_signals();
    read_lines(&publish, fd, name);
    while (kafka_producer_outstanding(publish.producer) && !publish.given_up)
        work(&publish, STEP_MS);
    int status = report(&publish);
    kafka_producer_free(publish.producer);
    loop_free(loop);
    return status;
}

static const char *choose_topic(
    const struct settings *settings, const struct arguments *arguments, struct error *error)
{
    if (arguments->topic)
        return arguments->topic;
    if (settings->topics.events && settings->topics.events[0])
        return settings->topics.events[0];
    error_set(error, ERROR_CONFIG, "no topic: give --topic or the setting topics.events");
    return NULL;
}

static bool add_tenant(
    const struct settings *settings, struct arguments *arguments, struct error *error)
{
    const char *name = settings->bridge.events.tenant_header;
    if (!arguments->tenant)
        return true;
    if (!name || !*name)
        return error_set(error, ERROR_CONFIG, "--tenant needs the setting tenant.header");
    arguments->headers[arguments->header_count++] =
        (struct header){name, {arguments->tenant, strlen(arguments->tenant)}};
    return true;
}

static int publish_with(const struct settings *settings, struct arguments *arguments)
{
    struct error error = ERROR_INIT;
    const char *topic = choose_topic(settings, arguments, &error);
    if (!topic || !add_tenant(settings, arguments, &error))
        return command_fail(&error);
    if (!arguments->file || strcmp(arguments->file, "-") == 0)
        return publish_file(settings, arguments, topic, STDIN_FILENO, "standard input");
    int fd = open(arguments->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set(&error, ERROR_CONFIG, "%s: %s", arguments->file, strerror(errno));
        return command_fail(&error);
    }
    int status = publish_file(settings, arguments, topic, fd, arguments->file);
    close(fd);
    return status;
}

int command_publish(int argc, char **argv)
{
    struct arguments arguments = {.timeout_ms = 30000};
    command_parse(&argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    int status = publish_with(settings, &arguments);
    event_pointer_free(arguments.key_from);
    settings_free(settings);
    return status;
}
