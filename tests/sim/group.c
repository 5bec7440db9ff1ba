/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's side of the consumer group. */
#include "group.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "kafka/commit_note.h"
#include "ledger.h"

#define MEMBERS_MAX 16

static struct group_partition *partitions;
static struct sim_ownership *ownerships;
static struct kafka_consumer *members[MEMBERS_MAX];
static size_t member_count;
static struct sim_event *balance_event;

struct group_partition *group_partitions(void)
{
    return partitions;
}

struct group_partition *group_find(const struct sim_log *log)
{
    struct group_partition *partition = partitions;
    while (partition && partition->log != log)
        partition = partition->next;
    return partition;
}

void group_add(const char *topic, int32_t number)
{
    struct group_partition *partition = mem_zalloc(sizeof *partition);
    partition->log = sim_log(topic, number);
    partition->committed = -1;
    partition->next = partitions;
    partitions = partition;
}

bool group_has(const char *topic, int32_t number)
{
    for (const struct group_partition *each = partitions; each; each = each->next)
        if (each->log->number == number && strcmp(each->log->topic, topic) == 0)
            return true;
    return false;
}

void group_release(void)
{
    while (partitions) {
        struct group_partition *partition = partitions;
        partitions = partition->next;
        ranges_release(&partition->ranges);
        free(partition);
    }
    while (ownerships) {
        struct sim_ownership *ownership = ownerships;
        ownerships = ownership->next;
        free(ownership);
    }
}

/* --- Who gets what ----------------------------------------------------------------------------- */

static struct kafka_consumer *choose_member(const struct sim_log *log)
{
    struct kafka_consumer *fit[MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < member_count; i++)
        if (member_subscribes(members[i], log->topic))
            fit[count++] = members[i];
    return count ? fit[sim_between(0, (int64_t)count - 1)] : NULL;
}

static void give(struct group_partition *partition, struct kafka_consumer *member)
{
    struct sim_ownership *ownership = mem_zalloc(sizeof *ownership);
    *ownership = (struct sim_ownership){
        .log = partition->log,
        .process = sim_loop_number(member_loop(member)),
        .since_us = sim_now(),
        .end_us = -1,
        .next = ownerships,
    };
    ownerships = ownership;
    partition->owner = member;
    partition->ownership = ownership;
    partition->moving = false;
    partition->handle = member_assign(member, partition, ownership);
    sim_say("group: %s/%d goes to process %d", partition->log->topic, (int)partition->log->number,
        ownership->process);
}

static void balance(void *arg);

static void balance_at(int64_t at_us)
{
    if (!balance_event)
        balance_event = sim_at(NULL, at_us, balance, NULL);
}

static void balance(void *arg)
{
    (void)arg;
    int64_t again = -1;
    balance_event = NULL;
    for (struct group_partition *each = partitions; each; each = each->next) {
        struct kafka_consumer *member = each->owner ? NULL : choose_member(each->log);
        if (!member)
            continue;
        if (each->free_at_us <= sim_now())
            give(each, member);
        else if (again < 0 || each->free_at_us < again)
            again = each->free_at_us;
    }
    if (again >= 0)
        balance_at(again);
}

static void balance_soon(void)
{
    balance_at(sim_now() + sim_exp(20 * MS));
}

/* --- Members ----------------------------------------------------------------------------------- */

static void remove_member(const struct kafka_consumer *member)
{
    for (size_t i = 0; i < member_count; i++)
        if (members[i] == member) {
            members[i] = members[--member_count];
            return;
        }
}

void group_join(struct kafka_consumer *member)
{
    remove_member(member); /* it may only have changed its topics */
    bug_on(member_count == MEMBERS_MAX);
    members[member_count++] = member;
    balance_soon();
}

/* All that was the member's is nobody's. */
static void take_away(const struct kafka_consumer *member, int64_t free_at_us)
{
    for (struct group_partition *each = partitions; each; each = each->next) {
        if (each->owner != member)
            continue;
        each->owner = NULL;
        each->handle = NULL;
        each->moving = false;
        each->free_at_us = free_at_us;
    }
    balance_soon();
}

void group_leave(struct kafka_consumer *member)
{
    remove_member(member);
    take_away(member, 0);
}

void group_died(struct kafka_consumer *member, int64_t session_us)
{
    remove_member(member);
    take_away(member, sim_now() + session_us);
}

void group_expel(struct kafka_consumer *member, int64_t learn_us)
{
    if (member_expelled(member))
        return;
    stats.expulsions++;
    remove_member(member);
    for (struct group_partition *each = partitions; each; each = each->next)
        if (each->owner == member) {
            each->ownership->expelled = true;
            each->ownership->expelled_us = sim_now();
            sim_say("group: process %d is thrown out of %s/%d", each->ownership->process,
                each->log->topic, (int)each->log->number);
        }
    take_away(member, 0);
    member_set_expelled(member, learn_us);
}

void group_move(struct group_partition *partition)
{
    if (!partition->owner || partition->moving)
        return;
    stats.moves++;
    partition->moving = true;
    member_revoke(partition->handle);
}

void group_released(struct group_partition *partition, const struct sim_ownership *ownership)
{
    if (partition->ownership != ownership || !partition->owner)
        return;
    partition->owner = NULL;
    partition->handle = NULL;
    partition->moving = false;
    partition->free_at_us = 0;
    balance_soon();
}

bool group_settled(void)
{
    for (struct group_partition *each = partitions; each; each = each->next)
        if (!each->owner || each->moving || !handle_started(each->handle))
            return false;
    return !member_any_expelled();
}

/* --- Commits ----------------------------------------------------------------------------------- */

static int64_t ranges_end(const struct ranges *ranges, int64_t least)
{
    return ranges->count ? ranges->items[ranges->count - 1].to : least;
}

bool group_commit(struct group_partition *partition, const struct sim_ownership *ownership,
    int64_t offset, const struct buffer *note)
{
    int64_t epoch, before = partition->committed;
    if (partition->ownership != ownership || ownership->expelled) {
        stats.refused_commits++;
        sim_say("group: commit of process %d for %s/%d refused", ownership->process,
            partition->log->topic, (int)partition->log->number);
        return false;
    }
    if (offset < partition->committed)
        sim_violation("process %d commits %lld, below %lld, for %s/%d", ownership->process,
            (long long)offset, (long long)partition->committed, partition->log->topic,
            (int)partition->log->number);
    stats.commits++;
    partition->committed = offset;
    ranges_release(&partition->ranges);
    commit_note_parse(buffer_text(note), note->len, offset, &epoch, &partition->ranges);
    if (epoch != ownership->epoch)
        sim_violation("process %d commits with epoch %lld in place of %lld", ownership->process,
            (long long)epoch, (long long)ownership->epoch);
    sim_say("group: process %d commits %lld + %zu ranges for %s/%d", ownership->process,
        (long long)offset, partition->ranges.count, partition->log->topic,
        (int)partition->log->number);
    open_check_offsets(partition->log, before, ranges_end(&partition->ranges, offset));
    return true;
}

int64_t group_fence(struct group_partition *partition, struct sim_ownership *ownership)
{
    if (partition->ownership != ownership || ownership->expelled)
        return -1;
    ownership->epoch = ++partition->epoch;
    return ownership->epoch;
}
