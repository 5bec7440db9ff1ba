/* SPDX-License-Identifier: Apache-2.0 */
/* hookline simulate: calls that never were, published to an events topic. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "events/event.h"
#include "kafka/producer.h"
#include "producers/simulator.h"

#define TENANTS_MAX 1000
#define TICK_MS     10
#define FLUSH_MS    10000
#define QUIET_MS    5000

enum {
    OPTION_TOPIC = 0x100,
    OPTION_TENANTS,
    OPTION_CALLS,
    OPTION_SEED,
    OPTION_SECONDS,
    OPTION_PACE
};

struct arguments {
    struct settings_arguments settings;
    const char *topic;
    char *tenant_text; /* what `tenants` point into */
    const char *tenants[TENANTS_MAX + 1];
    double calls_per_second, pace;
    int64_t seed, seconds;
};

static const struct argp_option options[] = {
    {"topic", OPTION_TOPIC, "TOPIC", 0, "Where to publish (the first of topics.events)", 0},
    {"tenants", OPTION_TENANTS, "A,B,C", 0, "Whose calls (acme,globex,initech)", 0},
    {"calls-per-second", OPTION_CALLS, "N", 0, "Calls that begin, over all tenants (1)", 0},
    {"seed", OPTION_SEED, "N", 0, "The same seed gives the same calls", 0},
    {"seconds", OPTION_SECONDS, "N", 0, "End after so long (never)", 0},
    {"pace", OPTION_PACE, "N", 0, "How much faster than life calls go by (1)", 0},
    {0},
};

static void parse_tenants(struct arguments *arguments, const char *text, struct argp_state *state)
{
    size_t count = 0;
    char *rest, *tenant;
    free(arguments->tenant_text);
    arguments->tenant_text = rest = mem_strdup(text);
    while ((tenant = strsep(&rest, ","))) {
        if (!event_tenant_valid(tenant))
            argp_error(state, "--tenants: not 1 to 64 of a-z, 0-9, _ and -: '%s'", tenant);
        if (count == TENANTS_MAX)
            argp_error(state, "--tenants: more than %d", TENANTS_MAX);
        arguments->tenants[count++] = tenant;
    }
    arguments->tenants[count] = NULL;
}

static double parse_number(
    const char *value, double least, double most, const char *name, struct argp_state *state)
{
    char *end;
    double number = strtod(value, &end);
    if (!*value || *end || !(number >= least && number <= most))
        argp_error(state, "--%s: not a number from %g to %g: %s", name, least, most, value);
    return number;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->settings;
        return 0;
    case OPTION_TOPIC:
        arguments->topic = value;
        return 0;
    case OPTION_TENANTS:
        parse_tenants(arguments, value, state);
        return 0;
    case OPTION_CALLS:
        arguments->calls_per_second = parse_number(value, 0, 10000, "calls-per-second", state);
        return 0;
    case OPTION_PACE:
        arguments->pace = parse_number(value, 0.01, 1000, "pace", state);
        return 0;
    case OPTION_SECONDS:
        arguments->seconds = (int64_t)parse_number(value, 1, 1e9, "seconds", state);
        return 0;
    case OPTION_SEED:
        if (!text_parse_int(value, &arguments->seed))
            argp_error(state, "--seed: not a whole number: %s", value);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&settings_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Publish the events of simulated calls, with the tenant in the header tenant.header and "
           "the call id as the record key."
           "\vExamples:\n"
           "  hookline simulate --topic calls --tenants acme --calls-per-second 5\n"
           "  hookline simulate --seed 7 --pace 20 --seconds 60",
    .children = children,
};

struct simulate {
    const struct arguments *arguments;
    const char *topic, *tenant_header;
    struct loop *loop;
    struct kafka_producer *producer;
    struct simulator *simulator;
    struct mono_time started, next_progress, next_quiet;
    int64_t events, published, failed;
    struct error first_error;
};

static void produced(void *arg, const struct kafka_receipt *receipt)
{
    struct simulate *simulate = arg;
    if (!receipt->error) {
        simulate->published++;
        return;
    }
    simulate->failed++;
    error_set(&simulate->first_error, receipt->error->kind, "%s", receipt->error->text);
}

static void send_event(void *arg, const struct simulator_event *event)
{
    struct simulate *simulate = arg;
    const struct header tenant = {simulate->tenant_header, {event->tenant, strlen(event->tenant)}};
    const struct record record = {
        .topic = simulate->topic,
        .partition = KAFKA_ANY_PARTITION,
        .timestamp_ms = -1,
        .key = {event->key, event->key ? strlen(event->key) : 0},
        .value = {event->body, event->body_len},
        .headers = &tenant,
        .header_count = 1,
    };
    struct error error = ERROR_INIT;
    simulate->events++;
    if (!kafka_producer_send(simulate->producer, &record, false, produced, simulate, &error)) {
        const struct kafka_receipt receipt = {.error = &error};
        produced(simulate, &receipt);
    }
}

