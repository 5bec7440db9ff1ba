/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: what a file may say, who is found, and a file that changes. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "console/token_list.h"
#include "console/tokens.h"
#include "console/tokens_file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WAIT_MS      20000

/* printf %s one | sha256sum, and so on. */
#define ONE   "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO   "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define TOKEN(name, hash, more)                      \
    "{\"name\":\"" name "\",\"hash\":\"sha256:" hash \
    "\",\"role\":\"viewer\",\"tenant\":\"*\"" more "}"
#define FILE_OF(tokens) "{\"tokens\":[" tokens "]}"

struct fixture {
    char directory[64];
    char *file;
    struct loop *loop;
    struct loop_timer *timer;
    struct mono_time deadline;
    struct tokens *tokens;
    const char *text; /* awaited: whether it is a token */
    bool wanted;
    int64_t errors; /* awaited: so many log lines of that level */
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, P_tmpdir "/hookline-tokens-XXXXXX");
    *state = fixture;
    if (!mkdtemp(fixture->directory))
        return -1;
    fixture->file = mem_printf("%s/tokens.json", fixture->directory);
    fixture->loop = loop_new();
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *position)
{
    (void)status, (void)type, (void)position;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tokens_free(fixture->tokens);
    loop_timer_free(fixture->timer);
    loop_free(fixture->loop);
    nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture->file);
    free(fixture);
    return 0;
}

static void put(const struct fixture *fixture, const char *text, size_t len)
{
    char *beside = mem_printf("%s.test", fixture->file);
    FILE *stream = fopen(beside, "we");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(rename(beside, fixture->file), 0);
    free(beside);
}

static void put_text(const struct fixture *fixture, const char *text)
{
    put(fixture, text, strlen(text));
}

static void start(struct fixture *fixture)
{
    struct error error = ERROR_INIT;
    fixture->tokens = tokens_new(fixture->loop, fixture->file, &error);
    if (!fixture->tokens)
        fail_msg("%s", error.text);
}

static bool knows(const struct fixture *fixture, const char *text)
{
    return tokens_find(fixture->tokens, text, wall_now()) != NULL;
}

static void look(void *arg)
{
    struct fixture *fixture = arg;
    bool met = knows(fixture, fixture->text) == fixture->wanted &&
               log_count(LOG_LEVEL_ERROR) >= fixture->errors;
    if (met || mono_before(fixture->deadline, mono_now()))
        loop_stop(fixture->loop);
}

/* Runs the loop until `text` is a token, or is not, and `errors` more have been logged. */
static void await(struct fixture *fixture, const char *text, bool wanted, int64_t errors)
{
    if (!fixture->timer)
        fixture->timer = loop_timer_new(fixture->loop, look, fixture);
    fixture->text = text;
    fixture->wanted = wanted;
    fixture->errors = errors;
    fixture->deadline = mono_add_ms(mono_now(), WAIT_MS);
    loop_timer_start(fixture->timer, 0, 20);
    loop_run(fixture->loop);
    loop_timer_stop(fixture->timer);
    assert_int_equal(knows(fixture, text), wanted);
    assert_true(log_count(LOG_LEVEL_ERROR) >= errors);
}

/* --- What a file may say --------------------------------------------------------------------- */

#define NAME_64 "a123456789b123456789c123456789d123456789e123456789f123456789g123"

