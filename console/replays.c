/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters that are put back, in the background. Runs live in this process only; what they did is in Kafka,
 * so that another one goes on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "console/audit.h"
#include "console/letters.h"
#include "console/secrets.h"
#include "dead_letters/replay.h"

#define RUNNING_MAX  4
#define KEPT_MAX     100 /* runs that are over */
#define RATE_DEFAULT 500
#define RATE_MAX     100000
#define LIMIT_MAX    10000000
#define TIMEOUT_MS   60000

enum replay_phase { RUNNING, DONE, STOPPED, FAILED };
static const char *const phases[] = {"running", "done", "stopped", "failed"};

/* One run. */
struct replay_run {
    struct api *api;
    char *tenant; /* whose path it was asked at; NULL = all tenants' */
    json_t *asked;
    json_t *id;
    char *by;
    struct dead_letters_replay *replay; /* NULL when it is over */
    struct dead_letters_replay_figures figures;
    enum replay_phase phase;
    bool stopped;
    struct error error;
    struct wall_time started_at, ended_at;
    TAILQ_ENTRY(replay_run) entry; /* in the API's `replays`, newest first */
};

static json_t *run_json(struct replay_run *run)
{
    char time[RFC3339_SIZE];
    if (run->replay)
        run->figures = *dead_letters_replay_figures(run->replay);
    json_t *json = dead_letters_replay_json(&run->figures);
    json_object_set(json, "id", run->id);
    json_object_set(json, "asked", run->asked);
    json_set_or_fatal(json, "state", json_string(phases[run->phase]));
    json_set_or_fatal(json, "by", json_string(run->by));
    json_set_or_fatal(json, "started_at", json_string(wall_format(run->started_at, time)));
    if (run->tenant)
        json_set_or_fatal(json, "tenant", json_string(run->tenant));
    if (run->phase != RUNNING)
        json_set_or_fatal(json, "ended_at", json_string(wall_format(run->ended_at, time)));
    if (run->phase == FAILED)
        json_set_or_fatal(json, "error", json_string(run->error.text));
    return json;
}

/* --- The end -------------------------------------------------------------------------------------------------- */

static void free_run(struct replay_run *run)
{
    TAILQ_REMOVE(&run->api->replays, run, entry);
    dead_letters_replay_free(run->replay);
    json_decref(run->asked);
    json_decref(run->id);
    free(run->tenant);
    free(run->by);
    free(run);
}

static size_t count_runs(const struct api *api, bool running)
{
    const struct replay_run *run;
    size_t count = 0;
    TAILQ_FOREACH(run, &api->replays, entry)
        count += (run->phase == RUNNING) == running;
    return count;
}

static void forget_oldest(struct api *api)
{
    struct replay_run *run, *oldest = NULL;
    if (count_runs(api, false) <= KEPT_MAX)
        return;
    TAILQ_FOREACH(run, &api->replays, entry)
        if (run->phase != RUNNING)
            oldest = run;
    free_run(oldest);
}

static void over(void *arg, const struct error *error)
{
    struct replay_run *run = arg;
    struct api *api = run->api;
    run->figures = *dead_letters_replay_figures(run->replay);
    dead_letters_replay_free(run->replay);
    run->replay = NULL;
    run->ended_at = wall_now();
    run->phase = run->stopped ? STOPPED : DONE;
    if (error) {
        run->error = *error;
        run->phase = FAILED;
    }
    log_info("replay over", LOG_STR("id", json_string_value(run->id)), LOG_STR("by", run->by),
        LOG_STR("state", phases[run->phase]),
        LOG_INT("replayed", run->figures.verdicts[REPLAY_SENT]),
        LOG_STR("error", error ? error->text : ""));
    forget_oldest(api);
    api_work_ends(api);
}

static void stop(struct replay_run *run)
{
    if (run->phase != RUNNING || run->stopped)
        return;
    run->stopped = true;
    dead_letters_replay_stop(run->replay);
}

void replays_stop(struct api *api)
{
    struct replay_run *run;
    TAILQ_FOREACH(run, &api->replays, entry)
        stop(run);
}

