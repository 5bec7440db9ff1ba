/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters are put back, and as what. */
#include "dead_letters/replay_judge.h"

#include <jansson.h>
#include <string.h>

#include "kafka/producer.h"

const char *const replay_verdicts[] = {
    [REPLAY_SENT] = "replayed",
    [REPLAY_ALREADY] = "already_replayed",
    [REPLAY_UNDER_WAY] = "under_way",
    [REPLAY_TOO_OFTEN] = "replayed_too_often",
    [REPLAY_NO_DELIVERY] = "no_delivery",
    [REPLAY_NOT_WHOLE] = "not_whole",
    [REPLAY_TEST] = "test",
    [REPLAY_NO_SUBSCRIPTION] = "no_subscription",
    [REPLAY_NOT_ENABLED] = "not_enabled",
    [REPLAY_EXPIRED] = "expired",
    [REPLAY_REFUSED] = "refused",
    NULL,
};

const char *const replay_verdict_texts[] = {
    [REPLAY_SENT] = "replayed",
    [REPLAY_ALREADY] = "replayed before: left alone",
    [REPLAY_UNDER_WAY] = "claimed by another run within the last minute: ask again after it",
    [REPLAY_TOO_OFTEN] = "replayed five times already, in vain: look at them one by one",
    [REPLAY_NO_DELIVERY] = "events that never became a delivery: mend and publish them again",
    [REPLAY_NOT_WHOLE] = "too large: only the beginning of the body was kept",
    [REPLAY_TEST] = "test deliveries",
    [REPLAY_NO_SUBSCRIPTION] = "without a subscription now",
    [REPLAY_NOT_ENABLED] = "of a subscription that is not enabled: enable it first",
    [REPLAY_EXPIRED] = "older than their time to live: --ignore-ttl sends them all the same",
    [REPLAY_REFUSED] = "refused by Kafka",
    NULL,
};

/* Of a dead letter that was too large itself only the beginning was kept, whatever its reason; and the
 * beginning of a JSON object is none. */
static bool is_whole(const struct dead_letter_item *item)
{
    const struct bytes *value = &item->record->value;
    if (item->letter.reason == DEAD_EVENT_TOO_LARGE)
        return false;
    if (value->len != DEAD_LETTER_LARGE_KEPT)
        return true;
    json_t *json = json_loadb(value->data, value->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool whole = json != NULL;
    json_decref(json);
    return whole;
}

static enum replay_verdict judge_mark(
    const struct replay_rules *rules, const struct dead_letter_item *item, struct wall_time now)
{
    struct replay_known known = replay_marks_find(
        rules->marks, item->record->partition, item->record->offset, item->id, rules->run);
    if (known.state == REPLAY_DONE)
        return REPLAY_ALREADY;
    if (known.state == REPLAY_BEGUN && !known.own && now.ms - known.at.ms < REPLAY_BEGUN_MS)
        return REPLAY_UNDER_WAY;
    return REPLAY_SENT;
}

static bool is_late(const struct replay_rules *rules, const struct subscription *subscription,
    const struct delivery_record *delivery, struct wall_time now)
{
    int64_t ttl =
        ttl_ms(rules->ttl, subscription_ttl_ms(subscription, delivery->event), delivery->event);
    return now.ms >
           ttl_deadline(ttl, delivery->event_at, delivery->accepted_at, rules->ttl_from_acceptance)
               .ms;
}

static enum replay_verdict judge_delivery(const struct replay_rules *rules,
    const struct delivery_record *delivery, struct wall_time now, int32_t *ret_partition)
{
    const struct store_tenant *tenant = store_tenant(rules->store, delivery->tenant);
    const struct subscription *subscription =
        store_find(rules->store, delivery->tenant, delivery->subscription);
    if (delivery->test)
        return REPLAY_TEST;
    if (delivery->replay >= REPLAYS_MAX)
        return REPLAY_TOO_OFTEN;
    if (!subscription || !tenant || tenant->partitions < 1)
        return REPLAY_NO_SUBSCRIPTION;
    if (!subscription->enabled)
        return REPLAY_NOT_ENABLED;
    if (!rules->ignore_ttl && is_late(rules, subscription, delivery, now))
        return REPLAY_EXPIRED;
    *ret_partition = tenant->partitions;
    return REPLAY_SENT;
}

enum replay_verdict replay_judge(const struct replay_rules *rules,
    const struct dead_letter_item *item, struct wall_time now,
    struct delivery_decoded *ret_delivery, int32_t *ret_partition)
{
    struct error error = ERROR_INIT;
    struct delivery_record *delivery = &ret_delivery->delivery;
    if (!item->id || !delivery_decode(item->record, ret_delivery, &error))
        return REPLAY_NO_DELIVERY;
    enum replay_verdict verdict = judge_mark(rules, item, now);
    if (verdict == REPLAY_SENT && !is_whole(item))
        verdict = REPLAY_NOT_WHOLE;
    if (verdict == REPLAY_SENT)
        verdict = judge_delivery(rules, delivery, now, ret_partition);
    if (verdict != REPLAY_SENT)
        return verdict;
    /* The key is that of the dead letter: tenant and subscription. */
    *ret_partition =
        kafka_partition_of(item->record->key.data, item->record->key.len, *ret_partition);
    delivery->replay++;
    delivery->ignore_ttl = rules->ignore_ttl;
    if (rules->ignore_ttl)
        delivery->accepted_at = now;
    return REPLAY_SENT;
}
