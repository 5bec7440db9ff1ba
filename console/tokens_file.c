/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens file. */
#include "console/tokens_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "common/text.h"

#define TOKEN_BYTES  32
#define TOKEN_PREFIX "hlt_"

/* Whether it is somebody's mistake, or the system is short of something. */
static bool system_error(struct error *error, int number)
{
    bool passing = number == EMFILE || number == ENFILE || number == ENOMEM || number == EIO ||
                   number == ENOSPC || number == EDQUOT;
    return error_set(error, passing ? ERROR_RETRY : ERROR_CONFIG, "%s", strerror(number));
}

/* --- Reading --------------------------------------------------------------------------------- */

static bool too_large(struct error *error)
{
    char limit[TEXT_AMOUNT_SIZE];
    return error_set(
        error, ERROR_CONFIG, "larger than %s", text_format_size(TOKENS_FILE_MAX, limit));
}

static bool check_status(const struct stat *status, struct error *error)
{
    if (!S_ISREG(status->st_mode))
        return error_set(error, ERROR_CONFIG, "not a file");
    if (status->st_mode & S_IWOTH)
        return error_set(
            error, ERROR_CONFIG, "everybody may write it, and so make tokens: chmod o-w");
    return status->st_size <= TOKENS_FILE_MAX || too_large(error);
}

static bool read_text(int fd, struct buffer *out, struct error *error)
{
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_error(error, errno);
        if (n == 0)
            return true;
        buffer_add(out, chunk, (size_t)n);
        if (out->len > TOKENS_FILE_MAX)
            return too_large(error);
    }
}

/* `path` without blocking, should it be a pipe. */
static bool load_text(
    const char *path, struct buffer *out, struct stat *ret_status, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return system_error(error, errno);
    bool good = fstat(fd, ret_status) == 0 || system_error(error, errno);
    good = good && check_status(ret_status, error) && read_text(fd, out, error);
    close(fd);
    return good;
}

/* Returns new, with its JSON, a new reference. */
static struct token_list *load(
    const char *path, json_t **ret_json, struct stat *ret_status, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    struct token_list *list = NULL;
    json_t *json = NULL;
    json_error_t fault;
    if (load_text(path, &text, ret_status, error)) {
        json = json_loadb(buffer_text(&text), text.len, JSON_REJECT_DUPLICATES, &fault);
        if (!json)
            error_fill(error, ERROR_CONFIG, "line %d, column %d: %s", fault.line, fault.column,
                fault.text);
        else
            list = token_list_parse(json, error);
    }
    buffer_release(&text);
    if (list)
        *ret_json = json;
    else
        json_decref(json);
    return list;
}

struct token_list *tokens_file_read(const char *path, struct error *error)
{
    json_t *json;
    struct stat status;
    struct token_list *list = load(path, &json, &status, error);
    if (list)
        json_decref(json);
    else
        error_prefix(error, "%s", path);
    return list;
}

/* --- Replacing the file ---------------------------------------------------------------------- */

/* The next state of the file, beside it. Who has it locked is the one that changes the file: it becomes
 * the file, or goes, before the lock does. */
struct draft {
    char *target; /* without symbolic links, which would be replaced */
    char *path;
    int fd;
};

/* Whether what is locked is still there: while we waited it may have become the file, or gone. */
static bool is_there(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

/* A second name would let who made the link have another file overwritten. */
static bool lock(int fd, struct error *error)
{
    struct stat status;
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return system_error(error, errno);
    if (fstat(fd, &status) != 0)
        return system_error(error, errno);
    return (S_ISREG(status.st_mode) && status.st_nlink <= 1) ||
           error_set(error, ERROR_CONFIG, "is in the way: remove it");
}

static int open_locked(const char *path, struct error *error)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) {
            system_error(error, errno);
            return -1;
        }
        bool locked = lock(fd, error);
        if (locked && is_there(fd, path))
            return fd;
        close(fd);
        if (!locked)
            return -1;
    }
}

static bool draft_open(struct draft *draft, const char *path, struct error *error)
{
    draft->target = realpath(path, NULL);
    if (!draft->target)
        draft->target = mem_strdup(path);
    draft->path = mem_printf("%s.new", draft->target);
    draft->fd = open_locked(draft->path, error);
    if (draft->fd >= 0)
        return true;
    error_prefix(error, "%s", draft->path);
    free(draft->path);
    free(draft->target);
    return false;
}

static void draft_close(struct draft *draft, bool done)
{
    if (!done)
        unlink(draft->path);
    close(draft->fd);
    free(draft->path);
    free(draft->target);
}

