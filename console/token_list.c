/* SPDX-License-Identifier: Apache-2.0 */
/* From the JSON of a tokens file to tokens. */
#include "console/token_list.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "events/event.h"
#include "subscriptions/parser.h"

/* That a lookup takes longer must not say that more of a hash was right. */
#define HASH_KEYCMP(a, b, size) CRYPTO_memcmp((a), (b), (size))
#include "common/table.h"

const char *const token_roles[] = {
    [TOKEN_VIEWER] = "viewer",
    [TOKEN_OPERATOR] = "operator",
    [TOKEN_ADMIN] = "admin",
    [TOKEN_ADMIN + 1] = NULL,
};

struct entry {
    struct token token; /* its texts are the JSON's */
    uint8_t hash[SHA256_BYTES];
    UT_hash_handle by_hash, by_name;
};

struct token_list {
    json_t *json;
    struct entry *entries;
    size_t count;
    struct entry *by_hash, *by_name;
};

/* --- The parts of a token -------------------------------------------------------------------- */

void token_hash(const char *text, uint8_t out[SHA256_BYTES])
{
    struct sha256 *hash = sha256_new();
    sha256_add(hash, text, strlen(text));
    sha256_finish(hash, out);
    sha256_free(hash);
}

bool token_expired(const struct token *token, struct wall_time now)
{
    return token->expires_at.ms && now.ms >= token->expires_at.ms;
}

bool token_check_name(const char *text, struct error *error)
{
    return text_matches_set(text, TOKEN_NAME_MAX, " -~") ||
           error_set(error, ERROR_CONFIG, "a name is 1 to %d printable characters of ASCII",
               TOKEN_NAME_MAX);
}

bool token_check_tenant(const char *text, struct error *error)
{
    return strcmp(text, "*") == 0 || event_tenant_valid(text) ||
           error_set(error, ERROR_CONFIG,
               "a tenant is 1 to %d of a-z, 0-9, _ and -, or \"*\" for all", EVENT_TENANT_MAX);
}

bool token_parse_role(const char *text, enum token_role *ret_role, struct error *error)
{
    for (enum token_role role = 0; token_roles[role]; role++)
        if (strcmp(text, token_roles[role]) == 0) {
            *ret_role = role;
            return true;
        }
    const char *nearest = text_nearest(text, token_roles);
    if (nearest)
        return error_set(error, ERROR_CONFIG, "no such role; did you mean %s?", nearest);
    return error_set(error, ERROR_CONFIG, "no such role: viewer, operator or admin");
}

/* --- Fields ---------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_hex(const char *text, uint8_t out[SHA256_BYTES])
{
    if (strlen(text) != (size_t)2 * SHA256_BYTES)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void read_hash(struct parser *parser, const json_t *value)
{
    struct entry *entry = parser->target;
    size_t prefix = strlen(TOKEN_HASH_PREFIX);
    const char *text = parser_string(parser, value, 256, NULL);
    uint8_t of_nothing[SHA256_BYTES];
    if (!text)
        return;
    token_hash("", of_nothing);
    /* Not repeated: it may be the token itself. */
    if (strncmp(text, TOKEN_HASH_PREFIX, prefix) != 0 || !parse_hex(text + prefix, entry->hash))
        parser_problem(parser, "not \"" TOKEN_HASH_PREFIX "\" and %d hex digits", 2 * SHA256_BYTES);
    else if (memcmp(entry->hash, of_nothing, SHA256_BYTES) == 0)
        parser_problem(parser, "is the hash of an empty text");
}

static void read_role(struct parser *parser, const json_t *value)
{
    struct entry *entry = parser->target;
    struct error error = ERROR_INIT;
    const char *text = parser_string(parser, value, 256, NULL);
    if (text && !token_parse_role(text, &entry->token.role, &error))
        parser_problem(parser, "%s", error.text);
}

static void read_tenant(struct parser *parser, const json_t *value)
{
    struct entry *entry = parser->target;
    const char *text = parser_string(parser, value, 256, token_check_tenant);
    entry->token.tenant = text && strcmp(text, "*") != 0 ? text : NULL;
}

static void read_expiry(struct parser *parser, const json_t *value)
{
    struct entry *entry = parser->target;
    struct wall_time time;
    const char *text = parser_string(parser, value, 64, NULL);
    if (!text)
        return;
    if (text_parse_time(text, &time) && time.ms > 0)
        entry->token.expires_at = time;
    else
        parser_problem(parser, "not a time (RFC 3339), such as 2026-01-31T12:00:00Z");
}

