/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens in force. */
#include "console/tokens.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/memory.h"
#include "console/token_list.h"
#include "console/tokens_file.h"

#define LOOK_INTERVAL_MS 1000
#define LOG_INTERVAL_MS  60000

/* What tells one state of the file from another; all zero = there is none. */
struct version {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed; /* the latter for its mode, which is judged too */
};

struct tokens {
    char *path;
    struct loop_timer *timer;
    struct token_list *list; /* of the last good file */
    struct version seen;     /* what was read last, good or not */
    struct log_limit limit;
};

static struct version version_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return (struct version){0};
    return (struct version){
        status.st_dev, status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_version(const struct version *a, const struct version *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* After a fault of the system's own the file is read again, though it is as it was. */
static void keep_old(struct tokens *tokens, const struct error *error)
{
    bool passing = error->kind == ERROR_RETRY;
    if (!passing || log_limit_pass(&tokens->limit, LOG_INTERVAL_MS, NULL))
        log_error("tokens not read, those from before stay in force", LOG_ERR(error));
    if (passing)
        tokens->seen = (struct version){0};
}

static void look(void *arg)
{
    struct tokens *tokens = arg;
    struct error error = ERROR_INIT;
    /* Before it is read: what changes in between is a change the next time. */
    struct version now = version_of(tokens->path);
    if (same_version(&now, &tokens->seen))
        return;
    tokens->seen = now;
    struct token_list *list = tokens_file_read(tokens->path, &error);
    if (!list) {
        keep_old(tokens, &error);
        return;
    }
    token_list_free(tokens->list);
    tokens->list = list;
    log_info("tokens read", LOG_STR("file", tokens->path),
        LOG_INT("tokens", (int64_t)token_list_count(list)));
}

struct tokens *tokens_new(struct loop *loop, const char *path, struct error *error)
{
    struct version seen = version_of(path);
    struct token_list *list = tokens_file_read(path, error);
    if (!list)
        return NULL;
    struct tokens *tokens = mem_zalloc(sizeof *tokens);
    tokens->path = mem_strdup(path);
    tokens->list = list;
    tokens->seen = seen;
    tokens->timer = loop_timer_new(loop, look, tokens);
    loop_timer_start(tokens->timer, LOOK_INTERVAL_MS, LOOK_INTERVAL_MS);
    return tokens;
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    loop_timer_free(tokens->timer);
    token_list_free(tokens->list);
    free(tokens->path);
    free(tokens);
}

const struct token *tokens_find(const struct tokens *tokens, const char *text, struct wall_time now)
{
    uint8_t hash[SHA256_BYTES];
    token_hash(text, hash);
    const struct token *token = token_list_find(tokens->list, hash);
    return token && !token_expired(token, now) ? token : NULL;
}
