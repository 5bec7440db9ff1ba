/* SPDX-License-Identifier: Apache-2.0 */
/* How many dead letters there are, by what they have in common. */
#include "dead_letters/stats.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "common/table.h"

struct entry {
    UT_hash_handle hh;
    struct dead_letters_group group;
    char key[]; /* reason, tenant and host, each with its NUL */
};

struct dead_letters_stats {
    struct entry *entries;
    const struct dead_letters_group **sorted;
};

struct dead_letters_stats *dead_letters_stats_new(void)
{
    return mem_zalloc(sizeof(struct dead_letters_stats));
}

void dead_letters_stats_free(struct dead_letters_stats *stats)
{
    if (!stats)
        return;
    struct entry *entry = stats->entries, *next;
    HASH_CLEAR(hh, stats->entries); /* frees the table only: the list through the entries stays */
    for (; entry; entry = next) {
        next = entry->hh.next;
        free(entry);
    }
    free(stats->sorted);
    free(stats);
}

static struct entry *new_entry(const char *key, size_t len)
{
    struct entry *entry = mem_zalloc(sizeof *entry + len);
    memcpy(entry->key, key, len);
    entry->group.reason = entry->key;
    entry->group.tenant = entry->group.reason + strlen(entry->group.reason) + 1;
    entry->group.host = entry->group.tenant + strlen(entry->group.tenant) + 1;
    entry->group.first.ms = entry->group.last.ms = -1;
    return entry;
}

static struct entry *find_or_add(struct dead_letters_stats *stats, const char *key, size_t len)
{
    static const char others[] = "(others)\0\0";
    struct entry *entry = NULL;
    HASH_FIND(hh, stats->entries, key, (unsigned)len, entry);
    if (entry)
        return entry;
    if (HASH_COUNT(stats->entries) >= DEAD_LETTERS_GROUPS_MAX) {
        key = others;
        len = sizeof others;
        HASH_FIND(hh, stats->entries, key, (unsigned)len, entry);
        if (entry)
            return entry;
    }
    entry = new_entry(key, len);
    HASH_ADD_KEYPTR(hh, stats->entries, entry->key, len, entry);
    return entry;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

void dead_letters_stats_add(struct dead_letters_stats *stats, const struct dead_letter_item *item)
{
    struct buffer key = BUFFER_INIT;
    const char *parts[] = {dead_letter_reasons[item->letter.reason], or_empty(item->tenant),
        or_empty(item->letter.host)};
    for (size_t i = 0; i < 3; i++)
        buffer_add(&key, parts[i], strlen(parts[i]) + 1);
    struct dead_letters_group *group = &find_or_add(stats, key.data, key.len)->group;
    struct wall_time at = item->letter.dead_at;
    buffer_release(&key);
    group->count++;
    if (group->first.ms < 0 || at.ms < group->first.ms)
        group->first = at;
    if (at.ms > group->last.ms)
        group->last = at;
}

static int by_count(const void *a, const void *b)
{
    const struct dead_letters_group *one = *(const struct dead_letters_group *const *)a;
    const struct dead_letters_group *other = *(const struct dead_letters_group *const *)b;
    if (one->count != other->count)
        return one->count < other->count ? 1 : -1;
    int order = strcmp(one->reason, other->reason);
    if (!order)
        order = strcmp(one->tenant, other->tenant);
    return order ? order : strcmp(one->host, other->host);
}

const struct dead_letters_group *const *dead_letters_stats_groups(
    struct dead_letters_stats *stats, size_t *ret_count)
{
    size_t count = 0;
    stats->sorted = mem_array(
        stats->sorted, HASH_COUNT(stats->entries) + 1, sizeof(struct dead_letters_group *));
    for (struct entry *entry = stats->entries; entry; entry = entry->hh.next)
        stats->sorted[count++] = &entry->group;
    qsort(stats->sorted, count, sizeof(struct dead_letters_group *), by_count);
    *ret_count = count;
    return stats->sorted;
}
