/* SPDX-License-Identifier: Apache-2.0 */
/* hookline demo: everything in one process, to see it work. An embedded broker, the roles as they run
 * in production, simulated calls, a receiver, and figures read back from the topics. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/demo_endpoints.h"
#include "commands/demo_figures.h"
#include "commands/demo_screen.h"
#include "commands/receiver.h"
#include "commands/roles.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "kafka/embedded.h"
#include "kafka/producer.h"
#include "kafka/reader.h"
#include "producers/simulator.h"

#define TICK_MS     20
#define READY_MS    60000
#define SETTLE_MS   1000  /* at least, between the last call's event and the end */
#define DRAIN_MS    15000 /* at most */
#define PACE        20
#define READERS_MAX 8

enum { OPTION_SECONDS = 0x100, OPTION_JSON, OPTION_SEED, OPTION_CALLS };

struct arguments {
    int64_t seconds; /* 0 = until interrupted */
    int64_t seed;
    double calls_per_second;
    bool json;
};

static const struct argp_option options[] = {
    {"seconds", OPTION_SECONDS, "N", 0, "End N seconds after everything is ready (never)", 0},
    {"json", OPTION_JSON, NULL, 0, "Print nothing but one JSON object at the end", 0},
    {"seed", OPTION_SEED, "N", 0, "The same seed gives the same calls (1)", 0},
    {"calls-per-second", OPTION_CALLS, "N", 0, "Calls that begin, over all tenants (5)", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    char *end;
    switch (key) {
    case OPTION_SECONDS:
        if (!text_parse_int(value, &arguments->seconds) || arguments->seconds < 1 ||
            arguments->seconds > 1000000000)
            argp_error(state, "--seconds: not a number of seconds: %s", value);
        return 0;
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case OPTION_SEED:
        if (!text_parse_int(value, &arguments->seed))
            argp_error(state, "--seed: not a whole number: %s", value);
        return 0;
    case OPTION_CALLS:
        arguments->calls_per_second = strtod(value, &end);
        if (!*value || *end ||
            !(arguments->calls_per_second >= 0.1 && arguments->calls_per_second <= 1000))
            argp_error(state, "--calls-per-second: not a number from 0.1 to 1000: %s", value);
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
    .doc =
        "See Hookline at work, without a Kafka: a broker inside this process, simulated calls of "
        "three tenants, and endpoints of which one is slow, one is broken and one has moved "
        "away. Exits with 1 if nothing was delivered."
        "\vExamples:\n"
        "  hookline demo\n"
        "  hookline demo --seconds 10 --json\n"
        "  hookline demo --calls-per-second 50",
};

/* STARTING → RUNNING → DRAINING → STOPPING; an interrupt moves one on. */
enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_DRAINING, PHASE_STOPPING };

struct demo {
    const struct arguments *arguments;
    struct loop *loop;
    enum phase phase;
    struct mono_time phase_began, begun, ready, next_update;
    double ran_seconds; /* how long there were calls */
    struct kafka_embedded *embedded;
    struct settings *settings;
    struct receiver_rule *rules;
    struct receiver *receiver;
    struct kafka_producer *producer;
    struct roles *roles;
    struct kafka_reader *readers[READERS_MAX];
    size_t reader_count;
    struct simulator *simulator;
    struct demo_figures *figures;
    struct demo_screen screen;
    struct loop_timer *timer;
    struct loop_signal *sigint, *sigterm;
    struct error failure;
};

/* --- Setting up ----------------------------------------------------------------------------- */

/* The defaults, but for what the embedded broker asks for and what makes an hour's story fit into
 * some seconds. */
static bool load_settings(struct demo *demo, struct error *error)
{
    char *brokers = mem_printf("kafka.brokers=%s", kafka_embedded_brokers(demo->embedded));
    char *events = mem_printf("topics.events=%s", DEMO_EVENTS_TOPIC);
    const char *const overrides[] = {
        brokers,
        events,
        /* The mock broker answers a fetch that finds nothing only after this time, whatever comes
         * meanwhile; a real one answers at once. */
        "kafka.properties=fetch.wait.max.ms=5",
        "topics.create=false",
        "probes.listen=127.0.0.1:0",
        "consumer.drain_timeout=2s",
        "egress.allow_http=true", /* to the receiver, which is on this machine */
        "egress.allow_private=true",
        "log.level=error",
        NULL,
    };
    const struct settings_source source = {.overrides = overrides};
    struct settings_problems problems;
    demo->settings = settings_load(&source, &problems);
    if (!demo->settings)
        error_set(error, ERROR_BUG, "settings of the demo: %s", problems.items[0].text);
    settings_problems_release(&problems);
    free(brokers);
    free(events);
    if (demo->settings)
        log_apply(&demo->settings->log);
    return demo->settings != NULL;
}

static bool start_broker(struct demo *demo, struct error *error)
{
    demo->embedded = kafka_embedded_new(1, error);
    return demo->embedded && load_settings(demo, error) &&
           demo_create_topics(demo->embedded, &demo->settings->topics, error);
}

static bool start_receiver(struct demo *demo, struct error *error)
{
    demo->rules = demo_rules_new();
    const struct receiver_options receiver = {.listen = "127.0.0.1:0", .rules = demo->rules};
    demo->receiver = receiver_new(demo->loop, &receiver, error);
    return demo->receiver != NULL;
}

static bool start_producer(struct demo *demo, struct error *error)
{
    const struct settings *settings = demo->settings;
    demo->producer = kafka_producer_new(demo->loop, &settings->kafka, &settings->producer, error);
    return demo->producer &&
           demo_register(demo->producer, &settings->topics, receiver_url(demo->receiver), error);
}

static void delivery_read(void *arg, const struct record *record)
{
    struct demo *demo = arg;
    demo_figures_delivery(demo->figures, record);
}

static void result_read(void *arg, const struct record *record)
{
    struct demo *demo = arg;
    demo_figures_result(demo->figures, record);
}

static void dead_letter_read(void *arg, const struct record *record)
{
    struct demo *demo = arg;
    demo_figures_dead_letter(demo->figures, record);
}

/* Takes `topic`. */
static bool start_reader(struct demo *demo, char *topic,
    void (*record)(void *arg, const struct record *record), struct error *error)
{
    const struct kafka_reader_callbacks callbacks = {.record = record};
    bug_on(demo->reader_count == READERS_MAX);
    struct kafka_reader *reader = kafka_reader_new(
        demo->loop, &demo->settings->kafka, topic, 0, KAFKA_BEGINNING, &callbacks, demo, error);
    free(topic);
    if (reader)
        demo->readers[demo->reader_count++] = reader;
    return reader != NULL;
}

static bool start_readers(struct demo *demo, struct error *error)
{
    const struct topic_options *topics = &demo->settings->topics;
    bool good = start_reader(demo, topic_name(topics, TOPIC_RESULTS), result_read, error) &&
                start_reader(demo, topic_name(topics, TOPIC_DEAD_LETTERS), dead_letter_read, error);
    for (size_t i = 0; good && demo_tenants[i]; i++)
        good = start_reader(demo, topic_deliveries(topics, demo_tenants[i]), delivery_read, error);
    return good;
}

static bool start_roles(struct demo *demo, struct error *error)
{
    demo->roles = roles_new(demo->loop, demo->settings, ROLE_BRIDGE | ROLE_CONSUMER, error);
    return demo->roles != NULL;
}

/* --- Calls ---------------------------------------------------------------------------------- */

static void event_produced(void *arg, const struct kafka_receipt *receipt)
{
    struct demo *demo = arg;
    if (receipt->error)
        error_set(&demo->failure, receipt->error->kind, "%s", receipt->error->text);
    else
        demo->figures->events++;
}

static void send_event(void *arg, const struct simulator_event *event)
{
    struct demo *demo = arg;
    const struct header tenant = {
        demo->settings->bridge.events.tenant_header, {event->tenant, strlen(event->tenant)}};
    const struct record record = {
        .topic = DEMO_EVENTS_TOPIC,
        .partition = KAFKA_ANY_PARTITION,
        .timestamp_ms = -1,
        .key = {event->key, event->key ? strlen(event->key) : 0},
        .value = {event->body, event->body_len},
        .headers = &tenant,
        .header_count = 1,
    };
    struct error error = ERROR_INIT;
    if (!kafka_producer_send(demo->producer, &record, false, event_produced, demo, &error))
        error_set(&demo->failure, error.kind, "%s", error.text);
}

/* --- Phases --------------------------------------------------------------------------------- */

static void enter(struct demo *demo, enum phase phase)
{
    demo->phase = phase;
    demo->phase_began = mono_now();
}

static double seconds_since(struct mono_time since)
{
    return (double)mono_diff_us(mono_now(), since) / 1e6;
}

static void roles_are_stopped(void *arg)
{
    struct demo *demo = arg;
    loop_stop(demo->loop);
}

static void begin_stopping(struct demo *demo)
{
    enter(demo, PHASE_STOPPING);
    roles_stop(demo->roles, roles_are_stopped, demo);
}

static void update_screen(struct demo *demo, const char *state)
{
    struct mono_time now = mono_now();
    if (demo->arguments->json || mono_before(now, demo->next_update))
        return;
    demo->next_update = mono_add_ms(now, demo_screen_interval_ms(&demo->screen));
    demo_screen_update(&demo->screen, demo->figures, seconds_since(demo->ready), state);
    if (ferror(stdout)) /* nobody reads any more: `| head` */
        begin_stopping(demo);
}

static void become_ready(struct demo *demo)
{
    const struct simulator_options simulator = {
        .tenants = demo_tenants,
        .calls_per_second = demo->arguments->calls_per_second,
        .seed = (uint64_t)demo->arguments->seed,
        .pace = PACE,
    };
    const struct demo_places places = {
        .brokers = kafka_embedded_brokers(demo->embedded),
        .receiver_url = receiver_url(demo->receiver),
        .probes = roles_probes_address(demo->roles),
        .prefix = demo->settings->topics.prefix,
        .tenant_header = demo->settings->bridge.events.tenant_header,
    };
    enter(demo, PHASE_RUNNING);
    demo->ready = mono_now();
    demo->next_update = mono_add_ms(demo->ready, demo_screen_interval_ms(&demo->screen));
    demo->simulator = simulator_new(&simulator, wall_now());
    if (!demo->arguments->json)
        demo_screen_intro(&demo->screen, &places, seconds_since(demo->begun));
}

static void start_up(struct demo *demo)
{
    if (roles_ready(demo->roles)) {
        become_ready(demo);
    } else if (seconds_since(demo->phase_began) * 1000 > READY_MS) {
        error_set(&demo->failure, ERROR_RETRY, "not ready after %d s", READY_MS / 1000);
        loop_stop(demo->loop);
    }
}

static void begin_draining(struct demo *demo)
{
    demo->ran_seconds = seconds_since(demo->ready);
    enter(demo, PHASE_DRAINING);
}

static void simulate(struct demo *demo)
{
    simulator_advance(demo->simulator, wall_now(), send_event, demo);
    int64_t seconds = demo->arguments->seconds;
    update_screen(demo, seconds ? "running" : "running, Ctrl-C ends it");
    if (demo->phase == PHASE_RUNNING && seconds &&
        mono_diff_ms(mono_now(), demo->ready) >= seconds * 1000)
        begin_draining(demo);
}

static void drain(struct demo *demo)
{
    struct demo_row *sum = demo_figures_sum(demo->figures, NULL);
    bool through = demo_row_waiting(sum) == 0 && kafka_producer_outstanding(demo->producer) == 0;
    int64_t ms = mono_diff_ms(mono_now(), demo->phase_began);
    free(sum);
    update_screen(demo, "no more calls, waiting for what is under way");
    if (demo->phase == PHASE_DRAINING && ((through && ms >= SETTLE_MS) || ms >= DRAIN_MS))
        begin_stopping(demo);
}

static void tick(void *arg)
{
    struct demo *demo = arg;
    if (demo->phase == PHASE_STARTING)
        start_up(demo);
    else if (demo->phase == PHASE_RUNNING)
        simulate(demo);
    else if (demo->phase == PHASE_DRAINING)
        drain(demo);
}

static void interrupted(void *arg)
{
    struct demo *demo = arg;
    if (demo->phase == PHASE_STARTING)
        loop_stop(demo->loop);
    else if (demo->phase == PHASE_RUNNING)
        begin_draining(demo);
    else
        begin_stopping(demo); /* the second time: cancels what is in flight */
}

/* --- The whole ------------------------------------------------------------------------------ */

static bool set_up(struct demo *demo, struct error *error)
{
    demo->begun = mono_now();
    enter(demo, PHASE_STARTING);
    demo->sigint = loop_signal_new(demo->loop, SIGINT, interrupted, demo);
    demo->sigterm = loop_signal_new(demo->loop, SIGTERM, interrupted, demo);
    demo->timer = loop_timer_new(demo->loop, tick, demo);
    loop_timer_start(demo->timer, TICK_MS, TICK_MS);
    demo->figures = demo_figures_new();
    return start_broker(demo, error) && start_receiver(demo, error) &&
           start_producer(demo, error) && start_roles(demo, error) && start_readers(demo, error);
}

static void tear_down(struct demo *demo)
{
    roles_free(demo->roles);
    for (size_t i = 0; i < demo->reader_count; i++)
        kafka_reader_free(demo->readers[i]);
    kafka_producer_free(demo->producer);
    receiver_free(demo->receiver);
    demo_rules_free(demo->rules);
    simulator_free(demo->simulator);
    loop_timer_free(demo->timer);
    loop_signal_free(demo->sigint);
    loop_signal_free(demo->sigterm);
    settings_free(demo->settings);
    kafka_embedded_free(demo->embedded);
    free(demo->figures);
    loop_free(demo->loop);
}

/* Exit code. */
static int report(struct demo *demo)
{
    struct demo_row *sum = demo_figures_sum(demo->figures, NULL);
    bool delivered = sum->delivered > 0;
    free(sum);
    if (demo->arguments->json)
        demo_print_json(demo->figures, demo->ran_seconds);
    else if (demo->phase == PHASE_STARTING)
        printf(demo->screen.live ? "\n" : "");
    else
        demo_screen_summary(&demo->screen, demo->figures, demo->ran_seconds);
    if (!delivered)
        error_set(&demo->failure, ERROR_PERMANENT, "%s",
            demo->phase == PHASE_STARTING ? "interrupted" : "nothing was delivered");
    return error_is_set(&demo->failure) ? command_fail(&demo->failure) : EXIT_DONE;
}

int command_demo(int argc, char **argv)
{
    struct arguments arguments = {.seed = 1, .calls_per_second = 5};
    command_parse(&argp, argc, argv, &arguments);
    struct demo demo = {.arguments = &arguments, .loop = loop_new()};
    struct error error = ERROR_INIT;
    int status;
    demo_screen_init(&demo.screen);
    if (!arguments.json)
        demo_screen_starting(&demo.screen);
    if (set_up(&demo, &error)) {
        loop_run(demo.loop);
        status = report(&demo);
    } else {
        status = command_fail(&error);
    }
    tear_down(&demo);
    return status;
}