static void files(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* behind the file's name; NULL = is right */
    } cases[] = {
        {FILE_OF(""), NULL},
        {FILE_OF(TOKEN("a", ONE, "")), NULL},
        {FILE_OF(TOKEN("a", ONE, "") "," TOKEN("A", TWO, "")), NULL},
        {FILE_OF(TOKEN("Mary's phone ~", ONE, "")), NULL},
        {FILE_OF(TOKEN(NAME_64, ONE, ",\"expires_at\":\"2026-01-31T12:00:00Z\"")), NULL},
        {FILE_OF("{\"tenant\":\"acme\",\"role\":\"admin\",\"name\":\"a\",\"hash\":\"sha256:"
                 "7692C3AD3540BB803C020B3AEE66CD8887123234EA0C6E7143C0ADD73FF431ED\"}"),
            NULL},
        {"", "line 1, column 0: "},
        {"{\"tokens\":[", "line 1, column 11: "},
        {"[]", "expected an object, found an array"},
        {"{}", "/tokens: missing"},
        {"{\"tokens\":[],\"tokens\":[]}", "line 1, column 21: duplicate object key"},
        {"{\"token\":[]}", "/token: no such field; did you mean tokens?"},
        {"{\"tokens\":{}}", "/tokens: expected an array, found an object"},
        {FILE_OF("1"), "/tokens/0: expected an object, found an integer"},
        {FILE_OF("{}"), "/tokens/0/name: missing"},
        {FILE_OF("{\"name\":\"a\"}"), "/tokens/0/hash: missing"},
        {FILE_OF("{\"name\":\"a\",\"hash\":\"sha256:" ONE "\"}"), "/tokens/0/role: missing"},
        {FILE_OF("{\"name\":\"a\",\"hash\":\"sha256:" ONE "\",\"role\":\"admin\"}"),
            "/tokens/0/tenant: missing"},
        {FILE_OF(TOKEN("a", ONE, "") "," TOKEN("b", TWO, ",\"expire_at\":1")),
            "/tokens/1/expire_at: no such field; did you mean expires_at?"},
        {FILE_OF(TOKEN("a", ONE, ",\"a/b\":1")), "/tokens/0/a~1b: no such field"},
        {FILE_OF(TOKEN("", ONE, "")), "/tokens/0/name: a name is 1 to 64 printable"},
        {FILE_OF(TOKEN(NAME_64 "4", ONE, "")), "/tokens/0/name: a name is 1 to 64 printable"},
        {FILE_OF(TOKEN("J\xc3\xb6rg", ONE, "")), "/tokens/0/name: a name is 1 to 64 printable"},
        {FILE_OF(TOKEN("a\\u001b", ONE, "")), "/tokens/0/name: a name is 1 to 64 printable"},
        {FILE_OF(TOKEN("a", "12", "")), "/tokens/0/hash: not \"sha256:\" and 64 hex digits"},
        {FILE_OF(TOKEN("a", ONE "0", "")), "/tokens/0/hash: not \"sha256:\" and 64 hex digits"},
        {FILE_OF(
             TOKEN("a", "g692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed", "")),
            "/tokens/0/hash: not \"sha256:\" and 64 hex digits"},
        {FILE_OF("{\"name\":\"a\",\"hash\":\"hlt_secret\",\"role\":\"admin\",\"tenant\":\"*\"}"),
            "/tokens/0/hash: not \"sha256:\" and 64 hex digits"},
        {FILE_OF(TOKEN("a", EMPTY, "")), "/tokens/0/hash: is the hash of an empty text"},
        {FILE_OF(
             "{\"name\":\"a\",\"hash\":\"sha256:" ONE "\",\"role\":\"Admin\",\"tenant\":\"*\"}"),
            "/tokens/0/role: no such role; did you mean admin?"},
        {FILE_OF("{\"name\":\"a\",\"hash\":\"sha256:" ONE "\",\"role\":\"\",\"tenant\":\"*\"}"),
            "/tokens/0/role: no such role: viewer, operator or admin"},
        {FILE_OF("{\"name\":\"a\",\"hash\":\"sha256:" ONE "\",\"role\":1,\"tenant\":\"*\"}"),
            "/tokens/0/role: expected a string, found an integer"},
        {FILE_OF(
             "{\"name\":\"a\",\"hash\":\"sha256:" ONE "\",\"role\":\"admin\",\"tenant\":\"Acme\"}"),
            "/tokens/0/tenant: a tenant is 1 to 64 of a-z, 0-9, _ and -, or \"*\" for all"},
        {FILE_OF("{\"name\":\"a\",\"hash\":\"sha256:" ONE "\",\"role\":\"admin\",\"tenant\":\"\"}"),
            "/tokens/0/tenant: a tenant is"},
        {FILE_OF(TOKEN("a", ONE, ",\"expires_at\":\"tomorrow\"")),
            "/tokens/0/expires_at: not a time (RFC 3339)"},
        {FILE_OF(TOKEN("a", ONE, ",\"expires_at\":\"1960-01-01T00:00:00Z\"")),
            "/tokens/0/expires_at: not a time (RFC 3339)"},
        {FILE_OF(TOKEN("a", ONE, ",\"expires_at\":null")),
            "/tokens/0/expires_at: expected a string, found null"},
        {FILE_OF(TOKEN("a", ONE, "") "," TOKEN("a", TWO, "")),
            "/tokens/1: the name a stands there twice"},
        {FILE_OF(TOKEN("a", ONE, "") "," TOKEN("b", ONE, "")),
            "/tokens/1: has the hash of a, so it is the same token"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = ERROR_INIT;
        put_text(fixture, cases[i].text);
        struct token_list *list = tokens_file_read(fixture->file, &error);
        size_t len = strlen(fixture->file);
        if (!list != (cases[i].error != NULL))
            fail_msg("%s: %s", cases[i].text, error.text);
        token_list_free(list);
        if (list)
            continue;
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_memory_equal(error.text, fixture->file, len);
        if (strncmp(error.text + len + 2, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s: %s", cases[i].text, error.text);
        assert_null(strstr(error.text, "hlt_secret"));
        assert_null(tokens_new(fixture->loop, fixture->file, &error));
    }
}

static void add_tokens(struct buffer *text, int count)
{
    buffer_add_text(text, "{\"tokens\":[");
    for (int i = 0; i < count; i++) {
        char name[32], hex[2 * SHA256_BYTES + 1];
        uint8_t hash[SHA256_BYTES];
        snprintf(name, sizeof name, "t%d", i);
        token_hash(name, hash);
        text_hex(hash, sizeof hash, hex);
        buffer_printf(text,
            "%s{\"name\":\"%s\",\"hash\":\"sha256:%s\",\"role\":\"viewer\",\"tenant\":\"*\"}",
            i ? "," : "", name, hex);
    }
    buffer_add_text(text, "]}");
}

static void as_many_as_allowed(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_INIT;
    struct error error = ERROR_INIT;
    add_tokens(&text, TOKENS_MAX);
    put(fixture, text.data, text.len);
    start(fixture);
    for (int i = 0; i < TOKENS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "t%d", i);
        const struct token *token = tokens_find(fixture->tokens, name, wall_now());
        assert_non_null(token);
        assert_string_equal(token->name, name);
    }
    assert_false(knows(fixture, "t10000"));
    /* One more is refused, by those who read and by those who write. */
    struct token token = {"more", TOKEN_VIEWER, NULL, {0}};
    assert_false(tokens_file_add(fixture->file, &token, "x", &error));
    assert_non_null(strstr(error.text, "/tokens: has more than 10000 elements"));
    buffer_clear(&text);
    add_tokens(&text, TOKENS_MAX + 1);
    put(fixture, text.data, text.len);
    error = (struct error)ERROR_INIT;
    assert_null(tokens_file_read(fixture->file, &error));
    assert_non_null(strstr(error.text, "/tokens: has more than 10000 elements"));
    buffer_release(&text);
}

static void not_every_file(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_INIT;
    struct error error = ERROR_INIT;
    static const struct {
        mode_t mode;
        bool good;
    } modes[] = {{0600, true}, {0644, true}, {0664, true}, {0666, false}, {0602, false}};

    assert_null(tokens_file_read(fixture->file, &error));
    assert_non_null(strstr(error.text, "tokens.json: No such file"));
    error = (struct error)ERROR_INIT;
    assert_null(tokens_file_read(fixture->directory, &error));
    assert_non_null(strstr(error.text, ": not a file"));

    put_text(fixture, FILE_OF(""));
    for (size_t i = 0; i < COUNT(modes); i++) {
        error = (struct error)ERROR_INIT;
        assert_int_equal(chmod(fixture->file, modes[i].mode), 0);
        struct token_list *list = tokens_file_read(fixture->file, &error);
        assert_int_equal(list != NULL, modes[i].good);
        assert_true(list || strstr(error.text, "tokens.json: everybody may write it"));
        token_list_free(list);
    }

    buffer_add_text(&text, FILE_OF(""));
    while (text.len < TOKENS_FILE_MAX)
        buffer_add(&text, " ", 1);
    put(fixture, text.data, text.len);
    error = (struct error)ERROR_INIT;
    struct token_list *list = tokens_file_read(fixture->file, &error);
    assert_non_null(list);
    token_list_free(list);
    buffer_add(&text, " ", 1);
    put(fixture, text.data, text.len);
    assert_null(tokens_file_read(fixture->file, &error));
    assert_non_null(strstr(error.text, "tokens.json: larger than 4MiB"));
    buffer_release(&text);

    remove(fixture->file);
    assert_int_equal(mkfifo(fixture->file, 0600), 0);
    error = (struct error)ERROR_INIT;
    assert_null(tokens_file_read(fixture->file, &error)); /* at once */
    assert_non_null(strstr(error.text, ": not a file"));
}

/* --- Who is found ---------------------------------------------------------------------------- */

static void finding(void **state)
{
    struct fixture *fixture = *state;
    const struct wall_time end = {INT64_C(1769860800000)}; /* 2026-01-31T12:00:00Z */
    put_text(fixture,
        FILE_OF(TOKEN("a", ONE,
            ",\"expires_at\":\"2026-01-31T12:00:00Z\"") ","
                                                        "{\"name\":\"b\",\"hash\":\"sha256:" TWO
                                                        "\",\"role\":\"operator\",\"tenant\":"
                                                        "\"acme\"}"));
    start(fixture);
    const struct token *token = tokens_find(fixture->tokens, "one", (struct wall_time){end.ms - 1});
    assert_non_null(token);
    assert_string_equal(token->name, "a");
    assert_int_equal(token->role, TOKEN_VIEWER);
    assert_null(token->tenant);
    assert_int_equal(token->expires_at.ms, end.ms);
    assert_null(tokens_find(fixture->tokens, "one", end));

    token = tokens_find(fixture->tokens, "two", (struct wall_time){INT64_MAX});
    assert_non_null(token);
    assert_string_equal(token->name, "b");
    assert_int_equal(token->role, TOKEN_OPERATOR);
    assert_string_equal(token->tenant, "acme");
    assert_int_equal(token->expires_at.ms, 0);

    static const char *const others[] = {"", "On", "One", "one ", "onetwo", ONE, "sha256:" ONE};
    for (size_t i = 0; i < COUNT(others); i++)
        assert_null(tokens_find(fixture->tokens, others[i], (struct wall_time){0}));
}

/* --- A file that changes --------------------------------------------------------------------- */

static void a_changed_file_is_read(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture, FILE_OF(TOKEN("a", ONE, "")));
    start(fixture);
    assert_true(knows(fixture, "one"));
    put_text(fixture, FILE_OF(TOKEN("a", ONE, "") "," TOKEN("b", TWO, "")));
    await(fixture, "two", true, 0);
    assert_true(knows(fixture, "one"));
    put_text(fixture, FILE_OF(TOKEN("b", TWO, "")));
    await(fixture, "one", false, 0);
    assert_true(knows(fixture, "two"));
    /* In place, as editors do; of the same size. */
    FILE *stream = fopen(fixture->file, "we");
    assert_non_null(stream);
    fputs(FILE_OF(TOKEN("b", ONE, "")), stream);
    fclose(stream);
    await(fixture, "one", true, 0);
    assert_false(knows(fixture, "two"));
}

