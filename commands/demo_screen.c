/* SPDX-License-Identifier: Apache-2.0 */
/* How the demo shows itself. */
#include "commands/demo_screen.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/memory.h"

#define TABLE_COLUMNS    80
#define TABLE_LINES      18
#define LIVE_INTERVAL_MS 250
#define LINE_INTERVAL_MS 2000

#define BOLD   "\033[1m"
#define DIM    "\033[2m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define GREEN  "\033[32m"
#define PLAIN  "\033[0m"

void demo_screen_init(struct demo_screen *screen)
{
    struct winsize size = {.ws_col = 0};
    const char *term = getenv("TERM");
    *screen = (struct demo_screen){.live = false};
    if (!isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0 ||
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return;
    screen->live = size.ws_col >= TABLE_COLUMNS && size.ws_row >= TABLE_LINES;
    screen->colour = !getenv("NO_COLOR");
}

int64_t demo_screen_interval_ms(const struct demo_screen *screen)
{
    return screen->live ? LIVE_INTERVAL_MS : LINE_INTERVAL_MS;
}

/* --- Before the table ----------------------------------------------------------------------- */

void demo_screen_starting(struct demo_screen *screen)
{
    printf("Hookline demo: broker, bridge, consumer, receiver and made-up calls in one process.\n");
    printf("starting, which takes some seconds: the consumer groups have to form…%s",
        screen->live ? "" : "\n");
    fflush(stdout);
}

void demo_screen_intro(
    struct demo_screen *screen, const struct demo_places *places, double start_seconds)
{
    const char *b = places->brokers;
    printf("%sready after %.1f s\n\n", screen->live ? "\r\033[K" : "", start_seconds);
    printf("  broker    %s, events topic %s\n", b, DEMO_EVENTS_TOPIC);
    printf("  receiver  %s\n", places->receiver_url);
    if (*places->probes)
        printf("  health    http://%s/readyz\n  metrics   http://%s/metrics\n", places->probes,
            places->probes);
    printf("\nTo try meanwhile, in another terminal:\n"
           "  # an event of your own\n"
           "  echo '{\"type\":\"ringing\",\"callID\":\"c-1\"}' | \\\n"
           "    kcat -P -b %s -t %s -k c-1 -H %s=%s\n"
           "  # every attempt, as it is made\n"
           "  kcat -C -b %s -t %sresults -o end -u\n"
           "  # what failed for good, and why\n"
           "  kcat -C -b %s -t %sdead-letters -e -f '%%h %%s\\n'\n\n",
        b, DEMO_EVENTS_TOPIC, places->tenant_header, demo_tenants[0], b, places->prefix, b,
        places->prefix);
    fflush(stdout);
}

/* --- The table ------------------------------------------------------------------------------ */

static void add_colour(const struct demo_screen *screen, struct buffer *out, const char *code)
{
    if (screen->colour)
        buffer_add_text(out, code);
}

static void end_line(const struct demo_screen *screen, struct buffer *out, int *lines)
{
    buffer_add_text(out, screen->live ? "\033[K\n" : "\n");
    ++*lines;
}

static void add_number(const struct demo_screen *screen, struct buffer *out, int width,
    int64_t number, const char *colour_if_any)
{
    bool coloured = number > 0 && colour_if_any;
    if (coloured)
        add_colour(screen, out, colour_if_any);
    buffer_printf(out, " %*" PRId64, width, number);
    if (coloured)
        add_colour(screen, out, PLAIN);
}

static void add_latency(struct buffer *out, int width, int64_t ms)
{
    if (ms < 0)
        buffer_printf(out, " %*s", width, "-");
    else
        buffer_printf(out, " %*" PRId64, width, ms);
}

static void add_row(const struct demo_screen *screen, struct buffer *out, const char *name,
    const char *answer, const struct demo_row *row, int *lines)
{
    buffer_printf(out, "%-13s %6s", name, answer);
    add_number(screen, out, 10, row->deliveries, NULL);
    add_number(screen, out, 9, row->delivered, GREEN);
    add_number(screen, out, 7, row->retries, YELLOW);
    add_number(screen, out, 6, row->dead, RED);
    add_number(screen, out, 7, demo_row_waiting(row), NULL);
    add_latency(out, 6, latencies_percentile(&row->latencies, 0.5));
    add_latency(out, 6, latencies_percentile(&row->latencies, 0.99));
    end_line(screen, out, lines);
}

static void add_sum(const struct demo_screen *screen, struct buffer *out, const char *name,
    const struct demo_figures *figures, const char *tenant, int *lines)
{
    struct demo_row *sum = demo_figures_sum(figures, tenant);
    add_colour(screen, out, BOLD);
    add_row(screen, out, name, "", sum, lines);
    add_colour(screen, out, PLAIN);
    free(sum);
}

static void answer_of(const struct demo_endpoint *endpoint, char *out, size_t size)
{
    if (endpoint->delay_ms)
        snprintf(out, size, "%" PRId64 " ms", endpoint->delay_ms);
    else
        snprintf(out, size, "%d", endpoint->status);
}

static void add_table(const struct demo_screen *screen, struct buffer *out,
    const struct demo_figures *figures, int *lines)
{
    add_colour(screen, out, DIM);
    buffer_printf(out, "%-13s %6s %10s %9s %7s %6s %7s %6s %6s", "", "answer", "deliveries",
        "delivered", "retries", "dead", "waiting", "p50 ms", "p99 ms");
    add_colour(screen, out, PLAIN);
    end_line(screen, out, lines);
    const char *tenant = "";
    for (size_t i = 0; i < figures->row_count; i++) {
        const struct demo_row *row = &figures->rows[i];
        char name[32], answer[16];
        if (!row->endpoint) {
            if (row->deliveries)
                add_row(screen, out, "others", "", row, lines);
            continue;
        }
        if (strcmp(tenant, row->endpoint->tenant) != 0) {
            tenant = row->endpoint->tenant;
            add_sum(screen, out, tenant, figures, tenant, lines);
        }
        snprintf(name, sizeof name, "  %s", row->endpoint->id);
        answer_of(row->endpoint, answer, sizeof answer);
        add_row(screen, out, name, answer, row, lines);
    }
    add_sum(screen, out, "all", figures, NULL, lines);
}

static void add_title(const struct demo_screen *screen, struct buffer *out,
    const struct demo_figures *figures, double seconds, const char *state, int *lines)
{
    int s = (int)seconds;
    add_colour(screen, out, BOLD);
    buffer_printf(out, "%d:%02d", s / 60, s % 60);
    add_colour(screen, out, PLAIN);
    buffer_printf(out, "  %" PRId64 " events, %.0f/s", figures->events,
        seconds >= 1 ? (double)figures->events / seconds : 0);
    if (figures->refused)
        buffer_printf(out, ", %" PRId64 " refused", figures->refused);
    buffer_printf(out, "  %s", state);
    end_line(screen, out, lines);
}

static void draw(struct demo_screen *screen, const struct demo_figures *figures, double seconds,
    const char *state)
{
    struct buffer out = BUFFER_INIT;
    int lines = 0;
    if (screen->drawn)
        buffer_printf(&out, "\033[%dA\r", screen->drawn);
    add_title(screen, &out, figures, seconds, state, &lines);
    end_line(screen, &out, &lines);
    add_table(screen, &out, figures, &lines);
    if (screen->live)
        buffer_add_text(&out, "\033[J");
    fwrite(buffer_text(&out), 1, out.len, stdout);
    fflush(stdout);
    buffer_release(&out);
    screen->drawn = screen->live ? lines : 0;
}

static void print_line(const struct demo_figures *figures, double seconds, const char *state)
{
    struct demo_row *sum = demo_figures_sum(figures, NULL);
    printf("%3.0f s  events %" PRId64 "  deliveries %" PRId64 "  delivered %" PRId64
           "  retries %" PRId64 "  dead letters %" PRId64 "  waiting %" PRId64,
        seconds, figures->events, sum->deliveries, sum->delivered, sum->retries, sum->dead,
        demo_row_waiting(sum));
    if (sum->latencies.total)
        printf("  p50 %" PRId64 " ms  p99 %" PRId64 " ms",
            latencies_percentile(&sum->latencies, 0.5),
            latencies_percentile(&sum->latencies, 0.99));
    printf("  %s\n", state);
    fflush(stdout);
    free(sum);
}

void demo_screen_update(struct demo_screen *screen, const struct demo_figures *figures,
    double seconds, const char *state)
{
    if (screen->live)
        draw(screen, figures, seconds, state);
    else
        print_line(figures, seconds, state);
}

void demo_screen_summary(
    struct demo_screen *screen, const struct demo_figures *figures, double seconds)
{
    if (!screen->live)
        printf("\n");
    draw(screen, figures, seconds, "done");
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *latency_json(const struct latencies *latencies)
{
    json_t *object = json_object();
    const struct {
        const char *name;
        double fraction;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = latencies_percentile(latencies, rows[i].fraction);
        json_object_set_new(object, rows[i].name, ms < 0 ? json_null() : json_integer(ms));
    }
    return object;
}

static void set_row(json_t *object, const struct demo_row *row)
{
    json_object_set_new(object, "deliveries", json_integer(row->deliveries));
    json_object_set_new(object, "delivered", json_integer(row->delivered));
    json_object_set_new(object, "retries", json_integer(row->retries));
    json_object_set_new(object, "dead_letters", json_integer(row->dead));
    json_object_set_new(object, "waiting", json_integer(demo_row_waiting(row)));
    json_object_set_new(object, "latency_ms", latency_json(&row->latencies));
}

static json_t *tenant_json(const struct demo_figures *figures, const char *tenant)
{
    struct demo_row *sum = demo_figures_sum(figures, tenant);
    json_t *object = json_pack("{s:s}", "tenant", tenant);
    json_t *subscriptions = json_array();
    set_row(object, sum);
    for (size_t i = 0; i < figures->row_count; i++) {
        const struct demo_endpoint *endpoint = figures->rows[i].endpoint;
        if (!endpoint || strcmp(endpoint->tenant, tenant) != 0)
            continue;
        json_t *row =
            json_pack("{s:s, s:i}", "subscription", endpoint->id, "answers", endpoint->status);
        set_row(row, &figures->rows[i]);
        json_array_append_new(subscriptions, row);
    }
    json_object_set_new(object, "subscriptions", subscriptions);
    free(sum);
    return object;
}

void demo_print_json(const struct demo_figures *figures, double seconds)
{
    struct demo_row *sum = demo_figures_sum(figures, NULL);
    json_t *object = json_object(), *tenants = json_array();
    json_object_set_new(object, "seconds", json_real(seconds));
    json_object_set_new(object, "events", json_integer(figures->events));
    set_row(object, sum);
    json_object_set_new(object, "refused", json_integer(figures->refused));
    for (size_t i = 0; demo_tenants[i]; i++)
        json_array_append_new(tenants, tenant_json(figures, demo_tenants[i]));
    json_object_set_new(object, "tenants", tenants);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(4));
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(object);
    free(sum);
}
