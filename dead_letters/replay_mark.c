/* SPDX-License-Identifier: Apache-2.0 */
/* What has been replayed. */
#include "dead_letters/replay_mark.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/table.h"
#include "common/text.h"

#define KEY_MAX 40 /* "<partition>/<offset>" */

static const char *const state_names[] = {NULL, "begun", "done"};

/* --- The record --------------------------------------------------------------------------------------- */

char *replay_mark_key(const struct replay_mark *mark)
{
    return mem_printf("%d/%" PRId64, (int)mark->partition, mark->offset);
}

char *replay_mark_value(const struct replay_mark *mark)
{
    char at[RFC3339_SIZE];
    json_t *json =
        json_or_fatal(json_pack("{ssssssssss}", "id", mark->id, "state", state_names[mark->state],
            "at", wall_format(mark->at, at), "by", mark->by, "run", mark->run));
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (!text)
        fatal("out of memory");
    return text;
}

static bool read_key(const struct record *record, struct replay_mark *mark)
{
    char text[KEY_MAX + 1];
    int64_t partition;
    if (!record->key.data || record->key.len > KEY_MAX)
        return false;
    memcpy(text, record->key.data, record->key.len);
    text[record->key.len] = '\0';
    char *slash = strchr(text, '/');
    if (!slash)
        return false;
    *slash = '\0';
    if (!text_parse_int(text, &partition) || partition < 0 || partition > INT32_MAX ||
        !text_parse_int(slash + 1, &mark->offset) || mark->offset < 0)
        return false;
    mark->partition = (int32_t)partition;
    return true;
}

/* Borrowed from `json`. */
static bool read_value(json_t *json, struct replay_mark *mark)
{
    const char *state = json_string_value(json_object_get(json, "state"));
    const char *at = json_string_value(json_object_get(json, "at"));
    mark->id = json_string_value(json_object_get(json, "id"));
    mark->run = json_string_value(json_object_get(json, "run"));
    if (!state || !at || !mark->id || !mark->run || !text_parse_time(at, &mark->at))
        return false;
    mark->state = strcmp(state, state_names[REPLAY_DONE]) == 0 ? REPLAY_DONE : REPLAY_BEGUN;
    return mark->state == REPLAY_DONE || strcmp(state, state_names[REPLAY_BEGUN]) == 0;
}

/* --- All of them ---------------------------------------------------------------------------------------- */

struct place {
    int64_t partition, offset; /* without a gap between: they are hashed as bytes */
};

/* There may be millions: of id and run only what tells them apart. */
struct entry {
    struct place place;
    uint64_t id, run;
    struct wall_time at;
    enum replay_state state;
    UT_hash_handle hh;
};

struct replay_marks {
    struct entry *entries; /* table by place */
};

struct replay_marks *replay_marks_new(void)
{
    return mem_zalloc(sizeof(struct replay_marks));
}

void replay_marks_free(struct replay_marks *marks)
{
    if (!marks)
        return;
    struct entry *next, *each = marks->entries;
    HASH_CLEAR(hh, marks->entries);
    for (; each; each = next) {
        next = each->hh.next;
        free(each);
    }
    free(marks);
}

static struct entry *find(const struct replay_marks *marks, int32_t partition, int64_t offset)
{
    struct place place = {partition, offset};
    struct entry *entry;
    HASH_FIND(hh, marks->entries, &place, sizeof place, entry);
    return entry;
}

static void forget(struct replay_marks *marks, const struct replay_mark *mark)
{
    struct entry *entry = find(marks, mark->partition, mark->offset);
    if (!entry)
        return;
    HASH_DEL(marks->entries, entry);
    free(entry);
}

static void remember(struct replay_marks *marks, const struct replay_mark *mark)
{
    struct entry *entry = find(marks, mark->partition, mark->offset);
    if (!entry) {
        entry = mem_zalloc(sizeof *entry);
        entry->place = (struct place){mark->partition, mark->offset};
        HASH_ADD(hh, marks->entries, place, sizeof entry->place, entry);
    }
    entry->id = hash_keyed(mark->id, strlen(mark->id));
    entry->run = hash_keyed(mark->run, strlen(mark->run));
    entry->at = mark->at;
    entry->state = mark->state;
}

bool replay_marks_apply(
    struct replay_marks *marks, const struct record *record, struct error *error)
{
    struct replay_mark mark = {.offset = -1};
    if (!read_key(record, &mark))
        return error_set(error, ERROR_PERMANENT, "the key is not the place of a dead letter");
    if (!record->value.data) {
        forget(marks, &mark);
        return true;
    }
    json_t *json = json_loadb(record->value.data, record->value.len, 0, NULL);
    bool good = read_value(json, &mark);
    if (good)
        remember(marks, &mark);
    json_decref(json);
    return good || error_set(error, ERROR_PERMANENT, "the value is no mark of a replay");
}

struct replay_known replay_marks_find(const struct replay_marks *marks, int32_t partition,
    int64_t offset, const char *id, const char *run)
{
    const struct entry *entry = find(marks, partition, offset);
    if (!entry || entry->id != hash_keyed(id, strlen(id)))
        return (struct replay_known){.state = REPLAY_NONE};
    return (struct replay_known){
        entry->state, entry->at, entry->run == hash_keyed(run, strlen(run))};
}
