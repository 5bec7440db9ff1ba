/* SPDX-License-Identifier: Apache-2.0 */
/* Operational events: tells the people of a tenant when an endpoint of theirs is failing, disabled or
 * works again. What is to be told follows from the endpoint's state, which remembers what has been. It
 * changes after the event is acknowledged: an event may come twice, and is never left out. */
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "consumers/engine.h"
#include "consumers/policy/notice.h"
#include "producers/operational_event.h"
#include "webhook/url.h"

#define LOG_REPEAT_MS 10000

/* An event on its way. */
struct notice_sending {
    struct endpoint *endpoint; /* NULL: nobody waits for it any more */
    enum notice notice;
};

static const enum operational_kind kinds[] = {
    [NOTICE_FAILING] = OPERATIONAL_FAILING,
    [NOTICE_RECOVERED] = OPERATIONAL_RECOVERED,
    [NOTICE_DISABLED] = OPERATIONAL_DISABLED,
};

static const char *reason_of(const struct endpoint *endpoint, enum notice notice)
{
    switch (notice) {
    case NOTICE_DISABLED:
        return endpoint->disabled_reason;
    case NOTICE_RECOVERED:
        return "it takes its deliveries again";
    default:
        return "nothing but failures: it is left alone, and asked again from time to time";
    }
}

static struct wall_time since_of(const struct endpoint *endpoint, enum notice notice)
{
    switch (notice) {
    case NOTICE_DISABLED:
        return endpoint->disabled_since;
    case NOTICE_RECOVERED:
        return endpoint->recovered_at;
    default:
        return endpoint->circuit.failing_since;
    }
}

static void complain(const struct engine *engine, const struct error *error)
{
    static struct log_limit limit;
    if (log_limit_pass(&limit, LOG_REPEAT_MS, NULL))
        log_warn("operational event could not be written, it is sent again",
            LOG_STR("topic", engine->operational), LOG_ERR(error));
}

static void acknowledged(struct endpoint *endpoint, enum notice notice)
{
    engine_count_notice(notice);
    endpoint->told = notice_told(notice);
    endpoint->telling = TOLD_NOTHING;
    if (notice == NOTICE_RECOVERED)
        endpoint->recovered_at.ms = -1;
    endpoint_record_changed(endpoint, true);
}

/* What was not written is told by the next look at the endpoint. */
static void produced(void *arg, const struct kafka_receipt *receipt)
{
    struct notice_sending *sending = arg;
    struct endpoint *endpoint = sending->endpoint;
    enum notice notice = sending->notice;
    free(sending);
    if (!endpoint)
        return;
    endpoint->notice = NULL;
    if (receipt->error)
        complain(endpoint->engine, receipt->error);
    else
        acknowledged(endpoint, notice);
    ownership_settle_if_done(endpoint->intake);
}

/* `host` may be NULL. */
static void encode(const struct endpoint *endpoint, enum notice notice, const char *host,
    struct operational_encoded *out)
{
    const struct subscription *subscription = endpoint->subscription;
    struct operational_event event = {
        .type = operational_types[kinds[notice]],
        .tenant = subscription->tenant,
        .subscription = subscription->id,
        .name = subscription->name,
        .host = host,
        .since = since_of(endpoint, notice),
        .reason = reason_of(endpoint, notice),
        .at = wall_now(),
        .last_error = notice == NOTICE_RECOVERED ? NULL : endpoint->last_error,
    };
    operational_event_encode(&event, out);
    out->record.topic = endpoint->engine->operational;
    out->record.partition = 0;
}

static void tell(struct endpoint *endpoint, enum notice notice)
{
    struct engine *engine = endpoint->engine;
    struct error error = ERROR_INIT;
    struct operational_encoded encoded = {.key = BUFFER_INIT};
    struct notice_sending *sending = mem_zalloc(sizeof *sending);
    char *host = url_host(endpoint->subscription->url);
    *sending = (struct notice_sending){endpoint, notice};
    encode(endpoint, notice, host, &encoded);
    if (kafka_producer_send(
            engine->deps.producer, &encoded.record, false, produced, sending, &error)) {
        endpoint->notice = sending;
        if (notice != NOTICE_RECOVERED)
            endpoint->telling = notice_told(notice);
    } else {
        complain(engine, &error);
        free(sending);
    }
    operational_encoded_release(&encoded);
    free(host);
}

/* Only the owner tells, and only while it is sure to be it. */
static bool may_tell(struct endpoint *endpoint)
{
    struct engine *engine = endpoint->engine;
    scheduler_check_clock(engine);
    return endpoint->intake->phase == INTAKE_RUNNING && !engine->unsure && !engine->stopping &&
           kafka_producer_has_room(engine->deps.producer);
}

void notices_check(struct endpoint *endpoint)
{
    const struct subscription *subscription = endpoint->subscription;
    if (endpoint->notice || !subscription)
        return;
    struct notice_view view = {
        .told = endpoint->told,
        .recovered_at = endpoint->recovered_at,
        .disabled = endpoint->disabled,
        .failing = endpoint->circuit.phase != CIRCUIT_CLOSED && subscription->enabled &&
                   !subscription->paused,
        .failing_since = endpoint->circuit.failing_since,
    };
    enum notice notice = notice_due(&view, endpoint->engine->options.notice_after_ms, wall_now());
    if (notice != NOTICE_NONE && may_tell(endpoint))
        tell(endpoint, notice);
}

/* What is on its way counts as told, and so does what may have been written. */
void notices_works(struct endpoint *endpoint)
{
    bool bad_news = endpoint->told != TOLD_NOTHING || endpoint->telling != TOLD_NOTHING;
    if (!bad_news || endpoint->recovered_at.ms >= 0 || endpoint->disabled ||
        endpoint->circuit.phase != CIRCUIT_CLOSED)
        return;
    endpoint->recovered_at = wall_now();
    endpoint_record_changed(endpoint, true);
    notices_check(endpoint);
}

void notices_abandon(struct endpoint *endpoint)
{
    if (endpoint->notice)
        endpoint->notice->endpoint = NULL;
    endpoint->notice = NULL;
}

void notices_forget(struct endpoint *endpoint)
{
    notices_abandon(endpoint);
    endpoint->told = endpoint->telling = TOLD_NOTHING;
    endpoint->recovered_at.ms = -1;
}
