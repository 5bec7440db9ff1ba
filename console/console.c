/* SPDX-License-Identifier: Apache-2.0 */
/* Wires the parts of the console. */
#include "console/console.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "console/api.h"
#include "console/call.h"
#include "console/handshakes.h"
#include "console/letters.h"
#include "dead_letters/replay.h"
#include "producers/topic_names.h"

#define LISTENING "console: registry writable"

#define WRITE_TIMEOUT_MS 15000

struct console {
    struct api api;
};

static bool make_ttl_table(struct api *api, const struct console_deps *deps, struct error *error)
{
    struct ttl_table table;
    int64_t longest = ttl_longest(deps->topics->deliveries_retention_ms);
    if (!ttl_table_init(&table, deps->ttl_events, longest, error))
        return false;
    table.other_ms = deps->ttl_other_ms;
    ttl_table_release(&api->ttl);
    api->ttl = table;
    return true;
}

static bool open_parts(struct console *console, struct error *error)
{
    struct api *api = &console->api;
    const struct console_deps *deps = &api->deps;
    struct http_server_options server = {
        .listen = api->options->listen,
        .max_body_bytes = (size_t)api->options->max_body_bytes,
        .certificate = deps->certificate,
        .private_key = deps->private_key,
    };
    if (!make_ttl_table(api, deps, error))
        return false;
    api->guard = guard_new(&deps->http->guard, error);
    if (!api->guard)
        return false;
    if (api->options->handshake_origin[0]) {
        api->http = http_client_new(deps->loop, deps->http, error);
        if (!api->http)
            return false;
    }
    if (!api->options->tokens_file[0])
        return error_set(error, ERROR_CONFIG,
            "console.tokens_file is not set: nobody could use the API (see 'hookline token "
            "create')");
    api->tokens = tokens_new(deps->loop, api->options->tokens_file, error);
    if (!api->tokens)
        return error_prefix(error, "console.tokens_file");
    api->server = http_server_new(deps->loop, &server, api_serve, api, error);
    return api->server || error_prefix(error, "console.listen");
}

void console_register_metrics(void)
{
    metric_register(&call_answers);
    attempts_register_metrics();
    dead_letters_replay_register_metrics();
}

struct console *console_new(
    const struct console_deps *deps, const struct console_options *options, struct error *error)
{
    struct console *console = mem_zalloc(sizeof *console);
    struct api *api = &console->api;
    api->deps = *deps;
    api->options = options;
    TAILQ_INIT(&api->tests);
    TAILQ_INIT(&api->handshakes);
    TAILQ_INIT(&api->looks);
    TAILQ_INIT(&api->replays);
    api->rates = rates_new(options->rate_limit);
    console_register_metrics();
    api->openapi = openapi_make();
    bug_on(!api->openapi);
    if (!open_parts(console, error)) {
        console_free(console);
        return NULL;
    }
    probes_condition(deps->probes, LISTENING, false, "the registry is being read");
    log_info("console listens", LOG_STR("address", http_server_address(api->server)));
    if (!deps->ring)
        log_warn("secrets.key_file is not set: secrets of subscriptions are readable in Kafka");
    return console;
}

static bool open_kafka(struct api *api, struct error *error)
{
    const struct console_deps *deps = &api->deps;
    char *registry = topic_name(deps->topics, TOPIC_SUBSCRIPTIONS);
    char *results = topic_name(deps->topics, TOPIC_RESULTS);
    char *id = topic_registry_writer(deps->topics);
    struct writer_options writing = {registry, id, WRITE_TIMEOUT_MS};
    struct attempts_options remembering = {
        results, api->options->attempts_bytes, api->options->attempts_per_tenant};
    api->attempts = attempts_new(deps->loop, deps->kafka, &remembering, error);
    if (api->attempts)
        api->writer = writer_new(deps->loop, deps->kafka, deps->store, &writing, error);
    free(id);
    free(registry);
    free(results);
    return api->writer != NULL;
}

void console_store_ready(struct console *console)
{
    struct error error = ERROR_INIT;
    if (!open_kafka(&console->api, &error))
        fatal("%s", error.text);
    probes_condition(console->api.deps.probes, LISTENING, true, "");
}

void console_reload(struct console *console, const struct console_deps *deps)
{
    struct api *api = &console->api;
    struct error error = ERROR_INIT;
    struct guard *guard = guard_new(&deps->http->guard, &error);
    bool good = guard && (!api->http || http_client_reload(api->http, deps->http, &error)) &&
                make_ttl_table(api, deps, &error);
    bug_on(!good); /* config/ has looked at it */
    guard_free(api->guard);
    api->guard = guard;
    api->deps.connect_timeout_ms = deps->connect_timeout_ms;
    api->deps.timeout_ms = deps->timeout_ms;
    api->deps.ttl_from_acceptance = deps->ttl_from_acceptance;
    rates_set(api->rates, api->options->rate_limit);
}

void console_stop(struct console *console, void (*stopped)(void *arg), void *arg)
{
    struct api *api = &console->api;
    if (api->stopping)
        return;
    api_work_begins(api); /* this: what ends meanwhile is not the last */
    api->stopping = true;
    api->stopped = stopped;
    api->stopped_arg = arg;
    probes_condition(api->deps.probes, LISTENING, false, "stopping");
    http_server_free(api->server);
    api->server = NULL;
    tests_cancel(api);
    handshakes_cancel(api);
    looks_cancel(api);
    replays_stop(api);
    api_work_ends(api);
}

const char *console_address(const struct console *console)
{
    return http_server_address(console->api.server);
}

void console_free(struct console *console)
{
    if (!console)
        return;
    struct api *api = &console->api;
    http_server_free(api->server);
    looks_cancel(api);
    replays_free(api);
    ttl_table_release(&api->ttl);
    writer_free(api->writer);
    attempts_free(api->attempts);
    tokens_free(api->tokens);
    rates_free(api->rates);
    guard_free(api->guard);
    http_client_free(api->http);
    json_decref(api->openapi);
    free(console);
}