static void a_bad_file_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    int64_t errors = log_count(LOG_LEVEL_ERROR);
    put_text(fixture, FILE_OF(TOKEN("a", ONE, "")));
    start(fixture);
    put_text(fixture, "{\"tokens\":[");
    await(fixture, "one", true, ++errors);
    remove(fixture->file);
    await(fixture, "one", true, ++errors);
    put_text(fixture, FILE_OF(TOKEN("b", TWO, "")));
    await(fixture, "two", true, errors);
    /* Its mode alone, there and back. */
    assert_int_equal(chmod(fixture->file, 0606), 0);
    await(fixture, "two", true, ++errors);
    assert_int_equal(chmod(fixture->file, 0600), 0);
    put_text(fixture, FILE_OF(""));
    await(fixture, "two", false, errors);
    assert_int_equal(log_count(LOG_LEVEL_ERROR), errors); /* each of them once */
}

/* --- Writing it ------------------------------------------------------------------------------ */

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void adding_and_revoking(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    struct token a = {"a", TOKEN_ADMIN, NULL, {0}};
    struct token b = {"b", TOKEN_VIEWER, "acme", {wall_now().ms + 60000}};
    assert_false(tokens_file_revoke(fixture->file, "a", &error));
    assert_non_null(strstr(error.text, "No such file"));
    error = (struct error)ERROR_INIT;
    assert_true(tokens_file_add(fixture->file, &a, "one", &error));
    assert_int_equal(mode_of(fixture->file), 0600);
    assert_int_equal(chmod(fixture->file, 0640), 0);
    assert_true(tokens_file_add(fixture->file, &b, "two", &error));
    assert_int_equal(mode_of(fixture->file), 0640);
    start(fixture);
    const struct token *token = tokens_find(fixture->tokens, "two", wall_now());
    assert_non_null(token);
    assert_string_equal(token->tenant, "acme");
    assert_int_equal(token->expires_at.ms, b.expires_at.ms);
    assert_true(knows(fixture, "one"));

    assert_false(tokens_file_add(fixture->file, &a, "three", &error));
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.text, "there is a token named a already"));
    error = (struct error)ERROR_INIT;
    assert_false(tokens_file_revoke(fixture->file, "c", &error));
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.text, "there is no token named c"));
    error = (struct error)ERROR_INIT;
    assert_true(tokens_file_revoke(fixture->file, "a", &error));
    await(fixture, "one", false, 0);
    assert_true(knows(fixture, "two"));
}

