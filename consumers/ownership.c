/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions that come and go. Nothing is taken from a partition before our barrier has been read back
 * from the endpoints topic, so that all that its owner before remembered is known; and none is given
 * back before what we remember is written (docs/bookmarks.md, rules 5, 6 and 17). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "consumers/engine.h"

/* Meanwhile all members stand still or, where they share out cooperatively, this one: librdkafka fetches nothing for
 * what it keeps either. */
#define DRAIN_MS  2000
#define RECORD_MS 5000 /* for states and dead letters, when requests are over */

/* --- Taking over --- */

static struct intake *find(struct engine *engine, const char *topic, int32_t partition)
{
    struct intake *intake;
    TAILQ_FOREACH(intake, &engine->intakes, link)
        if (kafka_partition_number(intake->partition) == partition &&
            strcmp(kafka_partition_topic(intake->partition), topic) == 0)
            return intake;
    return NULL;
}

void ownership_assigned(void *arg, struct kafka_partition *partition)
{
    struct engine *engine = arg;
    struct intake *intake = kafka_partition_data(partition);
    const char *topic = kafka_partition_topic(partition);
    if (!intake) { /* else it is taken over with a higher epoch */
        const char *tenant = topic_deliveries_tenant(engine->deps.topics, topic);
        intake = mem_zalloc(sizeof *intake);
        intake->engine = engine;
        intake->partition = kafka_partition_ref(partition);
        intake->tenant = mem_strdup(tenant ? tenant : "");
        intake->read_next = -1;
        TAILQ_INIT(&intake->deliveries);
        TAILQ_INIT(&intake->tests);
        TAILQ_INIT(&intake->endpoints);
        TAILQ_INSERT_TAIL(&engine->intakes, intake, link);
        kafka_partition_set_data(partition, intake);
    }
    struct endpoint_stamp stamp = {
        kafka_partition_number(partition), kafka_partition_epoch(partition)};
    endpoint_store_send_barrier(engine->store, topic, &stamp);
    if (!RULE(6))
        ownership_barrier(engine, topic, stamp.partition, stamp.epoch);
}

static void load(void *arg, const char *key, const struct endpoint_state *state, bool outdated)
{
    struct intake *intake = arg;
    struct engine *engine = intake->engine;
    const char *id = strchr(key, '/') + 1;
    struct subscription *subscription = store_find(engine->deps.store, intake->tenant, id);
    struct endpoint *endpoint = endpoint_get(engine, intake, key, strlen(key), subscription);
    endpoint_record_load(endpoint, state);
    endpoint->outdated = outdated;
    if (outdated)
        endpoint_record_changed(endpoint, true);
}

void ownership_barrier(void *arg, const char *topic, int32_t partition, int64_t epoch)
{
    struct engine *engine = arg;
    struct intake *intake = find(engine, topic, partition);
    if (!intake || intake->phase != INTAKE_WAITING ||
        kafka_partition_epoch(intake->partition) != epoch)
        return; /* another's, or of an ownership before */
    endpoint_store_each(engine->store, intake->tenant, partition, load, intake);
    intake->phase = INTAKE_RUNNING;
    kafka_partition_start(intake->partition);
    struct endpoint *endpoint;
    TAILQ_FOREACH(endpoint, &intake->endpoints, in_intake)
        endpoint_turn_soon(endpoint);
}

void ownership_superseded(
    void *arg, const char *topic, int32_t partition, int64_t epoch, int64_t seen)
{
    struct intake *intake = find(arg, topic, partition);
    if (intake && intake->phase == INTAKE_WAITING &&
        kafka_partition_epoch(intake->partition) == epoch)
        kafka_partition_retake(intake->partition, seen);
}

void ownership_outdated(void *arg, const char *key, int32_t partition)
{
    struct engine *engine = arg;
    const char *slash = strchr(key, '/');
    struct intake *intake;
    if (!slash)
        return;
    TAILQ_FOREACH(intake, &engine->intakes, link)
        if (intake->phase != INTAKE_WAITING &&
            kafka_partition_number(intake->partition) == partition &&
            strncmp(intake->tenant, key, (size_t)(slash - key)) == 0 &&
            intake->tenant[slash - key] == '\0')
            break;
    if (!intake)
        return;
    struct subscription *subscription = store_find(engine->deps.store, intake->tenant, slash + 1);
    struct endpoint *endpoint = endpoint_get(engine, intake, key, strlen(key), subscription);
    endpoint->outdated = true;
    endpoint_record_changed(endpoint, true);
}

/* --- Letting go --- */

static void free_endpoints(struct intake *intake)
{
    struct endpoint *endpoint;
    while ((endpoint = TAILQ_FIRST(&intake->endpoints))) {
        while (!TAILQ_EMPTY(&endpoint->aside))
            intake_done(TAILQ_FIRST(&endpoint->aside), END_DROPPED);
        endpoint_free(endpoint);
    }
}

