/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that are asked whether they want requests. */
#include "console/handshakes.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/api.h"
#include "webhook/handshake.h"

struct asking {
    struct api *api;
    char *tenant;
    struct handshake *handshake;
    handshakes_done *done;
    void *arg;
    TAILQ_ENTRY(asking) entry; /* in the API's `handshakes` */
};

static const char *url_of(const json_t *record)
{
    return json_string_value(json_object_get(record, "url"));
}

bool handshakes_wanted(const struct api *api, const json_t *record, const json_t *before)
{
    const char *was = url_of(before);
    return api->http && record && !(was && strcmp(url_of(record), was) == 0);
}

/* Ending. */

static void end(
    struct asking *asking, const struct handshake_consent *consent, struct problem *problem)
{
    TAILQ_REMOVE(&asking->api->handshakes, asking, entry);
    asking->done(asking->arg, consent, problem);
    free(asking->tenant);
    free(asking);
}

static void answered(void *arg, const struct handshake_consent *consent, const struct error *error)
{
    struct problem problem = {0};
    if (!consent)
        problem_add(&problem, "/url", error->text);
    end(arg, consent, &problem);
}

void handshakes_cancel(struct api *api)
{
    struct asking *asking, *next;
    for (asking = TAILQ_FIRST(&api->handshakes); asking; asking = next) {
        next = TAILQ_NEXT(asking, entry);
        struct problem problem = {0};
        problem_set(&problem, 503, "this process is about to stop: nothing was changed");
        handshake_cancel(asking->handshake);
        end(asking, NULL, &problem);
    }
}

/* Beginning. */

static bool check_room(struct call *call, struct problem *problem)
{
    int all = 0, own = 0;
    const struct asking *asking;
    TAILQ_FOREACH(asking, &call->api->handshakes, entry) {
        all++;
        own += strcmp(asking->tenant, call->tenant) == 0;
    }
    if (all < HANDSHAKES_MAX && own < HANDSHAKES_PER_TENANT_MAX)
        return true;
    http_exchange_add_header(call->exchange, "retry-after", "1");
    return problem_set(
        problem, 429, "too many endpoints are being asked whether they want requests: try again");
}

/* Returns new, or NULL with the problem. */
static struct credentials *open_record(
    const struct api *api, const json_t *record, struct problem *problem)
{
    struct error error = ERROR_INIT;
    struct subscription *subscription = subscription_parse(record, false, &error);
    bug_on(!subscription); /* it is made of what was valid */
    struct credentials *credentials = credentials_new(subscription, api->deps.ring, &error);
    if (!credentials)
        problem_set(
            problem, 422, "its endpoint cannot be asked whether it wants requests: %s", error.text);
    subscription_unref(subscription);
    return credentials;
}

static int64_t given_or(int64_t given, int64_t fallback)
{
    return given > 0 ? given : fallback;
}

bool handshakes_begin(struct call *call, const json_t *record, handshakes_done *done, void *arg,
    struct problem *problem)
{
    struct api *api = call->api;
    struct credentials *credentials =
        check_room(call, problem) ? open_record(api, record, problem) : NULL;
    if (!credentials)
        return false;
    const struct subscription *subscription = credentials->subscription;
    struct handshake_options options = {
        .origin = api->options->handshake_origin,
        .per_minute = api->options->handshake_rate,
        .connect_timeout_ms =
            given_or(subscription->connect_timeout_ms, api->deps.connect_timeout_ms),
        .timeout_ms = given_or(subscription->timeout_ms, api->deps.timeout_ms),
    };
    struct asking *asking = mem_zalloc(sizeof *asking);
    asking->api = api;
    asking->tenant = mem_strdup(call->tenant);
    asking->done = done;
    asking->arg = arg;
    asking->handshake = handshake_start(api->http, credentials, &options, answered, asking);
    TAILQ_INSERT_TAIL(&api->handshakes, asking, entry);
    return true;
}

/* What it allows. */

static json_t *number(double value)
{
    json_int_t whole = (json_int_t)value;
    return (double)whole == value ? json_integer(whole) : json_real(value);
}

void handshakes_limit(json_t *record, struct handshake_consent consent)
{
    json_t *limit = json_object_get(record, "rate_limit");
    double wanted = json_number_value(json_object_get(limit, "per_second"));
    double allowed = handshake_rate(wanted, consent);
    if (allowed == wanted)
        return;
    if (limit)
        json_object_set_new(limit, "per_second", number(allowed));
    else
        json_object_set_new(
            record, "rate_limit", json_pack("{s:o}", "per_second", number(allowed)));
}
