/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint: the target of one subscription, as long as there is work for it. */
#include "consumers/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "consumers/engine.h"

struct endpoint *endpoint_find(struct engine *engine, const char *tenant, const char *id)
{
    struct endpoint *endpoint = NULL;
    char *key = mem_printf("%s/%s", tenant, id);
    HASH_FIND_STR(engine->endpoints, key, endpoint);
    free(key);
    return endpoint;
}

static struct endpoint *new_endpoint(struct engine *engine, const struct subscription *subscription)
{
    struct endpoint *endpoint = mem_zalloc(sizeof *endpoint);
    endpoint->engine = engine;
    endpoint->key = subscription_key(subscription);
    TAILQ_INIT(&endpoint->ready);
    HASH_ADD_KEYPTR(hh, engine->endpoints, endpoint->key, strlen(endpoint->key), endpoint);
    return endpoint;
}

struct endpoint *endpoint_get(struct engine *engine, struct subscription *subscription)
{
    struct endpoint *endpoint = endpoint_find(engine, subscription->tenant, subscription->id);
    if (!endpoint)
        endpoint = new_endpoint(engine, subscription);
    if (endpoint->subscription != subscription) {
        subscription_unref(endpoint->subscription);
        endpoint->subscription = subscription_ref(subscription);
    }
    return endpoint;
}

struct endpoint_refusal endpoint_refusal(const struct subscription *subscription)
{
    if (!subscription)
        return (struct endpoint_refusal){
            true, DEAD_SUBSCRIPTION_DELETED, "the subscription does not exist any more"};
    if (!subscription->enabled)
        return (struct endpoint_refusal){
            true, DEAD_ENDPOINT_DISABLED, "the subscription is not enabled"};
    return (struct endpoint_refusal){.refused = false};
}

void endpoint_free(struct endpoint *endpoint)
{
    struct engine *engine = endpoint->engine;
    bug_on(endpoint->held > 0);
    if (endpoint->in_turn_list)
        TAILQ_REMOVE(&engine->turns, endpoint, in_turn);
    HASH_DEL(engine->endpoints, endpoint);
    loop_timer_free(endpoint->pause_timer);
    subscription_unref(endpoint->subscription);
    free(endpoint->key);
    free(endpoint);
}

void endpoint_release_idle(struct endpoint *endpoint)
{
    if (endpoint->held == 0 && !endpoint->pause_timer)
        endpoint_free(endpoint);
}

static int64_t window(const struct endpoint *endpoint)
{
    int64_t window = endpoint->engine->options.endpoint_window;
    int64_t wanted = endpoint->subscription->max_in_flight;
    return wanted > 0 && wanted < window ? wanted : window;
}

bool endpoint_runnable(const struct endpoint *endpoint)
{
    return !endpoint->pause_timer && !TAILQ_EMPTY(&endpoint->ready) &&
           endpoint->in_flight < window(endpoint);
}

static void pause_over(void *arg)
{
    struct endpoint *endpoint = arg;
    loop_timer_free(endpoint->pause_timer);
    endpoint->pause_timer = NULL;
    scheduler_offer(endpoint);
    endpoint_release_idle(endpoint);
}

void endpoint_pause(struct endpoint *endpoint, int64_t ms)
{
    struct mono_time until = mono_add_ms(mono_now(), ms);
    if (endpoint->pause_timer && !mono_before(endpoint->paused_until, until))
        return;
    endpoint->paused_until = until;
    if (!endpoint->pause_timer)
        endpoint->pause_timer = loop_timer_new(endpoint->engine->deps.loop, pause_over, endpoint);
    loop_timer_start(endpoint->pause_timer, ms, 0);
}