static void show_progress(struct simulate *simulate, struct mono_time now)
{
    bool terminal = isatty(STDERR_FILENO);
    if (mono_before(now, simulate->next_progress))
        return;
    simulate->next_progress = mono_add_ms(now, terminal ? 1000 : 10000);
    fprintf(stderr, "%s%" PRId64 " events published in %" PRId64 " s%s%s", terminal ? "\r" : "",
        simulate->published, mono_diff_ms(now, simulate->started) / 1000,
        simulate->failed ? ", some failed" : "", terminal ? "\033[K" : "\n");
}

static void tick(void *arg)
{
    struct simulate *simulate = arg;
    struct mono_time now = mono_now();
    int64_t seconds = simulate->arguments->seconds;

    if (seconds && mono_diff_ms(now, simulate->started) >= seconds * 1000) {
        loop_stop(simulate->loop);
        return;
    }
    show_progress(simulate, now);
    /* Without room the calls wait: what is due then comes later, and nothing is lost. */
    if (kafka_producer_has_room(simulate->producer))
        simulator_advance(simulate->simulator, wall_now(), send_event, simulate);
    struct mono_time ack = kafka_producer_last_ack(simulate->producer);
    if (kafka_producer_outstanding(simulate->producer) && mono_diff_ms(now, ack) >= QUIET_MS &&
        !mono_before(now, simulate->next_quiet)) {
        simulate->next_quiet = mono_add_ms(now, QUIET_MS);
        log_warn("waiting for Kafka to acknowledge records",
            LOG_INT("outstanding", (int64_t)kafka_producer_outstanding(simulate->producer)));
    }
}

static void interrupted(void *arg)
{
    struct simulate *simulate = arg;
    loop_stop(simulate->loop);
}

static int report(struct simulate *simulate)
{
    if (!kafka_producer_flush(simulate->producer, FLUSH_MS))
        error_set(
            &simulate->first_error, ERROR_RETRY, "Kafka did not acknowledge the last records");
    fprintf(stderr, "%spublished %" PRId64 " events to %s (%" PRId64 " failed)\n",
        isatty(STDERR_FILENO) ? "\r\033[K" : "", simulate->published, simulate->topic,
        simulate->events - simulate->published);
    return error_is_set(&simulate->first_error) ? command_fail(&simulate->first_error) : EXIT_DONE;
}

static int run(struct simulate *simulate, const struct settings *settings)
{
    const struct arguments *arguments = simulate->arguments;
    const struct simulator_options simulator = {
        .tenants = arguments->tenants,
        .calls_per_second = arguments->calls_per_second,
        .seed = (uint64_t)arguments->seed,
        .pace = arguments->pace,
    };
    struct error error = ERROR_INIT;
    simulate->producer =
        kafka_producer_new(simulate->loop, &settings->kafka, &settings->producer, &error);
    if (!simulate->producer)
        return command_fail(&error);
    simulate->simulator = simulator_new(&simulator, wall_now());
    simulate->started = simulate->next_quiet = mono_now();
    simulate->next_progress = mono_add_ms(simulate->started, isatty(STDERR_FILENO) ? 1000 : 10000);
    struct loop_timer *timer = loop_timer_new(simulate->loop, tick, simulate);
    struct loop_signal *sigint = loop_signal_new(simulate->loop, SIGINT, interrupted, simulate);
    struct loop_signal *sigterm = loop_signal_new(simulate->loop, SIGTERM, interrupted, simulate);
    loop_timer_start(timer, 0, TICK_MS);
    loop_run(simulate->loop);
    loop_timer_free(timer);
    loop_signal_free(sigint);
    loop_signal_free(sigterm);
    int status = report(simulate);
    simulator_free(simulate->simulator);
    kafka_producer_free(simulate->producer);
    return status;
}

int command_simulate(int argc, char **argv)
{
    struct arguments arguments = {
        .tenants = {"acme", "globex", "initech"},
        .calls_per_second = 1,
        .pace = 1,
        .seed = wall_now().ms,
    };
    struct error error = ERROR_INIT;
    command_parse(&argp, argc, argv, &arguments);
    struct settings *settings = command_settings(&arguments.settings);
    struct simulate simulate = {
        .arguments = &arguments,
        .topic = arguments.topic ? arguments.topic : settings->topics.events[0],
        .tenant_header = settings->bridge.events.tenant_header,
    };
    int status;
    if (!simulate.topic || !*simulate.tenant_header) {
        error_set(&error, ERROR_CONFIG, "simulate needs %s",
            simulate.topic ? "the setting tenant.header" : "--topic or the setting topics.events");
        status = command_fail(&error);
    } else {
        simulate.loop = loop_new();
        status = run(&simulate, settings);
        loop_free(simulate.loop);
    }
    free(arguments.tenant_text);
    settings_free(settings);
    return status;
}