static void intake_free(struct intake *intake)
{
    free_endpoints(intake);
    intake->engine->held_intakes -= intake->held;
    TAILQ_REMOVE(&intake->engine->intakes, intake, link);
    kafka_partition_set_data(intake->partition, NULL);
    kafka_seek_free(intake->seek);
    loop_timer_free(intake->plan_timer);
    loop_timer_free(intake->deadline);
    kafka_partition_unref(intake->partition);
    free(intake->tenant);
    free(intake);
}

static bool states_written(const struct intake *intake)
{
    const struct endpoint *endpoint;
    TAILQ_FOREACH(endpoint, &intake->endpoints, in_intake)
        if (endpoint_record_busy(endpoint) || endpoint->notice)
            return false;
    return true;
}

static void write_states(struct intake *intake)
{
    struct endpoint *endpoint;
    TAILQ_FOREACH(endpoint, &intake->endpoints, in_intake)
        endpoint_record_flush(endpoint);
}

static void give_back(struct intake *intake)
{
    struct kafka_partition *partition = kafka_partition_ref(intake->partition);
    intake->phase = INTAKE_GONE; /* freeing what is left must not come back here */
    intake_free(intake);
    kafka_partition_settled(partition);
    kafka_partition_unref(partition);
}

void ownership_settle_if_done(struct intake *intake)
{
    if (intake->phase != INTAKE_SETTLING || intake->settle_later ||
        !TAILQ_EMPTY(&intake->deliveries) || !TAILQ_EMPTY(&intake->tests))
        return;
    if (!intake->deadline_over && RULE(17)) {
        write_states(intake);
        if (!states_written(intake))
            return;
    }
    give_back(intake);
}

/* What was attempted is set aside, so that the next owner knows of it; the rest is simply not done. */
static void drop_waiting(struct intake *intake)
{
    struct delivery *each, *next;
    for (each = TAILQ_FIRST(&intake->deliveries); each; each = next) {
        next = TAILQ_NEXT(each, in_partition);
        if (each->state != DELIVERY_QUEUED && each->state != DELIVERY_WAITING)
            continue;
        behind_let_go(each);
        next = TAILQ_FIRST(&intake->deliveries); /* setting aside takes others along */
        while (next && next->state != DELIVERY_QUEUED && next->state != DELIVERY_WAITING)
            next = TAILQ_NEXT(next, in_partition);
    }
}

static void drop_all(struct intake *intake)
{
    struct delivery *each;
    while ((each = TAILQ_FIRST(&intake->deliveries)))
        intake_done(each, END_DROPPED);
    testing_cancel(intake);
}

static void deadline_over(void *arg)
{
    struct intake *intake = arg;
    struct delivery *each, *next;
    bool cancelled = !TAILQ_EMPTY(&intake->tests);
    testing_cancel(intake);
    intake->settle_later = true;
    for (each = TAILQ_FIRST(&intake->deliveries); each; each = next) {
        next = TAILQ_NEXT(each, in_partition);
        if (intake->cancelled || each->state == DELIVERY_IN_FLIGHT) {
            cancelled |= each->state == DELIVERY_IN_FLIGHT;
            behind_cancel(each);
        }
    }
    intake->settle_later = false;
    if (cancelled)
        log_warn("requests cancelled, they will be repeated",
            LOG_STR("topic", kafka_partition_topic(intake->partition)),
            LOG_INT("partition", kafka_partition_number(intake->partition)));
    intake->deadline_over = intake->cancelled; /* the second time */
    intake->cancelled = true;
    loop_timer_start(intake->deadline, RECORD_MS, 0);
    ownership_settle_if_done(intake);
}

static int64_t drain_ms(const struct engine *engine)
{
    if (engine->hurried)
        return 0;
    if (engine->stopping)
        return engine->options.drain_timeout_ms;
    return DRAIN_MS;
}

void ownership_revoked(void *arg, struct kafka_partition *partition, bool lost)
{
    struct engine *engine = arg;
    struct intake *intake = kafka_partition_data(partition);
    if (!intake)
        return; /* settled before it was lost */
    catchup_stop(intake);
    if (lost || intake->phase == INTAKE_WAITING) {
        intake->phase = INTAKE_GONE;
        drop_all(intake);
        give_back(intake);
        return;
    }
    intake->phase = INTAKE_SETTLING;
    intake->settle_later = true;
    drop_waiting(intake);
    intake->settle_later = false;
    if (!intake->deadline)
        intake->deadline = loop_timer_new(engine->deps.loop, deadline_over, intake);
    loop_timer_start(intake->deadline, drain_ms(engine), 0);
    ownership_settle_if_done(intake);
}

void ownership_hurry(struct engine *engine)
{
    struct intake *intake, *next;
    engine->hurried = true;
    for (intake = TAILQ_FIRST(&engine->intakes); intake; intake = next) {
        next = TAILQ_NEXT(intake, link);
        if (intake->phase == INTAKE_SETTLING && !intake->cancelled)
            deadline_over(intake);
    }
}

void ownership_confirmed(void *arg, bool still_member)
{
    struct engine *engine = arg;
    engine->unsure = !still_member; /* asked again at the next tick */
    scheduler_soon(engine);
}