static const struct field token_fields[] = {
    {"name", FIELD_STRING, true, .offset = offsetof(struct entry, token.name), .max = 256,
        .check = token_check_name},
    {"hash", FIELD_STRING, true, .read = read_hash},
    {"role", FIELD_STRING, true, .read = read_role},
    {"tenant", FIELD_STRING, true, .read = read_tenant},
    {"expires_at", FIELD_STRING, .read = read_expiry},
    {NULL},
};

/* --- The list -------------------------------------------------------------------------------- */

static void add_entry(struct parser *parser, struct token_list *list, struct entry *entry)
{
    struct entry *same;
    size_t name_len = strlen(entry->token.name);
    HASH_FIND(by_name, list->by_name, entry->token.name, name_len, same);
    if (same) {
        parser_problem(parser, "the name %s stands there twice", entry->token.name);
        return;
    }
    HASH_FIND(by_hash, list->by_hash, entry->hash, SHA256_BYTES, same);
    if (same) {
        parser_problem(parser, "has the hash of %s, so it is the same token", same->token.name);
        return;
    }
    HASH_ADD_KEYPTR(by_name, list->by_name, entry->token.name, name_len, entry);
    HASH_ADD(by_hash, list->by_hash, hash, SHA256_BYTES, entry);
    list->count++;
}

static void read_token(struct parser *parser, struct token_list *list, const json_t *object)
{
    struct entry *entry = &list->entries[list->count];
    if (!parser_expect(parser, FIELD_OBJECT, object))
        return;
    parser->target = entry;
    parser_fields(parser, token_fields, object);
    parser->target = list;
    if (!parser->failed)
        add_entry(parser, list, entry);
}

/* To the first problem. */
static void read_tokens(struct parser *parser, const json_t *array)
{
    struct token_list *list = parser->target;
    size_t count = json_array_size(array);
    list->entries = mem_array(NULL, count, sizeof *list->entries);
    if (count)
        memset(list->entries, 0, count * sizeof *list->entries);
    for (size_t i = 0; i < count && !parser->failed; i++) {
        size_t here = parser_enter_index(parser, i);
        read_token(parser, list, json_array_get(array, i));
        parser_leave(parser, here);
    }
}

static const struct field file_fields[] = {
    {"tokens", FIELD_ARRAY, true, .max = TOKENS_MAX, .read = read_tokens},
    {NULL},
};

static void keep_first(void *arg, const char *pointer, const char *text)
{
    error_set(arg, ERROR_CONFIG, "%s%s%s", pointer, pointer[0] ? ": " : "", text);
}

struct token_list *token_list_parse(json_t *json, struct error *error)
{
    struct parser parser = {.strict = true, .report = keep_first, .arg = error};
    struct token_list *list = mem_zalloc(sizeof *list);
    list->json = json_incref(json);
    parser.target = list;
    if (parser_expect(&parser, FIELD_OBJECT, json))
        parser_fields(&parser, file_fields, json);
    buffer_release(&parser.pointer);
    if (!parser.failed)
        return list;
    token_list_free(list);
    return NULL;
}

void token_list_free(struct token_list *list)
{
    if (!list)
        return;
    HASH_CLEAR(by_name, list->by_name);
    HASH_CLEAR(by_hash, list->by_hash);
    free(list->entries);
    json_decref(list->json);
    free(list);
}

size_t token_list_count(const struct token_list *list)
{
    return list->count;
}

const struct token *token_list_at(const struct token_list *list, size_t index)
{
    bug_on(index >= list->count);
    return &list->entries[index].token;
}

bool token_list_named(const struct token_list *list, const char *name, size_t *ret_index)
{
    struct entry *entry;
    HASH_FIND(by_name, list->by_name, name, strlen(name), entry);
    if (entry)
        *ret_index = (size_t)(entry - list->entries);
    return entry != NULL;
}

const struct token *token_list_find(const struct token_list *list, const uint8_t hash[SHA256_BYTES])
{
    struct entry *entry;
    HASH_FIND(by_hash, list->by_hash, hash, SHA256_BYTES, entry);
    return entry ? &entry->token : NULL;
}