static bool write_text(int fd, const char *text, size_t len, struct error *error)
{
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_error(error, errno);
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* The owner too, or a service of its own user could not read what root wrote. */
static bool take_over(int fd, const struct stat *old)
{
    struct stat new;
    if (fstat(fd, &new) != 0)
        return false;
    bool same = new.st_uid == old->st_uid && new.st_gid == old->st_gid;
    return (same || fchown(fd, old->st_uid, old->st_gid) == 0) &&
           fchmod(fd, old->st_mode & 0777) == 0;
}

/* That the rename lasts. A file system that cannot say so is no reason to call it failed. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? mem_dup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
    free(directory);
}

/* `old` NULL = there was no file. */
static bool draft_commit(
    struct draft *draft, const char *text, const struct stat *old, struct error *error)
{
    size_t len = strlen(text);
    if (len > TOKENS_FILE_MAX)
        return too_large(error);
    /* Somebody's that died may be in it. */
    if (ftruncate(draft->fd, 0) != 0 || (!old && fchmod(draft->fd, 0600) != 0))
        return system_error(error, errno);
    if (!write_text(draft->fd, text, len, error))
        return false;
    if (old && !take_over(draft->fd, old))
        return system_error(error, errno) || error_prefix(error, "its owner and mode");
    if (fsync(draft->fd) != 0 || rename(draft->path, draft->target) != 0)
        return system_error(error, errno);
    sync_directory(draft->target);
    return true;
}

/* --- Changes --------------------------------------------------------------------------------- */

struct change {
    const char *name;
    json_t *add; /* NULL = the token of that name goes */
};

static bool apply(
    const struct change *change, json_t *json, const struct token_list *list, struct error *error)
{
    json_t *tokens = json_object_get(json, "tokens");
    size_t index;
    bool there = token_list_named(list, change->name, &index);
    if (change->add && there)
        return error_set(error, ERROR_PERMANENT, "there is a token named %s already", change->name);
    if (!change->add && !there)
        return error_set(error, ERROR_PERMANENT, "there is no token named %s", change->name);
    int result =
        change->add ? json_array_append(tokens, change->add) : json_array_remove(tokens, index);
    if (result != 0)
        fatal("out of memory");
    return true;
}

/* Checked as it will be read: one token too many must not make the file unreadable. Returns new. */
static char *print(json_t *json, struct error *error)
{
    struct token_list *list = token_list_parse(json, error);
    if (!list)
        return NULL;
    token_list_free(list);
    char *dump = json_dumps(json, JSON_INDENT(2));
    if (!dump)
        fatal("out of memory");
    char *text = mem_printf("%s\n", dump);
    free(dump);
    return text;
}

static bool change_draft(struct draft *draft, const struct change *change, struct error *error)
{
    struct stat status;
    json_t *json = NULL;
    struct token_list *list;
    bool is_new = change->add && access(draft->target, F_OK) != 0 && errno == ENOENT;
    if (is_new) {
        json = json_pack("{s:[]}", "tokens");
        list = token_list_parse(json, error);
    } else {
        list = load(draft->target, &json, &status, error);
    }
    char *text = NULL;
    if (list && apply(change, json, list, error))
        text = print(json, error);
    bool done = text && draft_commit(draft, text, is_new ? NULL : &status, error);
    free(text);
    token_list_free(list);
    json_decref(json);
    return done;
}

static bool change_file(const char *path, const struct change *change, struct error *error)
{
    struct draft draft;
    if (!draft_open(&draft, path, error))
        return false;
    bool done = change_draft(&draft, change, error);
    draft_close(&draft, done);
    return done || error_prefix(error, "%s", path);
}

static json_t *token_json(const struct token *token, const char *text)
{
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1], time[RFC3339_SIZE];
    token_hash(text, hash);
    text_hex(hash, sizeof hash, hex);
    const char *expiry = token->expires_at.ms ? wall_format(token->expires_at, time) : NULL;
    json_t *json = json_pack("{s:s, s:s+, s:s, s:s, s:s*}", "name", token->name, "hash",
        TOKEN_HASH_PREFIX, hex, "role", token_roles[token->role], "tenant",
        token->tenant ? token->tenant : "*", "expires_at", expiry);
    if (!json)
        fatal("out of memory");
    return json;
}

bool tokens_file_add(
    const char *path, const struct token *token, const char *text, struct error *error)
{
    struct change change = {token->name, token_json(token, text)};
    bool done = change_file(path, &change, error);
    json_decref(change.add);
    return done;
}

bool tokens_file_revoke(const char *path, const char *name, struct error *error)
{
    return change_file(path, &(struct change){name, NULL}, error);
}

void token_make(char out[TOKEN_TEXT_SIZE])
{
    unsigned char bytes[TOKEN_BYTES], text[4 * ((TOKEN_BYTES + 2) / 3) + 1];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        fatal("no entropy (getrandom)");
    EVP_EncodeBlock(text, bytes, sizeof bytes);
    size_t prefix = strlen(TOKEN_PREFIX), len = strcspn((const char *)text, "=");
    memcpy(out, TOKEN_PREFIX, prefix);
    for (size_t i = 0; i < len; i++)
        out[prefix + i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    out[prefix + len] = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(text, sizeof text);
}