void replays_free(struct api *api)
{
    struct replay_run *run, *next;
    for (run = TAILQ_FIRST(&api->replays); run; run = next) {
        next = TAILQ_NEXT(run, entry);
        free_run(run);
    }
}

/* --- What is asked ---------------------------------------------------------------------------------------------- */

static bool is_text(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) >= 1 &&
           json_string_length(value) <= 256;
}

static bool is_tenant(const json_t *value)
{
    return is_text(value) && event_tenant_valid(json_string_value(value));
}

static bool is_time(const json_t *value)
{
    struct wall_time time;
    return json_is_string(value) && text_parse_time(json_string_value(value), &time);
}

static bool is_place(const json_t *value)
{
    int64_t partition, offset;
    return json_is_string(value) &&
           letter_place_read(json_string_value(value), &partition, &offset);
}

static bool is_flag(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_rate(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 1 &&
           json_integer_value(value) <= RATE_MAX;
}

static bool is_limit(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 1 &&
           json_integer_value(value) <= LIMIT_MAX;
}

static bool is_reasons(const json_t *value)
{
    size_t index;
    const json_t *each;
    bool good = json_array_size(value) >= 1 && json_array_size(value) <= DEAD_REASONS;
    json_array_foreach(value, index, each)
        good &= json_is_string(each) && dead_letter_reason_bit(json_string_value(each));
    return good;
}

static const struct field {
    const char *name; /* NULL ends the table */
    bool narrows;     /* says which; one of them is needed where no tenant is */
    bool (*check)(const json_t *value);
    const char *text; /* where it fails */
} fields[] = {
    {"tenant", true, is_tenant, "no tenant"},
    {"subscription", true, is_text, "not a text of 1 to 256 bytes"},
    {"reasons", true, is_reasons, "not a list of reasons"},
    {"event", true, is_text, "not a text of 1 to 256 bytes"},
    {"delivery", true, is_text, "not a text of 1 to 256 bytes"},
    {"host", true, is_text, "not a text of 1 to 256 bytes"},
    {"from", true, is_time, "not a time (RFC 3339), such as 2026-01-31T12:00:00Z"},
    {"to", true, is_time, "not a time (RFC 3339), such as 2026-01-31T12:00:00Z"},
    {"place", true, is_place, "not the place of a dead letter, such as 3-1234"},
    {"dry_run", false, is_flag, "neither true nor false"},
    {"ignore_ttl", false, is_flag, "neither true nor false"},
    {"rate", false, is_rate, "not a whole number from 1 to 100000"},
    {"limit", false, is_limit, "not a whole number from 1 to 10000000"},
    {NULL},
};

static const struct field *find_field(const char *name)
{
    for (const struct field *field = fields; field->name; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

static bool check_body(const struct call *call, struct problem *problem)
{
    const char *name;
    json_t *value;
    bool narrowed = call->tenant != NULL;
    json_object_foreach(call->body, name, value) {
        const struct field *field = find_field(name);
        char *pointer = mem_printf("/%s", name);
        if (!field || (call->tenant && strcmp(name, "tenant") == 0))
            problem_add(problem, pointer, "no such field");
        else if (!field->check(value))
            problem_add(problem, pointer, field->text);
        else
            narrowed |= field->narrows;
        free(pointer);
    }
    if (!narrowed)
        problem_add(problem, "", "says not which: a tenant, a time or another filter is needed");
    return problem->status == 0;
}

static const char *text_of(const struct replay_run *run, const char *name)
{
    return json_string_value(json_object_get(run->asked, name));
}

static int64_t time_of(const struct replay_run *run, const char *name)
{
    struct wall_time time = {-1};
    const char *text = text_of(run, name);
    return text && text_parse_time(text, &time) ? time.ms : -1;
}

static int64_t number_of(const struct replay_run *run, const char *name, int64_t fallback)
{
    const json_t *value = json_object_get(run->asked, name);
    return value ? json_integer_value(value) : fallback;
}

static struct dead_letters_replay_options options_of(const struct replay_run *run)
{
    const struct api *api = run->api;
    struct dead_letters_replay_options options = {
        .kafka = api->deps.kafka,
        .topics = api->deps.topics,
        .store = api->deps.store,
        .ttl = &api->ttl,
        .ttl_from_acceptance = api->deps.ttl_from_acceptance,
        .filter = {.tenant = run->tenant ? run->tenant : text_of(run, "tenant"),
            .subscription = text_of(run, "subscription"),
            .event = text_of(run, "event"),
            .id = text_of(run, "delivery"),
            .host = text_of(run, "host")},
        .since_ms = time_of(run, "from"),
        .until_ms = time_of(run, "to"),
        .partition = -1,
        .offset = -1,
        .dry_run = json_is_true(json_object_get(run->asked, "dry_run")),
        .ignore_ttl = json_is_true(json_object_get(run->asked, "ignore_ttl")),
        .per_second = number_of(run, "rate", RATE_DEFAULT),
        .limit = number_of(run, "limit", 0),
        .by = run->by,
        .timeout_ms = TIMEOUT_MS,
    };
    size_t index;
    const json_t *reason;
    const char *place = text_of(run, "place");
    json_array_foreach(json_object_get(run->asked, "reasons"), index, reason)
        options.filter.reasons |= dead_letter_reason_bit(json_string_value(reason));
    if (place && !letter_place_read(place, &options.partition, &options.offset))
        fatal("the place of a dead letter was checked, and is none");
    return options;
}

/* --- The calls ---------------------------------------------------------------------------------------------------- */

static void begin(struct call *call)
{
    struct api *api = call->api;
    struct replay_run *run = mem_zalloc(sizeof *run);
    run->api = api;
    run->tenant = call->tenant ? mem_strdup(call->tenant) : NULL;
    run->asked = json_incref(call->body);
    run->id = secrets_random_id("replay_");
    run->by = mem_printf("API: %s", call->token);
    run->started_at = wall_now();
    run->figures.total = run->figures.read = -1;
    TAILQ_INSERT_HEAD(&api->replays, run, entry);
    api_work_begins(api);
    audit_act(call, "replay", json_string_value(run->id));
    struct dead_letters_replay_options options = options_of(run);
    run->replay = dead_letters_replay_new(api->deps.loop, &options, over, run);
    call_answer(call, 202, run_json(run));
}

void api_replay_begin(struct call *call)
{
    struct problem problem = {0};
    if (check_body(call, &problem) && count_runs(call->api, true) >= RUNNING_MAX) {
        http_exchange_add_header(call->exchange, "retry-after", "10");
        problem_set(&problem, 429, "%d replays are under way", RUNNING_MAX);
    }
    if (problem.status)
        call_fail(call, &problem);
    else
        begin(call);
}

/* Runs of other paths look like those that do not exist. */
static bool is_of(const struct replay_run *run, const struct call *call)
{
    return !call->tenant || (run->tenant && strcmp(run->tenant, call->tenant) == 0);
}

static struct replay_run *find(struct call *call)
{
    struct replay_run *run;
    TAILQ_FOREACH(run, &call->api->replays, entry)
        if (is_of(run, call) && strcmp(json_string_value(run->id), call->id) == 0)
            return run;
    call_refuse(call, 404, "this process knows of no replay %s", call->id);
    return NULL;
}

void api_replay(struct call *call)
{
    struct replay_run *run = find(call);
    if (run)
        call_answer(call, 200, run_json(run));
}

void api_replay_stop(struct call *call)
{
    struct replay_run *run = find(call);
    if (!run)
        return;
    audit_act(call, "replay-stop", json_string_value(run->id));
    stop(run);
    call_answer(call, 202, run_json(run));
}

void api_replays(struct call *call)
{
    struct replay_run *run;
    json_t *array = json_or_fatal(json_array());
    TAILQ_FOREACH(run, &call->api->replays, entry)
        if (is_of(run, call))
            json_array_append_new(array, run_json(run));
    call_answer(call, 200, json_pack("{s:o}", "replays", array));
}