static void a_bad_file_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    struct token token = {"a", TOKEN_ADMIN, NULL, {0}};
    char *draft = mem_printf("%s.new", fixture->file);
    put_text(fixture, "{\"token\":[]}");
    assert_false(tokens_file_add(fixture->file, &token, "one", &error));
    assert_non_null(strstr(error.text, "did you mean tokens?"));
    assert_int_not_equal(access(draft, F_OK), 0); /* nothing is left beside it */
    /* What somebody left that died is in nobody's way. */
    put_text(fixture, FILE_OF(TOKEN("b", TWO, "")));
    FILE *stream = fopen(draft, "we");
    assert_non_null(stream);
    for (int i = 0; i < 1000; i++)
        fputs("left behind", stream);
    fclose(stream);
    error = (struct error)ERROR_INIT;
    assert_true(tokens_file_add(fixture->file, &token, "one", &error));
    start(fixture);
    assert_true(knows(fixture, "one") && knows(fixture, "two"));
    free(draft);
}

static void links_overwrite_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct token token = {"a", TOKEN_ADMIN, NULL, {0}};
    char *draft = mem_printf("%s.new", fixture->file);
    char *other = mem_printf("%s/other", fixture->directory);
    struct stat status;
    for (int symbolic = 0; symbolic < 2; symbolic++) {
        struct error error = ERROR_INIT;
        put_text(fixture, "something");
        assert_int_equal(rename(fixture->file, other), 0);
        assert_int_equal(symbolic ? symlink(other, draft) : link(other, draft), 0);
        assert_false(tokens_file_add(fixture->file, &token, "one", &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_int_equal(strncmp(error.text, draft, strlen(draft)), 0);
        assert_int_equal(stat(other, &status), 0);
        assert_int_equal(status.st_size, strlen("something"));
        remove(draft);
    }
    free(other);
    free(draft);
}

static void symbolic_links_stay(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    struct token token = {"a", TOKEN_ADMIN, NULL, {0}};
    char *link = mem_printf("%s/link", fixture->directory);
    put_text(fixture, FILE_OF(""));
    assert_int_equal(symlink("tokens.json", link), 0);
    assert_true(tokens_file_add(link, &token, "one", &error));
    start(fixture);
    assert_true(knows(fixture, "one"));
    free(link);
}

static void texts(void **state)
{
    char one[TOKEN_TEXT_SIZE], two[TOKEN_TEXT_SIZE];
    (void)state;
    for (int i = 0; i < 100; i++) {
        token_make(one);
        token_make(two);
        assert_int_equal(strlen(one), 47);
        assert_memory_equal(one, "hlt_", 4);
        assert_true(text_matches_set(one, 47, "A-Za-z0-9_-"));
        assert_string_not_equal(one, two);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_as_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_every_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_file_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_file_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(adding_and_revoking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_file_is_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_overwrite_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(symbolic_links_stay, set_up, tear_down),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
